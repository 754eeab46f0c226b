//! Runs a command as a child, and again each time the current version of the secret changes.

use std::pin::pin;
use std::process::ExitStatus;
use std::time::Duration;

use tokio::process::Child;

use super::super::failure::Failed;
use super::super::settings::Settings;
use crate::plan;
use crate::port::{Event, Listener as _};
use crate::run::Context;
use crate::system::{self, ForwardedSignals};

/// How a command is restarted.
#[derive(Clone, Copy, Debug)]
pub(super) struct Restart {
    /// The longest time between two checks of the secret.
    pub(super) interval: Duration,
    /// The time between SIGTERM and SIGKILL.
    pub(super) grace: Duration,
}

/// A command with the credential of a version of the secret.
pub(super) struct Prepared {
    /// The command.
    pub(super) command: std::process::Command,
    /// The version.
    pub(super) version: String,
}

/// Runs the command until it ends by itself, and returns its exit status. `changed` gets the version
/// that the command has, and prepares the command with the current credential if this has another
/// version.
pub(super) async fn supervise(
    settings: &Settings,
    context: &Context<'_>,
    restart: Restart,
    first: Prepared,
    changed: impl AsyncFn(&str) -> Result<Option<Prepared>, Failed>,
) -> Result<ExitStatus, Failed> {
    let mut signals = ForwardedSignals::receive()
        .map_err(|error| Failed::new("exec", format!("cannot receive signals: {error}")))?;
    let mut prepared = first;
    loop {
        let mut child = start(settings, &mut prepared.command)?;
        // One future for all turns: a signal neither restarts a pause nor waits for a check.
        let version = prepared.version;
        let mut next = pin!(next_version(
            settings,
            context,
            restart.interval,
            version,
            &changed
        ));
        let next = loop {
            tokio::select! {
                ended = child.wait() => return ended.map_err(|error| lost(&error)),
                received = signals.next() => signals.pass_on(&child, received),
                next = &mut next => break next,
            }
        };
        if let Some(status) = stop(&mut child, restart.grace, &mut signals).await? {
            return Ok(status);
        }
        prepared = next;
    }
}

/// Waits until the current version is another one, and returns the command with its credential.
async fn next_version(
    settings: &Settings,
    context: &Context<'_>,
    interval: Duration,
    version: String,
    changed: &impl AsyncFn(&str) -> Result<Option<Prepared>, Failed>,
) -> Prepared {
    loop {
        // Without randomness, the checks are only less spread.
        let pause = plan::pause(interval, getrandom::u32().unwrap_or_default());
        context.clock.sleep(pause).await;
        match changed(&version).await {
            Ok(Some(next)) => return next,
            Ok(None) => {}
            // The command keeps the credential that it has.
            Err(failed) => {
                settings.progress.on(Event::Warning(failed.failure.message));
                settings.progress.finish();
            }
        }
    }
}

/// Ends the command, which gets the time to end by itself after SIGTERM. Returns its exit status if
/// it had ended before, or if this process received a signal to end meanwhile.
async fn stop(
    child: &mut Child,
    grace: Duration,
    signals: &mut ForwardedSignals,
) -> Result<Option<ExitStatus>, Failed> {
    if let Some(status) = child.try_wait().map_err(|error| lost(&error))? {
        return Ok(Some(status));
    }
    system::ask_to_end(child);
    let deadline = tokio::time::sleep(grace);
    tokio::pin!(deadline);
    let mut ends = false;
    loop {
        tokio::select! {
            ended = child.wait() => {
                let status = ended.map_err(|error| lost(&error))?;
                return Ok(ends.then_some(status));
            }
            received = signals.next() => {
                ends |= received.ends();
                signals.pass_on(child, received);
            }
            () = &mut deadline, if !deadline.is_elapsed() => {
                let _ = child.start_kill();
            }
        }
    }
}

/// Starts the command, with the caller's limit on core dumps.
fn start(settings: &Settings, command: &mut std::process::Command) -> Result<Child, Failed> {
    settings.core_limit.restore();
    let mut command =
        tokio::process::Command::from(std::mem::replace(command, std::process::Command::new("")));
    let program = command
        .as_std()
        .get_program()
        .to_string_lossy()
        .into_owned();
    let started = command.spawn();
    let _ = system::disable_core_dumps();
    started.map_err(|error| super::not_run(&program, &error))
}

fn lost(error: &std::io::Error) -> Failed {
    Failed::new("exec", format!("cannot wait for the command: {error}"))
}
