//! Faults of an entry that do not depend on the kind of credential.

use super::fault::{ADMINISTRATOR, VALUE_UNDECRYPTABLE, VALUE_UNUSABLE};
use super::recovery::{Advice, is_damaged};
use super::rehearsal::{self, KEY_QUARANTINED};
use super::secret::{AllowedFixes, encryption_key, present, rotation, tags};
use super::{Diagnosis, Examination, Scope, database, key, replica, service};
use crate::model::SecretName;
use crate::plan::{ObservedEntry, SecretContent};
use crate::render;

/// The faults of a credential that exists.
#[derive(Default)]
pub(super) struct Findings {
    /// The faults of the credential itself.
    pub(super) credential: Vec<Diagnosis>,
    /// Which fixes of the rotation need no person.
    pub(super) may: AllowedFixes,
    /// What to consider before a rotation.
    pub(super) note: Option<String>,
    /// The faults of the credential that it replaced.
    pub(super) replaced: Vec<Diagnosis>,
}

/// Returns the faults of an entry.
pub(super) fn diagnose(scope: &Scope<'_>, examination: &Examination<'_>) -> Vec<Diagnosis> {
    let seen = &examination.seen;
    let entry = seen.entry();
    let mut found = Vec::new();
    if let ObservedEntry::AccessKey(entry, seen) = seen {
        found.extend(key::no_user(*entry, seen));
        found.extend(key::other_path(*entry, seen));
    }
    let quarantine = examination.quarantine.as_ref();
    found.extend(rehearsal::quarantined(entry, quarantine));
    let secret = match present(scope, entry, seen.secret()) {
        Ok(secret) => secret,
        Err(fault) => {
            found.push(fault);
            return found;
        }
    };
    found.extend(encryption_key(
        &entry.secret,
        &entry.kms_key,
        seen.encryption_key(),
    ));
    found.extend(administrator(seen));
    if seen.held().is_some_and(|held| held.is_unused) {
        found.push(match seen {
            ObservedEntry::AccessKey(entry, seen) => key::no_credential(*entry, seen),
            ObservedEntry::Database(entry, seen) => {
                database::no_credential(scope, *entry, seen, secret)
            }
            ObservedEntry::Service(entry, seen) => {
                service::no_credential(scope, *entry, seen, secret)
            }
        });
        return found;
    }
    let is_fine = !found.iter().any(|it| *it.fault != KEY_QUARANTINED);
    let Findings {
        credential,
        may,
        note,
        replaced,
    } = match seen {
        ObservedEntry::AccessKey(entry, seen) => {
            key::diagnose(scope, *entry, seen, &examination.proof, is_fine)
        }
        ObservedEntry::Database(entry, seen) => {
            database::diagnose(scope, *entry, seen, &examination.proof, is_fine)
        }
        ObservedEntry::Service(entry, seen) => {
            service::diagnose(scope, *entry, seen, &examination.proof, is_fine)
        }
    };
    found.extend(credential);
    if let Some(held) = seen.held() {
        found.extend(rotation(scope, examination, held, may, note.as_deref()));
    }
    found.extend(replaced);
    let rehearsal = examination.rehearsal.as_ref();
    let next = rehearsal::diagnose(entry, rehearsal, quarantine, &found);
    found.extend(next);
    found.extend(rehearsal::expires(seen, rehearsal, scope.now));
    found.extend(replica::diagnose(entry, secret));
    let expected = render::secret_tags(scope.model, entry, scope.region);
    found.extend(tags(&entry.secret, &expected, secret));
    found
}

fn administrator(seen: &ObservedEntry<'_>) -> Option<Diagnosis> {
    let (name, why) = seen.unusable_administrator()?;
    let name = name.as_str();
    let evidence = format!("the administrator's secret `{name}` {why}");
    let remedy = match seen {
        ObservedEntry::AccessKey(..) => format!(
            "store an administrator's access key in `{name}`, in the fields `accesskey` and `secretkey`"
        ),
        ObservedEntry::Database(entry, _) => format!(
            "store the login of an administrator of {} in `{name}`",
            entry.kind.endpoint()
        ),
        ObservedEntry::Service(..) => return None,
    };
    Some(ADMINISTRATOR.of(&seen.entry().secret, evidence, remedy))
}

/// Returns the current credential. `advise` says what can be done about a damaged one.
///
/// # Errors
///
/// Returns the fault of the value.
pub(super) fn current<'a, T>(
    secret: &SecretName,
    content: &'a SecretContent<T>,
    advise: impl FnOnce() -> Advice,
) -> Result<&'a T, Diagnosis> {
    content.complete().map_err(|evidence| match content {
        SecretContent::Sealed => {
            let remedy = "cancel the deletion with `aws kms cancel-key-deletion`, and enable the key with `aws kms enable-key`";
            VALUE_UNDECRYPTABLE.of(secret, evidence, remedy)
        }
        content if is_damaged(content) => {
            VALUE_UNUSABLE.of(secret, evidence, "").advised(advise())
        }
        _ => {
            let remedy = format!(
                "list the names of the fields in `fields`, or correct the value; if the previous version works, run `keyrota rotate --restore-previous {secret}`"
            );
            VALUE_UNUSABLE.of(secret, evidence, remedy)
        }
    })
}
