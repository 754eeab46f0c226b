//! The model as the templates see it. Entries are sorted by the names of their secrets, so
//! moving one in the manifest changes nothing.

mod entry;
mod notify;
mod rule;

use std::collections::BTreeMap;

use serde::Serialize;
use serde_json::{Value as Json, json};

use super::resolve::Resolver;
use super::role;
use super::{Error, FunctionCode, Pins, Strategy, name, quota};
use crate::model::{Entry, KmsKey, Model, ServiceKey};

pub use entry::pins;
pub use rule::{EVENT_PATTERN_ROOM, INPUT_ROOM, MAX_SWEPT};

#[derive(Clone, Debug, Serialize)]
pub struct Tag {
    key: String,
    value: String,
}

/// Returns whether one CloudFormation stack has room for the resources and outputs of what
/// [`stack`] returns.
pub fn fits(stack: &Json) -> bool {
    let count = |list: &Json| list.as_array().map_or(0, Vec::len);
    let is = |value: &Json| usize::from(value == &Json::Bool(true));
    let entry = |entry: &Json| {
        let has_readers = usize::from(count(&entry["readers"]) > 0);
        let policies = is(&entry["rotates_itself"]) + is(&entry["reads_itself"]) + has_readers;
        2 + is(&entry["create_user"]) + policies
    };
    let lists = ["access_keys", "databases", "services"].map(|kind| stack[kind].as_array());
    let entries: Vec<&Json> = lists.into_iter().flatten().flatten().collect();
    let functions = count(&stack["functions"]);
    // For each function: the function, its permission, log group, and role, and its three
    // alarms. Once: the topic with its policy.
    let fixed = (4 + 3) * functions + 2;
    let resources = fixed
        + entries.iter().copied().map(entry).sum::<usize>()
        + count(&stack["role_policies"])
        + 2 * usize::from(!stack["kms_key"].is_null())
        + 2 * usize::from(!stack["service_key"].is_null())
        + 2 * count(&stack["sweeps"])
        + count(&stack["alarms"]["rules"])
        + count(&stack["alarms"]["subscriptions"])
        + count(&stack["notify"]["rules"])
        + count(&stack["notify"]["permissions"])
        + 2 * usize::from(count(&stack["notify"]["buses"]) > 0);
    resources <= quota::MAX_RESOURCES && functions + entries.len() <= quota::MAX_OUTPUTS
}

/// Returns the data for the templates.
///
/// # Errors
///
/// Returns a finding if the policies of a role exceed IAM's limits.
pub fn stack(model: &Model) -> Result<Json, Error> {
    let longest = Resolver::longest(model);
    let held: Vec<(Strategy, Vec<&Entry>)> = Strategy::of(model)
        .map(|strategy| (strategy, sorted(strategy, model)))
        .collect();
    let tags = tags(model);
    let mut views = BTreeMap::new();
    let mut functions = Vec::new();
    let mut role_policies = Vec::new();
    let mut sweeps = Vec::new();
    for (strategy, entries) in &held {
        let in_vpc = strategy.uses_network() && model.network.is_in_vpc();
        let environment = model.encrypt.environment.as_ref();
        let policies = role::policies(*strategy, in_vpc, environment, entries, &longest)
            .map_err(|finding| Error::Refused(vec![finding]))?;
        let view = |entry: &&Entry| entry::view(entry, model, &tags, &policies);
        views.insert(*strategy, Json::from_iter(entries.iter().map(view)));
        functions.push(function(*strategy, model, &tags)?);
        role_policies.extend(policies.all);
        sweeps.extend(rule::sweeps(*strategy, entries, &longest));
    }
    let mut views_of = |strategy| views.remove(&strategy).unwrap_or_else(|| json!([]));
    let others: Vec<Json> = held
        .iter()
        .skip(1)
        .map(|(strategy, _)| {
            json!({
                "database": *strategy == Strategy::Databases,
                "service": strategy.code() == FunctionCode::Services,
                "outside": *strategy == Strategy::ServicesOutside,
                "function": strategy.function(),
                "artifact_key": strategy.key_parameter(model),
                "artifact_version": strategy.version_parameter(model),
                "output": strategy.function_output(model),
            })
        })
        .collect();
    let mut stack = json!({
        "stack": model.stack.as_str(),
        "stack_set": model.stack_set,
        "capability": super::capability(model),
        "description": description(model),
        "architecture": model.function.architecture.as_str(),
        "memory": model.function.memory,
        "timeout": model.function.timeout.as_seconds(),
        "log_retention": model.function.log_retention,
        "permissions_boundary": boundary(model),
        "role_path": model.role_path.as_ref().map(|path| path.as_str()),
        "functions": functions,
        "first": held.first().map_or("", |(strategy, _)| strategy.function()),
        "others": others,
        "passwords": held.iter().any(|(strategy, _)| strategy.makes_passwords()),
        "rotated": subjects(model),
        "role_policies": role_policies,
        "kms_key": key(model, &held),
        "service_key": service_key(model),
        "encrypt": encrypt(model),
        "sweeps": sweeps,
        "alarms": rule::alarms(model, &held, &tags, &longest),
        "notify": notify::notify(model, &longest),
        "tags": tags,
        "adopted": held.iter().flat_map(|(_, entries)| entries)
            .filter(|entry| entry.adopt)
            .map(|entry| entry.secret.as_str())
            .collect::<Vec<_>>(),
    });
    // There may be thousands of these, so they are moved.
    stack["access_keys"] = views_of(Strategy::AccessKeys);
    stack["databases"] = views_of(Strategy::Databases);
    stack["services"] = views_of(Strategy::Services);
    if let (Json::Array(all), Json::Array(outside)) =
        (&mut stack["services"], views_of(Strategy::ServicesOutside))
    {
        all.extend(outside);
    }
    Ok(stack)
}

