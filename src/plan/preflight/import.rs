//! Whether a secret that exists already may be imported into the stack, and what that changes.

use std::collections::BTreeMap;

use super::{check_primary, check_secret_state};
use crate::model::{Content, Database, EntryOf, Finding, KmsKey, Login};
use crate::plan::{ImportOrigin, Lookup, ObservedEntry, SecretContent, SecretImport, same_key};
use crate::port::EncryptionKey;

/// What was observed of a secret for its import, besides the secret itself.
#[derive(Clone, Debug, Default)]
pub struct ImportEvidence {
    /// The ARN of the user that the access key in the secret belongs to, or why the key does not
    /// work. `None` if it was not tried.
    pub holder: Option<Result<String, String>>,
    /// The ID of another stack that contains the secret.
    pub other_stack: Option<Lookup<String>>,
    /// The resource policy, if readers in the manifest would replace it.
    pub policy: Option<Lookup<String>>,
}

/// Whether an earlier deployment of the stack created a KMS key.
#[derive(Clone, Debug)]
pub enum KeyOwner {
    /// CloudFormation says so.
    ThisStack,
    /// It does not, for this reason.
    Unproven(String),
}

/// The KMS key that encrypts a secret that comes back to the key that the stack creates.
#[derive(Clone, Debug)]
pub struct KeyImport {
    /// Its ID or ARN.
    pub id: String,
    /// The key.
    pub key: Lookup<EncryptionKey>,
    /// Who created it.
    pub owner: KeyOwner,
}

/// Returns a finding if an entry adopts a secret that does not exist.
pub(super) fn check_presence(seen: &ObservedEntry<'_>) -> Option<Finding> {
    let entry = seen.entry();
    (entry.adopt && seen.secret().is_none()).then(|| {
        let name = &entry.secret;
        let message = format!("the secret `{name}`, which the manifest adopts, does not exist");
        Finding::error("adopt-missing", format!("secret {name}"), message)
            .hint("correct `secret:`, or remove `adopt` to create the secret")
    })
}

/// Returns what prevents the import of a secret, as far as the secret itself shows it.
pub(super) fn check(import: &SecretImport<'_>, seen: &ObservedEntry<'_>) -> Option<Finding> {
    let held = seen.held()?;
    let SecretImport { secret, entry, .. } = import;
    let name = &entry.secret;
    let error = |kind: &'static str, message: String, hint: &str| {
        Some(Finding::error(kind, format!("secret {name}"), message).hint(hint))
    };
    if let Some(owner) = &secret.owner {
        let message = format!("{owner} manages the secret `{name}` and rotates it");
        let hint = "leave this secret to that service, and remove the entry";
        return error("managed-secret", message, hint);
    }
    if let Some(finding) = check_primary(secret) {
        return Some(finding);
    }
    if secret.deleted.is_some() {
        return check_deleted(import);
    }
    if held.is_sealed {
        // The KMS key of an earlier deployment is enabled again.
        let returns = import.origin == ImportOrigin::Returned && entry.kms_key == KmsKey::Create;
        return check_secret_state(held).filter(|_| !returns);
    }
    if secret.unfinished().is_some() {
        let message = format!("a rotation of the secret `{name}` is in progress or unfinished");
        let hint = format!(
            "wait for its end, or cancel it with `aws secretsmanager cancel-rotate-secret --secret-id {name}` and remove the label AWSPENDING"
        );
        return error("rotation-in-progress", message, &hint);
    }
    check_value(import, seen).or_else(|| check_key(import))
}

/// Returns a finding if a secret is scheduled for deletion and nothing proves that this stack
/// created it: someone else may have deleted it for a reason.
fn check_deleted(import: &SecretImport<'_>) -> Option<Finding> {
    let name = &import.entry.secret;
    (import.origin == ImportOrigin::Adopted).then(|| {
        let message = format!("the secret `{name}` is scheduled for deletion");
        Finding::error("scheduled-for-deletion", format!("secret {name}"), message).hint(format!(
            "to adopt it, restore it first: aws secretsmanager restore-secret --secret-id {name}"
        ))
    })
}

