//! PostgreSQL.

use std::path::Path;
use std::process::Command;

use crate::cache;
use crate::certificate::Certificate;
use crate::error::Error;
use crate::programs::Programs;

use super::Start;

/// Which users may log in, and how. The roles are groups: a test adds its user to one.
const ACCESS: &str = "\
local all postgres trust
host all +rejected all reject
host all +plain all password
host all +md5 all md5
host all all 127.0.0.1/32 scram-sha-256
";

/// The groups of [`ACCESS`], created before the server is used.
pub const GROUPS: &str = "\
CREATE ROLE rejected NOLOGIN; CREATE ROLE plain NOLOGIN; CREATE ROLE md5 NOLOGIN;";

pub fn initialise(programs: &Programs, data: &Path) -> Command {
    let mut command = Command::new(programs.path("initdb"));
    command
        .args(["--username=postgres", "--auth=trust", "--encoding=UTF8"])
        .args(["--no-locale", "--no-sync", "--pgdata"])
        .arg(data)
        .env("TZ", "UTC");
    command
}

pub fn serve(start: &Start<'_>) -> Result<Command, Error> {
    let folder = start.folder.display();
    let access = start.folder.join("data/pg_hba.conf");
    cache::write(&access, ACCESS)?;
    let mut settings = vec![
        "listen_addresses=127.0.0.1".to_owned(),
        format!("port={}", start.port),
        format!("unix_socket_directories={folder}"),
        "fsync=off".to_owned(),
        "shared_buffers=16MB".to_owned(),
        "max_connections=60".to_owned(),
        "log_statement=all".to_owned(),
        "log_connections=on".to_owned(),
        // The default since PostgreSQL 14.
        "password_encryption=scram-sha-256".to_owned(),
    ];
    if start.certificate != Certificate::None {
        settings.push("ssl=on".to_owned());
        settings.push(format!("ssl_cert_file={folder}/server.pem"));
        settings.push(format!("ssl_key_file={folder}/server.key"));
    }
    settings.extend_from_slice(start.settings);
    let mut command = Command::new(start.programs.path("postgres"));
    command.arg("-D").arg(start.folder.join("data"));
    for setting in settings {
        command.arg("-c").arg(setting);
    }
    Ok(command)
}

pub fn administrator(programs: &Programs, folder: &Path, port: u16) -> Command {
    let mut command = Command::new(programs.path("psql"));
    command
        .args(["--no-psqlrc", "--tuples-only", "--no-align", "--quiet"])
        .args(["--set=ON_ERROR_STOP=1", "--username=postgres"])
        .arg("--host")
        .arg(folder)
        .arg("--port")
        .arg(port.to_string())
        .arg("postgres");
    command
}
