//! What to do, given what was observed. Everything here is pure and
//! synchronous.

use std::time::Duration;

use crate::mark::{RETAINED, SETTING};
use crate::moment::Moment;
use crate::server::{Engine, ServerFault};
use crate::stage::{self, CURRENT, Stages};

/// Whether a password that the server did not take may be followed by another.
///
/// Only one that the server called wrong may: after any other failure nobody
/// knows whether it was, and to offer further passwords to a server that does not
/// answer as it should helps only whoever is listening there.
pub fn may_try_another(fault: ServerFault) -> bool {
    fault == ServerFault::WrongCredentials
}

/// Whether an engine can let the password before go on working.
pub fn retains(engine: Engine) -> bool {
    engine == Engine::MySql
}

/// What follows from a change of the password that failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AfterChange {
    /// Try the next login: this one's password is wrong.
    TryAnother,
    /// Ask the server whether it has the new password.
    Ask,
    /// Give the rotation up: the server will never take this password.
    GiveUp,
    /// Fail; the password is what it was.
    Fail,
}

/// Returns what follows from a change of the password that failed.
pub fn after_change(fault: ServerFault) -> AfterChange {
    match fault {
        fault if may_try_another(fault) => AfterChange::TryAnother,
        ServerFault::Unclear => AfterChange::Ask,
        ServerFault::PasswordRefused => AfterChange::GiveUp,
        _ => AfterChange::Fail,
    }
}

/// Whether the server may be told to forget the password before AWSCURRENT's.
///
/// Only where AWSCURRENT's is the one that took its place. While the label is on
/// another version, or a password was sent that is not AWSCURRENT's, what the
/// server would forget may be AWSCURRENT's own.
pub fn may_discard(stages: &Stages, promoted: Moment, after: Duration, now: Moment) -> bool {
    let carrier = |label| stage::carrier(stages, label);
    let current = carrier(CURRENT);
    let settled = matches!(carrier(SETTING), setting if setting.is_none() || setting == current);
    current.is_some()
        && carrier(RETAINED) == current
        && settled
        && !stage::is_rotating(stages)
        && now >= promoted.plus(after)
}

/// What the server said to the passwords of AWSCURRENT and of a rotation that was
/// broken off.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Answer {
    /// It takes the password.
    Right,
    /// It calls the password wrong.
    Wrong,
}

/// What to do about a rotation that was broken off.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mend {
    /// Make its version AWSCURRENT: its password is the one that works.
    Promote,
    /// Forget it: its password never came to the server.
    Forget,
    /// Nothing: both passwords work, and the next rotation goes on from there.
    Leave,
    /// Say that no password works.
    Stop,
}

/// Returns what to do about a rotation that was broken off.
pub fn mend(current: Answer, broken_off: Answer) -> Mend {
    match (current, broken_off) {
        (Answer::Right, Answer::Right) => Mend::Leave,
        (Answer::Right, Answer::Wrong) => Mend::Forget,
        (Answer::Wrong, Answer::Right) => Mend::Promote,
        (Answer::Wrong, Answer::Wrong) => Mend::Stop,
    }
}
