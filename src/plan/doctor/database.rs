//! What is wrong with a database's entry.

use super::fault::{
    ADMINISTRATOR, CREDENTIAL_REFUSED, LOGIN_UNTRIED, NO_CREDENTIAL, PASSWORD_BROKEN_OFF,
    VALUE_OF_ANOTHER, VALUE_OUTDATED, VALUE_UNDECRYPTABLE, VALUE_UNUSABLE,
};
use super::secret::{
    AllowedFixes, ExpectedRotation, UnfinishedRotation, encryption_key, present, rotation, tags,
};
use super::{Diagnosis, ExaminedDatabase, Fix, Proof, Scope};
use crate::model::{Database, EntryOf, Login, RotateAs};
use crate::plan::status::complete;
use crate::plan::{
    DatabaseAdministrator, FIRST, ObservedDatabase, ObservedLogin, RETAINED, SETTING, SecretContent,
};
use crate::port::{PREVIOUS, Secret};
use crate::render::{self, Strategy};

/// Returns what is wrong with an entry.
pub(super) fn diagnose(scope: &Scope<'_>, examination: &ExaminedDatabase<'_>) -> Vec<Diagnosis> {
    let (entry, seen) = (examination.entry, &examination.seen);
    let held = seen.secret.as_ref();
    let secret = match present(scope, entry.entry(), held.map(|held| &held.secret)) {
        Ok(secret) => secret,
        Err(fault) => return vec![fault],
    };
    let mut found = Vec::new();
    let kms_key = encryption_key(&entry.secret, &entry.kms_key, seen.encryption_key.as_ref());
    found.extend(kms_key);
    found.extend(administrator(entry, seen));
    let Some(held) = held else { return found };
    if held.holds_no_password() {
        found.push(no_credential(entry, secret));
        return found;
    }
    let login = login(entry, held);
    let right = found.is_empty() && login.is_ok();
    match login {
        Err(fault) => found.push(fault),
        Ok(login) => {
            found.extend(proof(entry, &examination.proof));
            found.extend(place(entry, seen, login));
        }
    }
    let broken_off = broken_off(entry, secret, right);
    let accepted = examination.proof == Proof::Accepted;
    // Nobody can see whether a password that the server still takes beside the current
    // one is in use. One that was sent is beyond that.
    let retains = secret.version_with(RETAINED).is_some();
    let note = retains.then_some(
        "the server still accepts the previous password, which a rotation would invalidate",
    );
    let sent = secret.unfinished().is_some() && secret.version_with(SETTING) == secret.unfinished();
    // Whatever version holds the password that the server has, a rotation that is
    // taken up finds it; one that is to begin needs AWSCURRENT's.
    let may = AllowedFixes {
        resume: right && (sent || !retains),
        schedule: right && accepted,
        rotate: right && accepted && !retains,
    };
    found.extend(broken_off);
    let wanted = ExpectedRotation {
        name: &entry.secret,
        schedule: &entry.schedule,
        window: entry.window,
        function: scope.function(Strategy::Databases),
    };
    let left = UnfinishedRotation {
        reported: examination.reported.as_deref(),
        abandoned: None,
    };
    found.extend(rotation(scope, &wanted, secret, left, may, note));
    let expected = render::secret_tags(scope.model, entry.entry(), scope.region);
    found.extend(tags(&entry.secret, &expected, secret));
    found
}

fn no_credential(entry: EntryOf<'_, Database>, secret: &Secret) -> Diagnosis {
    let tried = match secret.version_with(FIRST) {
        Some(version) => format!("; version {version} contains a password that never worked"),
        None => String::new(),
    };
    let evidence = format!("its value contains the user name but no password{tried}");
    let remedy = "run `keyrota bootstrap`, which asks for the first password and stores it once the function has logged in with it";
    NO_CREDENTIAL.of(&entry.secret, evidence, remedy)
}

