//! What the stacks are made of.

use std::collections::{BTreeMap, HashSet};

use serde::Serialize;

use super::arrangement::Arrangement;
use super::prose;
use crate::render::tree::Value;
use crate::render::{Rendered, Strategy, resolve};

/// A resource that is there once a stack.
#[derive(Debug, Serialize)]
pub struct Resource {
    pub id: String,
    pub kind: String,
    pub purpose: String,
    /// How many stacks have it, where there are several.
    pub stacks: Option<String>,
}

/// Resources that are there once a secret.
#[derive(Debug, Serialize)]
pub struct PerSecret {
    pub kind: &'static str,
    pub purpose: &'static str,
    pub count: String,
}

/// All of them.
#[derive(Debug, Serialize)]
pub struct Inventory {
    pub resources: Vec<Resource>,
    pub per_secret: Vec<PerSecret>,
    #[serde(skip)]
    pub total: usize,
}

/// Returns what the stacks are made of.
pub fn inventory(stacks: &[Rendered<'_>], arrangements: &[Arrangement<'_>]) -> Inventory {
    let rows = arrangements.iter().flat_map(|one| &one.rows);
    let ids: HashSet<&str> = rows.flat_map(|row| row.ids.split(' ')).collect();
    let mut order: Vec<(&str, &str, String)> = Vec::new();
    let mut spread: BTreeMap<(&str, String), usize> = BTreeMap::new();
    let mut of_entries: BTreeMap<&str, usize> = BTreeMap::new();
    let mut total = 0;
    for rendered in stacks {
        for (id, resource) in resolve::resources(&rendered.tree) {
            total += 1;
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
    let resources = order.into_iter().map(|(id, kind, purpose)| Resource {
        stacks: several.then(|| prose::number(spread[&(id, purpose.clone())])),
        id: id.to_owned(),
        kind: kind.to_owned(),
        purpose,
    });
    Inventory {
        resources: resources.collect(),
        per_secret: PER_SECRET
            .iter()
            .filter_map(|(kind, purpose)| {
                Some(PerSecret {
                    kind,
                    purpose: match *kind {
                        SECRET => secret_purpose(stacks),
                        _ => purpose,
                    },
                    count: prose::number(*of_entries.get(kind)?),
                })
            })
            .collect(),
        total,
    }
}

const SECRET: &str = "AWS::SecretsManager::Secret";

const PER_SECRET: [(&str, &str); 5] = [
    (SECRET, ""),
    (
        "AWS::SecretsManager::RotationSchedule",
        "Has Secrets Manager start the function for the secret.",
    ),
    (
        "AWS::SecretsManager::ResourcePolicy",
        "Lets the readers read the secret, and keeps the public out.",
    ),
    ("AWS::IAM::UserPolicy", "Lets the user rotate its own key."),
    ("AWS::IAM::User", "The user whose key rotates."),
];

/// What the secrets are for.
fn secret_purpose(stacks: &[Rendered<'_>]) -> &'static str {
    let mut strategies: Vec<Strategy> = stacks
        .iter()
        .flat_map(|one| Strategy::of(one.model))
        .collect();
    strategies.sort();
    strategies.dedup();
    match strategies.as_slice() {
        [Strategy::Databases] => "Holds one user’s password. It stays when the stack goes.",
        [_, _] => "Holds one user’s access key or password. It stays when the stack goes.",
        _ => "Holds one user’s access key. It stays when the stack goes.",
    }
}

/// What a resource is for: by its own description where it has one.
fn purpose(id: &str, kind: &str, resource: &Value) -> String {
    let property = |key: &str| resource.get("Properties").and_then(|all| all.get(key));
    let text = |key: &str| property(key).and_then(Value::as_str);
    let described = text("Description").or_else(|| text("AlarmDescription"));
    if let Some(text) = described {
        return sentence(text);
    }
    let of_databases = id.starts_with("Database");
    let function = match of_databases {
        true => "databases’ function",
        false => "function",
    };
    let said = match kind {
        "AWS::Lambda::Permission" => {
            let who = match text("Principal") {
                Some("secretsmanager.amazonaws.com") => "Secrets Manager",
                Some("events.amazonaws.com") => "the hourly rule",
                Some(other) => other,
                None => "somebody",
            };
            return format!("Lets {who} start the {function}.");
        }
        "AWS::Logs::LogGroup" => match property("RetentionInDays").and_then(Value::as_u64) {
            Some(days) => return format!("Holds the {function}’s log for {days} days."),
            None => "Holds the function’s log.",
        },
        "AWS::IAM::RolePolicy" if of_databases => match id.trim_start_matches("Database") {
            "FunctionRoleLog" => "Lets the databases’ function write its log.",
            "FunctionRolePasswords" => "Lets the databases’ function have passwords made.",
            "FunctionRoleNetwork" => "Lets Lambda put the databases’ function into the VPC.",
            "FunctionRoleNotItsCode" => {
                "Keeps the databases’ function’s own code from the network interfaces."
            }
            "FunctionRoleSecrets" => "Lets the databases’ function rotate its secrets.",
            "FunctionRoleAdministrators" => {
                "Lets the databases’ function read the administrators’ secrets."
            }
            policy if policy.starts_with("FunctionRoleKey") => {
                "Lets the databases’ function use the KMS key of its secrets."
            }
            _ => "A policy of the databases’ function’s role.",
        },
        "AWS::IAM::RolePolicy" => match id {
            "FunctionRoleLog" => "Lets the function write its log.",
            "FunctionRoleSecrets" => "Lets the function rotate the stack’s secrets.",
            "FunctionRoleAdministrators" => "Lets the function read the administrators’ secrets.",
            "FunctionRoleUsers" => {
                "Lets the function manage access keys of the users that rotate as the role."
            }
            "FunctionRoleRecords" => "Lets the function record on the users which keys it rotates.",
            _ if id.starts_with("FunctionRoleKey") => {
                "Lets the function use the KMS key of the secrets."
            }
            _ => "A policy of the function’s role.",
        },
        "AWS::KMS::Alias" => "A readable name for the KMS key.",
        "AWS::SNS::Topic" => "What alarms are told to.",
        "AWS::SNS::TopicPolicy" => "Lets the alarms and the rules publish to the topic.",
        "AWS::SNS::Subscription" => match text("Endpoint") {
            Some(address) => return format!("Has alarms sent to {address}, once that confirmed."),
            None => "Has alarms sent on.",
        },
        _ => "",
    };
    said.to_owned()
}

fn sentence(text: &str) -> String {
    match text.ends_with('.') {
        true => text.to_owned(),
        false => format!("{text}."),
    }
}