/// Returns the entries of a strategy in the order of their secrets' names.
fn sorted(strategy: Strategy, model: &Model) -> Vec<&Entry> {
    let mut entries: Vec<&Entry> = strategy.entries(model).collect();
    entries.sort_by_key(|entry| &entry.secret);
    entries
}

fn description(model: &Model) -> String {
    let mut kinds: Vec<&str> = Strategy::of(model).map(|it| rotated(it.code())).collect();
    kinds.dedup();
    format!(
        "{}: {} that rotate, by keyrota",
        model.stack,
        listed(&kinds)
    )
}

/// Returns what the stack rotates, with the users that it belongs to.
fn subjects(model: &Model) -> String {
    let mut all: Vec<&str> = Strategy::of(model)
        .map(|strategy| match strategy.code() {
            FunctionCode::AccessKeys => "access keys of IAM users",
            FunctionCode::Databases => "passwords of database users",
            FunctionCode::Services => "passwords of users of services",
        })
        .collect();
    all.dedup();
    listed(&all)
}

/// Returns a list of up to three kinds as in a sentence.
fn listed(kinds: &[&str]) -> String {
    match kinds {
        [first, second, third] => format!("{first}, {second}, and {third}"),
        kinds => kinds.join(" and "),
    }
}

/// Returns what a function rotates.
const fn rotated(code: FunctionCode) -> &'static str {
    match code {
        FunctionCode::AccessKeys => "access keys",
        FunctionCode::Databases => "database passwords",
        FunctionCode::Services => "service passwords",
    }
}

/// Returns a function, with the logical IDs of its associated resources.
fn function(strategy: Strategy, model: &Model, tags: &[Tag]) -> Result<Json, Error> {
    let network = &model.network;
    let network = (strategy.uses_network() && network.is_in_vpc()).then(|| {
        json!({
            // The function depends on it.
            "policy": format!("{}{}", strategy.role(), role::NETWORK),
            "subnets": network.subnets,
            "security_groups": network.security_groups,
        })
    });
    Ok(json!({
        "id": strategy.function(),
        "database": strategy == Strategy::Databases,
        "service": strategy.code() == FunctionCode::Services,
        "outside": strategy == Strategy::ServicesOutside,
        "role": strategy.role(),
        "permission": strategy.permission(),
        "log_group_id": strategy.log_group(),
        "log_group": strategy.log_group_name(&model.stack),
        "artifact_key": strategy.key_parameter(model),
        "handler": Pins::of(model, strategy)?.path,
        "artifact_version": strategy.version_parameter(model),
        "version_condition": strategy.version_condition(model),
        "network": network,
        "tags": tags,
    }))
}

