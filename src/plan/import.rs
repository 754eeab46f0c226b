//! What exists already and is imported into the stack: secrets that the manifest adopts, secrets
//! that an earlier deployment of the stack left, and the KMS key that encrypts those.

use std::fmt;

use serde::Serialize;
use serde_yaml::{Mapping, Value};

use super::{Evidence, Observed, ObservedEntry, same_key};
use crate::model::{Entry, KmsKey, Model};
use crate::port::{ReplicaStatus, ResourceToImport, Secret};
use crate::render;

/// The type of a secret.
const SECRET: &str = "AWS::SecretsManager::Secret";
/// The type of a KMS key.
const KEY: &str = "AWS::KMS::Key";

/// Why a secret is imported.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum ImportOrigin {
    /// The manifest adopts it.
    Adopted,
    /// An earlier deployment of this stack left it.
    Returned,
}

/// A secret that a deployment imports into the stack.
#[derive(Clone, Copy, Debug)]
pub struct SecretImport<'a> {
    /// The entry.
    pub entry: &'a Entry,
    /// The secret.
    pub secret: &'a Secret,
    /// Why it is imported.
    pub origin: ImportOrigin,
}

impl SecretImport<'_> {
    /// Returns whether its deletion must be cancelled first.
    pub const fn is_restored(&self) -> bool {
        self.secret.deleted.is_some()
    }

    /// Returns the customer managed KMS key that encrypts it.
    pub fn kms_key(&self) -> Option<&str> {
        customer_key(self.secret)
    }
}

/// Returns the customer managed KMS key that encrypts a secret, or `None` if that is the account's
/// default key.
pub fn customer_key(secret: &Secret) -> Option<&str> {
    let key = secret.kms_key.as_deref()?;
    (!key.ends_with("alias/aws/secretsmanager")).then_some(key)
}

/// Returns the secrets that a deployment imports.
pub fn imports<'a>(model: &Model, observed: &'a Observed<'_>) -> Vec<SecretImport<'a>> {
    let seen = observed.entries.iter();
    seen.filter_map(|seen| import_of(model, observed, seen))
        .collect()
}

/// Returns the import of an entry's secret, if a deployment imports it.
///
/// A tag that only AWS can write proves that an earlier deployment created a secret. Any other
/// secret is imported only if the manifest adopts it.
pub fn import_of<'a>(
    model: &Model,
    observed: &'a Observed<'_>,
    seen: &'a ObservedEntry<'_>,
) -> Option<SecretImport<'a>> {
    let (entry, secret) = (seen.entry(), seen.secret()?);
    if seen.is_in(&observed.resources) {
        return None;
    }
    let evidence = Evidence::new(
        observed.stack.as_ref(),
        &observed.resources,
        model.stack.as_str(),
        &observed.caller.account,
        &observed.region,
    );
    let origin = match evidence.is_of_earlier_stack(&secret.tags) {
        true => ImportOrigin::Returned,
        false if entry.adopt => ImportOrigin::Adopted,
        false => return None,
    };
    Some(SecretImport {
        entry,
        secret,
        origin,
    })
}

/// Returns the KMS keys that encrypt secrets that come back to the key that the stack creates.
pub fn returning_keys<'a>(imports: &[SecretImport<'a>]) -> Vec<&'a str> {
    let mut keys: Vec<&str> = Vec::new();
    for import in imports {
        if import.origin == ImportOrigin::Returned
            && import.entry.kms_key == KmsKey::Create
            && let Some(key) = customer_key(import.secret)
            && !keys.iter().any(|held| same_key(held, key))
        {
            keys.push(key);
        }
    }
    keys
}

/// Why the template of an import cannot be written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ImportTemplateError(String);

impl fmt::Display for ImportTemplateError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

/// The template of an import, and what it imports.
#[derive(Clone, Debug)]
pub struct ImportTemplate {
    /// The template: the deployed one with the imported resources.
    pub text: String,
    /// The imported resources.
    pub resources: Vec<ResourceToImport>,
}

