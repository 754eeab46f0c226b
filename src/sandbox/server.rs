//! The emulator's process: how it starts and ends, and its log.

use std::ffi::OsStr;
use std::fs::{self, File};
use std::io;
use std::net::{Ipv4Addr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::{ExitStatus, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use secrecy::ExposeSecret;
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::process::{Child, ChildStdin, ChildStdout, Command};
use tokio::time::Instant;

use super::root_key::RootKey;
use super::{Error, Options, health, package};
use crate::system;

/// How long to wait for the emulator's first answer. It takes a second, or longer on a busy
/// machine or when Python compiles the modules first.
const PATIENCE: Duration = Duration::from_secs(60);

/// How often it is polled.
const POLL: Duration = Duration::from_millis(25);

/// How long it may take to exit after it was asked to.
const GRACE: Duration = Duration::from_secs(5);

/// How often its exit is polled.
const GRACE_POLL: Duration = Duration::from_millis(5);

/// The number of lines of its log in an error.
const TAIL: usize = 15;

/// A running local AWS. It ends when this is dropped.
#[derive(Debug)]
pub struct Sandbox {
    /// The endpoint of every service.
    pub endpoint: String,
    /// The access key of its root, which no policy restricts.
    pub root: RootKey,
    /// The Region for clients.
    pub region: String,
    process: Process,
}

impl Sandbox {
    /// Waits until it ends, which is always an error, and returns why.
    pub async fn wait(&mut self) -> Error {
        match self.process.child.wait().await {
            Ok(status) => Error::Ended {
                status: status.to_string(),
                tail: self.process.tail(),
            },
            Err(source) => Error::io("wait for the local AWS")(source),
        }
    }

    /// Returns the path of its log, which exists while it runs.
    pub fn log(&self) -> PathBuf {
        self.process.folder.log()
    }

    /// Returns its process ID while it runs.
    pub fn process_id(&self) -> Option<u32> {
        self.process.child.id()
    }

    /// Stops it like dropping it, but without blocking other tasks.
    ///
    /// # Errors
    ///
    /// Fails if its exit cannot be awaited.
    pub async fn stop(mut self) -> Result<(), Error> {
        self.process.input = None;
        let child = &mut self.process.child;
        match tokio::time::timeout(GRACE, child.wait()).await {
            Ok(ended) => ended.map(drop),
            Err(_) => child.kill().await,
        }
        .map_err(Error::io("stop the local AWS"))
    }
}

/// Checks early that a port can be listened on.
///
/// # Errors
///
/// Fails if the port is in use or not available.
pub fn expect_free(port: u16) -> Result<(), Error> {
    match TcpListener::bind((Ipv4Addr::LOCALHOST, port)) {
        Ok(_) => Ok(()),
        Err(error) if error.kind() == io::ErrorKind::AddrInUse => Err(Error::PortTaken(port)),
        Err(source) => Err(Error::io(format!("listen on 127.0.0.1:{port}"))(source)),
    }
}

/// Starts the emulator and waits until it answers.
///
/// # Errors
///
/// Fails with the end of its log if it does not answer.
pub async fn start(options: &Options, python: &Path, package: &Path) -> Result<Sandbox, Error> {
    let mut command = Command::new(python);
    command
        .args(["-m", package::NAME, "--port"])
        // The emulator itself takes a free port and reports it. A port that is free now could
        // be in use by then.
        .arg(options.port.unwrap_or(0).to_string())
        .args(options.strictness.arguments())
        .current_dir(package);
    serve(command, options, PATIENCE).await
}

/// Starts a command as the emulator.
async fn serve(command: Command, options: &Options, patience: Duration) -> Result<Sandbox, Error> {
    let deadline = Instant::now() + patience;
    let root =
        RootKey::random().map_err(Error::io("create the root access key of the local AWS"))?;
    let mut process = Process::start(command, &options.search_path)?;
    process.send_root_key(&root).await;
    let started = tokio::time::timeout_at(deadline, process.answering_port(options.port)).await;
    let port = match started {
        Ok(Ok(Some(port))) => port,
        Ok(Ok(None)) => {
            return Err(Error::DidNotStart {
                tail: process.tail(),
            });
        }
        Ok(Err(source)) => return Err(Error::io("watch the local AWS start")(source)),
        Err(_) => {
            return Err(Error::NoAnswer {
                seconds: patience.as_secs(),
                tail: process.tail(),
            });
        }
    };
    Ok(Sandbox {
        endpoint: format!("http://{}:{port}", Ipv4Addr::LOCALHOST),
        root,
        region: options.region.clone(),
        process,
    })
}

/// The child process, which does not outlive this value.
#[derive(Debug)]
struct Process {
    child: Child,
    /// Open while the child runs.
    input: Option<ChildStdin>,
    /// Kept open because a child that writes to a closed pipe fails.
    output: Option<BufReader<ChildStdout>>,
    folder: RunFolder,
}

impl Process {
    /// Starts the child with an empty environment: the emulator passes its environment to the
    /// functions, and the caller's credentials are for real AWS.
    fn start(mut command: Command, search_path: &OsStr) -> Result<Self, Error> {
        let folder = RunFolder::new()?;
        let log = File::create(folder.log()).map_err(Error::write(folder.log()))?;
        command.env_clear();
        if let Some(language) = std::env::var_os("LANG") {
            command.env("LANG", language);
        }
        // An interrupt at the terminal reaches only this program, which then stops the child.
        system::new_process_group(&mut command);
        let mut child = command
            .env("PATH", search_path)
            .env("HOME", &folder.0)
            .env("TMPDIR", &folder.0)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(log)
            .kill_on_drop(true)
            .spawn()
            .map_err(Error::io("start the local AWS"))?;
        Ok(Self {
            input: child.stdin.take(),
            output: child.stdout.take().map(BufReader::new),
            child,
            folder,
        })
    }

    /// Writes the root's key to the child's input, which no other process can read. If the
    /// child has ended, that is noticed later.
    async fn send_root_key(&mut self, root: &RootKey) {
        if let Some(input) = &mut self.input {
            let line = root.line();
            let _ = input.write_all(line.expose_secret().as_bytes()).await;
            let _ = input.flush().await;
        }
    }

    /// Waits until the child answers and returns its port, or `None` if it ends.
    async fn answering_port(&mut self, asked: Option<u16>) -> io::Result<Option<u16>> {
        let port = match asked {
            Some(port) => port,
            None => match self.announced_port().await? {
                Some(port) => port,
                None => return Ok(None),
            },
        };
        loop {
            if self.child.try_wait()?.is_some() {
                return Ok(None);
            }
            if health::answers(port).await {
                return Ok(Some(port));
            }
            tokio::time::sleep(POLL).await;
        }
    }

    /// Returns the port that the child reports.
    async fn announced_port(&mut self) -> io::Result<Option<u16>> {
        let mut line = String::new();
        if let Some(output) = &mut self.output {
            output.read_line(&mut line).await?;
        }
        Ok(line.trim().parse().ok())
    }

    /// Returns the last lines of the log.
    fn tail(&self) -> Vec<String> {
        #[expect(
            clippy::disallowed_methods,
            reason = "the sandbox is an edge: the child writes its log to a file"
        )]
        let log = fs::read(self.folder.log()).unwrap_or_default();
        let log = String::from_utf8_lossy(&log);
        let lines: Vec<&str> = log.lines().filter(|line| !line.trim().is_empty()).collect();
        let first = lines.len().saturating_sub(TAIL);
        lines[first..]
            .iter()
            .map(|line| (*line).to_owned())
            .collect()
    }

    /// Waits some time for the child to exit.
    fn ended_within(&mut self, grace: Duration) -> Option<ExitStatus> {
        let deadline = std::time::Instant::now() + grace;
        loop {
            match self.child.try_wait() {
                Ok(Some(status)) => return Some(status),
                Ok(None) if std::time::Instant::now() < deadline => {
                    std::thread::sleep(GRACE_POLL);
                }
                _ => return None,
            }
        }
    }
}

