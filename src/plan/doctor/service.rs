//! Faults of a service's login.

use keyrota_contract::value::OF_SERVICES;

use super::entry::{Findings, current};
use super::fault::{CREDENTIAL_REFUSED, NO_CREDENTIAL, PASSWORD_BROKEN_OFF, VALUE_OF_ANOTHER};
use super::recovery::{self, Advice};
use super::secret::AllowedFixes;
use super::{Diagnosis, Fix, Proof, Scope};
use crate::model::{EntryOf, Service, ServiceLogin};
use crate::plan::{FIRST, ObservedLogin, ObservedService, SETTING};
use crate::port::{CURRENT, Secret};

/// Returns the faults of the current login. `is_fine` says whether the entry has no other fault so
/// far.
pub(super) fn diagnose(
    scope: &Scope<'_>,
    entry: EntryOf<'_, Service>,
    seen: &ObservedService,
    proof: &Proof,
    is_fine: bool,
) -> Findings {
    let mut found = Vec::new();
    let Some(held) = &seen.secret else {
        return Findings::default();
    };
    let secret = &held.secret;
    let advise = || advice(scope, entry, seen);
    let login = login(entry, held, &advise);
    let right = is_fine && login.is_ok();
    match login {
        Err(fault) => found.push(fault),
        Ok(login) => found.extend(refused(entry, login, proof, secret, &advise)),
    }
    found.extend(broken_off(entry, secret, right));
    let accepted = *proof == Proof::Accepted;
    Findings {
        credential: found,
        // A resumed rotation finds the service's password in any labelled version. A new rotation
        // needs AWSCURRENT's.
        may: AllowedFixes {
            resume: right,
            schedule: right && accepted,
            rotate: right && accepted,
        },
        note: None,
        replaced: Vec::new(),
    }
}

/// Returns the diagnosis for a secret without a password.
pub(super) fn no_credential(
    scope: &Scope<'_>,
    entry: EntryOf<'_, Service>,
    seen: &ObservedService,
    secret: &Secret,
) -> Diagnosis {
    let tried = match secret.version_with(FIRST) {
        Some(version) => format!("; version {version} contains a password that never worked"),
        None => String::new(),
    };
    let evidence = format!("its value contains the user name but no password{tried}");
    let remedy = "run `keyrota bootstrap`, which asks for the first password and stores it once the function has logged in with it";
    let found = NO_CREDENTIAL.of(&entry.secret, evidence, remedy);
    // A rotation has stored a password before, so the value is damaged.
    match secret.last_rotated.is_some() {
        true => found.advised(advice(scope, entry, seen)),
        false => found,
    }
}

/// Returns the current login, if it belongs to the entry's user.
fn login<'a>(
    entry: EntryOf<'_, Service>,
    held: &'a ObservedLogin<ServiceLogin>,
    advise: &impl Fn() -> Advice,
) -> Result<&'a ServiceLogin, Diagnosis> {
    let secret = &entry.secret;
    let login = current(secret, &held.current, advise)?;
    if login.username != entry.kind.username {
        // The name in the value is not shown because it may be a password in the wrong field.
        let wanted = &entry.kind.username;
        let evidence =
            format!("its value is for another user, but the manifest specifies `{wanted}`");
        return Err(VALUE_OF_ANOTHER.of(secret, evidence, "").advised(advise()));
    }
    Ok(login)
}

fn store(entry: EntryOf<'_, Service>) -> String {
    let [user, password] = OF_SERVICES.map(|field| entry.fields.of(field));
    format!(
        "store a JSON object with the fields `{user}` and `{password}`, the current password at the service: `aws secretsmanager put-secret-value --secret-id {} --secret-string file://value.json`",
        entry.secret
    )
}

/// Returns what can be done about a login that does not work.
fn advice(scope: &Scope<'_>, entry: EntryOf<'_, Service>, seen: &ObservedService) -> Advice {
    let secret = seen.secret.as_ref().map(|held| &held.secret);
    recovery::service(secret, scope.function(&entry).is_some(), store(entry))
}

/// Returns the diagnosis if the service does not accept the login. An unfinished rotation is completed
/// first, because the service may have its password.
fn refused(
    entry: EntryOf<'_, Service>,
    login: &ServiceLogin,
    proof: &Proof,
    secret: &Secret,
    advise: &impl Fn() -> Advice,
) -> Option<Diagnosis> {
    let place = entry.kind.place();
    match proof {
        Proof::Untried | Proof::Accepted => None,
        Proof::Refused(why) | Proof::Failed(why) => {
            let evidence = format!("`{}` cannot log in at {place}: {why}", login.username);
            let remedy = format!(
                "run `keyrota rotate {}`, which tries the password of each version; if the service accepts none, {}",
                entry.secret,
                store(entry)
            );
            let found = CREDENTIAL_REFUSED.of(&entry.secret, evidence, remedy);
            Some(match proof {
                Proof::Refused(_) if secret.unfinished().is_none() => found.advised(advise()),
                _ => found,
            })
        }
    }
}

/// Returns the diagnosis for a rotation that was interrupted after it sent its password. A rotation
/// that is still pending is only unfinished.
fn broken_off(entry: EntryOf<'_, Service>, secret: &Secret, right: bool) -> Option<Diagnosis> {
    let version = secret.version_with(SETTING)?;
    let elsewhere = [secret.version_with(CURRENT), secret.unfinished()];
    (!elsewhere.contains(&Some(version))).then(|| {
        let evidence = format!(
            "the label {SETTING} is on version {version}, which is neither AWSCURRENT nor AWSPENDING"
        );
        let remedy = format!("run `keyrota rotate {}` to complete the rotation", entry.secret);
        let found = PASSWORD_BROKEN_OFF.of(&entry.secret, evidence, remedy);
        found.fixed_by(Fix::Sweep, right)
    })
}
