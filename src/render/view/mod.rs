//! The model as the templates see it. Entries are sorted by the names of their secrets, so
//! moving one in the manifest changes nothing.

mod entry;
mod rule;

use std::collections::BTreeMap;

use serde::Serialize;

use super::resolve::Resolver;
use super::role::{self, Policy};
use super::{Error, Pins, Strategy, name, quota};
use crate::model::{Entry, KmsKey, Model};

use entry::EntryView;
use rule::{Alarms, Sweep};
pub use rule::{EVENT_PATTERN_ROOM, INPUT_ROOM, MAX_SWEPT};

/// The whole stack.
#[derive(Debug, Serialize)]
pub struct Stack {
    stack: String,
    capability: &'static str,
    description: String,
    architecture: &'static str,
    memory: u32,
    timeout: u64,
    log_retention: u32,
    tags: Vec<Tag>,
    permissions_boundary: Option<String>,
    role_path: Option<String>,
    /// One function, or one for each kind of entry.
    functions: Vec<Function>,
    /// The second of two functions.
    second: Option<SecondFunction>,
    role_policies: Vec<Policy>,
    kms_key: Option<Key>,
    sweeps: Vec<Sweep>,
    alarms: Alarms,
    access_keys: Vec<EntryView>,
    databases: Vec<EntryView>,
}

#[derive(Clone, Debug, Serialize)]
pub struct Tag {
    key: String,
    value: String,
}

/// A function, with the logical IDs of its associated resources.
#[derive(Debug, Serialize)]
struct Function {
    id: &'static str,
    database: bool,
    role: &'static str,
    permission: &'static str,
    log_group_id: &'static str,
    log_group: String,
    artifact_key: &'static str,
    /// The path of its pins file in the zip file.
    handler: String,
    artifact_version: &'static str,
    version_condition: &'static str,
    network: Option<Network>,
    tags: Vec<Tag>,
}

/// The VPC that a function runs in.
#[derive(Debug, Serialize)]
struct Network {
    /// The logical ID of the policy that the function depends on.
    policy: String,
    subnets: Vec<String>,
    security_groups: Vec<String>,
}

/// The parameters and outputs of the second function in a stack with two.
#[derive(Debug, Serialize)]
struct SecondFunction {
    function: &'static str,
    artifact_key: &'static str,
    artifact_version: &'static str,
    output: &'static str,
}

/// The KMS key that the stack creates.
#[derive(Debug, Serialize)]
struct Key {
    description: String,
    alias: String,
    users: Vec<KeyUser>,
    readers: Vec<Readers>,
}

/// A function that uses the key.
#[derive(Debug, Serialize)]
struct KeyUser {
    sid: &'static str,
    role: &'static str,
    /// Names of the secrets that the key encrypts for it.
    secrets: Vec<String>,
}

/// The principals that may decrypt one secret.
#[derive(Debug, Serialize)]
struct Readers {
    sid: String,
    secret: String,
    readers: Vec<String>,
}

impl Stack {
    /// Returns whether one CloudFormation stack has room for the resources and outputs.
    pub fn fits(&self) -> bool {
        let entry = |entry: &EntryView| {
            2 + usize::from(entry.create_user)
                + usize::from(entry.rotates_itself)
                + usize::from(!entry.readers.is_empty())
        };
        let entries = self.access_keys.iter().chain(&self.databases);
        // For each function: the function, its permission, log group, and role, and its three
        // alarms. Once: the topic with its policy.
        let fixed = (4 + 3) * self.functions.len() + 2;
        let resources = fixed
            + entries.map(entry).sum::<usize>()
            + self.role_policies.len()
            + 2 * usize::from(self.kms_key.is_some())
            + 2 * self.sweeps.len()
            + self.alarms.rules.len()
            + self.alarms.subscriptions.len();
        let outputs = self.functions.len() + self.access_keys.len() + self.databases.len();
        resources <= quota::MAX_RESOURCES && outputs <= quota::MAX_OUTPUTS
    }
}

