//! The command lines of each engine.

mod mysql;
mod postgres;

use std::path::Path;
use std::process::Command;

use crate::certificate::Certificate;
use crate::error::Error;
use crate::programs::{Engine, Programs};

/// What a server is started with.
pub struct Start<'start> {
    /// Its programs.
    pub programs: &'start Programs,
    /// Its folder: `data`, `authority.pem`, `server.pem`, `server.key`, `log`.
    pub folder: &'start Path,
    /// The port on 127.0.0.1.
    pub port: u16,
    /// What it shows.
    pub certificate: Certificate,
    /// Settings as `name=value`, in the engine's own words.
    pub settings: &'start [String],
}

/// Returns the command that makes a data folder.
pub fn initialise(
    engine: Engine,
    programs: &Programs,
    data: &Path,
    scratch: &Path,
) -> Result<Command, Error> {
    match engine {
        Engine::Postgres => Ok(postgres::initialise(programs, data)),
        Engine::MariaDb => mysql::initialise_mariadb(programs, data, scratch),
        Engine::MySql => Ok(mysql::initialise_mysql(programs, data)),
    }
}

/// Returns the command that runs a server in the foreground, and writes the
/// files that it reads.
pub fn serve(engine: Engine, start: &Start<'_>) -> Result<Command, Error> {
    match engine {
        Engine::Postgres => postgres::serve(start),
        Engine::MariaDb | Engine::MySql => mysql::serve(engine, start),
    }
}

/// Returns the engine's own client, logged in as the superuser by the socket in
/// the server's folder; statements come in by its standard input.
pub fn administrator(engine: Engine, programs: &Programs, folder: &Path, port: u16) -> Command {
    match engine {
        Engine::Postgres => postgres::administrator(programs, folder, port),
        Engine::MariaDb | Engine::MySql => mysql::administrator(engine, programs, folder),
    }
}

/// Returns what is done once, before a server is handed out.
pub fn preparation(engine: Engine) -> &'static str {
    match engine {
        Engine::Postgres => postgres::GROUPS,
        Engine::MariaDb | Engine::MySql => "SELECT 1",
    }
}
