//! Faults of a database's login.

use super::entry::{Findings, current};
use super::fault::{
    CREDENTIAL_REFUSED, NO_CREDENTIAL, PASSWORD_BROKEN_OFF, VALUE_OF_ANOTHER, VALUE_OUTDATED,
};
use super::recovery::{self, Advice};
use super::secret::AllowedFixes;
use super::{Diagnosis, Fix, Proof, Scope};
use crate::model::{Database, EntryOf, InitialPassword, Login};
use crate::plan::{FIRST, ObservedDatabase, ObservedLogin, RETAINED, SETTING};
use crate::port::{CURRENT, Secret};

/// Returns the faults of the current login. `is_fine` says whether the entry has no other fault so
/// far.
pub(super) fn diagnose(
    scope: &Scope<'_>,
    entry: EntryOf<'_, Database>,
    seen: &ObservedDatabase,
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
        Ok(login) => {
            found.extend(refused(entry, login, proof, secret, &advise));
            found.extend(place(entry, seen, login));
        }
    }
    found.extend(broken_off(entry, secret, right));
    let accepted = *proof == Proof::Accepted;
    // Whether a client uses a password that the server still accepts besides the current one cannot
    // be observed. If another password has already been sent, this no longer matters.
    // If two users alternate, no label says anything about passwords.
    let alternates = entry.kind.alternate.is_some();
    let retains = !alternates && secret.version_with(RETAINED).is_some();
    let note = "the server still accepts the previous password, which a rotation would invalidate";
    let sent = secret.unfinished().is_some()
        && (alternates || secret.version_with(SETTING) == secret.unfinished());
    Findings {
        credential: found,
        // A resumed rotation finds the server's password in any labelled version. A new rotation
        // needs AWSCURRENT's.
        may: AllowedFixes {
            resume: right && (sent || !retains),
            schedule: right && accepted,
            rotate: right && accepted && !retains,
        },
        note: retains.then(|| note.to_owned()),
        replaced: Vec::new(),
    }
}

/// Returns the diagnosis for a secret without a password.
pub(super) fn no_credential(
    scope: &Scope<'_>,
    entry: EntryOf<'_, Database>,
    seen: &ObservedDatabase,
    secret: &Secret,
) -> Diagnosis {
    let tried = match secret.version_with(FIRST) {
        Some(version) => format!("; version {version} contains a password that never worked"),
        None => String::new(),
    };
    let evidence = format!("its value contains the user name but no password{tried}");
    let is_set = entry.kind.initial_password == InitialPassword::Set;
    let remedy = match (is_set, secret.last_rotated) {
        (true, None) => "run `keyrota bootstrap`, which rotates the secret, so that the administrator sets the first password".to_owned(),
        (true, Some(_)) => format!(
            "run `keyrota rotate {}`, in which the administrator sets a new password, unless the value has one under a name that `fields` does not list",
            entry.secret
        ),
        (false, _) => "run `keyrota bootstrap`, which asks for the first password and stores it once the function has logged in with it".to_owned(),
    };
    let found = NO_CREDENTIAL.of(&entry.secret, evidence, remedy);
    if is_set {
        return found;
    }
    // A rotation has stored a password before, so the value is damaged.
    match secret.last_rotated.is_some() {
        true => found.advised(advice(scope, entry, seen)),
        false => found,
    }
}

/// Returns the current login, if it belongs to the entry's user.
fn login<'a>(
    entry: EntryOf<'_, Database>,
    held: &'a ObservedLogin,
    advise: &impl Fn() -> Advice,
) -> Result<&'a Login, Diagnosis> {
    let secret = &entry.secret;
    let login = current(secret, &held.current, advise)?;
    let of_another = |held_by: &str, wanted: &str| {
        let evidence = format!("its value is for {held_by}, but the manifest specifies {wanted}");
        VALUE_OF_ANOTHER.of(secret, evidence, "").advised(advise())
    };
    if login.engine != entry.kind.engine {
        return Err(of_another(login.engine.name(), entry.kind.engine.name()));
    }
    if !entry.kind.has_user(&login.username) {
        // The name in the value is not shown because it may be a password in the wrong field.
        return Err(of_another("another user", &entry.kind.users_shown()));
    }
    Ok(login)
}

fn store(entry: EntryOf<'_, Database>) -> String {
    format!(
        "store the current password of the server: `aws secretsmanager put-secret-value --secret-id {} --secret-string file://…`",
        entry.secret
    )
}

/// Returns what can be done about a login that does not work.
fn advice(scope: &Scope<'_>, entry: EntryOf<'_, Database>, seen: &ObservedDatabase) -> Advice {
    recovery::login(entry, seen, scope.function(&entry).is_some(), store(entry))
}

/// Returns the diagnosis if the server does not accept the login. An unfinished rotation is completed
/// first, because the server may have its password.
fn refused(
    entry: EntryOf<'_, Database>,
    login: &Login,
    proof: &Proof,
    secret: &Secret,
    advise: &impl Fn() -> Advice,
) -> Option<Diagnosis> {
    let endpoint = entry.kind.endpoint();
    match proof {
        Proof::Untried | Proof::Accepted => None,
        Proof::Refused(why) | Proof::Failed(why) => {
            let evidence = format!("`{}` cannot log in to {endpoint}: {why}", login.username);
            let rotate = format!("run `keyrota rotate {}`", entry.secret);
            let remedy = match entry.kind.alternate {
                Some(_) => format!("{rotate}, which prepares the other user and makes it current"),
                None => format!(
                    "{rotate}, which tries the password of each version; if the server accepts none, {}",
                    store(entry)
                ),
            };
            let found = CREDENTIAL_REFUSED.of(&entry.secret, evidence, remedy);
            Some(match proof {
                Proof::Refused(_) if secret.unfinished().is_none() => found.advised(advise()),
                _ => found,
            })
        }
    }
}

/// Returns the diagnosis if the value's server differs from the manifest's.
fn place(
    entry: EntryOf<'_, Database>,
    seen: &ObservedDatabase,
    login: &Login,
) -> Option<Diagnosis> {
    let wanted = seen.place(entry)?;
    (!login.is_at(wanted)).then(|| {
        let told = |host: &str, port: u16, dbname: Option<&str>, master: Option<&str>| {
            let mut text = format!("{host}:{port}");
            for (what, held) in [("database", dbname), ("administrator", master)] {
                text += &held.map_or(String::new(), |held| format!(", {what} {held}"));
            }
            text
        };
        let (dbname, master) = (login.dbname.as_deref(), login.masterarn.as_deref());
        let evidence = format!(
            "its value specifies {}, but the manifest specifies {}",
            told(&login.host, login.port(), dbname, master),
            told(wanted.host, wanted.port, wanted.dbname, wanted.masterarn)
        );
        let remedy = "run `keyrota bootstrap`, which corrects the value once the function has logged in there";
        VALUE_OUTDATED.of(&entry.secret, evidence, remedy)
    })
}

/// Returns the diagnosis for a rotation that was interrupted after it sent its password. A rotation
/// that is still pending is only unfinished.
fn broken_off(entry: EntryOf<'_, Database>, secret: &Secret, right: bool) -> Option<Diagnosis> {
    if entry.kind.alternate.is_some() {
        return None;
    }
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