impl Drop for Process {
    /// Closes the child's input, so that it stops its functions and exits. If it does not exit,
    /// it is killed.
    fn drop(&mut self) {
        self.input = None;
        if self.ended_within(GRACE).is_none() && self.child.start_kill().is_ok() {
            self.ended_within(GRACE);
        }
    }
}

/// A folder for one run: the log, and the emulator's files. Only its owner can read it, because
/// the emulator stores what it receives.
#[derive(Debug)]
struct RunFolder(PathBuf);

impl RunFolder {
    fn new() -> Result<Self, Error> {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let parent = std::env::temp_dir();
        loop {
            let count = COUNT.fetch_add(1, Ordering::Relaxed);
            let name = format!("keyrota-sandbox-{}-{count}", std::process::id());
            let path = parent.join(name);
            match system::private_folder().create(&path) {
                Ok(()) => return Ok(Self(path)),
                // An earlier process with the same ID left it behind.
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
                Err(source) => return Err(Error::write(path)(source)),
            }
        }
    }

    fn log(&self) -> PathBuf {
        self.0.join("emulator.log")
    }
}

impl Drop for RunFolder {
    fn drop(&mut self) {
        // A folder that remains in the temporary folder does no harm, and nothing could handle
        // the error.
        let _ = fs::remove_dir_all(&self.0);
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::{is_gone, options};
    use super::*;

    fn shell(body: &str) -> Command {
        let mut command = Command::new("/bin/sh");
        command.args(["-c", body]);
        command
    }

    async fn refusal(body: &str, patience: Duration) -> Error {
        serve(shell(body), &options(), patience).await.unwrap_err()
    }

    #[tokio::test]
    async fn an_emulator_that_ends_shows_its_log() {
        let error = refusal("echo first >&2; echo last >&2; exit 1", PATIENCE).await;
        insta::assert_snapshot!(error, @"
        the local AWS did not start
        first
        last
        ");
    }

    #[tokio::test]
    async fn an_emulator_that_ends_after_it_named_its_port_shows_its_log() {
        let error = refusal("echo 9; echo 'cannot import' >&2; exit 1", PATIENCE).await;
        insta::assert_snapshot!(error, @"
        the local AWS did not start
        cannot import
        ");
    }

    #[tokio::test]
    async fn an_emulator_that_does_not_answer_is_ended() {
        let folder = tempfile::tempdir().unwrap();
        let pid = folder.path().join("pid");
        let body = format!(
            "echo $$ > {}; echo waiting >&2; echo 9; exec cat",
            pid.display()
        );
        let error = refusal(&body, Duration::from_secs(1)).await;
        insta::assert_snapshot!(error, @"
        the local AWS did not respond within 1 s
        waiting
        ");
        #[expect(clippy::disallowed_methods, reason = "a test's own file")]
        let pid = fs::read_to_string(pid).unwrap();
        assert!(is_gone(pid.trim()));
    }

    #[tokio::test]
    async fn what_the_child_sees_is_its_own() {
        let names = "tr '\\0' '\\n' < /proc/$$/environ | cut -d= -f1 | grep -v LANG | sort >&2";
        let Error::DidNotStart { tail } = refusal(names, PATIENCE).await else {
            panic!("it started");
        };
        assert_eq!(tail, ["HOME", "PATH", "TMPDIR"]);
        let error = refusal(
            "ls -ld $HOME >&2; [ $HOME = $TMPDIR ] && echo same >&2",
            PATIENCE,
        )
        .await;
        let Error::DidNotStart { tail } = error else {
            panic!("{error}");
        };
        assert!(tail[0].starts_with("drwx------"), "{tail:?}");
        assert_eq!(tail[1], "same");
    }

    #[tokio::test]
    async fn a_port_that_is_taken_is_named() {
        let taken = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let port = taken.local_addr().unwrap().port();
        let error = expect_free(port).unwrap_err();
        assert_eq!(
            error.to_string(),
            format!("the port {port} on 127.0.0.1 is already in use")
        );
        drop(taken);
        expect_free(port).unwrap();
    }
}
