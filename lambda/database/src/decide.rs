//! Decides what to do, given what was observed. Everything here is pure and synchronous.

use std::time::Duration;

use crate::mark::{RETAINED, SETTING};
use crate::moment::Moment;
use crate::pin::Hosts;
use crate::server::{
    Account, ChangeError, Engine, FailureLimit, Inspection, PasswordExpiry, ServerFault,
};
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

/// Which accounts of the user's name a rotation changes, or why it must not begin.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AccountsDecision<'accounts> {
    /// The only account of that name.
    Only,
    /// The account that the login uses, although it could not be checked whether there are others.
    Unchecked,
    /// Every account of that name.
    Every,
    /// None: there are several, and the manifest does not say that all of them change.
    Several(&'accounts [Account]),
    /// None: there may be several, and clients on other hosts would use another one.
    Unseen(Option<&'accounts Account>),
}

/// Returns which accounts of the user's name a rotation changes. `hosts` is what the manifest says.
///
/// An account for all hosts serves each client that no other account claims, so it is enough where
/// the others cannot be read. An account for some hosts is not: the function's own login says
/// nothing about clients on other hosts. A session whose password has expired can read nothing,
/// and a rotation is what it needs.
pub fn accounts(hosts: Option<Hosts>, inspection: &Inspection) -> AccountsDecision<'_> {
    let accounts = &inspection.accounts;
    match (&accounts.all, hosts) {
        (Some(all), None | Some(Hosts::Own)) if all.len() > 1 => AccountsDecision::Several(all),
        (Some(_), Some(Hosts::All)) => AccountsDecision::Every,
        (Some(_), _) => AccountsDecision::Only,
        (None, Some(Hosts::All)) => AccountsDecision::Unseen(accounts.own.as_ref()),
        (None, Some(Hosts::Own)) => AccountsDecision::Only,
        (None, None) if inspection.expiry == Some(PasswordExpiry::Expired) => {
            AccountsDecision::Unchecked
        }
        (None, None) => match &accounts.own {
            Some(own) if own.is_for_any_host() => AccountsDecision::Unchecked,
            own => AccountsDecision::Unseen(own.as_ref()),
        },
    }
}

/// Returns whether the user that a rotation prepares may be created, if two users alternate.
///
/// On PostgreSQL the rights of the second user come from its membership in the first, which also
/// owns what both create. A first user that is gone cannot be made again from the second one.
pub fn may_create(engine: Engine, is_first: bool) -> bool {
    engine != Engine::Postgres || !is_first
}

/// Returns whether a failed change may have changed some accounts and not others, so that a login
/// with the new password does not show that all accounts have it. MySQL changes all accounts of a
/// statement or none (*Atomic Data Definition Statement Support*); MariaDB changes those that it
/// can.
pub fn may_be_partial(engine: Engine, hosts: Option<Hosts>) -> bool {
    engine == Engine::MariaDb && hosts == Some(Hosts::All)
}

/// Returns whether a user whose creation failed may have its password and not all of its rights, so
/// that a login does not show that it is complete. PostgreSQL creates a user in one transaction. The
/// other servers refuse a password only before they create the user, or after it has its rights.
pub fn may_lack_rights(engine: Engine, fault: ServerFault) -> bool {
    engine.has_hosts() && fault != ServerFault::PasswordRefused
}

/// Returns whether another login may be tried after a failed password change: only if this login's
/// password is wrong, so that the change was not sent.
pub fn may_try_another_login(error: &ChangeError) -> bool {
    matches!(error, ChangeError::Unsent(error) if may_try_another(error.fault))
}

/// Returns whether a login may fail once without consequences for the next one.
pub fn tolerates_failed_login(limit: FailureLimit) -> bool {
    may_try_replaced(limit, 0)
}

/// Returns whether a login with the replaced password may be tried after a change, to see that the
/// server refuses it. `failed` is the number of logins that have just failed.
///
/// The server must tolerate this failure: the login that follows uses the new password and must
/// succeed. If the limit is unknown, the login is not tried.
pub fn may_try_replaced(limit: FailureLimit, failed: u32) -> bool {
    match limit {
        FailureLimit::Unlimited => true,
        FailureLimit::After(limit) => failed.saturating_add(1) < limit,
        FailureLimit::Unknown => false,
    }
}

/// What logins showed after a change that failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Found {
    /// The server accepts the new password.
    New,
    /// It calls the new password wrong, and accepts the password that the change was made with.
    Old,
    /// It calls the new password wrong. An administrator made the change, so no other password
    /// was tried.
    NotNew,
    /// It accepts the password that the change was made with, and a change would have voided it. The new
    /// password was not tried.
    StillOld,
    /// No login was tried, because one that fails would lock the account.
    Untested,
    /// It calls both passwords wrong.
    Neither,
    /// A login failed for another reason.
    Unknown(ServerFault),
}

/// How a failed change ends, after logins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ChangeEnd {
    /// The password is set.
    Set,
    /// Cancel the rotation: the server will never accept this password.
    GiveUp,
    /// Fail: the server does not have the new password.
    NotChanged,
    /// Fail: the server has neither password.
    NoPasswordWorks,
    /// Fail: it is not known which password the server has.
    Unknown,
}

/// Returns how a failed change ends. `fault` is the server's answer to the change. A login is of one
/// account, so where a change may be `partial`, it does not show that all of them have the password.
pub fn after_asking(fault: ServerFault, found: Found, partial: bool) -> ChangeEnd {
    match found {
        Found::New if partial => ChangeEnd::Unknown,
        Found::New => ChangeEnd::Set,
        Found::Neither => ChangeEnd::NoPasswordWorks,
        Found::Unknown(_) | Found::Untested => ChangeEnd::Unknown,
        // The rules are the same for all accounts.
        Found::Old | Found::StillOld | Found::NotNew if fault == ServerFault::PasswordRefused => {
            ChangeEnd::GiveUp
        }
        Found::Old | Found::StillOld | Found::NotNew if partial => ChangeEnd::Unknown,
        Found::Old | Found::StillOld | Found::NotNew => ChangeEnd::NotChanged,
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
