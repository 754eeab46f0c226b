//! MySQL and MariaDB, which have mostly the same options.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::cache;
use crate::certificate::Certificate;
use crate::error::Error;
use crate::programs::{Engine, Programs};

use super::Start;

/// MariaDB's scripts that create its system tables, in the order of `mariadb-install-db`.
const SCRIPTS: [&str; 5] = [
    "mysql_system_tables.sql",
    "mysql_performance_tables.sql",
    "mysql_system_tables_data.sql",
    "maria_add_gis_sp_bootstrap.sql",
    "mysql_sys_schema.sql",
];

/// Returns the folder of messages and scripts. Since MariaDB 11, it has its name.
fn share(usr: &Path) -> PathBuf {
    let folder = usr.join("share/mysql");
    match folder.exists() {
        true => folder,
        false => usr.join("share/mariadb"),
    }
}

/// Returns the common part of a server's command line.
fn server(programs: &Programs, program: &str, data: &Path) -> Command {
    let usr = programs.usr.display();
    let share = share(&programs.usr);
    let mut command = Command::new(programs.path(program));
    command
        .arg("--no-defaults")
        .arg(format!("--datadir={}", data.display()))
        .arg(format!("--basedir={usr}"))
        .arg(format!("--plugin-dir={usr}/lib/mysql/plugin"))
        .arg(format!("--lc-messages-dir={}", share.display()))
        .arg(format!("--character-sets-dir={}/charsets", share.display()))
        // The machine's OpenSSL settings are for its own libraries.
        .env("OPENSSL_CONF", "/dev/null")
        .env("TZ", "UTC");
    command
}

pub fn initialise_mysql(programs: &Programs, data: &Path) -> Command {
    let mut command = server(programs, "mysqld", data);
    command.arg("--initialize-insecure");
    command.arg("--innodb-redo-log-capacity=16M");
    command
}

pub fn initialise_mariadb(
    programs: &Programs,
    data: &Path,
    scratch: &Path,
) -> Result<Command, Error> {
    let share = share(&programs.usr);
    let mut statements =
        "create database if not exists mysql;\nuse mysql;\nset @auth_root_socket=null;\n"
            .to_owned();
    for script in SCRIPTS {
        let file = share.join(script);
        // Since MariaDB 11, most of them have its name.
        let renamed = share.join(script.replacen("mysql", "mariadb", 1));
        let found = if file.exists() { file } else { renamed };
        statements += &cache::read(&found);
        statements.push('\n');
    }
    let file = scratch.join("bootstrap.sql");
    cache::write(&file, &statements)?;
    crate::process::hand_over(scratch)?;
    let input = File::open(&file).map_err(Error::file("read", &file))?;
    // The server creates the folder `mysql` only if the data folder exists.
    let folder = data.join("mysql");
    std::fs::create_dir_all(&folder).map_err(Error::file("make", &folder))?;
    crate::process::hand_over(data)?;
    let mut command = server(programs, "mariadbd", data);
    command
        .args(["--bootstrap", "--enforce-storage-engine="])
        .args(["--innodb-log-file-size=8M", "--max-allowed-packet=8M"])
        .stdin(input);
    Ok(command)
}

pub fn serve(engine: Engine, start: &Start<'_>) -> Result<Command, Error> {
    let folder = start.folder.display();
    let (program, own): (&str, &[&str]) = match engine {
        Engine::MySql => (
            "mysqld",
            &[
                "--innodb-redo-log-capacity=16M",
                "--mysqlx=OFF",
                "--secure-file-priv=NULL",
                "--skip-log-bin",
                "--innodb-doublewrite=OFF",
            ],
        ),
        _ => ("mariadbd", &["--innodb-log-file-size=8M"]),
    };
    let mut command = server(start.programs, program, &start.folder.join("data"));
    command
        .args(own)
        .arg("--bind-address=127.0.0.1")
        .arg(format!("--port={}", start.port))
        .arg(format!("--socket={folder}/socket"))
        .arg(format!("--pid-file={folder}/pid"))
        .args(["--innodb-flush-log-at-trx-commit=0", "--skip-name-resolve"])
        .args(["--max-connections=60", "--performance-schema=ON"])
        .args(["--innodb-buffer-pool-size=16M", "--general-log=ON"])
        .arg(format!("--general-log-file={folder}/general.log"));
    if start.certificate == Certificate::None {
        // MySQL creates its own certificate, and no longer has `--skip-ssl`.
        command.arg(match engine {
            Engine::MySql => "--tls-version=",
            _ => "--skip-ssl",
        });
    } else {
        command
            .arg(format!("--ssl-ca={folder}/authority.pem"))
            .arg(format!("--ssl-cert={folder}/server.pem"))
            .arg(format!("--ssl-key={folder}/server.key"));
    }
    for setting in start.settings {
        command.arg(format!("--{setting}"));
    }
    Ok(command)
}

pub fn administrator(engine: Engine, programs: &Programs, folder: &Path) -> Command {
    let program = match engine {
        Engine::MySql => "mysql",
        _ => "mariadb",
    };
    let mut command = Command::new(programs.path(program));
    command
        .args(["--no-defaults", "--user=root", "--skip-column-names"])
        .args([
            "--batch",
            "--raw",
            "--unbuffered",
            "--default-character-set=utf8mb4",
        ])
        .arg(format!("--socket={}/socket", folder.display()));
    command
}
