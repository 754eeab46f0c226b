//! A Lambda adapter as a process on this machine. It gets its requests as in Lambda, through the
//! Runtime API.
//!
//! Source: "Using the Lambda runtime API for custom runtimes" in the Lambda Developer Guide.

mod group;
mod process;
mod runtime_api;

use std::ffi::OsString;
use std::io;
use std::path::PathBuf;
use std::sync::{Arc, Mutex};

use keyrota_contract::adapter::Request;
use keyrota_service_function::adapter::response;
use keyrota_service_function::service::{Cause, Previous, ServiceError};
use tokio::sync::Mutex as AsyncMutex;

use self::process::Process;
use crate::subject::Subject;

/// How a program is started.
#[derive(Clone, Debug)]
pub struct Program {
    /// The program.
    pub program: OsString,
    /// Its arguments.
    pub arguments: Vec<OsString>,
    /// A file with the certificate authorities that it trusts. The variables that OpenSSL, rustls,
    /// Node.js, and Python's `requests` read name it.
    pub authorities: Option<PathBuf>,
}

/// A Lambda adapter on this machine.
pub struct ProgramSubject {
    program: Program,
    output: Arc<Mutex<String>>,
    running: AsyncMutex<Option<Process>>,
}

impl ProgramSubject {
    /// Starts the program.
    ///
    /// # Errors
    ///
    /// Fails if it cannot be started.
    pub async fn start(program: Program) -> io::Result<Self> {
        let output = Arc::default();
        let process = Process::start(&program, &output).await?;
        Ok(Self {
            program,
            output,
            running: AsyncMutex::new(Some(process)),
        })
    }
}

impl Subject for ProgramSubject {
    async fn send(&self, request: &Request<'_>) -> Result<Previous, ServiceError> {
        let event =
            serde_json::to_vec(request).map_err(|_| ServiceError::not_sent(Cause::Unbuilt))?;
        let mut running = self.running.lock().await;
        if running.is_none() {
            let started = Process::start(&self.program, &self.output).await;
            *running = Some(started.map_err(|_| ServiceError::unclear(Cause::FunctionFailed))?);
        }
        let Some(process) = running.as_mut() else {
            return Err(ServiceError::unclear(Cause::FunctionFailed));
        };
        match process.invoke(event).await {
            Ok(answer) => response::read(request.request, &answer),
            Err(cause) => {
                // As in Lambda, where an environment that failed is not used again.
                *running = None;
                Err(ServiceError::unclear(cause))
            }
        }
    }

    async fn end_process(&self) {
        *self.running.lock().await = None;
    }

    fn has_process(&self) -> bool {
        true
    }

    fn output(&self) -> String {
        self.output
            .lock()
            .map(|text| text.clone())
            .unwrap_or_default()
    }
}
