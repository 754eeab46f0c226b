//! Services whose users change their own password, with TLS on 127.0.0.1.

mod keystone;
mod product;
mod rabbitmq;
mod redis;

use std::fs::File;
use std::net::{Ipv4Addr, TcpStream};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use rustix::process::Signal;
use tempfile::TempDir;

use crate::cache;
use crate::certificate::{self, Certificate};
use crate::error::Error;
use crate::port;
use crate::process::{Process, hand_over};
use crate::python::Python;
pub use product::Product;

/// How long a service may take to start, on a busy machine.
const PATIENCE: Duration = Duration::from_secs(120);
const POLL: Duration = Duration::from_millis(50);

/// Ends TLS before a server that does not support it.
const TERMINATOR: &str = include_str!("../python/terminate_tls.py");

/// A service with one user, [`Service::USER`], who may change its own password. When this is dropped,
/// its processes end and its folder is removed.
pub struct Service {
    product: Product,
    folder: TempDir,
    ports: Ports,
    processes: Vec<Process>,
}

/// The ports of a service on 127.0.0.1.
struct Ports {
    /// Accepts clients, with TLS.
    public: u16,
    /// Accepts the TLS terminator, if the server has no TLS.
    inner: u16,
    /// Is for the server's own use.
    own: [u16; 2],
}

/// A process of a service.
struct Part {
    command: Command,
    /// The port on which it listens when it is ready.
    listens: u16,
    /// Whether it may run as another user. Python's environments may be unreadable for that user.
    is_native: bool,
}

impl Service {
    /// The user.
    pub const USER: &'static str = "billing";
    /// The user's password when the service was first started.
    pub const PASSWORD: &'static str = "First-password-1";

    /// Starts a service, and waits until it accepts connections.
    ///
    /// # Errors
    ///
    /// Fails if it cannot be installed or does not start.
    pub fn start(product: Product) -> Result<Self, Error> {
        let folder = tempfile::Builder::new()
            .prefix("keyrota-service-")
            .tempdir()
            .map_err(Error::io("make a temporary folder"))?;
        certificate::write(folder.path(), Certificate::Valid)?;
        let mut service = Self {
            product,
            folder,
            ports: Ports {
                public: port::free(),
                inner: port::free(),
                own: [port::free(), port::free()],
            },
            processes: Vec::new(),
        };
        match product {
            Product::Redis | Product::Valkey => redis::prepare(service.folder())?,
            Product::RabbitMq => rabbitmq::prepare(&service)?,
            Product::Keystone => keystone::prepare(service.folder())?,
            Product::Devpi => product::prepare_devpi(service.folder())?,
        }
        service.start_again()?;
        if product == Product::Devpi {
            product::add_devpi_user(service.ports.inner)?;
        }
        Ok(service)
    }

    /// Starts it again after it was stopped, with the same port and data, and waits until it accepts
    /// connections.
    ///
    /// # Errors
    ///
    /// Fails if it does not start.
    pub fn start_again(&mut self) -> Result<(), Error> {
        let parts = match self.product {
            Product::Redis => vec![redis::redis(self)?],
            Product::Valkey => vec![redis::valkey(self)?, self.terminator()?],
            Product::RabbitMq => rabbitmq::parts(self)?,
            Product::Keystone => vec![keystone::part(self)?],
            Product::Devpi => vec![product::devpi(self)?, self.terminator()?],
        };
        for part in parts {
            self.start_part(part)?;
        }
        Ok(())
    }

    fn terminator(&self) -> Result<Part, Error> {
        let script = self.folder().join("terminate_tls.py");
        cache::write(&script, TERMINATOR)?;
        let mut command = Command::new(Python::with("valkey", product::VALKEY)?.program());
        let ports = [self.ports.public, self.ports.inner].map(|port| port.to_string());
        command.arg(script).args(ports).current_dir(self.folder());
        Ok(Part {
            command,
            listens: self.ports.public,
            is_native: false,
        })
    }

    fn start_part(&mut self, mut part: Part) -> Result<(), Error> {
        let log = self.folder().join("log");
        let output = File::options()
            .create(true)
            .append(true)
            .open(&log)
            .map_err(Error::file("write", &log))?;
        let errors = output.try_clone().map_err(Error::file("write", &log))?;
        part.command.stdout(output).stderr(errors);
        hand_over(self.folder())?;
        let mut process = match part.is_native {
            true => Process::start(&mut part.command, self.folder())?,
            false => Process::start_as_this_user(&mut part.command, self.folder())?,
        };
        let since = Instant::now();
        while let Err(error) = TcpStream::connect((Ipv4Addr::LOCALHOST, part.listens)) {
            if process.has_ended() || since.elapsed() > PATIENCE {
                process.end(Signal::KILL);
                return Err(Error::Silent {
                    engine: self.product.name(),
                    client: Box::new(Error::io("connect")(error)),
                    log: self.log_tail(),
                });
            }
            std::thread::sleep(POLL);
        }
        self.processes.push(process);
        Ok(())
    }

    /// Stops it normally.
    pub fn stop(&mut self) {
        self.end(Signal::TERM);
    }

    /// Kills it, like a failure of the machine.
    pub fn kill(&mut self) {
        self.end(Signal::KILL);
    }

    /// Ends the processes, the last first, because the others serve it.
    fn end(&mut self, signal: Signal) {
        while let Some(process) = self.processes.pop() {
            process.end(signal);
        }
    }

    /// Pauses it: it accepts connections and answers nothing.
    pub fn pause(&self) {
        for process in &self.processes {
            process.signal(Signal::STOP);
        }
    }

    /// Resumes it.
    pub fn resume(&self) {
        for process in &self.processes {
            process.signal(Signal::CONT);
        }
    }

    /// Returns the product.
    pub fn product(&self) -> Product {
        self.product
    }

    /// Returns the port on 127.0.0.1, which accepts TLS only.
    pub fn port(&self) -> u16 {
        self.ports.public
    }

    /// Returns the path of the authority that clients trust.
    pub fn authority(&self) -> PathBuf {
        self.folder().join("authority.pem")
    }

    /// Returns the ID of the user, by which Keystone's URLs name it.
    ///
    /// # Errors
    ///
    /// Fails for a product that has none.
    pub fn user_id(&self) -> Result<String, Error> {
        keystone::user_id(self.folder())
    }

    /// Returns the log of all its processes.
    pub fn log(&self) -> String {
        cache::read(&self.folder().join("log"))
    }

    fn log_tail(&self) -> String {
        let log = self.log();
        let lines: Vec<&str> = log.lines().collect();
        lines[lines.len().saturating_sub(12)..].join("\n")
    }

    fn folder(&self) -> &Path {
        self.folder.path()
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        self.resume();
        self.kill();
    }
}
