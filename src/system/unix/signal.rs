//! Signals that this process receives, for itself or for a child.

use std::io;
use std::io::IsTerminal as _;

use rustix::process::{Pid, Signal as Number, kill_process};
use tokio::process::Child;
use tokio::signal::unix::{Signal as Receiver, SignalKind, signal};

/// Returns when this process receives SIGINT (Ctrl-C) or SIGTERM.
pub async fn interrupted() {
    let Ok(mut terminate) = signal(SignalKind::terminate()) else {
        return std::future::pending().await;
    };
    tokio::select! {
        _ = tokio::signal::ctrl_c() => {}
        _ = terminate.recv() => {}
    }
}

/// Returns when this process receives SIGINT (Ctrl-C), SIGTERM, or SIGHUP, with which a terminal closes.
pub async fn interrupted_or_hung_up() {
    let Ok(mut hangup) = signal(SignalKind::hangup()) else {
        return interrupted().await;
    };
    tokio::select! {
        () = interrupted() => {}
        _ = hangup.recv() => {}
    }
}

/// Receives SIGHUP as a request to do something now.
pub struct Hangup(Receiver);

impl Hangup {
    /// Receives SIGHUP from now on, which does not end this process any more.
    ///
    /// # Errors
    ///
    /// Fails if the system does not allow this.
    pub fn receive() -> io::Result<Self> {
        signal(SignalKind::hangup()).map(Self)
    }

    /// Waits for the next one.
    pub async fn next(&mut self) {
        let _ = self.0.recv().await;
    }
}

/// A signal for a child that this process received in its place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Signal(Number);

impl Signal {
    /// Returns whether the sender wants the child to end.
    pub fn ends(self) -> bool {
        [Number::TERM, Number::INT, Number::QUIT, Number::HUP].contains(&self.0)
    }
}

/// The signals that a child receives in place of this process.
const FORWARDED: [(SignalKind, Number); 6] = [
    (SignalKind::hangup(), Number::HUP),
    (SignalKind::interrupt(), Number::INT),
    (SignalKind::quit(), Number::QUIT),
    (SignalKind::terminate(), Number::TERM),
    (SignalKind::user_defined1(), Number::USR1),
    (SignalKind::user_defined2(), Number::USR2),
];

/// The signals that this process receives and passes on to a child.
pub struct ForwardedSignals {
    received: Vec<(Receiver, Number)>,
    /// Whether this process has a terminal, which sends SIGINT and SIGQUIT to the child, too.
    has_terminal: bool,
}

impl ForwardedSignals {
    /// Receives signals from now on, except for those that the caller of this program ignores: without
    /// a handler, they stay ignored, and the child inherits this.
    ///
    /// # Errors
    ///
    /// Fails if the system does not allow this.
    pub fn receive() -> io::Result<Self> {
        let ignored = ignored();
        let signals = FORWARDED
            .into_iter()
            .filter(|(_, number)| ignored & (1 << (number.as_raw() - 1)) == 0)
            .map(|(kind, number)| signal(kind).map(|it| (it, number)));
        Ok(Self {
            received: signals.collect::<io::Result<_>>()?,
            has_terminal: io::stdin().is_terminal(),
        })
    }

    /// Sends a signal that was received to the child, unless the terminal has done so.
    pub fn pass_on(&self, child: &Child, signal: Signal) {
        if !(self.has_terminal && [Number::INT, Number::QUIT].contains(&signal.0)) {
            send(child, signal.0);
        }
    }

    /// Returns the next signal.
    pub async fn next(&mut self) -> Signal {
        std::future::poll_fn(|context| {
            for (received, number) in &mut self.received {
                if received.poll_recv(context).is_ready() {
                    return std::task::Poll::Ready(Signal(*number));
                }
            }
            std::task::Poll::Pending
        })
        .await
    }
}

/// Sends a signal to a child, unless it has ended.
pub(super) fn send(child: &Child, signal: Number) {
    let id = child.id().and_then(|id| i32::try_from(id).ok());
    if let Some(process) = id.and_then(Pid::from_raw) {
        let _ = kill_process(process, signal);
    }
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
