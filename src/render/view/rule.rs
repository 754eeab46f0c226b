//! The rules and alarms as the templates see them. Each rule is split so that everything it
//! must name fits.

use serde_json::{Value as Json, json};

use super::Tag;
use crate::model::{Entry, Model};
use crate::render::quota::{MAX_DISPLAY_NAME, MAX_EVENT_PATTERN, MAX_TARGET_INPUT, MAX_TARGETS};
use crate::render::resolve::Resolver;
use crate::render::{FunctionCode, Strategy, name};

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

/// Returns the alarms and their topic. They exist without a subscriber too, so that an operator
/// can subscribe without another deployment.
pub fn alarms(
    model: &Model,
    held: &[(Strategy, Vec<&Entry>)],
    tags: &[Tag],
    longest: &Resolver,
) -> Json {
    let mut emails = model.alarms.email.clone();
    emails.sort();
    let subscription =
        |email: String| json!({ "id": name::subscription_logical_id(&email), "email": email });
    let subscriptions: Vec<Json> = emails.into_iter().map(subscription).collect();
    let rules = held.iter().flat_map(|held| rules(held.0, &held.1, longest));
    let name = format!("keyrota {}", model.stack);
    json!({
        "display_name": name.chars().take(MAX_DISPLAY_NAME).collect::<String>(),
        "functions": held.iter().map(|held| watched(held.0, tags)).collect::<Vec<_>>(),
        "rules": rules.collect::<Vec<_>>(),
        "subscriptions": subscriptions,
    })
}

/// Returns a function with the logical IDs of its alarms.
fn watched(strategy: Strategy, tags: &[Tag]) -> Json {
    let id = |alarm: &str| format!("{}{alarm}", strategy.prefix());
    // No server holds back an old password.
    let held_back = (strategy == Strategy::AccessKeys).then(|| id("KeysHeldBackAlarm"));
    json!({
        "database": strategy == Strategy::Databases,
        "service": strategy.code() == FunctionCode::Services,
        "outside": strategy == Strategy::ServicesOutside,
        "passwords": strategy.makes_passwords(),
        "function": strategy.function(),
        "errors": id("FunctionErrorsAlarm"),
        "held_back": held_back,
        "overdue": id("RotationOverdueAlarm"),
        "stuck": id("RotationStuckAlarm"),
        "tags": tags,
    })
}

/// Returns the event rules, with the logical IDs of the secrets that each one matches.
fn rules(strategy: Strategy, entries: &[&Entry], longest: &Resolver) -> Vec<Json> {
    let base = format!("{}RotationFailedRule", strategy.prefix());
    let mut parts: Vec<Vec<String>> = Vec::new();
    let mut size = MAX_EVENT_PATTERN;
    for entry in entries {
        let length = longest.secret_arn(entry.secret.as_str()).len() + 3;
        if size + length > MAX_EVENT_PATTERN {
            parts.push(Vec::new());
            size = EVENT_PATTERN_FRAME;
        }
        size += length;
        if let Some(part) = parts.last_mut() {
            part.push(name::secret_logical_id(entry));
        }
    }
    let rule = |(index, secrets)| {
        json!({
            "id": numbered(&base, index),
            "database": strategy == Strategy::Databases,
            "service": strategy.code() == FunctionCode::Services,
            "outside": strategy == Strategy::ServicesOutside,
            "passwords": strategy.makes_passwords(),
            "secrets": secrets,
        })
    };
    parts.into_iter().enumerate().map(rule).collect()
}

/// Returns the rules that make a function sweep every secret. The secrets are split so that
/// each invocation receives its secrets in one input, and finishes soon.
pub fn sweeps(strategy: Strategy, entries: &[&Entry], longest: &Resolver) -> Vec<Json> {
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
    let target = |(index, secrets): (usize, &Vec<String>)| json!({ "name": numbered(strategy.function(), index), "secrets": secrets });
    let rule = |(index, parts): (usize, &[Vec<String>])| {
        json!({
            "id": numbered(&format!("{prefix}SweepRule"), index),
            "permission_id": numbered(&format!("{prefix}SweepPermission"), index),
            "database": strategy == Strategy::Databases,
            "service": strategy.code() == FunctionCode::Services,
            "outside": strategy == Strategy::ServicesOutside,
            "passwords": strategy.makes_passwords(),
            "function": strategy.function(),
            "targets": parts.iter().enumerate().map(target).collect::<Vec<_>>(),
        })
    };
    rules.map(rule).collect()
}

/// Returns `NAME`, `NAME2`, `NAME3`, and so on.
pub(super) fn numbered(name: &str, index: usize) -> String {
    match index {
        0 => name.to_owned(),
        more => format!("{name}{}", more + 1),
    }
}
