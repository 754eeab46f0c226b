//! Which accounts of the user's name a rotation changes. It is read before the first change and at
//! every rotation, by the login that makes the change.

use keyrota_contract::check::{ACCOUNTS_UNSEEN, SEVERAL_ACCOUNTS};

use crate::decide::{self, AccountsDecision};
use crate::error::Error;
use crate::log::Note;
use crate::pin::{Hosts, Pin, RotateAs};
use crate::port::{Journal, Ports};
use crate::server::{Account, Engine, Inspection};

use super::login::server;

/// The most accounts that an error lists.
const MOST_SHOWN: usize = 10;

/// Returns whether every account of the name changes, and not only the login's own or the only one.
///
/// # Errors
///
/// Fails if a rotation would leave clients without a password that works, or could.
pub(crate) fn admit<P: Ports>(
    ports: &P,
    pin: &Pin,
    inspection: &Inspection,
) -> Result<bool, Error> {
    if !pin.endpoint.engine.has_hosts() {
        return Ok(false);
    }
    let secret = pin.secret.name().to_owned();
    match judge(pin, inspection) {
        Ok(AccountsDecision::Every) => Ok(true),
        Ok(AccountsDecision::Unchecked) => {
            ports.journal().note(Note::new("not checked", UNCHECKED));
            Ok(false)
        }
        Ok(_) => Ok(false),
        Err(AccountsRefusal::Several(reason)) => Err(Error::SeveralAccounts { secret, reason }),
        Err(AccountsRefusal::Unseen(reason)) => Err(Error::AccountsUnseen { secret, reason }),
    }
}

/// What could not be checked.
pub(crate) const UNCHECKED: &str =
    "it is unknown whether there are other accounts of that name: the login may not read them";

/// Why one password may not serve all clients, and what to do about it.
pub(crate) enum AccountsRefusal {
    /// There are several accounts.
    Several(String),
    /// There may be several.
    Unseen(String),
}

impl AccountsRefusal {
    /// Returns its code in the answer to a check.
    pub(crate) fn code(&self) -> &'static str {
        match self {
            Self::Several(_) => SEVERAL_ACCOUNTS,
            Self::Unseen(_) => ACCOUNTS_UNSEEN,
        }
    }

    /// Returns the reason, with the next step.
    pub(crate) fn reason(&self) -> &str {
        match self {
            Self::Several(reason) | Self::Unseen(reason) => reason,
        }
    }
}

/// Returns which accounts change, or why none may.
pub(crate) fn judge<'inspection>(
    pin: &Pin,
    inspection: &'inspection Inspection,
) -> Result<AccountsDecision<'inspection>, AccountsRefusal> {
    let server = server(pin);
    match decide::accounts(pin.hosts, inspection) {
        AccountsDecision::Several(all) => Err(AccountsRefusal::Several(format!(
            "{server} has several accounts of one name: {}; each has its own password, and the host \
             that a client connects from selects its account, so one secret does not serve all of \
             them; set `hosts: all` in the manifest to change them together, or drop all but one",
            listed(pin, all)
        ))),
        AccountsDecision::Unseen(own) => Err(AccountsRefusal::Unseen(format!(
            "{} on {server}, and may not read whether there are others of that name, which clients \
             on other hosts would use; {}",
            used(pin, own),
            remedy(pin, own)
        ))),
        decision => Ok(decision),
    }
}

fn listed(pin: &Pin, all: &[Account]) -> String {
    let shown = all.iter().take(MOST_SHOWN);
    let mut shown: Vec<String> = shown.map(|one| one.shown(&pin.username)).collect();
    if let Some(more @ 1..) = all.len().checked_sub(MOST_SHOWN) {
        shown.push(format!("{more} more"));
    }
    shown.join(", ")
}

/// Returns which account the login used, for errors.
fn used(pin: &Pin, own: Option<&Account>) -> String {
    match (own, &pin.rotate_as) {
        (Some(own), _) => format!("the function logs in as {}", own.shown(&pin.username)),
        (None, RotateAs::Administrator(_)) => {
            "the function logs in as the administrator".to_owned()
        }
        (None, RotateAs::Own) => {
            "the function logs in as an account that the server does not name".to_owned()
        }
    }
}

/// Returns what lets the function know which accounts there are.
fn remedy(pin: &Pin, own: Option<&Account>) -> String {
    let columns = match pin.endpoint.engine {
        Engine::MariaDb => "Host, User, is_role",
        _ => "Host, User",
    };
    let to = match (own, &pin.rotate_as) {
        (Some(own), RotateAs::Own) => own.shown(&pin.username),
        (None, RotateAs::Own) => Account::new("HOST").shown(&pin.username),
        (_, RotateAs::Administrator(_)) => "ADMINISTRATOR".to_owned(),
    };
    let grant = format!("let it read them with `GRANT SELECT ({columns}) ON mysql.user TO {to}`");
    match (&pin.rotate_as, pin.hosts) {
        (RotateAs::Administrator(_), _) => grant,
        (RotateAs::Own, Some(Hosts::All)) => format!(
            "{grant}, and let it change them with `GRANT CREATE USER ON *.* TO {to}`, or set `rotate_as` to an administrator's secret"
        ),
        (RotateAs::Own, _) => format!(
            "{grant}, or set `rotate_as` to an administrator's secret, or, if no client uses another account of that name, set `hosts: own`"
        ),
    }
}