/// Returns the tags that the stack writes on an entry's secret in a Region.
pub fn secret_tags(model: &Model, entry: &Entry, region: &str) -> BTreeMap<String, String> {
    entry::tags_of_secret(entry, &tags_of(model, entry), region)
}

/// Returns the manifest's tags and the stack's, sorted by key.
pub fn tags(model: &Model) -> Vec<Tag> {
    let tags = model.tags.iter();
    with_own(
        model,
        tags.map(|(key, value)| (key.as_str(), value.as_str())),
    )
}

/// Returns the tags of an entry's secret that do not say what it is, and the stack's.
fn tags_of(model: &Model, entry: &Entry) -> Vec<Tag> {
    with_own(model, model.tags_of(entry))
}

fn with_own<'a>(model: &'a Model, tags: impl IntoIterator<Item = (&'a str, &'a str)>) -> Vec<Tag> {
    let own = (super::STACK_TAG, model.stack.as_str());
    let tag = |(key, value): (&str, &str)| Tag {
        key: key.to_owned(),
        value: value.to_owned(),
    };
    tags.into_iter().chain([own]).map(tag).collect()
}

fn boundary(model: &Model) -> Option<&str> {
    model.permissions_boundary.as_ref().map(|arn| arn.as_str())
}

/// Returns the KMS key that the stack creates, with the functions that use it, and the readers
/// that may decrypt each secret.
fn key(model: &Model, held: &[(Strategy, Vec<&Entry>)]) -> Option<Json> {
    let mut users = Vec::new();
    let mut readers = Vec::new();
    for (strategy, entries) in held {
        let mine = entries
            .iter()
            .filter(|entry| entry.kms_key == KmsKey::Create);
        let secrets: Vec<&str> = mine.clone().map(|entry| entry.secret.as_str()).collect();
        if secrets.is_empty() {
            continue;
        }
        let sid = match strategy {
            Strategy::AccessKeys => "UsedByTheFunction",
            Strategy::Databases => "UsedByTheDatabaseFunction",
            Strategy::Services => "UsedByTheServiceFunction",
            Strategy::ServicesOutside => "UsedByTheServiceNoVpcFunction",
        };
        users.push(json!({ "sid": sid, "role": strategy.role(), "secrets": secrets }));
        let read = mine.filter(|entry| !entry.readers.is_empty());
        readers.extend(read.map(|entry| {
            json!({
                "sid": name::readers_logical_id(entry),
                "secret": entry.secret.as_str(),
                "readers": entry.sorted_readers(),
            })
        }));
    }
    (!users.is_empty()).then(|| {
        json!({
            "description": format!("Encrypts the secrets of {}", model.stack),
            "alias": name::key_alias(&model.stack),
            "users": users,
            "readers": readers,
        })
    })
}

/// Returns the KMS key that the stack creates for AWS services, with what they encrypt with it
/// and need a statement of its policy for.
fn service_key(model: &Model) -> Option<Json> {
    let encrypt = &model.encrypt;
    let create = |key: &Option<ServiceKey>| *key == Some(ServiceKey::Create);
    let groups = Strategy::of(model).map(|strategy| strategy.log_group_name(&model.stack));
    encrypt.creates().then(|| {
        json!({
            "description": format!("Encrypts what AWS services store for {}", model.stack),
            "alias": name::service_key_alias(&model.stack),
            "log_groups": create(&encrypt.logs).then(|| groups.collect::<Vec<String>>()),
            "topic": create(&encrypt.topic),
        })
    })
}

/// Returns the keys in `encrypt`. The ARN of the one that the stack creates is null.
fn encrypt(model: &Model) -> Json {
    let key = |key: &Option<ServiceKey>| {
        let key = key.as_ref();
        key.map(|key| json!({ "arn": key.existing().map(|arn| arn.as_str()) }))
    };
    let encrypt = &model.encrypt;
    json!({
        "logs": key(&encrypt.logs),
        "topic": key(&encrypt.topic),
        "environment": key(&encrypt.environment),
    })
}
