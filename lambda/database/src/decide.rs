//! Decides what to do, given what was observed. Everything here is pure and synchronous.

use std::time::Duration;

use crate::mark::{RETAINED, SETTING};
use crate::moment::Moment;
use crate::server::{Engine, ServerFault};
use crate::stage::{self, CURRENT, Stages};

/// Returns whether another password may be tried after the server did not accept one.
///
/// That is so only if the server reported the password as wrong. After any other failure, it is
/// unknown whether the password was wrong, and sending further passwords to a server that does
/// not behave correctly could help an impostor.
pub fn may_try_another(fault: ServerFault) -> bool {
    fault == ServerFault::WrongCredentials
}

/// Returns whether an engine can keep the previous password valid.
pub fn retains(engine: Engine) -> bool {
    engine == Engine::MySql
}

/// What to do after a failed password change.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AfterChange {
    /// Try the next login: this login's password is wrong.
    TryAnother,
    /// Test whether the server has the new password.
    Ask,
    /// Cancel the rotation: the server will never accept this password.
    GiveUp,
    /// Fail. The password is unchanged.
    Fail,
}

/// Returns what to do after a failed password change.
pub fn after_change(fault: ServerFault) -> AfterChange {
    match fault {
        fault if may_try_another(fault) => AfterChange::TryAnother,
        ServerFault::Unclear => AfterChange::Ask,
        ServerFault::PasswordRefused => AfterChange::GiveUp,
        _ => AfterChange::Fail,
    }
}

/// Returns whether the server may be told to discard the password before AWSCURRENT's.
///
/// That is safe only if AWSCURRENT's password is the one that replaced it. If the label is on
/// another version, or a password other than AWSCURRENT's was sent, the server might discard
/// AWSCURRENT's own password.
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

/// The server's answers to the passwords of AWSCURRENT and of a broken-off rotation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PasswordCheck {
    /// The server accepts the password.
    Right,
    /// The server reports the password as wrong.
    Wrong,
}

/// What to do about a broken-off rotation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Repair {
    /// Make its version AWSCURRENT: its password is the one that works.
    Promote,
    /// Forget it: its password never reached the server.
    Forget,
    /// Nothing: both passwords work, and the next rotation continues from there.
    Leave,
    /// Report that neither password works.
    Stop,
}

/// Returns what to do about a broken-off rotation.
pub fn repair(current: PasswordCheck, broken_off: PasswordCheck) -> Repair {
    match (current, broken_off) {
        (PasswordCheck::Right, PasswordCheck::Right) => Repair::Leave,
        (PasswordCheck::Right, PasswordCheck::Wrong) => Repair::Forget,
        (PasswordCheck::Wrong, PasswordCheck::Right) => Repair::Promote,
        (PasswordCheck::Wrong, PasswordCheck::Wrong) => Repair::Stop,
    }
}
