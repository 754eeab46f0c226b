//! `keyrota follow`.

use std::path::PathBuf;

use clap::Args;
use tokio::process::Command;
use tokio::signal::unix::{Signal, SignalKind, signal};

use super::Exit;
use super::current::FieldsOption;
use super::failure::Failed;
use super::profile_file::SharedCredentialsFile;
use super::session::Session;
use super::settings::Settings;
use crate::model::Duration;
use crate::plan;
use crate::port::{Event, Listener as _, ProfileFile};
use crate::run::{self, Context, FollowError, FollowRequest, Followed};
use crate::tool::{self, Output};
use crate::view::{FollowResult, FollowUnitsResult};

const EXAMPLES: &str = "\
Examples:

  # Look once, from cron or a systemd timer
  keyrota --profile plant follow plant/gateway --once
  # Look every ten minutes at most, and restart a service that holds the key
  keyrota --profile plant follow plant/gateway --interval 10m --on-change true
  # Print unit files for systemd
  keyrota --profile plant follow plant/gateway --systemd";

/// Keep a profile of a credentials file current, with the key that it holds
///
/// For a host that has nothing but its own access key. The entry needs `self` in `readers`,
/// so that the key may read its own secret.
///
/// Reads the secret with the key that the profile holds. If the secret has another key, and
/// that key authenticates as the same user, replaces the two values in the file. Everything
/// else in the file stays as it is, and so do its mode, its owner, and a symbolic link.
///
/// Looks again and again until it is interrupted, or once with --once. SIGHUP makes it look at
/// once, for example when a client was refused. It must look at least once between the
/// promotion of a key and the removal of the old one: `keyrota status` shows the longest
/// interval.
#[derive(Args, Debug)]
#[command(after_long_help = EXAMPLES)]
pub(super) struct FollowCommand {
    /// Name or ARN of the secret
    #[arg(value_name = "SECRET")]
    secret: String,
    /// Credentials file with the profile [default: AWS_SHARED_CREDENTIALS_FILE, or
    /// ~/.aws/credentials]
    #[arg(long, value_name = "FILE")]
    credentials_file: Option<PathBuf>,
    /// Look once, and exit
    #[arg(long)]
    once: bool,
    /// The longest time between two looks
    #[arg(
        long,
        value_name = "DURATION",
        default_value = "5m",
        value_parser = parse_interval
    )]
    interval: Duration,
    /// Run this command with `sh -c` after each change, and again until it succeeds
    #[arg(long, value_name = "COMMAND")]
    on_change: Option<String>,
    /// Print a systemd service and a timer that run this command with --once
    #[arg(long, conflicts_with = "once")]
    systemd: bool,
    #[command(flatten)]
    fields: FieldsOption,
}

impl FollowCommand {
    /// Returns whether it runs until it is interrupted.
    pub(super) fn is_endless(&self) -> bool {
        !self.once && !self.systemd
    }
}

pub(super) fn parse_interval(text: &str) -> Result<Duration, String> {
    match Duration::parse(text)? {
        interval if interval.as_seconds() == 0 => Err("the interval cannot be 0".to_owned()),
        interval => Ok(interval),
    }
}

pub(super) async fn run(settings: &Settings, verb: &FollowCommand) -> Result<Exit, Failed> {
    let Some(profile) = &settings.profile else {
        return Err(Failed::new("usage", "--profile is required")
            .hint("name the profile with the key that keyrota keeps current")
            .exit(Exit::Usage));
    };
    let file = match &verb.credentials_file {
        Some(path) => SharedCredentialsFile::new(path.clone(), profile),
        None => SharedCredentialsFile::of_environment(profile)?,
    };
    if verb.systemd {
        let command = command(settings, verb, profile, &file)?;
        let interval = std::time::Duration::from_secs(verb.interval.as_seconds());
        let units = plan::units(profile, &verb.secret, &command, interval);
        settings.view.show(&FollowUnitsResult { units });
        return Ok(Exit::Done);
    }
    let session = Session::open(settings, None).await?;
    let names = verb.fields.names()?;
    let follower = Follower {
        context: session.context(settings),
        file: &file,
        request: FollowRequest {
            secret: &verb.secret,
            names: &names,
            profile,
            has_command: verb.on_change.is_some(),
        },
        command: verb.on_change.as_deref(),
    };
    if verb.once {
        let followed = follower.look().await?;
        settings.progress.finish();
        settings.view.show(&FollowResult {
            profile: profile.clone(),
            file: file.path(),
            secret: verb.secret.clone(),
            id: followed.id,
            replaced: followed.replaced,
        });
        return Ok(Exit::Done);
    }
    follower.look_again_and_again(settings, verb.interval).await
}

/// Looks at a secret for a profile.
struct Follower<'a> {
    context: Context<'a>,
    file: &'a SharedCredentialsFile,
    request: FollowRequest<'a>,
    command: Option<&'a str>,
}

