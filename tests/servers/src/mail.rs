//! A mail server with TLS and logins, on 127.0.0.1.

use std::fs::File;
use std::net::{Ipv4Addr, TcpStream};
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use rustix::process::Signal;
use tempfile::TempDir;

use crate::cache;
use crate::certificate::{self, Certificate};
use crate::error::Error;
use crate::port;
use crate::process::Process;
use crate::python::Python;

const REQUIREMENTS: &str = include_str!("../python/mail.txt");
const SCRIPT: &str = include_str!("../python/mail.py");

/// How long it may take to start, on a busy machine.
const PATIENCE: Duration = Duration::from_secs(120);
const POLL: Duration = Duration::from_millis(50);

/// What a mail server does.
#[derive(Clone, Copy, Debug)]
pub struct MailOptions {
    /// Its certificate.
    pub certificate: Certificate,
    /// Whether TLS begins with the connection.
    pub implicit: bool,
    /// Whether it offers STARTTLS.
    pub starttls: bool,
    /// The mechanisms of AUTH that it offers.
    pub mechanisms: &'static [&'static str],
    /// Whether it accepts connections and says nothing.
    pub hangs: bool,
    /// The port, if it is not a free one.
    pub port: Option<u16>,
}

impl Default for MailOptions {
    fn default() -> Self {
        Self {
            certificate: Certificate::Valid,
            implicit: false,
            starttls: true,
            mechanisms: &["PLAIN", "LOGIN"],
            hangs: false,
            port: None,
        }
    }
}

/// A mail server, which ends when this is dropped. It knows no user at first.
pub struct MailServer {
    options: MailOptions,
    port: u16,
    process: Option<Process>,
    folder: TempDir,
}

impl MailServer {
    /// The Region for which it derives the passwords.
    pub const REGION: &'static str = "eu-west-1";

    /// Starts a server, and waits until it accepts connections.
    ///
    /// # Errors
    ///
    /// Fails if it cannot be installed or does not start.
    pub fn start(options: MailOptions) -> Result<Self, Error> {
        let folder = tempfile::Builder::new()
            .prefix("keyrota-mail-")
            .tempdir()
            .map_err(Error::io("make a temporary folder"))?;
        certificate::write(folder.path(), options.certificate)?;
        cache::write(&folder.path().join("mail.py"), SCRIPT)?;
        let mut server = Self {
            options,
            port: options.port.unwrap_or_else(port::free),
            process: None,
            folder,
        };
        server.know(&[])?;
        let log = server.folder().join("log");
        let output = File::create(&log).map_err(Error::file("write", &log))?;
        let errors = output.try_clone().map_err(Error::file("write", &log))?;
        let mut command = Command::new(Python::with("mail", REQUIREMENTS)?.program());
        command
            .arg("mail.py")
            .arg(server.port.to_string())
            .arg("options.json")
            .current_dir(server.folder())
            .stdout(output)
            .stderr(errors);
        let process = Process::start_as_this_user(&mut command, server.folder())?;
        let process = server.process.insert(process);
        let since = Instant::now();
        while let Err(error) = TcpStream::connect((Ipv4Addr::LOCALHOST, server.port)) {
            if process.has_ended() || since.elapsed() > PATIENCE {
                return Err(Error::Silent {
                    engine: "aiosmtpd",
                    client: Box::new(Error::io("connect")(error)),
                    log: cache::read(&log),
                });
            }
            std::thread::sleep(POLL);
        }
        Ok(server)
    }

    /// Lets it know these access keys, each an ID and a secret, from the next login on.
    ///
    /// # Errors
    ///
    /// Fails if its options cannot be written.
    pub fn know(&self, keys: &[(&str, &str)]) -> Result<(), Error> {
        let MailOptions {
            implicit,
            starttls,
            mechanisms,
            hangs,
            ..
        } = self.options;
        let keys: Vec<String> = keys
            .iter()
            .map(|(id, secret)| format!("{id:?}: {secret:?}"))
            .collect();
        let options = format!(
            "{{\"implicit\": {implicit}, \"starttls\": {starttls}, \"mechanisms\": {mechanisms:?}, \"hangs\": {hangs}, \"region\": {:?}, \"keys\": {{{}}}}}",
            Self::REGION,
            keys.join(", ")
        );
        cache::write(&self.folder().join("options.json"), &options)
    }

    /// Returns the port.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Returns the folder, in which `authority.pem` has the authority that clients trust.
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// Returns its log.
    pub fn log(&self) -> String {
        cache::read(&self.folder().join("log"))
    }
}

impl Drop for MailServer {
    fn drop(&mut self) {
        if let Some(process) = self.process.take() {
            process.end(Signal::KILL);
        }
    }
}
