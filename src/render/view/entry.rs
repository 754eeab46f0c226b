//! One entry as the templates see it.

use std::collections::BTreeMap;

use keyrota_contract::tag;
use serde::Serialize;

use super::{Tag, boundary};
use crate::model::{AccessKey, Database, Duration, Entry, Kind, KmsKey, Model, Probe, RotateAs};
use crate::render::role::Policies;
use crate::render::{Strategy, name};

/// An entry of either kind. Fields that a kind does not have are empty.
#[derive(Debug, Default, Serialize)]
pub struct EntryView {
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

/// Returns an entry as the templates see it.
pub fn view(entry: &Entry, model: &Model, tags: &[Tag], policies: &Policies<'_>) -> EntryView {
    let strategy = Strategy::for_entry(entry);
    let mut depends_on = vec![strategy.permission().to_owned()];
    depends_on.extend(policies.needed_by(entry));
    let mut view = match &entry.kind {
        Kind::AccessKey(key) => access_key(entry, key, model, tags),
        Kind::Database(database) => self::database(database),
    };
    depends_on.append(&mut view.depends_on);
    EntryView {
        secret: entry.secret.to_string(),
        secret_id: name::secret_logical_id(entry),
        secret_policy_id: name::readers_logical_id(entry),
        kms_key_id: match &entry.kms_key {
            KmsKey::AwsManaged => None,
            KmsKey::Create => Some(KeyId { arn: None }),
            KmsKey::Existing(arn) => Some(KeyId {
                arn: Some(arn.to_string()),
            }),
        },
        readers: entry.sorted_readers(),
        tags: pinned(tags, pins(entry)),
        function: strategy.function(),
        schedule_id: name::schedule_logical_id(entry),
        schedule: entry.schedule.to_string(),
        window: window(entry.window),
        depends_on,
        output: name::secret_output(entry),
        output_description: format!("The secret {}", entry.secret),
        ..view
    }
}

/// Returns what is specific to an access key.
fn access_key(entry: &Entry, key: &AccessKey, model: &Model, tags: &[Tag]) -> EntryView {
    let rotates_itself = entry.rotate_as == RotateAs::Itself;
    EntryView {
        user: key.user.to_string(),
        user_id: name::user_logical_id(key),
        user_policy_id: name::user_policy_logical_id(key),
        user_tags: tags.to_vec(),
        create_user: key.create_user,
        permissions_boundary: boundary(model),
        rotates_itself,
        secret_description: format!("The access key of the IAM user {}", key.user),
        probe: key.probe.as_ref().map(probe),
        depends_on: rotates_itself
            .then(|| name::user_policy_logical_id(key))
            .into_iter()
            .collect(),
        ..EntryView::default()
    }
}

/// Returns what is specific to a database.
fn database(database: &Database) -> EntryView {
    EntryView {
        user: database.username.clone(),
        endpoint: database.endpoint(),
        secret_description: format!(
            "The password of the {} user {} at {}",
            database.engine.title(),
            database.username,
            database.endpoint()
        ),
        seed: Some(database.seed()),
        ..EntryView::default()
    }
}

/// Returns the tags of an entry's secret that say what it is, except an access key's probe.
fn pins(entry: &Entry) -> Vec<(&'static str, String)> {
    match &entry.kind {
        Kind::AccessKey(key) => vec![
            (tag::USER, key.user.to_string()),
            (tag::ROTATE_AS, entry.rotate_as.as_str().to_owned()),
            (tag::OWNS_USER, key.create_user.to_string()),
            (tag::OLD_KEY, entry.old_key.to_string()),
        ],
        Kind::Database(database) => database.tags(entry),
    }
}

/// Returns the tags that the stack writes on an entry's secret in a Region.
pub fn tags_of_secret(entry: &Entry, tags: &[Tag], region: &str) -> BTreeMap<String, String> {
    let probe = match &entry.kind {
        Kind::AccessKey(key) => key.probe.as_ref(),
        Kind::Database(_) => None,
    };
    let probe = probe.map(|wanted| {
        let ProbeCall { call, here } = self::probe(wanted);
        let call = match here {
            true => format!("{call} {region}"),
            false => call,
        };
        (tag::PROBE, call)
    });
    let tags = pinned(tags, pins(entry).into_iter().chain(probe));
    tags.into_iter().map(|tag| (tag.key, tag.value)).collect()
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