/// Returns the data for the templates.
///
/// # Errors
///
/// Returns a finding if the policies of a role exceed IAM's limits.
pub fn stack(model: &Model) -> Result<Stack, Error> {
    let longest = Resolver::longest(model);
    let held: Vec<(Strategy, Vec<&Entry>)> = Strategy::of(model)
        .map(|strategy| (strategy, sorted(strategy, model)))
        .collect();
    let tags = tags(model);
    let mut views: BTreeMap<Strategy, Vec<EntryView>> = BTreeMap::new();
    let mut role_policies = Vec::new();
    for (strategy, entries) in &held {
        let in_vpc = *strategy == Strategy::Databases && model.network.is_in_vpc();
        let policies = role::policies(*strategy, in_vpc, entries, &longest)
            .map_err(|finding| Error::Refused(vec![finding]))?;
        let view = |entry: &&Entry| entry::view(entry, model, &tags, &policies);
        views.insert(*strategy, entries.iter().map(view).collect());
        role_policies.extend(policies.all);
    }
    let mut views_of = |strategy| views.remove(&strategy).unwrap_or_default();
    Ok(Stack {
        stack: model.stack.to_string(),
        capability: super::capability(model),
        description: description(model),
        architecture: model.function.architecture.as_str(),
        memory: model.function.memory,
        timeout: model.function.timeout.as_seconds(),
        log_retention: model.function.log_retention,
        permissions_boundary: boundary(model),
        role_path: model.role_path.as_ref().map(ToString::to_string),
        functions: Strategy::of(model)
            .map(|strategy| function(strategy, model, &tags))
            .collect::<Result<_, _>>()?,
        second: (held.len() > 1).then(|| SecondFunction {
            function: Strategy::Databases.function(),
            artifact_key: Strategy::Databases.key_parameter(model),
            artifact_version: Strategy::Databases.version_parameter(model),
            output: Strategy::Databases.function_output(model),
        }),
        kms_key: key(model, &held),
        sweeps: held
            .iter()
            .flat_map(|held| rule::sweeps(held.0, &held.1, &longest))
            .collect(),
        alarms: rule::alarms(model, &held, &tags, &longest),
        role_policies,
        access_keys: views_of(Strategy::AccessKeys),
        databases: views_of(Strategy::Databases),
        tags,
    })
}

/// Returns the entries of a strategy in the order of their secrets' names.
fn sorted(strategy: Strategy, model: &Model) -> Vec<&Entry> {
    let mut entries: Vec<&Entry> = strategy.entries(model).collect();
    entries.sort_by_key(|entry| &entry.secret);
    entries
}

fn description(model: &Model) -> String {
    let what = match Strategy::of(model).collect::<Vec<_>>()[..] {
        [Strategy::Databases] => "database passwords that rotate",
        [Strategy::AccessKeys, Strategy::Databases] => {
            "access keys and database passwords that rotate"
        }
        _ => "access keys that rotate",
    };
    format!("{}: {what}, by keyrota", model.stack)
}

fn function(strategy: Strategy, model: &Model, tags: &[Tag]) -> Result<Function, Error> {
    let handler = Pins::of(model, strategy)?.path;
    let network = &model.network;
    let database = strategy == Strategy::Databases;
    Ok(Function {
        id: strategy.function(),
        database,
        role: strategy.role(),
        permission: strategy.permission(),
        log_group_id: strategy.log_group(),
        log_group: strategy.log_group_name(&model.stack),
        artifact_key: strategy.key_parameter(model),
        handler,
        artifact_version: strategy.version_parameter(model),
        version_condition: strategy.version_condition(model),
        network: (database && network.is_in_vpc()).then(|| Network {
            policy: format!("{}{}", strategy.role(), role::NETWORK),
            subnets: network.subnets.clone(),
            security_groups: network.security_groups.clone(),
        }),
        tags: tags.to_vec(),
    })
}

/// Returns the tags that the stack writes on an entry's secret in a Region.
pub fn secret_tags(model: &Model, entry: &Entry, region: &str) -> BTreeMap<String, String> {
    entry::tags_of_secret(entry, &tags(model), region)
}

/// Returns the manifest's tags and the stack's, sorted by key.
fn tags(model: &Model) -> Vec<Tag> {
    let own = (super::STACK_TAG, model.stack.as_str());
    let tags = model
        .tags
        .iter()
        .map(|(key, value)| (key.as_str(), value.as_str()));
    let tag = |(key, value): (&str, &str)| Tag {
        key: key.to_owned(),
        value: value.to_owned(),
    };
    tags.chain([own]).map(tag).collect()
}

fn boundary(model: &Model) -> Option<String> {
    model.permissions_boundary.as_ref().map(ToString::to_string)
}

fn key(model: &Model, held: &[(Strategy, Vec<&Entry>)]) -> Option<Key> {
    let mut users = Vec::new();
    let mut readers = Vec::new();
    for (strategy, entries) in held {
        let mine = entries
            .iter()
            .filter(|entry| entry.kms_key == KmsKey::Create);
        let secrets: Vec<String> = mine.clone().map(|entry| entry.secret.to_string()).collect();
        if secrets.is_empty() {
            continue;
        }
        users.push(KeyUser {
            sid: match strategy {
                Strategy::AccessKeys => "UsedByTheFunction",
                Strategy::Databases => "UsedByTheDatabaseFunction",
            },
            role: strategy.role(),
            secrets,
        });
        let read = mine.filter(|entry| !entry.readers.is_empty());
        readers.extend(read.map(|entry| Readers {
            sid: name::SecretIds::of(entry).readers(),
            secret: entry.secret.to_string(),
            readers: entry.sorted_readers(),
        }));
    }
    (!users.is_empty()).then(|| Key {
        description: format!("Encrypts the secrets of {}", model.stack),
        alias: name::key_alias(&model.stack),
        users,
        readers,
    })
}
