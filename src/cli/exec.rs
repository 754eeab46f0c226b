//! `keyrota exec`.

mod supervise;

use std::ffi::OsString;
use std::path::PathBuf;
use std::process::Command;

use clap::Args;
use secrecy::ExposeSecret;

use super::current::{CurrentCredential, FieldsOption};
use super::failure::Failed;
use super::follow::parse_interval;
use super::session::Session;
use super::settings::Settings;
use super::{Exit, file};
use crate::bundle::sha256_hex;
use crate::model::{Duration, Verification};
use crate::plan::{Environment, OptionFile, TLS_TAG, tls_of};
use crate::port::{ErrorKind, Event, Listener as _, Secrets};
use crate::run::Context;
use crate::sandbox::Options;
use crate::system;
use supervise::{Prepared, Restart, supervise};

const EXAMPLES: &str = "\
Examples:

  # Run the AWS CLI with the access key in a secret
  keyrota exec prod/ci-deployer -- aws sts get-caller-identity
  # Read the secret as the profile `reader`, and open a database shell
  keyrota --profile reader exec prod/orders-db -- psql
  # Restart a server with the new credential after each rotation
  keyrota exec --restart-on-rotation prod/ci-deployer -- ./serve";

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
/// it cannot be run. On Windows, the command is a child process instead: the console sends
/// it Ctrl-C and Ctrl-Break, and keyrota waits for it and ends with its exit code.
///
/// With --restart-on-rotation, keyrota keeps running, polls the secret, and restarts the
/// command when the current version changes. It passes on SIGHUP, SIGINT, SIGQUIT, SIGTERM,
/// SIGUSR1, and SIGUSR2. On Linux, those that are ignored when keyrota starts, as with
/// nohup, stay ignored; elsewhere, they are passed on too. When the command ends by itself,
/// keyrota ends in the same way, with its exit code or its signal. Windows has no signals:
/// there, keyrota ends the command at once, without the time of --grace.
#[derive(Args, Debug)]
#[command(after_long_help = EXAMPLES)]
pub(super) struct ExecCommand {
    /// Name or ARN of the secret
    #[arg(value_name = "SECRET")]
    secret: String,
    #[command(flatten)]
    fields: FieldsOption,
    /// Restart the command when the current version of the secret changes: with SIGTERM, and
    /// with SIGKILL after --grace
    #[arg(long)]
    restart_on_rotation: bool,
    /// Longest time between two checks of the secret
    #[arg(
        long,
        value_name = "DURATION",
        default_value = "1m",
        requires = "restart_on_rotation",
        value_parser = parse_interval
    )]
    interval: Duration,
    /// How long a command may take to end after SIGTERM
    #[arg(
        long,
        value_name = "DURATION",
        default_value = "10s",
        requires = "restart_on_rotation",
        value_parser = Duration::parse
    )]
    grace: Duration,
    /// Command to run, with its arguments
    #[arg(value_name = "COMMAND", last = true, required = true)]
    command: Vec<OsString>,
}

impl ExecCommand {
    /// Returns whether it handles the signals that otherwise interrupt keyrota.
    pub(super) fn handles_signals(&self) -> bool {
        self.restart_on_rotation
    }
}

pub(super) async fn run(settings: &Settings, verb: &ExecCommand) -> Result<Exit, Failed> {
    let session = Session::open(settings, None).await?;
    let context = session.context(settings);
    let current =
        async || CurrentCredential::read_version(context.cloud, &verb.secret, &verb.fields).await;
    let mut first = prepared(settings, &context, verb, current().await?).await?;
    settings.progress.finish();
    if verb.restart_on_rotation {
        let seconds = |duration: Duration| std::time::Duration::from_secs(duration.as_seconds());
        let restart = Restart {
            interval: seconds(verb.interval),
            grace: seconds(verb.grace),
        };
        let changed = async |held: &str| match current().await? {
            (_, version) if version == held => Ok(None),
            found => prepared(settings, &context, verb, found).await.map(Some),
        };
        let ended = supervise(settings, &context, restart, first, changed).await?;
        settings.progress.finish();
        system::end_like(ended);
    }
    let error = system::replace_process(&mut first.command, &settings.core_limit);
    let program = first.command.get_program().to_string_lossy();
    Err(not_run(&program, &error))
}

/// Returns the command with the credential of a version.
async fn prepared(
    settings: &Settings,
    context: &Context<'_>,
    verb: &ExecCommand,
    (credential, version): (CurrentCredential, String),
) -> Result<Prepared, Failed> {
    let environment = match credential {
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
    let command = command(&verb.command, &environment, &folders)?;
    Ok(Prepared { command, version })
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
            let warning = format!(
                "{} is not allowed, so the client requires {} of the server",
                error.call,
                Verification::Full.name()
            );
            settings.progress.on(Event::Warning(warning));
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
        system::private_folder()
            .recursive(true)
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

/// Returns the command with the credential in its environment.
fn command(
    words: &[OsString],
    environment: &Environment,
    folders: &[(&'static str, PathBuf)],
) -> Result<Command, Failed> {
    let Some((program, arguments)) = words.split_first() else {
        return Err(Failed::new("usage", "no command is specified").exit(Exit::Usage));
    };
    let mut command = Command::new(system::program(program));
    command.args(arguments);
    for name in &environment.removed {
        command.env_remove(name);
    }
    for (name, value) in &environment.set {
        let value = value.expose_secret();
        if value.contains('\0') {
            let message = format!("cannot set {name}: the value contains a null character");
            return Err(Failed::new("exec", message));
        }
        command.env(name, value);
    }
    command.envs(folders.iter().map(|(name, folder)| (name, folder)));
    Ok(command)
}

/// Returns the failure of a command that could not be run.
fn not_run(program: &str, error: &std::io::Error) -> Failed {
    let failed = Failed::new("exec", format!("cannot run {program}: {error}"));
    match error.kind() {
        std::io::ErrorKind::NotFound => failed
            .hint("the command after -- must be on the PATH")
            .exit(Exit::CommandNotFound),
        _ => failed.exit(Exit::CommandNotRun),
    }
}
