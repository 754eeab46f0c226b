//! The resources of the stacks.

use std::collections::{BTreeMap, HashSet};

use serde::Serialize;

use super::arrangement::Arrangement;
use super::prose;
use crate::render::tree::Value;
use crate::render::{Rendered, Strategy, resolve};

/// A resource that exists once per stack.
#[derive(Debug, Serialize)]
pub struct Resource {
    pub id: String,
    pub kind: String,
    pub purpose: String,
    /// The number of stacks that have it, if there are several.
    pub stacks: Option<String>,
}

/// Resources that exist once per secret.
#[derive(Debug, Serialize)]
pub struct PerSecret {
    pub kind: &'static str,
    pub purpose: &'static str,
    pub count: String,
}

/// All resources.
#[derive(Debug, Serialize)]
pub struct Inventory {
    pub resources: Vec<Resource>,
    pub per_secret: Vec<PerSecret>,
    #[serde(skip)]
    pub total: usize,
}

/// Returns the resources of the stacks.
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
        "Lets Secrets Manager invoke the function for the secret on a schedule.",
    ),
    (
        "AWS::SecretsManager::ResourcePolicy",
        "Lets the readers read the secret, and blocks public access.",
    ),
    ("AWS::IAM::UserPolicy", "Lets the user rotate its own key."),
    ("AWS::IAM::User", "The IAM user whose key rotates."),
];

/// Returns the purpose of the secrets.
fn secret_purpose(stacks: &[Rendered<'_>]) -> &'static str {
    let mut strategies: Vec<Strategy> = stacks
        .iter()
        .flat_map(|one| Strategy::of(one.model))
        .collect();
    strategies.sort();
    strategies.dedup();
    match strategies.as_slice() {
        [Strategy::Databases] => {
            "Contains the password of one user. Retained when the stack is deleted."
        }
        [_, _] => {
            "Contains the access key or password of one user. Retained when the stack is deleted."
        }
        _ => "Contains the access key of one user. Retained when the stack is deleted.",
    }
}

/// Returns the purpose of a resource: its own description, if there is one.
fn purpose(id: &str, kind: &str, resource: &Value) -> String {
    let property = |key: &str| resource.get("Properties").and_then(|all| all.get(key));
    let text = |key: &str| property(key).and_then(Value::as_str);
    let described = text("Description").or_else(|| text("AlarmDescription"));
    if let Some(text) = described {
        return sentence(text);
    }
    let of_databases = id.starts_with("Database");
    let function = match of_databases {
        true => "database function",
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
            return format!("Lets {who} invoke the {function}.");
        }
        "AWS::Logs::LogGroup" => match property("RetentionInDays").and_then(Value::as_u64) {
            Some(days) => return format!("Keeps the log of the {function} for {days} days."),
            None => "Keeps the log of the function.",
        },
        "AWS::IAM::RolePolicy" if of_databases => match id.trim_start_matches("Database") {
            "FunctionRoleLog" => "Lets the database function write its log.",
            "FunctionRolePasswords" => "Lets the database function generate passwords.",
            "FunctionRoleNetwork" => "Lets Lambda connect the database function to the VPC.",
            "FunctionRoleNotItsCode" => {
                "Denies the code of the database function access to network interfaces."
            }
            "FunctionRoleSecrets" => "Lets the database function rotate its secrets.",
            "FunctionRoleAdministrators" => {
                "Lets the database function read the administrators’ secrets."
            }
            policy if policy.starts_with("FunctionRoleKey") => {
                "Lets the database function use the KMS key of its secrets."
            }
            _ => "A policy of the execution role of the database function.",
        },
        "AWS::IAM::RolePolicy" => match id {
            "FunctionRoleLog" => "Lets the function write its log.",
            "FunctionRoleSecrets" => "Lets the function rotate the stack’s secrets.",
            "FunctionRoleAdministrators" => "Lets the function read the administrators’ secrets.",
            "FunctionRoleUsers" => {
                "Lets the function manage the access keys of the users with `rotate_as: role`."
            }
            "FunctionRoleRecords" => {
                "Lets the function record the keys that it rotates in tags of the users."
            }
            _ if id.starts_with("FunctionRoleKey") => {
                "Lets the function use the KMS key of the secrets."
            }
            _ => "A policy of the execution role of the function.",
        },
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

fn sentence(text: &str) -> String {
    match text.ends_with('.') {
        true => text.to_owned(),
        false => format!("{text}."),
    }
}