/// Returns why the value of an adopted secret is not a credential of the entry.
fn check_value(import: &SecretImport<'_>, seen: &ObservedEntry<'_>) -> Option<Finding> {
    let name = &import.entry.secret;
    let path = format!("secret {name}");
    let (problem, hint) = match seen {
        ObservedEntry::AccessKey(entry, seen) => {
            let held = seen.secret.as_ref()?;
            if let Some(credential) = held.credential() {
                let user = entry.kind.user.as_str();
                return (!credential.may_be_of(user)).then(|| {
                    let whose = credential.names_user();
                    let message = format!("the value of `{name}` is for {whose}, not for `{user}`");
                    Finding::error("other-user", path, message)
                        .hint("correct `user:` or `secret:` of the entry")
                });
            }
            let hint = "store the user's access key there, in the fields `accesskey` and `secretkey`, or specify the names of the fields with `fields`";
            (obstacle(&held.current), hint)
        }
        ObservedEntry::Database(entry, seen) => {
            let held = seen.secret.as_ref()?;
            if let Some(login) = held.login() {
                return check_server(*entry, login);
            }
            let hint =
                "store the login there, in the fields `engine`, `host`, `username`, and `password`";
            (obstacle(&held.current), hint)
        }
        ObservedEntry::Service(_, seen) => {
            let held = seen.secret.as_ref()?;
            if held.login().is_some() {
                return None;
            }
            let hint = "store the login there, in the fields `username` and `password`, or specify the names of the fields with `fields`";
            (obstacle(&held.current), hint)
        }
    };
    // A secret of an earlier deployment that never contained a credential gets its first one.
    if import.origin == ImportOrigin::Returned && seen.held().is_some_and(|held| held.is_unused) {
        return None;
    }
    let (kind, why) = problem?;
    let message = format!("the secret `{name}` cannot be imported: {why}");
    Some(Finding::error(kind, path, message).hint(hint))
}

/// Returns why a content is not a credential, with the kind of the finding.
fn obstacle<T>(content: &SecretContent<T>) -> Option<(&'static str, String)> {
    let kind = match content {
        SecretContent::Absent => "empty-secret",
        SecretContent::Sealed => "undecryptable",
        SecretContent::Held(Content::Foreign) => "foreign-value",
        SecretContent::Held(_) => "incomplete-value",
    };
    Some((kind, content.complete().err()?))
}

/// Returns a finding if the login of an adopted secret is for another server or database, because
/// its clients would connect elsewhere after the deployment.
fn check_server(entry: EntryOf<'_, Database>, login: &Login) -> Option<Finding> {
    let database = entry.kind;
    // The engine and the user are checked for every secret.
    let (host, port) = database.published();
    let field = if login.host != host.as_str() {
        "host"
    } else if login.port() != port {
        "port"
    } else if login.dbname.as_deref().unwrap_or_default()
        != database.dbname.as_deref().unwrap_or_default()
    {
        "dbname"
    } else {
        return None;
    };
    let name = &entry.secret;
    let message = format!("`{field}` in the value of `{name}` differs from the manifest's");
    Some(
        Finding::error("other-server", format!("secret {name}"), message).hint(format!(
            "specify the same `{field}` in the entry as in the value"
        )),
    )
}

/// Returns a finding if the secret is encrypted with another customer managed key than the
/// manifest's: the function's role could not use it.
fn check_key(import: &SecretImport<'_>) -> Option<Finding> {
    let held = import.kms_key()?;
    let name = &import.entry.secret;
    match &import.entry.kms_key {
        KmsKey::Existing(arn) if same_key(arn.as_str(), held) => return None,
        KmsKey::Create if import.origin == ImportOrigin::Returned => return None,
        KmsKey::AwsManaged | KmsKey::Create | KmsKey::Existing(_) => {}
    }
    let message = format!(
        "the secret `{name}` is encrypted with the KMS key {held}, which the manifest does not specify"
    );
    Some(
        Finding::error("kms-key", format!("secret {name}"), message).hint(format!(
            "specify `kms_key: {held}`; to use another key, change the secret's key first with `aws secretsmanager update-secret --kms-key-id`"
        )),
    )
}

/// Returns what prevents the import of a secret, as far as other calls show it.
pub fn check_import(
    import: &SecretImport<'_>,
    seen: &ObservedEntry<'_>,
    evidence: &ImportEvidence,
) -> Vec<Finding> {
    let name = &import.entry.secret;
    let path = || format!("secret {name}");
    let mut findings = Vec::new();
    match &evidence.other_stack {
        Some(Lookup::Found(stack)) => {
            let message = format!("the secret `{name}` belongs to the stack {stack}");
            findings.push(Finding::error("other-stack", path(), message).hint(
                "release it first: set `DeletionPolicy: Retain` for it in that stack's template and update the stack; then remove it from the template and update the stack again",
            ));
        }
        Some(Lookup::Denied(error)) => {
            let message = format!(
                "cannot find out whether another stack contains the secret `{name}`: {error}"
            );
            findings.push(Finding::warning("not-looked-up", path(), message));
        }
        Some(Lookup::Missing) | None => {}
    }
    if let (Some(Lookup::Denied(error)), true) =
        (&evidence.policy, import.origin == ImportOrigin::Adopted)
    {
        let message = format!(
            "cannot read the resource policy of `{name}`, which `readers` would replace: {error}"
        );
        findings.push(Finding::warning("not-looked-up", path(), message));
    }
    let ObservedEntry::AccessKey(_, seen) = seen else {
        return findings;
    };
    let credential = seen.credential();
    // A value that names another user has its finding already.
    let credential = credential.filter(|credential| credential.may_be_of(&seen.user_name));
    let (Some(holder), Some(credential)) = (&evidence.holder, credential) else {
        return findings;
    };
    let id = &credential.accesskey;
    match (holder, &seen.user) {
        (Ok(holder), Some(user)) if *holder != user.arn => {
            let message = format!("the key {id} in the secret `{name}` belongs to {holder}");
            findings.push(
                Finding::error("other-user", path(), message)
                    .hint("correct `user:` or `secret:` of the entry"),
            );
        }
        (Err(why), _) if import.origin == ImportOrigin::Adopted => {
            let message = format!("the key {id} in the secret `{name}` does not work: {why}");
            findings.push(Finding::error("dead-key", path(), message).hint(
                "store a key that works in the secret; or delete the secret and remove `adopt` to start with a new key",
            ));
        }
        _ => {}
    }
    findings
}

