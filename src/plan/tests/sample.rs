//! A user with a key in a secret that has rotated once: all is well, until a
//! test changes something.

use std::collections::BTreeMap;

use jiff::Timestamp;

use super::super::{Observed, ObservedAccessKey, ObservedEntry, ObservedSecret, SecretContent};
use crate::model::{self, AccessKeyId, Content, Credential, Model};
use crate::port::{Caller, Key, Rotation, Secret, Stack, StackResource, StackStatus, User};

pub const FUNCTION: &str = "arn:aws:lambda:eu-west-1:111122223333:function:keys-Function";

pub const NOW: &str = "2026-11-02T09:00:00Z";

pub fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

/// Returns the model of one access key. It is never freed, so that what was seen of it can
/// be a function's result.
pub fn model(entry: &str) -> &'static Model {
    let text = format!(
        "version: 1\nstack: keys\naccount: '111122223333'\nregion: eu-west-1\naccess_keys:\n  - {{ user: ada{entry} }}\n"
    );
    Box::leak(Box::new(model::load(&text, None).unwrap().model))
}

/// Returns what was seen, as that of the model's one access key.
pub fn observed_of(model: &Model, seen: ObservedAccessKey) -> ObservedEntry<'_> {
    let entry = model.entries[0].as_access_key().unwrap();
    ObservedEntry::AccessKey(entry, Box::new(seen))
}

pub fn key(id: &str) -> Key {
    Key {
        id: id.to_owned(),
        active: true,
        created: Some(at("2026-11-01T09:00:00Z")),
        last_used: None,
        used_in: None,
    }
}

pub fn complete(id: &str) -> SecretContent {
    let credential = Credential::new(
        AccessKeyId::of_iam(id),
        "hush".into(),
        "ada".into(),
        "arn:own".into(),
    );
    SecretContent::Held(Content::Complete(credential))
}

pub fn tags(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
    let owned = |(key, value): &(&str, &str)| ((*key).to_owned(), (*value).to_owned());
    pairs.iter().map(owned).collect()
}

/// The keys are AKIACURRENT and AKIAPREVIOUS.
pub fn entry() -> ObservedAccessKey {
    let labels = |label: &str| vec![label.to_owned()];
    ObservedAccessKey {
        user_name: "ada".to_owned(),
        names: crate::model::Names::default(),
        secret_name: "keys/ada".to_owned(),
        user: Some(User {
            arn: "arn:aws:iam::111122223333:user/ada".to_owned(),
            path: "/".to_owned(),
            tags: BTreeMap::new(),
            boundary: None,
        }),
        keys: vec![key("AKIACURRENT"), key("AKIAPREVIOUS")],
        secret: Some(ObservedSecret {
            secret: Secret {
                description: String::new(),
                owner: None,
                arn: "arn:own".to_owned(),
                name: "keys/ada".to_owned(),
                tags: tags(&[
                    ("keyrota:stack", "keys"),
                    ("keyrota:user", "ada"),
                    ("keyrota:rotate-as", "self"),
                    ("keyrota:owns-user", "false"),
                    ("keyrota:old-key", "until_next_rotation"),
                ]),
                kms_key: None,
                rotation_enabled: true,
                rotation: Rotation {
                    function: Some(FUNCTION.to_owned()),
                    schedule: Some("rate(30 days)".to_owned()),
                    window: Some("3h".to_owned()),
                },
                last_rotated: Some(at("2026-11-01T09:00:00Z")),
                next_rotation: Some(at("2026-12-01T09:00:00Z")),
                deleted: None,
                versions: BTreeMap::from([
                    ("one".to_owned(), labels("AWSPREVIOUS")),
                    ("two".to_owned(), labels("AWSCURRENT")),
                ]),
                replicas: Vec::new(),
                primary_region: None,
            },
            current: complete("AKIACURRENT"),
            current_since: Some(at("2026-11-01T08:59:00Z")),
            previous_key: Some("AKIAPREVIOUS".to_owned()),
            before_key: None,
            replaced_key: None,
            pending_key: None,
            made_key: None,
            staged_key: None,
            read: true,
        }),
        encryption_key: None,
        administrator: None,
        first_key: None,
    }
}

/// An entry of which nothing is made yet.
pub fn untouched() -> ObservedAccessKey {
    ObservedAccessKey {
        keys: Vec::new(),
        secret: None,
        ..entry()
    }
}

pub fn stack(status: &str) -> Stack {
    Stack {
        id: "arn:aws:cloudformation:eu-west-1:111122223333:stack/keys/1".to_owned(),
        name: "keys".to_owned(),
        status: StackStatus(status.to_owned()),
        reason: None,
        since: None,
        outputs: BTreeMap::new(),
        parameters: BTreeMap::new(),
        tags: tags(&[("keyrota:stack", "keys")]),
    }
}

pub fn resource(kind: &str, physical_id: &str) -> StackResource {
    StackResource {
        logical_id: kind.replace("::", ""),
        physical_id: physical_id.to_owned(),
        kind: kind.to_owned(),
        status: "CREATE_COMPLETE".to_owned(),
    }
}

pub fn observed(seen: ObservedAccessKey) -> Observed<'static> {
    Observed {
        caller: Caller {
            account: "111122223333".to_owned(),
            arn: "arn:aws:iam::111122223333:user/deployer".to_owned(),
        },
        region: "eu-west-1".to_owned(),
        stack: Some(stack("CREATE_COMPLETE")),
        resources: vec![resource("AWS::SecretsManager::Secret", "arn:own")],
        entries: vec![observed_of(model(""), seen)],
    }
}