/// Returns the login that clients read, where it is one of the entry's user.
fn login<'a>(
    entry: EntryOf<'_, Database>,
    held: &'a ObservedLogin,
) -> Result<&'a Login, Diagnosis> {
    let secret = &entry.secret;
    let login = complete(&held.current).map_err(|evidence| match &held.current {
        SecretContent::Sealed => {
            let remedy = "cancel the deletion with `aws kms cancel-key-deletion`, and enable the key with `aws kms enable-key`";
            VALUE_UNDECRYPTABLE.of(secret, evidence, remedy)
        }
        _ => VALUE_UNUSABLE.of(secret, evidence, restore_advice(entry, &held.secret)),
    })?;
    let of_another = |held_by: &str, wanted: &str| {
        let evidence = format!("its value is for {held_by}, but the manifest specifies {wanted}");
        VALUE_OF_ANOTHER.of(secret, evidence, restore_advice(entry, &held.secret))
    };
    if login.engine != entry.kind.engine {
        return Err(of_another(
            login.engine.as_str(),
            entry.kind.engine.as_str(),
        ));
    }
    if login.username != entry.kind.username {
        // The name in the value is not shown: it may be a password in the wrong field.
        let wanted = format!("`{}`", entry.kind.username);
        return Err(of_another("another user", &wanted));
    }
    Ok(login)
}

fn store(entry: EntryOf<'_, Database>) -> String {
    format!(
        "store the current password of the server: `aws secretsmanager put-secret-value --secret-id {} --secret-string file://…`",
        entry.secret
    )
}

/// Says how clients get a login of the right user again.
fn restore_advice(entry: EntryOf<'_, Database>, held: &Secret) -> String {
    let secret = &entry.secret;
    let store = store(entry);
    match held.version_with(PREVIOUS) {
        Some(_) => format!(
            "run `keyrota rotate --restore-previous {secret}` if the previous version still works; otherwise, {store}"
        ),
        None => store,
    }
}

fn proof(entry: EntryOf<'_, Database>, proof: &Proof) -> Option<Diagnosis> {
    let endpoint = entry.kind.endpoint();
    match proof {
        Proof::Untried | Proof::Accepted => None,
        Proof::Refused(why) => {
            let evidence = format!(
                "`{}` cannot log in to {endpoint}: {why}",
                entry.kind.username
            );
            let remedy = format!(
                "run `keyrota rotate {}`, which tries the password of each version; if the server accepts none, {}",
                entry.secret,
                store(entry)
            );
            Some(CREDENTIAL_REFUSED.of(&entry.secret, evidence, remedy))
        }
        Proof::Unknown(why) => {
            let evidence = format!(
                "the function could not test the login of `{}` at {endpoint}: {why}",
                entry.kind.username
            );
            let remedy = "fix the reported cause, then run `keyrota doctor` again";
            Some(LOGIN_UNTRIED.of(&entry.secret, evidence, remedy))
        }
    }
}

/// Returns where the value says otherwise than the manifest where it is good.
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

/// Returns the rotation that was broken off after its password was sent. One that is
/// still pending is unfinished, and no more than that.
fn broken_off(entry: EntryOf<'_, Database>, secret: &Secret, right: bool) -> Option<Diagnosis> {
    let version = secret.version_with(SETTING)?;
    let elsewhere = [
        secret.version_with(crate::port::CURRENT),
        secret.unfinished(),
    ];
    (!elsewhere.contains(&Some(version))).then(|| {
        let evidence = format!(
            "the label {SETTING} is on version {version}, which is neither AWSCURRENT nor AWSPENDING"
        );
        let remedy = format!("run `keyrota rotate {}` to complete the rotation", entry.secret);
        let found = PASSWORD_BROKEN_OFF.of(&entry.secret, evidence, remedy);
        found.fixed_by(Fix::Sweep, right)
    })
}

fn administrator(entry: EntryOf<'_, Database>, seen: &ObservedDatabase) -> Option<Diagnosis> {
    let (RotateAs::Administrator(name), Some(DatabaseAdministrator::Unusable(why))) =
        (&entry.rotate_as, &seen.administrator)
    else {
        return None;
    };
    let evidence = format!("the administrator's secret `{}` {why}", name.as_str());
    let remedy = format!(
        "store the login of an administrator of {1} in `{0}`",
        name.as_str(),
        entry.kind.endpoint()
    );
    Some(ADMINISTRATOR.of(&entry.secret, evidence, remedy))
}
