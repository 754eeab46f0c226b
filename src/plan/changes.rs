//! Whether a stack differs from its rendering, and what must never change.

use std::collections::BTreeMap;

use serde_yaml::Value;

use crate::model::Finding;
use crate::port::{Change, Stack};

/// Returns whether the deployed stack differs from what would be deployed.
///
/// CloudFormation says so only in the English text of a failed change set, so
/// it is not asked.
pub fn needs_update(
    stack: &Stack,
    deployed_template: &str,
    template: &str,
    parameters: &BTreeMap<String, String>,
    tags: &BTreeMap<String, String>,
) -> bool {
    let same_tags = tags
        .iter()
        .all(|(key, value)| stack.tags.get(key) == Some(value))
        && stack.tags.len() == tags.len();
    !(stack.status.succeeded()
        && same_tags
        && stack.parameters == *parameters
        && (deployed_template == template || same_template(deployed_template, template)))
}

/// Returns whether two templates say the same, whatever their comments and order.
pub fn same_template(one: &str, other: &str) -> bool {
    let read = serde_yaml::from_str::<Value>;
    matches!((read(one), read(other)), (Ok(one), Ok(other)) if one == other)
}

/// Returns a finding for each change that would overwrite or replace a secret's
/// live value.
///
/// CloudFormation stores a changed `SecretString` over the rotated value, and a
/// changed `Name` makes another secret.
pub fn refuse_seed_changes(changes: &[Change]) -> Vec<Finding> {
    const SEEDS: [&str; 3] = ["SecretString", "GenerateSecretString", "Name"];
    let secrets = changes
        .iter()
        .filter(|change| change.kind == "AWS::SecretsManager::Secret" && change.action == "Modify");
    secrets
        .filter_map(|change| {
            let property = SEEDS
                .into_iter()
                .find(|seed| change.properties.iter().any(|held| held == seed));
            let replaced = change.replacement.as_deref() == Some("True");
            let what = match property {
                Some(property) => format!("`{property}` would change"),
                None if replaced => "the secret would be replaced".to_owned(),
                None => return None,
            };
            let message = format!("{what}, and the rotated value would be lost");
            Some(
                Finding::error("seed-change", change.logical_id.clone(), message)
                    .hint("the first value of a secret is frozen; rename the secret in the manifest to make another"),
            )
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::port::StackStatus;

    fn stack() -> Stack {
        Stack {
            id: "arn".into(),
            name: "keys".into(),
            status: StackStatus("UPDATE_COMPLETE".into()),
            reason: None,
            since: None,
            outputs: BTreeMap::new(),
            parameters: BTreeMap::from([("ArtifactKey".into(), "a".into())]),
            tags: BTreeMap::from([("team".into(), "a".into())]),
        }
    }

    #[test]
    fn a_comment_is_no_difference_and_a_value_is() {
        let held = stack();
        let differs = |template: &str, parameters: &[(&str, &str)], tags: &[(&str, &str)]| {
            let map = |pairs: &[(&str, &str)]| {
                pairs
                    .iter()
                    .map(|(key, value)| ((*key).into(), (*value).into()))
                    .collect()
            };
            needs_update(&held, "A: !Ref B\n", template, &map(parameters), &map(tags))
        };
        let (key, tag) = ([("ArtifactKey", "a")], [("team", "a")]);
        assert!(!differs("# why\nA: !Ref B\n", &key, &tag));
        assert!(differs("A: !Ref C\n", &key, &tag));
        assert!(differs("A: !Ref B\n", &[("ArtifactKey", "b")], &tag));
        assert!(differs("A: !Ref B\n", &key, &[]));
        let failed = Stack {
            status: StackStatus("UPDATE_ROLLBACK_COMPLETE".into()),
            ..stack()
        };
        let parameters = failed.parameters.clone();
        assert!(needs_update(
            &failed,
            "A: 1",
            "A: 1",
            &parameters,
            &failed.tags
        ));
    }

    #[test]
    fn a_changed_seed_is_refused_and_a_changed_tag_is_not() {
        let change = |property: &str, replacement: &str| Change {
            action: "Modify".into(),
            logical_id: "SecretA".into(),
            kind: "AWS::SecretsManager::Secret".into(),
            replacement: Some(replacement.into()),
            properties: vec![property.into()],
        };
        assert_eq!(
            refuse_seed_changes(&[change("SecretString", "False")]).len(),
            1
        );
        assert_eq!(refuse_seed_changes(&[change("Name", "True")]).len(), 1);
        assert_eq!(refuse_seed_changes(&[change("Other", "True")]).len(), 1);
        assert!(refuse_seed_changes(&[change("Tags", "False")]).is_empty());
    }
}
