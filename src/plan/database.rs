//! What was seen of a database's secret, as plain data, and its state.

use jiff::Timestamp;

use super::status::{SecretReport, State, overdue};
use super::{SecretContent, status};
use crate::model::{Content, Database, EntryOf, Finding, KmsKey, Login, Place, RotateAs};
use crate::port::{EncryptionKey, Secret, StackResource};

pub use keyrota_contract::label::{FIRST, RETAINED, SETTING};

/// What was seen of a database's entry.
#[derive(Clone, Debug)]
pub struct ObservedDatabase {
    /// The secret's name.
    pub secret_name: String,
    /// The secret, if it exists.
    pub secret: Option<ObservedLogin>,
    /// The customer managed key that the manifest names: outer `None` where it
    /// names none, inner `None` where there is no such key.
    pub encryption_key: Option<Option<EncryptionKey>>,
    /// The administrator's secret that the manifest names.
    pub administrator: Option<DatabaseAdministrator>,
}

/// A secret, and the logins that its versions hold.
#[derive(Clone, Debug)]
pub struct ObservedLogin {
    /// What Secrets Manager tells about it.
    pub secret: Secret,
    /// What AWSCURRENT holds.
    pub current: SecretContent<Login>,
    /// An unfinished rotation has stored a value. The trial of a new schedule
    /// never does.
    pub pending_value: bool,
}

/// An administrator's secret.
#[derive(Clone, Debug)]
pub enum DatabaseAdministrator {
    /// It cannot serve, and why.
    Unusable(String),
    /// It can, as far as the caller may see.
    Usable {
        /// Its full ARN.
        arn: String,
    },
}

impl ObservedLogin {
    /// Returns a secret of whose versions none was read.
    pub const fn unread(secret: Secret) -> Self {
        Self {
            secret,
            current: SecretContent::Absent,
            pending_value: false,
        }
    }

    /// Returns the login, where there is one.
    pub fn login(&self) -> Option<&Login> {
        match &self.current {
            SecretContent::Held(Content::Complete(login)) => Some(login),
            _ => None,
        }
    }

    /// Returns whether it holds no password: it is as the stack made it.
    pub fn holds_no_password(&self) -> bool {
        match &self.current {
            SecretContent::Absent => self.secret.versions.is_empty(),
            SecretContent::Held(Content::Incomplete(missing)) => missing.contains(&"password"),
            SecretContent::Held(_) | SecretContent::Sealed => false,
        }
    }
}

impl ObservedDatabase {
    /// Returns the login of the secret, where there is one.
    pub fn login(&self) -> Option<&Login> {
        self.secret.as_ref().and_then(ObservedLogin::login)
    }

    /// Returns whether a first password has to be brought.
    pub fn wants_password(&self) -> bool {
        self.secret.as_ref().is_none_or(|held| {
            held.secret.deleted.is_none() && !matches!(held.current, SecretContent::Sealed)
        }) && self.login().is_none()
    }

    /// Returns where the manifest says that the login is good, with the full ARN of
    /// the administrator's secret; nothing where that cannot be used.
    pub fn place<'a>(&'a self, entry: EntryOf<'a, Database>) -> Option<Place<'a>> {
        let masterarn = match (&entry.rotate_as, &self.administrator) {
            (RotateAs::Itself | RotateAs::Role, _) => None,
            (RotateAs::Administrator(_), Some(DatabaseAdministrator::Usable { arn })) => {
                Some(arn.as_str())
            }
            (RotateAs::Administrator(_), _) => return None,
        };
        Some(Place {
            host: entry.kind.host.as_str(),
            port: entry.kind.port,
            dbname: entry.kind.dbname.as_deref(),
            masterarn,
        })
    }

    fn is_in(&self, resources: &[StackResource]) -> bool {
        let secret = self.secret.as_ref();
        secret.is_some_and(|held| super::observed::holds(resources, &held.secret))
    }
}