impl Follower<'_> {
    /// Looks once, and runs the command if it must run.
    async fn look(&self) -> Result<Followed, Failure> {
        let followed = run::follow(&self.context, self.file, &self.request).await?;
        if let Some(old) = &followed.replaced {
            let (profile, secret) = (self.request.profile, self.request.secret);
            let id = &followed.id;
            self.context.listener.on(Event::Done(format!(
                "the profile `{profile}` has the key {id} of {secret} instead of {old}"
            )));
        }
        if let Some(command) = self.command.filter(|_| followed.owes_command) {
            self.run_command(command).await.map_err(Failure::Command)?;
            self.file
                .set_owed_command(None)
                .map_err(FollowError::File)?;
        }
        Ok(followed)
    }

    async fn run_command(&self, text: &str) -> Result<(), Failed> {
        let mut shell = Command::new("/bin/sh");
        shell.args(["-c", text]);
        let failed = |why: String| {
            let message = format!("the command of --on-change failed: {why}");
            Failed::new("command", message)
                .hint("the profile has the current key; the next look runs the command again")
        };
        let ended = tool::run(&mut shell, Output::Emitted, self.context.listener).await;
        let ended = ended.map_err(|error| failed(error.to_string()))?;
        match ended.status.success() {
            true => Ok(()),
            false => {
                let said: Vec<String> = [ended.status.to_string()]
                    .into_iter()
                    .chain(ended.tail)
                    .collect();
                Err(failed(said.join("\n")))
            }
        }
    }

    /// Looks until the command is interrupted, or a person must do something.
    async fn look_again_and_again(
        &self,
        settings: &Settings,
        interval: Duration,
    ) -> Result<Exit, Failed> {
        let mut hangup = signal(SignalKind::hangup())
            .map_err(|error| Failed::new("signal", format!("cannot receive SIGHUP: {error}")))?;
        let interval = std::time::Duration::from_secs(interval.as_seconds());
        loop {
            match self.look().await {
                Ok(_) => {}
                Err(failure) if failure.may_pass() => {
                    let failed = Failed::from(failure);
                    settings.progress.on(Event::Warning(failed.failure.message));
                }
                Err(failure) => return Err(failure.into()),
            }
            settings.progress.finish();
            self.rest(interval, &mut hangup).await;
        }
    }

    /// Waits until the next look, or until SIGHUP.
    async fn rest(&self, interval: std::time::Duration, hangup: &mut Signal) {
        // Without randomness, the looks are only less spread.
        let pause = plan::pause(interval, getrandom::u32().unwrap_or_default());
        tokio::select! {
            () = self.context.clock.sleep(pause) => {}
            _ = hangup.recv() => {}
        }
    }
}

/// Why a look failed.
enum Failure {
    Follow(FollowError),
    Command(Failed),
}

impl Failure {
    /// Returns whether a later look may succeed without a person.
    fn may_pass(&self) -> bool {
        match self {
            Self::Follow(error) => error.may_pass(),
            Self::Command(_) => true,
        }
    }
}

impl From<FollowError> for Failure {
    fn from(error: FollowError) -> Self {
        Self::Follow(error)
    }
}

impl From<Failure> for Failed {
    fn from(failure: Failure) -> Self {
        let error = match failure {
            Failure::Command(failed) => return failed,
            Failure::Follow(error) => error,
        };
        let message = error.to_string();
        match error {
            FollowError::File(error) => {
                let failed = Self::new("file", message);
                match error.hint {
                    Some(hint) => failed.hint(hint),
                    None => failed,
                }
            }
            FollowError::Profile { .. } => Self::new("profile", message)
                .hint("the file is unchanged; correct the profile in it"),
            FollowError::Busy(_) => Self::new("file", message)
                .hint("the file is unchanged; run the same command again"),
            FollowError::Refused { .. } => Self::new("refused-key", message).hint(
                "the key was deactivated or deleted before this host looked at the secret. Write the current key into the profile by hand, once: `keyrota credentials SECRET` prints it for a caller that may read the secret. Then use a shorter interval, or a longer `old_key` in the manifest",
            ),
            FollowError::Denied { .. } => Self::new("denied", message)
                .hint("add `self` to `readers` of the entry, and run `keyrota bootstrap`"),
            FollowError::NoValue(_) => {
                Self::new("secret", message).hint("check the name and --region")
            }
            FollowError::Value { .. } => Self::new("secret", message)
                .hint("use --fields if its fields have other names; `keyrota doctor` shows what is wrong with a value"),
            FollowError::NewRefused { .. } => Self::new("new-key-refused", message)
                .hint("run `keyrota doctor` for the stack of the secret"),
            FollowError::OtherUser { .. } => Self::new("other-user", message).hint(
                "find out who wrote this value into the secret, and run `keyrota doctor` for its stack",
            ),
            FollowError::Aws(error) => error.into(),
        }
    }
}

/// Returns the command of the units, without `--once`. Paths are absolute, because a service has
/// no home directory.
fn command(
    settings: &Settings,
    verb: &FollowCommand,
    profile: &str,
    file: &SharedCredentialsFile,
) -> Result<Vec<String>, Failed> {
    let program = std::env::current_exe()
        .map_err(|error| Failed::new("file", format!("cannot find this program: {error}")))?;
    let file = file.absolute()?;
    let text = |path: PathBuf| {
        path.into_os_string().into_string().map_err(|path| {
            let message = format!("the path {} is not UTF-8", path.to_string_lossy());
            Failed::new("file", message).hint("a unit file is UTF-8; use another path")
        })
    };
    let mut words = vec![text(program)?, "follow".to_owned(), verb.secret.clone()];
    let options = [
        ("--profile", Some(profile.to_owned())),
        ("--credentials-file", Some(text(file)?)),
        ("--region", settings.region.clone()),
        ("--endpoint-url", settings.endpoint_url.clone()),
        ("--fields", verb.fields.as_argument()),
        ("--on-change", verb.on_change.clone()),
    ];
    for (option, value) in options {
        if let Some(value) = value {
            words.extend([option.to_owned(), value]);
        }
    }
    Ok(words)
}