/// Returns what keeps the KMS key of secrets that come back from being imported. `keys` are those
/// that encrypt such secrets, and `stacks` is the one that the deployed stack has.
pub fn check_key_import(keys: &[KeyImport], stacks: Option<&str>) -> Vec<Finding> {
    let path = || "kms_key".to_owned();
    let instead = "specify `kms_key: ARN` for the entries whose secrets it encrypts";
    let differs = |key: &&KeyImport| stacks.is_some_and(|stacks| !same_key(stacks, &key.id));
    if let (Some(stacks), Some(other)) = (stacks, keys.iter().find(differs)) {
        let message = format!(
            "a secret that comes back is encrypted with the KMS key {}, but the stack has the key {stacks}",
            other.id
        );
        return vec![Finding::error("kms-key", path(), message).hint(instead)];
    }
    if let [one, other, ..] = keys {
        let message = format!(
            "secrets that come back are encrypted with two KMS keys, {} and {}, and the stack can have only one",
            one.id, other.id
        );
        return vec![Finding::error("kms-key", path(), message).hint(instead)];
    }
    let mut findings = Vec::new();
    for KeyImport { id, key, owner } in keys {
        match (key, owner) {
            (Lookup::Missing, _) => {
                let message = format!(
                    "the KMS key {id}, which encrypts a secret that comes back, no longer exists, so the secret's value is lost"
                );
                findings.push(Finding::error("kms-key", path(), message).hint(
                    "choose another name for the secret with `secret:`, or delete the secret with `aws secretsmanager delete-secret --force-delete-without-recovery`",
                ));
            }
            (Lookup::Found(_) | Lookup::Denied(_), KeyOwner::Unproven(why)) => {
                let message = format!(
                    "nothing proves that this stack created the KMS key {id}, which encrypts a secret that comes back: {why}"
                );
                findings.push(Finding::error("kms-key", path(), message).hint(instead));
            }
            (Lookup::Found(_) | Lookup::Denied(_), KeyOwner::ThisStack) => {}
        }
    }
    findings
}

/// Returns what an import and the deployment after it change about a secret. `tags` are those that
/// the stack writes; that it adds tags is not listed.
pub fn import_changes(
    import: &SecretImport<'_>,
    evidence: &ImportEvidence,
    tags: &BTreeMap<String, String>,
) -> Vec<String> {
    let SecretImport { entry, secret, .. } = import;
    let mut changes = Vec::new();
    if import.is_restored() {
        changes.push("its deletion is cancelled".to_owned());
    }
    match (&entry.kms_key, import.kms_key()) {
        (KmsKey::Create, None) => changes.push(
            "it is encrypted with the KMS key that the stack creates, instead of aws/secretsmanager"
                .to_owned(),
        ),
        (KmsKey::Existing(arn), None) => changes.push(format!(
            "it is encrypted with {arn}, instead of aws/secretsmanager"
        )),
        _ => {}
    }
    if let Some(description) = &entry.description
        && *description != secret.description
    {
        changes.push("its description is replaced by the manifest's".to_owned());
    }
    for (key, value) in tags {
        if let Some(held) = secret.tags.get(key).filter(|held| *held != value) {
            changes.push(format!(
                "its tag `{key}` changes from `{held}` to `{value}`"
            ));
        }
    }
    if let Some(Lookup::Found(_)) = &evidence.policy {
        changes.push("its resource policy is replaced by one for `readers`".to_owned());
    }
    if let Some(function) = &secret.rotation.function {
        let was = match secret.rotation_enabled {
            true => "rotates it now",
            false => "rotated it before",
        };
        changes.push(format!(
            "it is rotated by the stack's function instead of {function}, which {was}"
        ));
    }
    changes
}
