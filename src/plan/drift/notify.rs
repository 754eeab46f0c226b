//! What a resource of `notify` is there for, which its logical ID does not say.

use serde_json::{Value as Json, json};

use super::{DeployedResource, DeployedTemplate, PERMISSION};
use crate::render::NOTIFY_PERMISSION;

/// The most secrets that a text names.
const SHOWN: usize = 5;

/// Returns what a resource is there for, after "it": a rule names its targets and secrets, and the
/// permission of a rule its function.
pub(super) fn purpose(
    template: &DeployedTemplate<'_>,
    resource: DeployedResource<'_>,
) -> Option<String> {
    match resource.kind {
        "AWS::Events::Rule" => {
            let pattern = template.property(resource, "EventPattern")?;
            if pattern.get("source") != Some(&json!(["aws.secretsmanager"])) {
                return None;
            }
            let targets = template.property(resource, "Targets")?;
            let targets: Vec<&str> = items(&targets)
                .filter_map(|target| target.get("Arn")?.as_str())
                .collect();
            let secrets: Vec<&str> = items(pattern.get("resources")?)
                .filter_map(Json::as_str)
                .map(secret_name)
                .collect();
            let more = match secrets.len().checked_sub(SHOWN) {
                None | Some(0) => String::new(),
                Some(more) => format!(" and {more} more"),
            };
            let secrets = secrets.get(..SHOWN).unwrap_or(&secrets).join(", ");
            Some(format!(
                "notifies {} of promotions of {secrets}{more}",
                targets.join(", ")
            ))
        }
        PERMISSION if resource.logical_id.starts_with(NOTIFY_PERMISSION) => {
            let function = template.text(resource, "FunctionName")?;
            Some(format!("lets EventBridge notify {function} of promotions"))
        }
        _ => None,
    }
}

fn items(list: &Json) -> impl Iterator<Item = &Json> {
    list.as_array().into_iter().flatten()
}

/// Returns the name in the ARN of a secret, which ends with a hyphen and six characters.
fn secret_name(arn: &str) -> &str {
    let name = arn.split_once(":secret:").map_or(arn, |(_, name)| name);
    name.rsplit_once('-').map_or(name, |(name, _)| name)
}
