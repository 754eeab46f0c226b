//! One entry as the templates see it.

use std::collections::BTreeMap;

use keyrota_contract::tag;
use serde::Serialize;

use super::{Tag, boundary};
use crate::model::{AccessKey, Database, Duration, KmsKey, Model, Probe, RotateAs};
use crate::render::role::Policies;
use crate::render::served::Served;
use crate::render::{Strategy, name};

/// An entry of either kind. Fields that a kind does not have are empty.
#[derive(Debug, Default, Serialize)]
pub struct Entry {
    user: String,
    user_id: String,
    user_policy_id: String,
    user_tags: Vec<Tag>,
    pub create_user: bool,
    permissions_boundary: Option<String>,
    pub rotates_itself: bool,
    /// The database's host and port.
    endpoint: String,
    secret: String,
    secret_id: String,
    secret_description: String,
    secret_policy_id: String,
    /// The complete first value, if it does not depend on the stack.
    seed: Option<String>,
    kms_key_id: Option<KeyId>,
    pub readers: Vec<String>,
    tags: Vec<Tag>,
    probe: Option<ProbeCall>,
    function: &'static str,
    schedule_id: String,
    schedule: String,
    window: Option<String>,
    depends_on: Vec<String>,
    output: String,
    output_description: String,
}

/// A new key's probe, in the format of the secret's tag.
#[derive(Debug, Serialize)]
struct ProbeCall {
    call: String,
    /// Whether the template must add the stack's own Region.
    here: bool,
}

/// A customer managed key. If the ARN is absent, it is the stack's own key.
#[derive(Debug, Serialize)]
struct KeyId {
    arn: Option<String>,
}

/// Returns an access key's entry.
pub fn access_key(
    entry: &AccessKey,
    model: &Model,
    tags: &[Tag],
    policies: &Policies<'_>,
) -> Entry {
    let ids = name::UserIds::of(entry);
    let rotates_itself = entry.rotate_as == RotateAs::Itself;
    let mut depends_on = vec![Strategy::AccessKeys.permission().to_owned()];
    depends_on.extend(policies.needed_by(entry));
    if rotates_itself {
        depends_on.push(ids.policy());
    }
    Entry {
        user: entry.user.to_string(),
        user_id: ids.user(),
        user_policy_id: ids.policy(),
        user_tags: tags.to_vec(),
        create_user: entry.create_user,
        permissions_boundary: boundary(model),
        rotates_itself,
        secret_description: format!("The access key of the IAM user {}", entry.user),
        tags: pinned(tags, key_tags(entry)),
        probe: entry.probe.as_ref().map(probe),
        function: Strategy::AccessKeys.function(),
        schedule: entry.schedule.to_string(),
        window: window(entry.window),
        depends_on,
        ..held(&entry.into())
    }
}

/// Returns the tags of an access key's secret that the entry determines, except for its probe.
fn key_tags(entry: &AccessKey) -> [(&'static str, String); 4] {
    let owns_user = if entry.create_user { "true" } else { "false" };
    [
        (tag::USER, entry.user.to_string()),
        (tag::ROTATE_AS, entry.rotate_as.as_str().to_owned()),
        (tag::OWNS_USER, owns_user.to_owned()),
        (tag::OLD_KEY, entry.old_key.to_string()),
    ]
}

/// Returns the tags that the stack writes on an access key's secret in a Region.
pub fn tags_of_key(entry: &AccessKey, tags: &[Tag], region: &str) -> BTreeMap<String, String> {
    let probe = entry.probe.as_ref().map(|wanted| {
        let ProbeCall { call, here } = probe(wanted);
        match here {
            true => format!("{call} {region}"),
            false => call,
        }
    });
    let probe = probe.map(|call| (tag::PROBE, call));
    pairs(pinned(tags, key_tags(entry).into_iter().chain(probe)))
}

/// Returns the tags that the stack writes on a database's secret.
pub fn tags_of_database(entry: &Database, tags: &[Tag]) -> BTreeMap<String, String> {
    pairs(pinned(tags, entry.tags()))
}

fn pairs(tags: Vec<Tag>) -> BTreeMap<String, String> {
    let tags = tags.into_iter();
    tags.map(|tag| (tag.key, tag.value)).collect()
}

/// Returns a database's entry.
pub fn database(entry: &Database, tags: &[Tag], policies: &Policies<'_>) -> Entry {
    let mut depends_on = vec![Strategy::Databases.permission().to_owned()];
    depends_on.extend(policies.needed_by(entry));
    Entry {
        user: entry.username.clone(),
        endpoint: entry.endpoint(),
        secret_description: format!(
            "The password of the {} user {} at {}",
            entry.engine.title(),
            entry.username,
            entry.endpoint()
        ),
        seed: Some(entry.seed()),
        tags: pinned(tags, entry.tags()),
        function: Strategy::Databases.function(),
        schedule: entry.schedule.to_string(),
        window: window(entry.window),
        depends_on,
        ..held(&entry.into())
    }
}

/// Returns the fields that both kinds have in common.
fn held(entry: &Served<'_>) -> Entry {
    let ids = name::SecretIds::of(entry);
    Entry {
        secret: entry.secret.to_string(),
        secret_id: ids.secret(),
        secret_policy_id: ids.readers(),
        kms_key_id: match entry.kms_key {
            KmsKey::AwsManaged => None,
            KmsKey::Create => Some(KeyId { arn: None }),
            KmsKey::Existing(arn) => Some(KeyId {
                arn: Some(arn.to_string()),
            }),
        },
        readers: entry.sorted_readers(),
        schedule_id: ids.schedule(),
        output: ids.output(),
        output_description: format!("The secret {}", entry.secret),
        ..Entry::default()
    }
}

fn pinned(tags: &[Tag], pins: impl IntoIterator<Item = (&'static str, String)>) -> Vec<Tag> {
    let pins = pins.into_iter().map(|(key, value)| Tag {
        key: key.to_owned(),
        value,
    });
    tags.iter().cloned().chain(pins).collect()
}

fn window(window: Option<Duration>) -> Option<String> {
    window.and_then(|window| Some(format!("{}h", window.as_hours()?)))
}

fn probe(probe: &Probe) -> ProbeCall {
    let (region, here) = match probe {
        Probe::ListBucket { region, .. } => (region.as_ref(), region.is_none()),
        Probe::AssumeRole { .. } => (None, false),
    };
    let call = probe.call();
    ProbeCall {
        call: region.map_or(call.clone(), |region| format!("{call} {region}")),
        here,
    }
}