/// Returns what stands in the way of an entry's deployment.
pub(super) fn check_database(
    stack: &str,
    entry: EntryOf<'_, Database>,
    seen: &ObservedDatabase,
    resources: &[StackResource],
) -> Vec<Finding> {
    let path = format!("secret {}", entry.secret);
    let mut findings = Vec::new();
    if let Some(held) = &seen.secret {
        let sealed = matches!(held.current, SecretContent::Sealed);
        let in_stack = seen.is_in(resources);
        let fault = super::preflight::check_secret(stack, &held.secret, sealed, in_stack);
        let fine = fault.is_none();
        findings.extend(fault);
        if let Some(login) = held.login().filter(|_| fine) {
            findings.extend(check_login(entry, login));
        }
    }
    if let (KmsKey::Existing(arn), Some(key)) = (&entry.kms_key, &seen.encryption_key) {
        let fault = super::preflight::check_kms_key(arn, key.as_ref());
        findings.extend(fault.map(|why| Finding::error("kms-key", path.clone(), why)));
    }
    if let (RotateAs::Administrator(name), Some(DatabaseAdministrator::Unusable(why))) =
        (&entry.rotate_as, &seen.administrator)
    {
        let message = format!("the administrator's secret `{}` {why}", name.as_str());
        findings.push(Finding::error("no-administrator", path, message).hint(
            "store the login of an administrator of the same server there, in the fields `engine`, `host`, `port`, `username`, and `password`",
        ));
    }
    findings
}

/// Returns the finding where a secret holds the login of somebody else: rotated,
/// it would be another's password that changes.
fn check_login(entry: EntryOf<'_, Database>, login: &Login) -> Option<Finding> {
    let what = if login.engine != entry.kind.engine {
        format!(
            "is for {}, but the manifest specifies {}",
            login.engine.as_str(),
            entry.kind.engine.as_str()
        )
    } else if login.username != entry.kind.username {
        format!(
            "names another user than `{}`, the user in the manifest",
            entry.kind.username
        )
    } else {
        return None;
    };
    let path = format!("secret {}", entry.secret);
    let message = format!("the value of `{}` {what}", entry.secret);
    Some(Finding::error("other-login", path, message).hint(
        "the user of a secret cannot change: choose another name for this entry with `secret:`",
    ))
}

/// Returns the state of a database's secret at a moment.
pub fn report_database(
    entry: EntryOf<'_, Database>,
    seen: &ObservedDatabase,
    now: Timestamp,
) -> SecretReport {
    let (state, reason) = state(entry, seen, now);
    let secret = seen.secret.as_ref().map(|held| &held.secret);
    SecretReport {
        name: entry.secret.to_string(),
        arn: secret.map(|secret| secret.arn.clone()),
        kind: status::CredentialKind::Database,
        username: entry.kind.username.clone(),
        state,
        reason,
        schedule: entry.schedule.to_string(),
        rotation_enabled: secret.is_some_and(|secret| secret.rotation_enabled),
        last_rotated: secret.and_then(|secret| secret.last_rotated),
        next_rotation: secret.and_then(|secret| secret.next_rotation),
        keys: Vec::new(),
        tags: Vec::new(),
    }
}

fn state(
    entry: EntryOf<'_, Database>,
    seen: &ObservedDatabase,
    now: Timestamp,
) -> (State, Option<String>) {
    let because = |state, reason: String| (state, Some(reason));
    let held = match &seen.secret {
        None => return because(State::Missing, "the secret does not exist".into()),
        Some(held) if held.secret.deleted.is_some() => {
            return because(State::Missing, "it is scheduled for deletion".into());
        }
        Some(held) => held,
    };
    let login = match status::complete(&held.current) {
        Ok(login) => login,
        Err(reason) => return because(State::Broken, reason),
    };
    if login.username != entry.kind.username {
        let reason = "its value names another user".to_owned();
        return because(State::Broken, reason);
    }
    if login.engine != entry.kind.engine {
        let reason = format!("its value is for {}", login.engine.as_str());
        return because(State::Broken, reason);
    }
    overdue(&held.secret, now)
}
