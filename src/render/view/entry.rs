//! One entry as the templates see it.

use std::collections::BTreeMap;

use keyrota_contract::tag;
use serde_json::{Value as Json, json};

use super::{Tag, boundary};
use crate::model::{Entry, FirstRotation, Kind, KmsKey, Model, Probe, Replica, RotateAs, tag_text};
use crate::render::role::Policies;
use crate::render::{Strategy, name};

/// Returns an entry as the templates see it. Fields that its kind does not have are empty.
pub fn view(entry: &Entry, model: &Model, tags: &[Tag], policies: &Policies<'_>) -> Json {
    let strategy = Strategy::for_entry(entry);
    let mut depends_on = vec![strategy.permission().to_owned()];
    depends_on.extend(policies.needed_by(entry));
    let window = entry.window.and_then(|window| window.as_hours());
    let mut view = json!({
        "user": entry.user_name(),
        "user_id": "",
        "user_policy_id": "",
        "user_path": "",
        "has_user_path": false,
        "user_tags": [],
        "create_user": false,
        "permissions_boundary": null,
        "rotates_itself": false,
        "endpoint": "",
        "secret": entry.secret.as_str(),
        // Its description and its value stay as they are.
        "adopted": entry.adopt,
        "secret_id": name::secret_logical_id(entry),
        "secret_policy_id": name::readers_logical_id(entry),
        // The complete first value, if it does not depend on the stack.
        "seed": null,
        // Without an ARN, it is the stack's own key.
        "kms_key_id": match &entry.kms_key {
            KmsKey::AwsManaged => Json::Null,
            KmsKey::Create => json!({ "arn": null }),
            KmsKey::Existing(arn) => json!({ "arn": arn.as_str() }),
        },
        "readers": entry.sorted_readers(),
        "reads_itself": entry.reads_itself,
        "own_secret_policy_id": "",
        "replicas": entry.replicas.iter().map(replica).collect::<Vec<_>>(),
        "tags": pinned(&super::tags_of(model, entry), pins(entry)),
        "probe": null,
        "function": strategy.function(),
        // Its schedule is turned on outside of the stack.
        "on_request": entry.first_rotation == FirstRotation::OnRequest,
        // The deployment starts the first rotation, which creates the first credential.
        "creates_first": model.stack_set && entry.is_first_rotated_by_stack_set(),
        "schedule_id": name::schedule_logical_id(entry),
        "schedule": entry.schedule.as_str(),
        "window": window.map(|hours| format!("{hours}h")),
        "output": name::secret_output(entry),
        "output_description": format!("The secret {}", entry.secret),
    });
    match &entry.kind {
        Kind::AccessKey(key) => {
            let rotates_itself = entry.rotate_as == RotateAs::Itself;
            if rotates_itself {
                depends_on.push(name::user_policy_logical_id(key));
            }
            view["user_id"] = name::user_logical_id(key).into();
            view["user_policy_id"] = name::user_policy_logical_id(key).into();
            if entry.reads_itself {
                // A host may need it as soon as the first rotation has replaced its key.
                depends_on.push(name::own_secret_policy_logical_id(key));
            }
            view["own_secret_policy_id"] = name::own_secret_policy_logical_id(key).into();
            view["user_path"] = key.path.as_str().into();
            // The property of a user without a path would be another text of the same meaning.
            view["has_user_path"] = (!key.path.is_root()).into();
            view["user_tags"] = json!(tags);
            view["create_user"] = key.create_user.into();
            view["permissions_boundary"] = boundary(model).into();
            view["rotates_itself"] = rotates_itself.into();
            view["secret_description"] =
                format!("The access key of the IAM user {}", key.user).into();
            view["probe"] = key.probe.as_ref().map(probe).map_or(
                Json::Null,
                |(call, here)| json!({ "call": call, "here": here }),
            );
        }
        Kind::Database(database) => {
            let (engine, endpoint) = (database.engine.title(), database.endpoint());
            let user = &database.username;
            view["secret_description"] =
                format!("The password of the {engine} user {user} at {endpoint}").into();
            view["endpoint"] = endpoint.into();
            view["seed"] = database.seed().into();
        }
        Kind::Service(service) => {
            let place = service.place();
            view["secret_description"] =
                format!("The password of the user {} at {place}", service.username).into();
            view["endpoint"] = place.into();
            view["seed"] = service.seed().into();
        }
    }
    if entry.adopt {
        view["secret_description"] = Json::Null;
    }
    if let Some(description) = &entry.description {
        view["secret_description"] = description.as_str().into();
    }
    view["depends_on"] = depends_on.into();
    view
}

/// Returns the tags of an entry's secret that say what it is, except an access key's probe.
pub fn pins(entry: &Entry) -> Vec<(&'static str, String)> {
    match &entry.kind {
        Kind::AccessKey(key) => vec![
            (tag::USER, key.user.to_string()),
            (tag::ROTATE_AS, tag_text(entry.rotate_as.as_str())),
            (tag::OWNS_USER, key.create_user.to_string()),
            (tag::OLD_KEY, entry.old_key.to_string()),
        ],
        Kind::Database(database) => database.tags(entry),
        Kind::Service(service) => service.tags(),
    }
}

/// Returns the tags that the stack writes on an entry's secret in a Region.
pub fn tags_of_secret(entry: &Entry, tags: &[Tag], region: &str) -> BTreeMap<String, String> {
    let probe = match &entry.kind {
        Kind::AccessKey(key) => key.probe.as_ref(),
        Kind::Database(_) | Kind::Service(_) => None,
    };
    let probe = probe.map(|wanted| {
        let (call, here) = self::probe(wanted);
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

/// Returns a replica as the templates see it.
fn replica(replica: &Replica) -> Json {
    json!({
        "region": replica.region.as_str(),
        "kms_key": replica.kms_key.as_ref().map(|arn| arn.as_str()),
    })
}

/// Returns a new key's probe, in the format of the secret's tag, and whether the stack's own
/// Region must be added.
fn probe(probe: &Probe) -> (String, bool) {
    let call = probe.call();
    match probe {
        Probe::ListBucket {
            region: Some(region),
            ..
        } => (format!("{call} {region}"), false),
        Probe::ListBucket { region: None, .. } => (call, true),
        Probe::AssumeRole { .. } | Probe::LogIn(_) => (call, false),
    }
}
