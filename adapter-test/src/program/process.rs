//! A process of an adapter with its own host of the Runtime API. It ends, with its child processes, when
//! this is dropped.

use std::io;
use std::process::Stdio;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use keyrota_service_function::service::Cause;
use tokio::io::{AsyncRead, AsyncReadExt};
use tokio::process::{Child, Command};

use super::Program;
use super::group::{self, Group};
use super::runtime_api::{Ended, RuntimeApi};

/// How long an invocation may take, as for the service function.
const INVOKE_TIMEOUT: Duration = Duration::from_secs(20);
/// The longest output that is kept, in bytes.
const LONGEST_OUTPUT: usize = 1024 * 1024;

pub struct Process {
    child: Child,
    group: Option<Group>,
    api: RuntimeApi,
}

impl Process {
    /// Starts a program.
    pub async fn start(program: &Program, output: &Arc<Mutex<String>>) -> io::Result<Self> {
        let api = RuntimeApi::start().await?;
        let mut command = Command::new(&program.program);
        command
            .args(&program.arguments)
            .env("AWS_LAMBDA_RUNTIME_API", api.address())
            .env("AWS_LAMBDA_FUNCTION_NAME", "adapter-under-test")
            .env("AWS_LAMBDA_FUNCTION_VERSION", "$LATEST")
            .env("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "128")
            .env(
                "AWS_LAMBDA_LOG_GROUP_NAME",
                "/aws/lambda/adapter-under-test",
            )
            .env("AWS_LAMBDA_LOG_STREAM_NAME", "local")
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true);
        group::lead(&mut command);
        if let Some(authorities) = &program.authorities {
            for name in ["SSL_CERT_FILE", "NODE_EXTRA_CA_CERTS", "REQUESTS_CA_BUNDLE"] {
                command.env(name, authorities);
            }
        }
        let mut child = command.spawn()?;
        if let Some(stdout) = child.stdout.take() {
            tokio::spawn(keep(stdout, Arc::clone(output)));
        }
        if let Some(stderr) = child.stderr.take() {
            tokio::spawn(keep(stderr, Arc::clone(output)));
        }
        let group = child.id().and_then(Group::led_by);
        Ok(Self { child, group, api })
    }

    /// Passes a request to the adapter, and returns its answer.
    pub async fn invoke(&mut self, event: Vec<u8>) -> Result<Vec<u8>, Cause> {
        let ended = tokio::select! {
            ended = self.api.invoke(event) => ended,
            _ = self.child.wait() => Ended::Failed,
            () = tokio::time::sleep(INVOKE_TIMEOUT) => return Err(Cause::FunctionTimedOut),
        };
        match ended {
            Ended::Answered(answer) => Ok(answer),
            Ended::Failed => Err(Cause::FunctionFailed),
        }
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        if let Some(group) = self.group {
            group.kill();
        }
    }
}

async fn keep(mut stream: impl AsyncRead + Unpin, output: Arc<Mutex<String>>) {
    let mut bytes = [0; 4096];
    while let Ok(count @ 1..) = stream.read(&mut bytes).await {
        if let Ok(mut output) = output.lock()
            && output.len() < LONGEST_OUTPUT
        {
            output.push_str(&String::from_utf8_lossy(&bytes[..count]));
        }
    }
}
