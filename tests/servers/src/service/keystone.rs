//! Keystone, the identity service of OpenStack, with a database in a file.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::archive::run;
use crate::cache;
use crate::error::Error;
use crate::python::Python;

use super::{Part, Service};

const REQUIREMENTS: &str = include_str!("../../python/keystone.txt");
const SERVE: &str = include_str!("../../python/serve_keystone.py");

/// Prints the ID of the user.
const USER_ID: &str = "\
import sqlite3, sys
print(sqlite3.connect(sys.argv[1]).execute(
    'select user_id from local_user where name = ?', (sys.argv[2],)).fetchone()[0])";

/// The user and the group of the key files must be named, even if they are those of the caller.
const SET_UP: [&[&str]; 4] = [
    &["db_sync"],
    &["fernet_setup"],
    &["credential_setup"],
    &[
        "bootstrap",
        "--bootstrap-username",
        Service::USER,
        "--bootstrap-password",
        Service::PASSWORD,
    ],
];

fn environment() -> Result<Python, Error> {
    Python::with("keystone", REQUIREMENTS)
}

/// Creates the data with the user, in a copy of data that are created once.
pub fn prepare(folder: &Path) -> Result<(), Error> {
    let python = environment()?;
    let name = python.program();
    let name = name.ancestors().nth(3).and_then(Path::file_name);
    let name = format!("{}-data", name.unwrap_or_default().display());
    let template = cache::once(&name, |partial, _| {
        configure(partial)?;
        for arguments in SET_UP {
            let mut command = Command::new(python.program());
            command
                .args(["-c", "from keystone.cmd.manage import main; main()"])
                .arg("--config-file")
                .arg(partial.join("keystone.conf"))
                .args(arguments)
                .current_dir(partial);
            if arguments[0].ends_with("_setup") {
                let ids = [
                    ("--keystone-user", rustix::process::geteuid().as_raw()),
                    ("--keystone-group", rustix::process::getegid().as_raw()),
                ];
                for (option, id) in ids {
                    command.arg(option).arg(id.to_string());
                }
            }
            run(&mut command)?;
        }
        Ok(())
    })?;
    for part in ["keystone.db", "tokens", "credentials"] {
        let mut copy = Command::new("cp");
        run(copy.arg("-R").arg(template.join(part)).arg(folder))?;
    }
    configure(folder)
}

/// Writes the settings, with a policy for passwords.
fn configure(folder: &Path) -> Result<(), Error> {
    let path = folder.display();
    let settings = format!(
        "[DEFAULT]\nuse_stderr = true\n\
         [database]\nconnection = sqlite:///{path}/keystone.db\n\
         [fernet_tokens]\nkey_repository = {path}/tokens\n\
         [fernet_receipts]\nkey_repository = {path}/tokens\n\
         [credential]\nkey_repository = {path}/credentials\n\
         [identity]\npassword_hash_rounds = 4\n\
         [security_compliance]\npassword_regex = ^(?=.*\\d)(?=.*[a-zA-Z]).{{12,}}$\n\
         password_regex_description = at least 12 characters with a digit and a letter\n\
         unique_last_password_count = 2\n"
    );
    for inner in ["tokens", "credentials"] {
        let inner = folder.join(inner);
        std::fs::create_dir_all(&inner).map_err(Error::file("make", &inner))?;
    }
    cache::write(&folder.join("keystone.conf"), &settings)
}

/// Returns the process.
pub fn part(service: &Service) -> Result<Part, Error> {
    let script: PathBuf = service.folder().join("serve_keystone.py");
    cache::write(&script, SERVE)?;
    let mut command = Command::new(environment()?.program());
    command
        .arg(script)
        .arg(service.ports.public.to_string())
        .env("OS_KEYSTONE_CONFIG_DIR", service.folder())
        .current_dir(service.folder());
    Ok(Part {
        command,
        listens: service.ports.public,
        is_native: false,
    })
}

/// Returns the ID of the user.
pub fn user_id(folder: &Path) -> Result<String, Error> {
    let mut command = Command::new(environment()?.program());
    command
        .args(["-I", "-c", USER_ID])
        .arg(folder.join("keystone.db"))
        .arg(Service::USER);
    Ok(run(&mut command)?.trim().to_owned())
}
