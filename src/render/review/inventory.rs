//! The resources of the stacks.

use std::collections::{BTreeMap, HashSet};

use serde_json::{Value as Json, json};

use super::arrangement::Arrangement;
use super::prose;
use crate::model::{Entry, RotateAs};
use crate::render::resolve::{items, target};
use crate::render::tree::Value;
use crate::render::{FunctionCode, NOTIFY_ROLE, Rendered, Strategy, resolve};

/// Returns the resources of the stacks: those that exist once per stack, and those that exist
/// once per secret.
pub fn inventory(stacks: &[Rendered<'_>], arrangements: &[Arrangement<'_>]) -> Json {
    let rows = arrangements.iter().flat_map(|one| &one.rows);
    let ids: HashSet<&str> = rows.flat_map(|row| row.ids.split(' ')).collect();
    let mut order: Vec<(&str, &str, String)> = Vec::new();
    let mut spread: BTreeMap<(&str, String), usize> = BTreeMap::new();
    let mut of_entries: BTreeMap<&str, usize> = BTreeMap::new();
    for rendered in stacks {
        for (id, resource) in resolve::resources(&rendered.tree) {
            let kind = resolve::type_of(resource);
            if ids.contains(id) {
                *of_entries.entry(kind).or_insert(0) += 1;
                continue;
            }
            let purpose = purpose(id, kind, resource);
            let held = spread.entry((id, purpose.clone())).or_insert(0);
            if *held == 0 {
                order.push((id, kind, purpose));
            }
            *held += 1;
        }
    }
    let several = stacks.len() > 1;
    let resources = order.into_iter().map(|(id, kind, purpose)| {
        let held = several.then(|| prose::number(spread[&(id, purpose.clone())]));
        json!({ "id": id, "kind": kind, "purpose": purpose, "stacks": held })
    });
    let per_secret = PER_SECRET.iter().filter_map(|(kind, purpose)| {
        let count = prose::number(*of_entries.get(kind)?);
        let purpose = match *kind {
            SECRET => secret_purpose(stacks),
            USER_POLICY => user_policy_purpose(stacks),
            _ => purpose,
        };
        Some(json!({ "kind": kind, "purpose": purpose, "count": count }))
    });
    json!({
        "resources": resources.collect::<Vec<_>>(),
        "per_secret": per_secret.collect::<Vec<_>>(),
    })
}

const SECRET: &str = "AWS::SecretsManager::Secret";
const USER_POLICY: &str = "AWS::IAM::UserPolicy";

const PER_SECRET: [(&str, &str); 5] = [
    (SECRET, ""),
    (
        "AWS::SecretsManager::RotationSchedule",
        "Lets Secrets Manager invoke the function for the secret on a schedule.",
    ),
    (
        "AWS::SecretsManager::ResourcePolicy",
        "Lets the readers read the secret, and blocks public access.",
    ),
    (USER_POLICY, ""),
    ("AWS::IAM::User", "The IAM user whose key rotates."),
];

