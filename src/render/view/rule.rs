//! The rules and alarms as the templates see them. Each rule is split so that everything it
//! must name fits.

use serde::Serialize;

use super::Tag;
use crate::model::{Entry, Model};
use crate::render::quota::{MAX_DISPLAY_NAME, MAX_EVENT_PATTERN, MAX_TARGET_INPUT, MAX_TARGETS};
use crate::render::resolve::Resolver;
use crate::render::{Strategy, name};

/// The maximum length of a pattern besides the ARNs.
const EVENT_PATTERN_FRAME: usize = 260;
/// The room for ARNs in a pattern.
pub const EVENT_PATTERN_ROOM: usize = MAX_EVENT_PATTERN - EVENT_PATTERN_FRAME;
/// The maximum length of an input besides the ARNs.
const INPUT_FRAME: usize = 40;
/// The room for ARNs in an input.
pub const INPUT_ROOM: usize = MAX_TARGET_INPUT - INPUT_FRAME;
/// The number of secrets per invocation. Each needs a few calls, some of them to an IAM
/// endpoint that may be on another continent, and all must finish within the function's
/// timeout.
pub const MAX_SWEPT: usize = 40;

#[derive(Debug, Serialize)]
pub struct Alarms {
    display_name: String,
    functions: Vec<Watched>,
    pub rules: Vec<Rule>,
    pub subscriptions: Vec<Subscription>,
}

/// A function with the logical IDs of its alarms.
#[derive(Debug, Serialize)]
struct Watched {
    database: bool,
    function: &'static str,
    errors: String,
    /// Absent for databases, since database servers do not hold back an old password.
    held_back: Option<String>,
    overdue: String,
    tags: Vec<Tag>,
}

/// An event rule with the logical IDs of the secrets that it matches.
#[derive(Debug, Serialize)]
pub struct Rule {
    id: String,
    database: bool,
    secrets: Vec<String>,
}

#[derive(Debug, Serialize)]
pub struct Subscription {
    id: String,
    email: String,
}

/// A rule that makes a function sweep secrets, with its permission.
#[derive(Debug, Serialize)]
pub struct Sweep {
    id: String,
    permission_id: String,
    database: bool,
    function: &'static str,
    targets: Vec<Target>,
}

/// One invocation of a sweep, with the logical IDs of its secrets.
#[derive(Debug, Serialize)]
struct Target {
    name: String,
    secrets: Vec<String>,
}

/// Returns the alarms and their topic. They exist without a subscriber too, so that an operator
/// can subscribe without another deployment.
pub fn alarms(
    model: &Model,
    held: &[(Strategy, Vec<&Entry>)],
    tags: &[Tag],
    longest: &Resolver,
) -> Alarms {
    let mut emails = model.alarms.email.clone();
    emails.sort();
    let subscriptions = emails.into_iter().map(|email| Subscription {
        id: name::subscription_logical_id(&email),
        email,
    });
    let rules = held.iter().flat_map(|held| rules(held.0, &held.1, longest));
    Alarms {
        display_name: format!("keyrota {}", model.stack)
            .chars()
            .take(MAX_DISPLAY_NAME)
            .collect(),
        functions: held.iter().map(|held| watched(held.0, tags)).collect(),
        rules: rules.collect(),
        subscriptions: subscriptions.collect(),
    }
}

fn watched(strategy: Strategy, tags: &[Tag]) -> Watched {
    let id = |alarm: &str| format!("{}{alarm}", strategy.prefix());
    Watched {
        database: strategy == Strategy::Databases,
        function: strategy.function(),
        errors: id("FunctionErrorsAlarm"),
        held_back: (strategy == Strategy::AccessKeys).then(|| id("KeysHeldBackAlarm")),
        overdue: id("RotationOverdueAlarm"),
        tags: tags.to_vec(),
    }
}

fn rules(strategy: Strategy, entries: &[&Entry], longest: &Resolver) -> Vec<Rule> {
    let base = format!("{}RotationFailedRule", strategy.prefix());
    let mut rules: Vec<Rule> = Vec::new();
    let mut size = MAX_EVENT_PATTERN;
    for entry in entries {
        let length = longest.secret_arn(entry.secret.as_str()).len() + 3;
        if size + length > MAX_EVENT_PATTERN {
            rules.push(Rule {
                id: numbered(&base, rules.len()),
                database: strategy == Strategy::Databases,
                secrets: Vec::new(),
            });
            size = EVENT_PATTERN_FRAME;
        }
        size += length;
        if let Some(rule) = rules.last_mut() {
            rule.secrets.push(name::secret_logical_id(entry));
        }
    }
    rules
}

/// Returns the rules that make a function sweep every secret. The secrets are split so that
/// each invocation receives its secrets in one input, and finishes soon.
pub fn sweeps(strategy: Strategy, entries: &[&Entry], longest: &Resolver) -> Vec<Sweep> {
    let mut parts: Vec<Vec<String>> = Vec::new();
    let mut size = MAX_TARGET_INPUT;
    for entry in entries {
        // Two quotation marks, a comma, and the space that a folded line break becomes.
        let length = longest.secret_arn(entry.secret.as_str()).len() + 4;
        let full = |part: &Vec<String>| part.len() >= MAX_SWEPT;
        if size + length > MAX_TARGET_INPUT || parts.last().is_none_or(full) {
            parts.push(Vec::new());
            size = INPUT_FRAME;
        }
        size += length;
        if let Some(part) = parts.last_mut() {
            part.push(name::secret_logical_id(entry));
        }
    }
    let prefix = strategy.prefix();
    let rules = parts.chunks(MAX_TARGETS).enumerate();
    let rule = |(index, parts): (usize, &[Vec<String>])| Sweep {
        id: numbered(&format!("{prefix}SweepRule"), index),
        permission_id: numbered(&format!("{prefix}SweepPermission"), index),
        database: strategy == Strategy::Databases,
        function: strategy.function(),
        targets: parts
            .iter()
            .enumerate()
            .map(|(index, secrets)| Target {
                name: numbered(strategy.function(), index),
                secrets: secrets.clone(),
            })
            .collect(),
    };
    rules.map(rule).collect()
}

/// Returns `NAME`, `NAME2`, `NAME3`, and so on.
fn numbered(name: &str, index: usize) -> String {
    match index {
        0 => name.to_owned(),
        more => format!("{name}{}", more + 1),
    }
}