/// Returns the template that imports secrets, and the KMS key that the stack creates.
///
/// An import may change nothing else, so the text of the deployed template stays as it is. An
/// import does not apply the properties of what it imports either. They say what there is, so that
/// the deployment that follows changes what differs from it, and the tags in any case. What must
/// never be applied, the first value of a secret, is the same as in the template that follows.
///
/// # Errors
///
/// Returns what the rendered or the deployed template lacks.
pub fn import_template(
    deployed: Option<&str>,
    rendered: &str,
    imports: &[SecretImport<'_>],
    stacks_key: Option<&str>,
    key: Option<&str>,
) -> Result<ImportTemplate, ImportTemplateError> {
    let root: Value = serde_yaml::from_str(rendered)
        .map_err(|error| ImportTemplateError(format!("the rendered stack: {error}")))?;
    let mut resources = Vec::new();
    let mut lines = String::new();
    let mut add = |logical_id: String, kind, property, id: &str, resource: &str| {
        lines.push_str(&format!("  {logical_id}: {resource}\n"));
        resources.push(ResourceToImport {
            logical_id,
            kind,
            identifier: (property, id.to_owned()),
        });
    };
    if let Some(key) = key {
        let id = key.rsplit_once(":key/").map_or(key, |(_, id)| id);
        add(render::KMS_KEY.to_owned(), KEY, "KeyId", id, KEY_RESOURCE);
    }
    let stacks_key = key.or(stacks_key);
    for import in imports {
        let logical_id = render::secret_logical_id(import.entry);
        let resource = root
            .get("Resources")
            .and_then(|all| all.get(&logical_id))
            .ok_or_else(|| {
                ImportTemplateError(format!("the rendered stack has no {logical_id}"))
            })?;
        let resource = flow(&secret_resource(resource, import, stacks_key));
        add(logical_id, SECRET, "Id", &import.secret.arn, &resource);
    }
    let text = match deployed {
        None => format!(
            "AWSTemplateFormatVersion: \"2010-09-09\"\nDescription: The import of what existed before, by keyrota\nResources:\n{lines}"
        ),
        Some(deployed) => {
            let mut parts = deployed.split("\nResources:\n");
            let (Some(before), Some(after), None) = (parts.next(), parts.next(), parts.next())
            else {
                let message = "the deployed template has not exactly one line `Resources:`";
                return Err(ImportTemplateError(message.to_owned()));
            };
            format!("{before}\nResources:\n{lines}{after}")
        }
    };
    Ok(ImportTemplate { text, resources })
}

/// A KMS key's resource. The deployment that follows writes its policy, which names roles that this
/// template does not have.
const KEY_RESOURCE: &str = r#"{"Type": "AWS::KMS::Key", "DeletionPolicy": "Retain", "UpdateReplacePolicy": "Retain", "Properties": {"KeyPolicy": {"Version": "2012-10-17", "Statement": [{"Sid": "AdministeredByTheAccount", "Effect": "Allow", "Principal": {"AWS": !Sub "arn:${AWS::Partition}:iam::${AWS::AccountId}:root"}, "Action": "kms:*", "Resource": "*"}]}}}"#;

/// Returns a secret's resource as the secret is now.
fn secret_resource(resource: &Value, import: &SecretImport<'_>, stacks_key: Option<&str>) -> Value {
    let mut resource = resource.clone();
    let held = resource.get_mut("Properties");
    let Some(properties) = held.and_then(Value::as_mapping_mut) else {
        return resource;
    };
    properties.remove("Tags");
    if properties.contains_key("Description") {
        match import.secret.description.as_str() {
            "" => properties.remove("Description"),
            held => properties.insert("Description".into(), held.into()),
        };
    }
    keep_replicas(properties, &import.secret.replicas);
    let wanted = match &import.entry.kms_key {
        KmsKey::AwsManaged => None,
        KmsKey::Create => stacks_key,
        KmsKey::Existing(arn) => Some(arn.as_str()),
    };
    let same =
        matches!((wanted, import.kms_key()), (Some(one), Some(other)) if same_key(one, other));
    if !same {
        properties.remove("KmsKeyId");
    }
    resource
}

/// Removes the replicas that do not exist. The deployment that follows creates them.
fn keep_replicas(properties: &mut Mapping, held: &[ReplicaStatus]) {
    let exists = |replica: &Value| {
        let region = replica.get("Region").and_then(Value::as_str);
        held.iter().any(|held| Some(held.region.as_str()) == region)
    };
    let Some(Value::Sequence(replicas)) = properties.get_mut("ReplicaRegions") else {
        return;
    };
    replicas.retain(exists);
    if replicas.is_empty() {
        properties.remove("ReplicaRegions");
    }
}

/// Returns a value in YAML's flow style, on one line and without characters that CloudFormation may
/// lose. Functions keep their form, such as `!Sub`, so that the value equals the rendered one.
fn flow(value: &Value) -> String {
    match value {
        Value::Null => "null".to_owned(),
        Value::Bool(value) => value.to_string(),
        Value::Number(value) => value.to_string(),
        Value::String(text) => quoted(text),
        Value::Sequence(items) => {
            let items: Vec<String> = items.iter().map(flow).collect();
            format!("[{}]", items.join(", "))
        }
        Value::Mapping(entries) => {
            let entries = entries.iter();
            let entries: Vec<String> = entries
                .map(|(key, value)| format!("{}: {}", flow(key), flow(value)))
                .collect();
            format!("{{{}}}", entries.join(", "))
        }
        Value::Tagged(tagged) => format!("{} {}", tagged.tag, flow(&tagged.value)),
    }
}

/// Returns a text in double quotes, in ASCII.
fn quoted(text: &str) -> String {
    let mut quoted = String::with_capacity(text.len() + 2);
    quoted.push('"');
    for one in text.chars() {
        match u32::from(one) {
            0x22 | 0x5c => quoted.extend(['\\', one]),
            0x20..=0x7e => quoted.push(one),
            code @ 0..=0xffff => quoted.push_str(&format!("\\u{code:04x}")),
            code => quoted.push_str(&format!("\\U{code:08x}")),
        }
    }
    quoted.push('"');
    quoted
}