/// Returns the purpose of the users' policies.
fn user_policy_purpose(stacks: &[Rendered<'_>]) -> &'static str {
    let mut entries = stacks.iter().flat_map(|one| &one.model.entries);
    let rotates =
        |entry: &Entry| entry.rotate_as == RotateAs::Itself && entry.as_access_key().is_some();
    match (
        entries.clone().any(rotates),
        entries.any(|it| it.reads_itself),
    ) {
        (true, true) => "Lets the user rotate its own key, or read its own secret.",
        (false, true) => "Lets the user read its own secret.",
        (_, false) => "Lets the user rotate its own key.",
    }
}

/// Returns the purpose of the secrets.
fn secret_purpose(stacks: &[Rendered<'_>]) -> &'static str {
    let mut strategies: Vec<Strategy> = stacks
        .iter()
        .flat_map(|one| Strategy::of(one.model))
        .collect();
    strategies.sort();
    strategies.dedup();
    let has = |code: FunctionCode| strategies.iter().any(|one| one.code() == code);
    let has_passwords = has(FunctionCode::Databases) || has(FunctionCode::Services);
    match (has(FunctionCode::AccessKeys), has_passwords) {
        (false, true) => "Contains the password of one user. Retained when the stack is deleted.",
        (true, true) => {
            "Contains the access key or password of one user. Retained when the stack is deleted."
        }
        (_, false) => "Contains the access key of one user. Retained when the stack is deleted.",
    }
}

/// Returns the logical ID of the role of a policy.
fn named(policy: &Value) -> Option<&str> {
    target(policy.get("Properties")?.get("RoleName")?)
}

/// Returns the purpose of a resource: its own description, if there is one.
fn purpose(id: &str, kind: &str, resource: &Value) -> String {
    let property = |key: &str| resource.get("Properties").and_then(|all| all.get(key));
    let text = |key: &str| property(key).and_then(Value::as_str);
    let described = text("Description").or_else(|| text("AlarmDescription"));
    if let Some(text) = described {
        return sentence(text);
    }
    let of = strategy(id, resource);
    let function = match of {
        Strategy::AccessKeys => "function",
        Strategy::Databases => "database function",
        Strategy::Services => "service function",
        Strategy::ServicesOutside => "service function outside the network",
    };
    let said = match kind {
        "AWS::Lambda::Permission" => {
            let who = match text("Principal") {
                Some("secretsmanager.amazonaws.com") => "Secrets Manager",
                Some("events.amazonaws.com") if id.starts_with("NotifyPermission") => {
                    let of = text("FunctionName").unwrap_or("a function");
                    return format!("Lets the rule of `notify` invoke {of}.");
                }
                Some("events.amazonaws.com") => "the hourly rule",
                Some(other) => other,
                None => "somebody",
            };
            return format!("Lets {who} invoke the {function}.");
        }
        "AWS::Logs::LogGroup" => match property("RetentionInDays").and_then(Value::as_u64) {
            Some(days) => return format!("Keeps the log of the {function} for {days} days."),
            None => "Keeps the log of the function.",
        },
        "AWS::IAM::RolePolicy" if named(resource) == Some(NOTIFY_ROLE) => {
            "Lets the rules send events to the event buses in `notify`."
        }
        "AWS::IAM::RolePolicy" => return policy_purpose(id, of, function),
        "AWS::KMS::Alias" => "An alias of the KMS key.",
        "AWS::SNS::Topic" => "Receives the alarms.",
        "AWS::SNS::TopicPolicy" => "Lets the alarms and the rules publish to the topic.",
        "AWS::SNS::Subscription" => match text("Endpoint") {
            Some(address) => {
                return format!(
                    "Sends the alarms to {address}, after the recipient has confirmed."
                );
            }
            None => "Forwards the alarms.",
        },
        _ => "",
    };
    said.to_owned()
}

/// The purposes of the policies of a function's role, by what their logical IDs contain after
/// the role's. `{}` stands for the function.
const POLICIES: [(&str, &str); 11] = [
    ("Log", "Lets the {} write its log."),
    ("Passwords", "Lets the {} generate passwords."),
    (
        "Environment",
        "Lets Lambda decrypt the environment of the {} when it starts.",
    ),
    ("Network", "Lets Lambda connect the {} to the VPC."),
    (
        "NotItsCode",
        "Denies the code of the {} access to network interfaces.",
    ),
    ("Secrets", "Lets the {} rotate its secrets."),
    (
        "Administrators",
        "Lets the {} read the administrators’ secrets.",
    ),
    (
        "Users",
        "Lets the {} manage the access keys of the users with `rotate_as: role`.",
    ),
    (
        "Records",
        "Lets the {} record the keys that it rotates in tags of the users.",
    ),
    (
        "Adapters",
        "Lets the {} invoke the adapters of the services.",
    ),
    ("Key", "Lets the {} use the KMS key of its secrets."),
];

/// Returns the strategy of a resource that each function has: of the role, the function, or the log group
/// with this logical ID, or of those that the resource refers to.
fn strategy(id: &str, resource: &Value) -> Strategy {
    let named = |key: &str| {
        let mut values = items(resource.get("Properties")?.get(key));
        target(values.next()?)
    };
    let ids = [
        Some(id),
        named("FunctionName"),
        named("RoleName"),
        named("Roles"),
    ];
    let is_of = |one: &Strategy| {
        let own = [
            one.function(),
            one.role(),
            one.log_group(),
            one.permission(),
        ];
        ids.into_iter().flatten().any(|id| own.contains(&id))
    };
    Strategy::ALL
        .into_iter()
        .find(is_of)
        .unwrap_or(Strategy::AccessKeys)
}

fn policy_purpose(id: &str, of: Strategy, function: &str) -> String {
    let policy = id.strip_prefix(of.role()).unwrap_or_default();
    let known = POLICIES.iter().find(|(name, _)| match *name {
        // The digest of the key's ARN may follow.
        "Key" => policy.starts_with(name),
        name => policy == name,
    });
    let purpose = known.map_or(
        "A policy of the execution role of the {}.",
        |(_, purpose)| purpose,
    );
    purpose.replace("{}", function)
}

fn sentence(text: &str) -> String {
    match text.ends_with('.') {
        true => text.to_owned(),
        false => format!("{text}."),
    }
}
