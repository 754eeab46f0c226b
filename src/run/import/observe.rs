//! What must be known before a secret that exists already is imported into the stack.

use std::collections::BTreeSet;

use serde::Serialize;

use super::super::Context;
use super::super::error::Result;
use super::super::proof::key_pair;
use crate::model::{Finding, Model};
use crate::plan::{
    self, ImportEvidence, KeyImport, KeyOwner, Lookup, Observed, ObservedEntry, STACK_ID_TAG,
    SecretImport,
};
use crate::port::StackResource;
use crate::render;

/// A secret that is imported, for the prompt and the plan.
#[derive(Clone, Debug, Serialize)]
pub struct ImportReport {
    /// Its resource in the template.
    pub logical_id: String,
    /// Its name.
    #[serde(rename = "name")]
    pub secret: String,
    /// Its ARN.
    pub arn: String,
    /// Why it is imported.
    pub origin: plan::ImportOrigin,
    /// What changes about it, apart from its tags.
    pub changes: Vec<String>,
}

/// What is imported, and the KMS key that is imported with it.
#[derive(Clone, Debug, Default)]
pub struct Imports {
    /// The secrets.
    pub secrets: Vec<ImportReport>,
    /// The KMS key of an earlier deployment, by ID or ARN.
    pub key: Option<String>,
}

impl Imports {
    /// Returns the names of the secrets that the manifest adopts.
    pub(in crate::run) fn adopted(&self) -> BTreeSet<String> {
        let adopted = self.secrets.iter();
        let adopted = adopted.filter(|import| import.origin == plan::ImportOrigin::Adopted);
        adopted.map(|import| import.secret.clone()).collect()
    }
}

/// Observes what the deployment will import.
///
/// # Errors
///
/// Returns the first call that failed. A call that is denied is a finding.
pub(in crate::run) async fn observe_imports(
    context: &Context<'_>,
    model: &Model,
    observed: &Observed<'_>,
) -> Result<(Imports, Vec<Finding>)> {
    let mut imports = Imports::default();
    let mut findings = Vec::new();
    let secrets = plan::imports(model, observed);
    if secrets.is_empty() {
        return Ok((imports, findings));
    }
    for seen in &observed.entries {
        let Some(import) = plan::import_of(model, observed, seen) else {
            continue;
        };
        let evidence = observe(context, observed, seen, &import).await?;
        findings.extend(plan::check_import(&import, seen, &evidence));
        imports.secrets.push(ImportReport {
            logical_id: render::secret_logical_id(import.entry),
            secret: import.entry.secret.to_string(),
            arn: import.secret.arn.clone(),
            origin: import.origin,
            changes: plan::import_changes(
                &import,
                &evidence,
                &render::secret_tags(model, import.entry, &observed.region),
            ),
        });
    }
    let keys = observe_keys(context, &secrets).await?;
    let stacks = stacks_key(&observed.resources);
    findings.extend(plan::check_key_import(&keys, stacks));
    imports.key = match stacks {
        Some(_) => None,
        None => keys.into_iter().next().map(|key| key.id),
    };
    Ok((imports, findings))
}

/// Returns the KMS key for secrets that the stack has.
pub(super) fn stacks_key(resources: &[StackResource]) -> Option<&str> {
    let mut resources = resources.iter();
    let key = resources.find(|resource| resource.logical_id == render::KMS_KEY)?;
    (!key.physical_id.is_empty()).then_some(key.physical_id.as_str())
}

async fn observe(
    context: &Context<'_>,
    observed: &Observed<'_>,
    seen: &ObservedEntry<'_>,
    import: &SecretImport<'_>,
) -> Result<ImportEvidence> {
    let mut evidence = ImportEvidence::default();
    if let ObservedEntry::AccessKey(_, seen) = seen
        && let Some(credential) = seen.credential()
    {
        evidence.holder = match context.cloud.holder(&key_pair(credential)).await {
            Ok(holder) => Some(Ok(holder.arn)),
            Err(error) if error.kind.is_transient() => return Err(error.into()),
            Err(error) => Some(Err(error.to_string())),
        };
    }
    let own = observed.stack.as_ref().map(|stack| stack.id.as_str());
    let other = import.secret.tags.get(STACK_ID_TAG);
    if let Some(other) = other.filter(|other| Some(other.as_str()) != own) {
        evidence.other_stack = Some(look_up_stack(context, other, &import.secret.arn).await?);
    }
    if !import.entry.readers.is_empty() && !import.is_restored() {
        let policy = context.cloud.resource_policy(&import.secret.arn).await;
        evidence.policy = Some(Lookup::of(policy)?);
    }
    Ok(evidence)
}

/// Returns the ID of another stack if it exists and contains a secret.
async fn look_up_stack(context: &Context<'_>, id: &str, secret: &str) -> Result<Lookup<String>> {
    let found = async {
        let stack = context.cloud.stack(id).await?;
        if stack.is_none_or(|stack| stack.status.is_deleted()) {
            return Ok(None);
        }
        let listed = context.cloud.resources(id).await?;
        let holds = plan::holds(&listed, "AWS::SecretsManager::Secret", |held| {
            held.physical_id == secret && !held.status.starts_with("DELETE_")
        });
        Ok(holds.then(|| id.to_owned()))
    };
    Ok(Lookup::of(found.await)?)
}

/// Observes the KMS keys of secrets that come back to the key that the stack creates.
///
/// A principal that may write a secret can make it refer to any key. So CloudFormation must list
/// the key as a resource of the stack that created the secret, which a tag of the secret names that
/// only AWS writes.
async fn observe_keys(
    context: &Context<'_>,
    imports: &[SecretImport<'_>],
) -> Result<Vec<KeyImport>> {
    let mut keys = Vec::new();
    for id in plan::returning_keys(imports) {
        let key = Lookup::of(context.cloud.encryption_key(id).await)?;
        let of_key = imports.iter().filter(|import| {
            let held = import.kms_key();
            held.is_some_and(|held| plan::same_key(held, id))
        });
        let mut owner = KeyOwner::Unproven("CloudFormation does not list it".to_owned());
        for import in of_key {
            let Some(stack) = import.secret.tags.get(STACK_ID_TAG) else {
                continue;
            };
            let listed = match context.cloud.resources(stack).await {
                Ok(listed) => listed,
                Err(error) if error.kind.is_transient() => return Err(error.into()),
                Err(error) => {
                    owner = KeyOwner::Unproven(error.to_string());
                    continue;
                }
            };
            let made = listed.iter().any(|resource| {
                resource.kind == "AWS::KMS::Key" && plan::same_key(&resource.physical_id, id)
            });
            if made {
                owner = KeyOwner::ThisStack;
                break;
            }
        }
        keys.push(KeyImport {
            id: id.to_owned(),
            key,
            owner,
        });
    }
    Ok(keys)
}
