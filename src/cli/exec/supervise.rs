//! Runs a command as a child, and again each time the current version of the secret changes.

use std::io::IsTerminal as _;
use std::pin::pin;
use std::process::ExitStatus;
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};
use tokio::process::Child;
use tokio::signal::unix::{Signal as Received, SignalKind, signal};

use super::super::dump;
use super::super::failure::Failed;
use super::super::settings::Settings;
use crate::plan;
use crate::port::{Event, Listener as _};
use crate::run::Context;

/// How a command is restarted.
#[derive(Clone, Copy, Debug)]
pub(super) struct Restart {
    /// The longest time between two checks of the secret.
    pub(super) interval: Duration,
    /// The time between SIGTERM and SIGKILL.
    pub(super) grace: Duration,
}

/// The signals that the command receives in place of this process.
const FORWARDED: [(SignalKind, Signal); 6] = [
    (SignalKind::hangup(), Signal::HUP),
    (SignalKind::interrupt(), Signal::INT),
    (SignalKind::quit(), Signal::QUIT),
    (SignalKind::terminate(), Signal::TERM),
    (SignalKind::user_defined1(), Signal::USR1),
    (SignalKind::user_defined2(), Signal::USR2),
];

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
    let mut signals = Signals::receive()?;
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
    signals: &mut Signals,
) -> Result<Option<ExitStatus>, Failed> {
    if let Some(status) = child.try_wait().map_err(|error| lost(&error))? {
        return Ok(Some(status));
    }
    pass_on(child, Signal::TERM);
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
                ends |= [Signal::TERM, Signal::INT, Signal::QUIT, Signal::HUP].contains(&received);
                signals.pass_on(child, received);
            }
            () = &mut deadline, if !deadline.is_elapsed() => pass_on(child, Signal::KILL),
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
    let _ = dump::forbid();
    started.map_err(|error| super::not_run(&program, &error))
}

/// Sends a signal to the command, unless it has ended.
fn pass_on(child: &Child, signal: Signal) {
    let id = child.id().and_then(|id| i32::try_from(id).ok());
    if let Some(process) = id.and_then(Pid::from_raw) {
        let _ = kill_process(process, signal);
    }
}

fn lost(error: &std::io::Error) -> Failed {
    Failed::new("exec", format!("cannot wait for the command: {error}"))
}

/// Returns the signals that this process ignores, as a set of bits: `SigIgn` in
/// proc_pid_status(5). Other systems than Linux do not have this file, and no signal counts as ignored
/// there.
fn ignored() -> u64 {
    #[expect(clippy::disallowed_methods, reason = "the state of this process")]
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let mask = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    mask.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok())
        .unwrap_or(0)
}

/// The signals that this process receives.
struct Signals {
    received: Vec<(Received, Signal)>,
    /// Whether this process has a terminal, which sends SIGINT and SIGQUIT to the command, too.
    has_terminal: bool,
}

impl Signals {
    /// Receives signals from now on, except for those that the caller of this program ignores: without
    /// a handler, they stay ignored, and the command inherits this.
    fn receive() -> Result<Self, Failed> {
        let failed =
            |error: std::io::Error| Failed::new("exec", format!("cannot receive signals: {error}"));
        let ignored = ignored();
        let signals = FORWARDED
            .into_iter()
            .filter(|(_, number)| ignored & (1 << (number.as_raw() - 1)) == 0)
            .map(|(kind, number)| signal(kind).map(|it| (it, number)));
        let signals: std::io::Result<Vec<_>> = signals.collect();
        Ok(Self {
            received: signals.map_err(failed)?,
            has_terminal: std::io::stdin().is_terminal(),
        })
    }

    /// Sends a signal that was received to the command, unless the terminal has done so.
    fn pass_on(&self, child: &Child, signal: Signal) {
        if !(self.has_terminal && [Signal::INT, Signal::QUIT].contains(&signal)) {
            pass_on(child, signal);
        }
    }

    /// Returns the next signal.
    async fn next(&mut self) -> Signal {
        std::future::poll_fn(|context| {
            for (received, number) in &mut self.received {
                if received.poll_recv(context).is_ready() {
                    return std::task::Poll::Ready(*number);
                }
            }
            std::task::Poll::Pending
        })
        .await
    }
}

/// Ends this process as the command ended. If a signal killed the command, the same signal kills
/// this process, for which it is replaced by a shell: the handlers of this process cannot be removed
/// otherwise.
pub(super) fn end_like(status: ExitStatus) -> ! {
    use std::os::unix::process::{CommandExt as _, ExitStatusExt as _};
    let code = match status.signal() {
        None => status.code().unwrap_or(1),
        Some(number) => {
            let kill = format!("kill -{number} $$");
            let _ = std::process::Command::new("/bin/sh")
                .args(["-c", &kill])
                .exec();
            // As shells report it.
            128 + number
        }
    };
    std::process::exit(code)
}
