//! `keyrota exec`.

use std::ffi::OsString;
use std::os::unix::fs::DirBuilderExt;
use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::Command;

use clap::Args;
use secrecy::ExposeSecret;

use super::current::{CurrentCredential, FieldsOption};
use super::failure::Failed;
use super::session::Session;
use super::settings::Settings;
use super::{Exit, file};
use crate::bundle::sha256_hex;
use crate::model::Verification;
use crate::plan::{Environment, OptionFile, TLS_TAG, tls_of};
use crate::port::{ErrorKind, Event, Listener as _, Secrets};
use crate::sandbox::Options;

const EXAMPLES: &str = "\
Examples:

  # Run the AWS CLI with the access key in a secret
  keyrota exec prod/ci-deployer -- aws sts get-caller-identity
  # Read the secret as the profile `reader`, and open a database shell
  keyrota --profile reader exec prod/orders-db -- psql";

/// Run a command with a secret's current credential in its environment
///
/// An access key is in AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY. A PostgreSQL login
/// is in PGHOST, PGPORT, PGDATABASE, PGUSER, PGPASSWORD, and PGSSLMODE. A MySQL or
/// MariaDB login is in MYSQL_HOST, MYSQL_TCP_PORT, MYSQL_USER, MYSQL_DATABASE, and
/// MYSQL_PWD; MYSQL_HOME and MARIADB_HOME name directories with an option file, my.cnf,
/// that makes the clients require TLS.
///
/// The command replaces the keyrota process, so it receives all signals, and its exit
/// code is the exit code. The exit code is 127 if the command does not exist, and 126 if
/// it cannot be run.
#[derive(Args, Debug)]
#[command(after_long_help = EXAMPLES)]
pub(super) struct ExecCommand {
    /// Name or ARN of the secret
    #[arg(value_name = "SECRET")]
    secret: String,
    #[command(flatten)]
    fields: FieldsOption,
    /// Command to run, with its arguments
    #[arg(value_name = "COMMAND", last = true, required = true)]
    command: Vec<OsString>,
}

pub(super) async fn run(settings: &Settings, verb: &ExecCommand) -> Result<Exit, Failed> {
    let session = Session::open(settings, None).await?;
    let context = session.context(settings);
    let environment =
        match CurrentCredential::read(context.cloud, &verb.secret, &verb.fields).await? {
            CurrentCredential::Key(credential) => {
                let named = ["AWS_REGION", "AWS_DEFAULT_REGION"].map(std::env::var_os);
                let region = named.iter().all(Option::is_none).then_some(context.region);
                Environment::with_key(&credential, region)
            }
            CurrentCredential::Login(login) => {
                let tls = tls(settings, context.cloud, &verb.secret).await?;
                Environment::with_login(&login, tls)
            }
        };
    let folders = option_folders(&environment.option_files)?;
    settings.progress.finish();
    Err(replace(settings, &verb.command, &environment, &folders))
}

/// Returns how the server's certificate is verified, from the secret's tag. Without the
/// tag, or without the permission to read it, the strictest mode applies.
async fn tls<S: Secrets + ?Sized>(
    settings: &Settings,
    secrets: &S,
    secret: &str,
) -> Result<Verification, Failed> {
    let tag = match secrets.secret(secret).await {
        Ok(found) => found.and_then(|found| found.tags.get(TLS_TAG).cloned()),
        Err(error) if error.kind == ErrorKind::Denied => {
            let told = format!(
                "{} is not allowed, so the client requires {} of the server",
                error.call,
                Verification::Full.name()
            );
            settings.progress.on(Event::Warning(told));
            None
        }
        Err(error) => return Err(error.into()),
    };
    Ok(tls_of(tag.as_deref()))
}

/// Writes option files, and returns the variables that name their directories. These are
/// in the user's cache, because the command outlives this program. A directory is named
/// after the content of its file, so that there are only a few.
fn option_folders(files: &[OptionFile]) -> Result<Vec<(&'static str, PathBuf)>, Failed> {
    if files.is_empty() {
        return Ok(Vec::new());
    }
    let cache = Options::of_this_process()?.cache.join("keyrota");
    let written = files.iter().map(|file| {
        let mut name = sha256_hex(file.text.as_bytes());
        name.truncate(16);
        let folder = cache.join(format!("client-options-{name}"));
        let mut builder = std::fs::DirBuilder::new();
        builder.recursive(true).mode(0o700);
        builder
            .create(&folder)
            .map_err(|error| Failed::file("create", &folder, &error))?;
        file::replace(&folder.join("my.cnf"), &file.text)?;
        Ok((file.variable, folder))
    });
    written.collect::<Result<_, Failed>>().map_err(|failed| {
        failed.hint(
            "the file makes the client require TLS; set XDG_CACHE_HOME to use another directory",
        )
    })
}

/// Replaces this process with the command. Returns only if this fails.
fn replace(
    settings: &Settings,
    words: &[OsString],
    environment: &Environment,
    folders: &[(&'static str, PathBuf)],
) -> Failed {
    let Some((program, arguments)) = words.split_first() else {
        return Failed::new("usage", "no command is specified").exit(Exit::Usage);
    };
    let mut command = Command::new(program);
    command.args(arguments);
    for name in &environment.removed {
        command.env_remove(name);
    }
    for (name, value) in &environment.set {
        let value = value.expose_secret();
        if value.contains('\0') {
            let message = format!("cannot set {name}: the value contains a null character");
            return Failed::new("exec", message);
        }
        command.env(name, value);
    }
    command.envs(folders.iter().map(|(name, folder)| (name, folder)));
    settings.core_limit.restore();
    let error = command.exec();
    let program = program.to_string_lossy();
    let failed = Failed::new("exec", format!("cannot run {program}: {error}"));
    match error.kind() {
        std::io::ErrorKind::NotFound => failed
            .hint("the command after -- must be on the PATH")
            .exit(Exit::CommandNotFound),
        _ => failed.exit(Exit::CommandNotRun),
    }
}
