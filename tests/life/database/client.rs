//! Clients: the engines' own, given what a secret holds.

use keyrota_test_servers::Server;
use serde_json::Value;
use tokio::process::Command;

use super::test_server::Engine;

/// How a login failed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Refused {
    /// The server calls the user's name or password wrong.
    Wrong,
    /// Anything else.
    Otherwise(String),
}

/// Logs in with what a version of a secret holds, and reads.
pub async fn log_in(server: &Server, value: &Value) -> Result<(), Refused> {
    let text = |field: &str| value[field].as_str().unwrap_or_default().to_owned();
    let port = value["port"].to_string();
    let authority = server.authority().display().to_string();
    let mut command = match server.engine() {
        Engine::Postgres => {
            let mut command = Command::new(server.program("psql"));
            command
                .args(["--no-psqlrc", "--no-password", "-tAc", "SELECT 1"])
                .env("PGHOST", text("host"))
                .env("PGPORT", port)
                .env("PGUSER", text("username"))
                .env("PGDATABASE", text("dbname"))
                .env("PGPASSWORD", text("password"))
                .env("PGSSLMODE", "verify-full")
                .env("PGSSLROOTCERT", authority);
            command
        }
        engine => {
            let (program, tls) = match engine {
                Engine::MySql => ("mysql", "--ssl-mode=VERIFY_IDENTITY"),
                _ => ("mariadb", "--ssl-verify-server-cert"),
            };
            let mut command = Command::new(server.program(program));
            command
                .args(["--no-defaults", "--batch", "--protocol=tcp", tls])
                .arg(format!("--ssl-ca={authority}"))
                .arg(format!("--host={}", text("host")))
                .arg(format!("--port={port}"))
                .arg(format!("--user={}", text("username")))
                .args(["--execute", "SELECT 1"])
                .arg(text("dbname"))
                .env("MYSQL_PWD", text("password"));
            command
        }
    };
    let output = command.kill_on_drop(true).output().await;
    let output = output.expect("the client can be started");
    let said = String::from_utf8_lossy(&output.stderr);
    let wrong = ["password authentication failed", "ERROR 1045"];
    match output.status.success() {
        true => Ok(()),
        false if wrong.iter().any(|text| said.contains(text)) => Err(Refused::Wrong),
        false => Err(Refused::Otherwise(said.into_owned())),
    }
}
