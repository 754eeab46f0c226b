//! What the console tells this process: Ctrl-C, Ctrl-Break, and that the console closes. It tells all
//! processes of the console, so nothing is passed on to a child.

use std::io;

use tokio::process::Child;
use tokio::signal::windows::{CtrlBreak, CtrlC, CtrlClose, ctrl_break, ctrl_c, ctrl_close};

/// Returns when this process receives Ctrl-C or Ctrl-Break.
pub async fn interrupted() {
    let (Ok(mut interrupt), Ok(mut stop)) = (ctrl_c(), ctrl_break()) else {
        return std::future::pending().await;
    };
    tokio::select! {
        _ = interrupt.recv() => {}
        _ = stop.recv() => {}
    }
}

/// Returns when this process receives Ctrl-C or Ctrl-Break, or when the console closes. Windows ends
/// the process some seconds after that.
pub async fn interrupted_or_hung_up() {
    let Ok(mut close) = ctrl_close() else {
        return interrupted().await;
    };
    tokio::select! {
        () = interrupted() => {}
        _ = close.recv() => {}
    }
}

/// A request to do something now. Windows has no signal for it, so there is never one.
pub struct Hangup;

impl Hangup {
    /// Does nothing on Windows.
    ///
    /// # Errors
    ///
    /// None.
    pub fn receive() -> io::Result<Self> {
        Ok(Self)
    }

    /// Waits without end.
    pub async fn next(&mut self) {
        std::future::pending().await
    }
}

/// An event of the console, which the child has received too.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Signal;

impl Signal {
    /// Returns true: each of these events ends a program.
    pub fn ends(self) -> bool {
        true
    }
}

/// The events of the console that end a program. This process waits for its child instead.
pub struct ForwardedSignals {
    interrupt: CtrlC,
    stop: CtrlBreak,
    close: CtrlClose,
}

impl ForwardedSignals {
    /// Receives events from now on, which do not end this process any more.
    ///
    /// # Errors
    ///
    /// Fails if the system does not allow this.
    pub fn receive() -> io::Result<Self> {
        Ok(Self {
            interrupt: ctrl_c()?,
            stop: ctrl_break()?,
            close: ctrl_close()?,
        })
    }

    /// Does nothing on Windows, because the console has told the child.
    pub fn pass_on(&self, _: &Child, _: Signal) {}

    /// Returns the next event.
    pub async fn next(&mut self) -> Signal {
        tokio::select! {
            _ = self.interrupt.recv() => {}
            _ = self.stop.recv() => {}
            _ = self.close.recv() => {}
        }
        Signal
    }
}
