//! The products, and how the smaller ones are started.

use std::io::{Seek as _, Write as _};
use std::path::Path;
use std::process::{Command, Stdio};

use crate::archive::run;
use crate::cache;
use crate::error::Error;
use crate::python::Python;

use super::{Part, Service};

/// A product.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Product {
    /// Redis, from Debian.
    Redis,
    /// Valkey, from PyPI.
    Valkey,
    /// RabbitMQ with its management API, from Debian.
    RabbitMq,
    /// Keystone, OpenStack's identity service, from PyPI.
    Keystone,
    /// devpi-server, an index of Python packages, from PyPI.
    Devpi,
}

impl Product {
    /// Returns its name for messages.
    pub fn name(self) -> &'static str {
        match self {
            Self::Redis => "Redis",
            Self::Valkey => "Valkey",
            Self::RabbitMq => "RabbitMQ",
            Self::Keystone => "Keystone",
            Self::Devpi => "devpi-server",
        }
    }
}

/// The requirements of Valkey.
pub const VALKEY: &str = include_str!("../../python/valkey.txt");
/// The requirements of devpi-server.
const DEVPI: &str = include_str!("../../python/devpi.txt");
/// Creates the user of devpi-server.
const ADD_USER: &str = include_str!("../../python/prepare_devpi.py");

fn devpi_environment() -> Result<Python, Error> {
    Python::with("devpi", DEVPI)
}

/// Creates the data of devpi-server.
pub fn prepare_devpi(folder: &Path) -> Result<(), Error> {
    let python = devpi_environment()?.program();
    let mut command = Command::new(python.with_file_name("python"));
    command
        .args(["-c", "from devpi_server.init import init; init()"])
        .args(["--no-root-pypi", "--root-passwd", "administrator-1"])
        .arg("--serverdir")
        .arg(folder.join("data"));
    run(&mut command).map(drop)
}

/// Returns the process of devpi-server.
pub fn devpi(service: &Service) -> Result<Part, Error> {
    let mut command = Command::new(devpi_environment()?.program());
    command
        .args(["-c", "from devpi_server.main import main; main()"])
        .args(["--host", "127.0.0.1", "--port"])
        .arg(service.ports.inner.to_string())
        .arg("--serverdir")
        .arg(service.folder().join("data"));
    Ok(Part {
        command,
        listens: service.ports.inner,
        is_native: false,
    })
}

/// Creates the user of devpi-server.
pub fn add_devpi_user(port: u16) -> Result<(), Error> {
    let folder = tempfile::tempdir().map_err(Error::io("make a temporary folder"))?;
    let script = folder.path().join("prepare_devpi.py");
    cache::write(&script, ADD_USER)?;
    let mut input = tempfile::tempfile().map_err(Error::io("make a temporary file"))?;
    let written = input
        .write_all(Service::PASSWORD.as_bytes())
        .and_then(|()| input.rewind());
    written.map_err(Error::io("write a temporary file"))?;
    let mut command = Command::new(devpi_environment()?.program());
    command.arg(script).arg(port.to_string()).arg(Service::USER);
    run(command.stdin(Stdio::from(input))).map(drop)
}
