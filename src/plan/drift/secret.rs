//! How a secret, its schedule, and its KMS key differ from what was deployed.
//!
//! CloudFormation reads the value of a secret to detect its drift (the `read` handler of its
//! published schema), so it is never asked to: `DescribeSecret` shows everything that is compared.

use std::collections::BTreeMap;

use serde_json::Value as Json;

use super::DriftChange;
use super::deployed::{DeployedResource, DeployedTemplate};
use crate::model::{Duration, Schedule};
use crate::plan::same_key;
use crate::port::{EncryptionKey, Rotation, Secret};

/// The key that Secrets Manager uses for a secret without a customer managed key.
pub const DEFAULT_KEY: &str = "alias/aws/secretsmanager";

/// Returns how a secret differs from its template, except for its tags and replicas, which are
/// compared with the manifest.
pub(super) fn secret_drift(
    template: &DeployedTemplate<'_>,
    resource: DeployedResource<'_>,
    secret: Option<&Secret>,
) -> Option<DriftChange> {
    let Some(secret) = secret else {
        return Some(DriftChange::Gone);
    };
    if secret.deleted.is_some() {
        return Some(DriftChange::Deleted);
    }
    let mut texts = Vec::new();
    if let Some(wanted) = template.text(resource, "Description")
        && wanted != secret.description
    {
        texts.push("`/Description` differs".to_owned());
    }
    let held = secret.kms_key.as_deref().unwrap_or(DEFAULT_KEY);
    let wanted = template.text(resource, "KmsKeyId");
    let wanted = wanted.as_deref().unwrap_or(DEFAULT_KEY);
    let is_default = |key: &str| key.ends_with(DEFAULT_KEY);
    if !(same_key(held, wanted) || is_default(held) && is_default(wanted)) {
        texts.push(format!("`/KmsKeyId` is `{held}`, not `{wanted}`"));
    }
    changed(texts)
}

/// Returns the tags that a secret has in the template.
pub fn wanted_tags(
    template: &DeployedTemplate<'_>,
    resource: DeployedResource<'_>,
) -> BTreeMap<String, String> {
    let list = template.property(resource, "Tags").unwrap_or_default();
    let list = list.as_array().into_iter().flatten();
    let tags = list.filter_map(|tag| {
        let text = |key: &str| Some(tag.get(key)?.as_str()?.to_owned());
        Some((text("Key")?, text("Value")?))
    });
    tags.collect()
}

/// Returns how a secret's rotation differs from its schedule in the template. `None` if it does
/// not, or if the secret cannot rotate.
pub(super) fn schedule_drift(
    template: &DeployedTemplate<'_>,
    resource: DeployedResource<'_>,
    secret: Option<&Secret>,
) -> Option<DriftChange> {
    let secret = secret.filter(|secret| secret.deleted.is_none())?;
    if !secret.rotation_enabled {
        return Some(DriftChange::RotationDisabled);
    }
    let wanted = wanted_rotation(template, resource);
    let held = &secret.rotation;
    let mut texts = Vec::new();
    let parse = |text: &Option<String>| Schedule::parse(text.as_deref()?).ok();
    let calendar = |text: &Option<String>| parse(text).map(|it| it.calendar());
    if calendar(&held.schedule) != calendar(&wanted.schedule) {
        let shown = |text: &Option<String>| text.clone().unwrap_or_else(|| "nothing".to_owned());
        texts.push(format!(
            "`/RotationRules/ScheduleExpression` is `{}`, not `{}`",
            shown(&held.schedule),
            shown(&wanted.schedule)
        ));
    }
    let length = |text: &Option<String>| Duration::parse(text.as_deref()?).ok();
    // Secrets Manager may report a default window.
    if wanted.window.is_some() && length(&held.window) != length(&wanted.window) {
        texts.push("`/RotationRules/Duration` differs".to_owned());
    }
    if wanted.function.is_some() && held.function != wanted.function {
        texts.push(format!(
            "`/RotationLambdaARN` is `{}`",
            held.function.as_deref().unwrap_or("nothing")
        ));
    }
    changed(texts)
}

/// Returns the rotation that a schedule of the template sets.
pub fn wanted_rotation(
    template: &DeployedTemplate<'_>,
    schedule: DeployedResource<'_>,
) -> Rotation {
    let rules = template.property(schedule, "RotationRules");
    let rule = |key: &str| Some(rules.as_ref()?.get(key)?.as_str()?.to_owned());
    Rotation {
        function: template.text(schedule, "RotationLambdaARN"),
        schedule: rule("ScheduleExpression"),
        window: rule("Duration"),
    }
}

/// Returns why a KMS key of the stack cannot be used, if it exists. CloudFormation compares only the
/// properties in the template, and a key that awaits its deletion is neither there nor gone.
pub(super) fn key_drift(key: Option<&EncryptionKey>) -> Option<DriftChange> {
    let key = key.filter(|key| !key.enabled)?;
    Some(DriftChange::KeyUnusable(format!(
        "its state is {}",
        key.state
    )))
}

fn changed(texts: Vec<String>) -> Option<DriftChange> {
    (!texts.is_empty()).then_some(DriftChange::Changed(texts))
}

/// Returns the document of a property that contains a policy, as a request takes it.
pub fn document(
    template: &DeployedTemplate<'_>,
    resource: DeployedResource<'_>,
    property: &str,
) -> Option<String> {
    let document = template.property(resource, property)?;
    matches!(document, Json::Object(_)).then(|| document.to_string())
}
