//! Faults of the next rotation, which the present state of a credential does not show.

use jiff::{SignedDuration, Timestamp};
use keyrota_contract::check::PasswordExpiry;

use super::fault::{
    ADMINISTRATOR, CREDENTIAL_REFUSED, KEY_INACTIVE, KEY_MISSING, KMS_KEY, USER_MISSING, USER_PATH,
    VALUE_OF_ANOTHER, VALUE_UNDECRYPTABLE, VALUE_UNUSABLE, error,
};
use super::{Diagnosis, Fault};
use crate::model::{Engine, Entry, EntryOf, RotateAs};
use crate::plan::{ObservedEntry, Quarantine, Rehearsal, failed_rehearsal};

pub(super) static REHEARSAL_FAILED: Fault = error(
    "rotation-rehearsal-failed",
    "A call of the next rotation would be refused, or does not reach its service.",
    "Correct the policy that the finding names: the role's, the user's, the KMS key's, or the administrator's. For a server that is not reached, correct the network",
);
pub(super) static KEY_QUARANTINED: Fault = error(
    "key-quarantined",
    "AWS has put the user under quarantine, because a key of it is public.",
    "Run `keyrota rotate --compromised NAME`, and settle the support case. Do not detach the policy",
);
pub(super) static PASSWORD_EXPIRES: Fault = error(
    "password-expires",
    "The database server stops accepting the password before the next rotation, or soon.",
    "Set a later date with `ALTER ROLE … VALID UNTIL`, or rotate more often than the passwords expire",
);

/// How soon an end that no rotation moves is reported.
const SOON: SignedDuration = SignedDuration::from_hours(30 * 24);

/// The faults that explain why calls of a rotation are refused. Where one of them is found, its
/// consequences are not reported.
const CAUSES: [&Fault; 10] = [
    &USER_MISSING,
    &USER_PATH,
    &VALUE_UNUSABLE,
    &VALUE_UNDECRYPTABLE,
    &VALUE_OF_ANOTHER,
    &KEY_MISSING,
    &KEY_INACTIVE,
    &CREDENTIAL_REFUSED,
    &KMS_KEY,
    &ADMINISTRATOR,
];

/// What was found out about an entry's next rotation.
#[derive(Clone, Copy, Debug, Default)]
pub struct NextRotation<'a> {
    /// The rehearsal, if there can be one.
    pub rehearsal: Option<&'a Rehearsal>,
    /// The quarantine under which AWS has put the user.
    pub quarantine: Option<&'a Quarantine>,
}

/// Returns the faults of an entry's next rotation alone, for an entry that has no other.
pub fn diagnose_next_rotation(
    seen: &ObservedEntry<'_>,
    next: NextRotation<'_>,
    now: Timestamp,
) -> Vec<Diagnosis> {
    let NextRotation {
        rehearsal,
        quarantine,
    } = next;
    let entry = seen.entry();
    let mut found: Vec<Diagnosis> = quarantined(entry, quarantine).into_iter().collect();
    found.extend(diagnose(entry, rehearsal, quarantine, &[]));
    found.extend(expires(seen, rehearsal, now));
    found
}

/// Returns the faults of an entry's next rotation, beside those that were found already.
pub(super) fn diagnose(
    entry: &Entry,
    rehearsal: Option<&Rehearsal>,
    quarantine: Option<&Quarantine>,
    found: &[Diagnosis],
) -> Option<Diagnosis> {
    let failed = failed_rehearsal(entry, rehearsal?)?;
    let explained = found.iter().any(|it| CAUSES.contains(&it.fault));
    let by_quarantine = quarantine.is_some() && entry.rotate_as == RotateAs::Itself;
    (!explained && !by_quarantine)
        .then(|| REHEARSAL_FAILED.of(&entry.secret, failed.evidence, failed.remedy))
}

/// Returns the diagnosis for a user under AWS's quarantine.
pub(super) fn quarantined(entry: &Entry, quarantine: Option<&Quarantine>) -> Option<Diagnosis> {
    let quarantine = quarantine?;
    let user = &entry.as_access_key()?.kind.user;
    let (secret, denied) = (&entry.secret, quarantine.denied());
    let consequence = match entry.rotate_as {
        RotateAs::Itself => "; with `rotate_as: self`, the user cannot rotate its own key",
        RotateAs::Role | RotateAs::Administrator(_) => "",
    };
    let evidence = format!("AWS attached {quarantine}, which {denied}{consequence}");
    let remedy = format!(
        "treat the key as leaked: `keyrota rotate --compromised {secret}`; then follow AWS's support case, and do not detach the policy before that"
    );
    Some(Diagnosis {
        secret: Some(secret.clone()),
        ..KEY_QUARANTINED.seen(format!("user {user}"), evidence, remedy)
    })
}

/// Returns the diagnosis for a password that expires before the next rotation, or soon.
pub(super) fn expires(
    seen: &ObservedEntry<'_>,
    rehearsal: Option<&Rehearsal>,
    now: Timestamp,
) -> Option<Diagnosis> {
    let (ObservedEntry::Database(entry, database), Some(rehearsal)) = (seen, rehearsal) else {
        return None;
    };
    let held = database.secret.as_ref()?;
    let next = held.secret.next_rotation;
    let user = database.user_name(*entry);
    expiry(*entry, user, rehearsal, held.current_since, next, now)
}

/// The same for an entry of which only the dates are known.
pub(super) fn expiry(
    entry: EntryOf<'_, crate::model::Database>,
    user: &str,
    rehearsal: &Rehearsal,
    since: Option<Timestamp>,
    next: Option<Timestamp>,
    now: Timestamp,
) -> Option<Diagnosis> {
    let expires = rehearsal.password_expires(since, now)?;
    let kind = rehearsal.expiry?;
    let soon = now.checked_add(SOON).unwrap_or(Timestamp::MAX);
    let until = match (kind, next) {
        // A rotation does not move the date.
        (PasswordExpiry::At(_), next) => next.map_or(soon, |next| next.max(soon)),
        (_, Some(next)) => next,
        (_, None) => soon,
    };
    if expires > until {
        return None;
    }
    let due = next.map_or_else(
        || "no rotation is due".to_owned(),
        |next| format!("the next rotation is due by {next:.0}"),
    );
    let evidence = match kind {
        PasswordExpiry::At(_) => format!(
            "the password of `{user}` is valid until {expires:.0}, and a rotation does not change that; {due}"
        ),
        PasswordExpiry::DaysAfterChange(days) => format!(
            "the password of `{user}` expires {days} days after a change, at about {expires:.0}; {due}"
        ),
        PasswordExpiry::Expired => format!(
            "the password of `{user}` has expired, so the user can do nothing but change it; {due}"
        ),
    };
    let remedy = match (kind, entry.kind.engine) {
        (PasswordExpiry::At(_), _) => format!(
            "set a later date: `ALTER ROLE \"{user}\" VALID UNTIL 'infinity'`"
        ),
        (PasswordExpiry::Expired, _) => {
            format!("run `keyrota rotate {}`, which sets a new password", entry.secret)
        }
        (PasswordExpiry::DaysAfterChange(_), Engine::MySql | Engine::MariaDb | Engine::Postgres) => {
            "rotate more often with `schedule:` in the manifest, or set a longer lifetime with `ALTER USER … PASSWORD EXPIRE`".to_owned()
        }
    };
    Some(PASSWORD_EXPIRES.of(&entry.secret, evidence, remedy))
}
