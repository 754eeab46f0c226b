//! `keyrota follow`.

use std::path::PathBuf;
use std::process::Stdio;

use clap::Args;

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
use crate::system::{self, Hangup};
use crate::view::{FollowResult, FollowUnitsResult, stderr_for_child};

const EXAMPLES: &str = "\
Examples:

  # Check once, from cron or a systemd timer
  keyrota --profile plant follow plant/gateway --once
  # Check at least every ten minutes, and restart a service that holds the key
  keyrota --profile plant follow plant/gateway --interval 10m --on-change /usr/local/bin/restart-gateway
  # Print unit files for systemd
  keyrota --profile plant follow plant/gateway --systemd";

/// Keep a profile of a credentials file current, with the key that it holds
///
/// For a host that has nothing but its own access key. The entry needs `self` in `readers`,
/// so that the key may read its own secret.
///
/// Reads the secret with the key that the profile holds. If the secret has another key, and
/// that key authenticates as the same user, replaces the two values in the file. Everything
/// else in the file stays as it is, and so do its mode, its owner, and a symbolic link. On
/// Windows, the file gets the permissions of its folder.
///
/// Polls the secret until it is interrupted, or checks it once with --once. SIGHUP triggers a
/// check immediately, for example when a client was refused; Windows has no such signal. It
/// must check at least once between the promotion of a key and the removal of the old one:
/// `keyrota status` shows the longest interval.
///
/// While it polls, a failure that may pass is a warning. After its first success, every failure
/// is a warning, except that AWS refuses the key of the profile: then it ends, because only a
/// person can write another key into the profile.
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
    /// Check once and exit
    #[arg(long)]
    once: bool,
    /// Longest time between two checks
    #[arg(
        long,
        value_name = "DURATION",
        default_value = "5m",
        value_parser = parse_interval
    )]
    interval: Duration,
    /// Run this command with `sh -c`, or `cmd /c` on Windows, after each change, and again until
    /// it succeeds; its output goes to stderr
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
    let session = Session::open(settings, None).await?;
    if verb.systemd {
        let command = command(&session, verb, profile, &file)?;
        let interval = std::time::Duration::from_secs(verb.interval.as_seconds());
        let units = plan::units(profile, &verb.secret, &command, interval);
        settings.view.show(&FollowUnitsResult { units });
        return Ok(Exit::Done);
    }
    let names = verb.fields.names()?;
    let follower = Follower {
        settings,
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
        let followed = follower.check().await?;
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
    follower.poll(verb.interval).await
}

/// Checks a secret for a profile.
struct Follower<'a> {
    settings: &'a Settings,
    context: Context<'a>,
    file: &'a SharedCredentialsFile,
    request: FollowRequest<'a>,
    command: Option<&'a str>,
}

impl Follower<'_> {
    /// Checks once, and runs the command if it must run.
    async fn check(&self) -> Result<Followed, Failure> {
        let followed = run::follow(&self.context, self.file, &self.request).await?;
        if let Some(old) = &followed.replaced {
            let (profile, secret) = (self.request.profile, self.request.secret);
            let id = &followed.id;
            self.context.listener.on(Event::Done(format!(
                "the profile `{profile}` has the key {id} of {secret} instead of {old}"
            )));
        }
        if let Some(command) = self.command.filter(|_| followed.must_run_command) {
            self.run_command(command).await.map_err(Failure::Command)?;
            self.file
                .set_pending_command(None)
                .map_err(FollowError::File)?;
        }
        Ok(followed)
    }

    /// Runs the command to its end. It may leave a process in the background, which keeps its
    /// output open, so its output is not read.
    async fn run_command(&self, text: &str) -> Result<(), Failed> {
        self.settings.progress.finish();
        let mut shell = system::shell(text);
        shell
            .stdin(Stdio::null())
            .stdout(stderr_for_child())
            .kill_on_drop(true);
        let failed = |why: String| {
            let message = format!("the command of --on-change failed: {why}");
            Failed::new("command", message)
                .hint("the profile has the current key; the next check runs the command again")
        };
        match shell.status().await {
            Ok(status) if status.success() => Ok(()),
            Ok(status) => Err(failed(status.to_string())),
            Err(error) => Err(failed(error.to_string())),
        }
    }

    /// Checks until the program is interrupted, or a person must do something.
    async fn poll(&self, interval: Duration) -> Result<Exit, Failed> {
        let mut hangup = Hangup::receive()
            .map_err(|error| Failed::new("signal", format!("cannot receive SIGHUP: {error}")))?;
        let interval = std::time::Duration::from_secs(interval.as_seconds());
        let progress = &self.settings.progress;
        let mut has_succeeded = false;
        loop {
            match self.check().await {
                Ok(_) => has_succeeded = true,
                Err(failure) if failure.may_pass(has_succeeded) => {
                    // The profile had the current key before the command ran.
                    has_succeeded |= matches!(failure, Failure::Command(_));
                    let failed = Failed::from(failure);
                    progress.on(Event::Warning(failed.failure.message));
                }
                Err(failure) => return Err(failure.into()),
            }
            progress.finish();
            self.wait_for_next_check(interval, &mut hangup).await;
        }
    }

    /// Waits until the next check, or until SIGHUP.
    async fn wait_for_next_check(&self, interval: std::time::Duration, hangup: &mut Hangup) {
        // Without randomness, the checks are only less spread.
        let pause = plan::pause(interval, getrandom::u32().unwrap_or_default());
        tokio::select! {
            () = self.context.clock.sleep(pause) => {}
            () = hangup.next() => {}
        }
    }
}

/// Why a check failed.
enum Failure {
    Follow(FollowError),
    Command(Failed),
}

impl Failure {
    /// Returns whether another check may succeed without a person: see [`FollowError::may_pass`].
    fn may_pass(&self, has_succeeded: bool) -> bool {
        match self {
            Self::Follow(error) => error.may_pass(has_succeeded),
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
                "the key was deactivated or deleted before this host checked the secret. Write the current key into the profile by hand, once: `keyrota credentials SECRET` prints it for a caller that may read the secret. Then use a shorter interval, or a longer `old_key` in the manifest",
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

/// Returns the command of the units, without `--once`. A service has no home directory and none of this
/// user's environment variables, so paths are absolute, and the command contains the Region and the
/// endpoint. Other variables, such as SSL_CERT_FILE, must be set in the service.
fn command(
    session: &Session,
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
        ("--region", Some(session.region().to_owned())),
        ("--endpoint-url", session.endpoint_url().map(str::to_owned)),
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
