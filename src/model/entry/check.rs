//! Checks of an entry against AWS's limits, and against the rest of the manifest.

use std::collections::{BTreeMap, BTreeSet};

use super::super::fields::MAX_TAGS;
use super::super::manifest::MAX_TAGS_WITH_DATABASES;
use super::super::reader::Field;
use super::super::{Finding, InitialKey, KmsKey, Region, SecretReference};
use super::{Entry, Kind};

/// The longest description of a secret (`API_CreateSecret`).
const MAX_DESCRIPTION: usize = 2_048;

/// Checks a description as Secrets Manager does (`API_CreateSecret`). An empty one would be the
/// same as none, and control characters cannot be shown.
pub(super) fn check_description(text: &str) -> Result<String, String> {
    let count = text.chars().count();
    if text.chars().any(char::is_control) {
        return Err("a description cannot contain control characters".to_owned());
    }
    match count {
        1..=MAX_DESCRIPTION => Ok(text.to_owned()),
        _ => Err(format!(
            "a description must have 1 to {MAX_DESCRIPTION} characters, but this one has {count}"
        )),
    }
}

/// Checks an entry's tags together with the manifest's, which the secret has as well.
pub(in crate::model) fn check_tags(entry: &Entry, tags: &BTreeMap<String, String>, at: &Field<'_>) {
    if entry.tags.is_empty() {
        return;
    }
    let refuse = |message: String| {
        at.report(Finding::error(
            "invalid-tag",
            format!("{}.tags", at.path()),
            message,
        ));
    };
    for key in entry.tags.keys() {
        let differs = |other: &&String| *other != key && other.to_lowercase() == key.to_lowercase();
        if let Some(other) = tags.keys().find(differs) {
            refuse(format!(
                "`{key}` and the manifest's tag `{other}` differ only in case; write both in the same way"
            ));
        }
    }
    let count = tags
        .keys()
        .chain(entry.tags.keys())
        .collect::<BTreeSet<_>>()
        .len();
    let most = match &entry.kind {
        Kind::AccessKey(_) | Kind::Service(_) => MAX_TAGS,
        Kind::Database(_) => MAX_TAGS_WITH_DATABASES,
    };
    if count > most {
        refuse(format!(
            "{count} tags with those of the manifest, but this secret can have at most {most} in addition to keyrota's own"
        ));
    }
}

/// Checks an entry against the stack's Region.
pub(in crate::model) fn check_region(entry: &Entry, region: &Region, at: &Field<'_>) {
    let refuse = |field: &str, message: String| {
        let path = format!("{}.{field}", at.path());
        at.report(Finding::error("contradiction", path, message));
    };
    // A KMS key encrypts secrets of its own Region only (`API_CreateSecret`).
    if let KmsKey::Existing(arn) = &entry.kms_key
        && arn.parts()[2] != region.as_str()
    {
        let message = format!(
            "the KMS key is in {}, but the secret is in {region}",
            arn.parts()[2]
        );
        refuse("kms_key", message);
    }
    // The program reads the secret in the stack's Region.
    if let Some(InitialKey::Secret(SecretReference::Arn(arn))) =
        entry.as_access_key().map(|key| &key.kind.initial_key)
        && arn.parts()[2] != region.as_str()
    {
        let message = format!(
            "the secret with the key is in {}, but the stack is in {region}",
            arn.parts()[2]
        );
        refuse("initial_key", message);
    }
    // The function calls the adapter in the stack's Region.
    if let Some(arn) = entry
        .as_service()
        .and_then(|service| service.kind.adapter.function())
        && arn.parts()[2] != region.as_str()
    {
        let message = format!(
            "the adapter is in {}, but the stack is in {region}",
            arn.parts()[2]
        );
        refuse("adapter.function", message);
    }
    // No policy can name an ARN of another partition (`reference-arns`).
    for (field, arn) in entry.arns() {
        let partition = arn.parts()[0];
        if partition != region.partition() {
            let message = format!(
                "`{arn}` is in the partition {partition}, but {region} is in {}",
                region.partition()
            );
            refuse(field, message);
        }
    }
}
