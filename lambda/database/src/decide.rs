//! Decides what to do, given what was observed. Everything here is pure and synchronous.

use std::time::Duration;

use keyrota_function_base::password::outcome;

pub use keyrota_function_base::password::outcome::ChangeEnd;
pub use keyrota_function_base::password::repair::{PasswordCheck, Repair, repair};

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
pub type Found = outcome::Found<ServerFault>;

/// Returns how a failed change ends. `fault` is the server's answer to the change. A login is of one
/// account, so where a change may be `partial`, it does not show that all of them have the password.
pub fn after_asking(fault: ServerFault, found: Found, partial: bool) -> ChangeEnd {
    outcome::change_end(fault == ServerFault::PasswordRefused, &found, partial)
}

/// Returns whether the server may discard the password that precedes AWSCURRENT's.
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
