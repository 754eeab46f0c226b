//! `keyrota exec`.

use std::ffi::OsString;
use std::os::unix::process::CommandExt;
use std::process::Command;

use clap::Args;
use secrecy::ExposeSecret;

use super::Exit;
use super::failure::Failed;
use super::held::Held;
use super::session::Session;
use super::settings::Settings;
use crate::model::Tls;
use crate::plan::{Environment, TLS_TAG, tls_of};
use crate::port::{ErrorKind, Event, Listener as _, Secrets};

/// Run a command with a secret's current credential in its environment
///
/// An access key goes into AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, a
/// PostgreSQL login into PGHOST, PGPORT, PGDATABASE, PGUSER, PGPASSWORD and
/// PGSSLMODE, a MySQL or MariaDB login into MYSQL_HOST, MYSQL_TCP_PORT,
/// MYSQL_USER, MYSQL_DATABASE and MYSQL_PWD. The command takes keyrota's place,
/// so that signals and the exit code are its own; 127 where there is no such
/// command, 126 where it cannot be run.
#[derive(Args, Debug)]
pub(super) struct ExecCommand {
    /// The secret's name or ARN
    #[arg(value_name = "SECRET")]
    secret: String,
    /// The command with its arguments
    #[arg(value_name = "COMMAND", last = true, required = true)]
    command: Vec<OsString>,
}

pub(super) async fn run(settings: &Settings, verb: &ExecCommand) -> Result<Exit, Failed> {
    let session = Session::open(settings, None).await?;
    let context = session.context(settings);
    let environment = match Held::read(context.cloud, &verb.secret).await? {
        Held::Key(credential) => {
            let named = ["AWS_REGION", "AWS_DEFAULT_REGION"].map(std::env::var_os);
            let region = named.iter().all(Option::is_none).then_some(context.region);
            Environment::with_key(&credential, region)
        }
        Held::Login(login) => {
            let tls = tls(settings, context.cloud, &verb.secret).await?;
            Environment::with_login(&login, tls)
        }
    };
    settings.progress.finish();
    Err(replace(&verb.command, &environment))
}

/// Returns what is asked of the server's certificate. The tag says so; without
/// the right to see it, or without one, the most is asked.
async fn tls<S: Secrets + ?Sized>(
    settings: &Settings,
    secrets: &S,
    secret: &str,
) -> Result<Tls, Failed> {
    let tag = match secrets.secret(secret).await {
        Ok(found) => found.and_then(|found| found.tags.get(TLS_TAG).cloned()),
        Err(error) if error.kind == ErrorKind::Denied => {
            let told = format!(
                "{} is not allowed, so that {} is asked of the server",
                error.call,
                Tls::VerifyFull.as_str()
            );
            settings.progress.on(Event::Warning(told));
            None
        }
        Err(error) => return Err(error.into()),
    };
    Ok(tls_of(tag.as_deref()))
}

/// Has the command take this process's place; returns only where it cannot.
fn replace(words: &[OsString], environment: &Environment) -> Failed {
    let Some((program, arguments)) = words.split_first() else {
        return Failed::new("usage", "no command is given").exit(Exit::Usage);
    };
    let mut command = Command::new(program);
    command.args(arguments);
    for name in &environment.removed {
        command.env_remove(name);
    }
    for (name, value) in &environment.set {
        let value = value.expose_secret();
        if value.contains('\0') {
            let message = format!("{name} would hold a null character, which no variable can");
            return Failed::new("exec", message);
        }
        command.env(name, value);
    }
    let error = command.exec();
    let program = program.to_string_lossy();
    let failed = Failed::new("exec", format!("cannot run {program}: {error}"));
    match error.kind() {
        std::io::ErrorKind::NotFound => failed
            .hint("it is looked for on the PATH; what follows -- is the command")
            .exit(Exit::CommandNotFound),
        _ => failed.exit(Exit::CommandNotRun),
    }
}
