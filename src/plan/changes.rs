//! Whether a stack differs from its rendering, and which changes are refused.

use std::collections::BTreeMap;

use serde_yaml::Value;

use crate::model::Finding;
use crate::port::{Change, ChangeSet, Stack};

/// Returns whether the deployed stack differs from what would be deployed.
///
/// CloudFormation reports this only in the English message of a failed change set, which is not
/// parsed.
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

/// Returns whether two templates have the same meaning, regardless of comments and order.
pub fn same_template(one: &str, other: &str) -> bool {
    let read = serde_yaml::from_str::<Value>;
    matches!((read(one), read(other)), (Ok(one), Ok(other)) if one == other)
}

/// Returns whether `returned` is the text `given` as CloudFormation returns it.
///
/// CloudFormation replaces characters outside ASCII with question marks
/// (<https://github.com/aws-cloudformation/cloudformation-coverage-roadmap/issues/1220>), so a run
/// of such characters equals a run of question marks. Otherwise only line endings and trailing
/// white space may differ: YAML of two different texts could mean one thing to keyrota and another
/// to CloudFormation.
pub fn is_echo(returned: &str, given: &str) -> bool {
    let (returned, given) = (returned.trim_end().lines(), given.trim_end().lines());
    returned.clone().count() == given.clone().count()
        && returned
            .zip(given)
            .all(|(returned, given)| is_echoed_line(returned, given))
}

fn is_echoed_line(mut returned: &str, mut given: &str) -> bool {
    if returned == given {
        return true;
    }
    let lossy = |one: char| one == '?' || !one.is_ascii();
    let run = |text: &str| text.find(|one| !lossy(one)).unwrap_or(text.len());
    loop {
        let plain = given.find(lossy).unwrap_or(given.len());
        let Some(rest) = returned.strip_prefix(&given[..plain]) else {
            return false;
        };
        (returned, given) = (rest, &given[plain..]);
        if given.is_empty() {
            return returned.is_empty();
        }
        let (ours, theirs) = (&given[..run(given)], &returned[..run(returned)]);
        let lost = !ours.is_ascii() && !theirs.is_empty() && theirs.bytes().all(|it| it == b'?');
        if ours != theirs && !lost {
            return false;
        }
        (returned, given) = (&returned[theirs.len()..], &given[ours.len()..]);
    }
}

/// The inputs of a change set, as far as CloudFormation returns them.
#[derive(Clone, Copy, Debug)]
pub struct ChangeSetInputs<'given> {
    /// The rendered template.
    pub template: &'given str,
    /// The stack's parameters.
    pub parameters: &'given BTreeMap<String, String>,
    /// The stack's tags.
    pub tags: &'given BTreeMap<String, String>,
}

/// Returns which input of a change set differs from what was given, or `None` if none does.
pub fn differs_from(given: ChangeSetInputs<'_>, set: &ChangeSet, template: &str) -> Option<String> {
    if !is_echo(template, given.template) {
        let returned = template.lines().map(Some).chain([None]);
        let lines = returned.zip(given.template.lines());
        let place = lines.take_while(|(returned, given)| {
            returned.is_some_and(|returned| is_echoed_line(returned, given))
        });
        return Some(format!(
            "its template differs from line {} on",
            place.count() + 1
        ));
    }
    let differs = |given: &BTreeMap<String, String>, held: &BTreeMap<String, String>| {
        let other = |(key, value): &(&String, &String)| {
            !held.get(*key).is_some_and(|held| is_echo(held, value))
        };
        given.iter().find(other).map(|(key, _)| key.clone())
    };
    if let Some(name) = differs(given.parameters, &set.parameters) {
        return Some(format!("its parameter {name} differs"));
    }
    let tag = differs(given.tags, &set.tags);
    tag.map(|key| format!("its tag {key} differs"))
}

/// Returns how the resources of two templates differ, in the form and order of a change set.
/// Without a deployed template, every resource is added. The resources in `imported` are imported.
///
/// # Errors
///
/// Returns why a template cannot be parsed.
pub fn template_changes(
    deployed: Option<&str>,
    template: &str,
    imported: &[&str],
) -> Result<Vec<Change>, serde_yaml::Error> {
    let root: Value = serde_yaml::from_str(template)?;
    let deployed: Value = match deployed {
        Some(deployed) => serde_yaml::from_str(deployed)?,
        None => Value::Null,
    };
    let change = |action: &str, (id, resource): (&str, &Value)| Change {
        action: action.to_owned(),
        logical_id: id.to_owned(),
        kind: resource
            .get("Type")
            .and_then(Value::as_str)
            .unwrap_or_default()
            .to_owned(),
        replacement: None,
        properties: Vec::new(),
        drift: None,
    };
    let mut changes = Vec::new();
    for (id, resource) in resources(&root) {
        let held = resources(&deployed).find(|(held, _)| *held == id);
        let action = match held {
            _ if imported.contains(&id) => "Import",
            None => "Add",
            Some((_, held)) if held != resource => "Modify",
            Some(_) => continue,
        };
        changes.push(change(action, (id, resource)));
    }
    for (id, held) in resources(&deployed) {
        if !resources(&root).any(|(stays, _)| stays == id) {
            changes.push(change("Remove", (id, held)));
        }
    }
    changes.sort_by(|one, other| one.logical_id.cmp(&other.logical_id));
    Ok(changes)
}

/// Returns the resources of a template with their logical IDs.
fn resources(root: &Value) -> impl Iterator<Item = (&str, &Value)> {
    let all = root.get("Resources").and_then(Value::as_mapping);
    let named = |(id, resource)| Some((Value::as_str(id)?, resource));
    all.into_iter().flatten().filter_map(named)
}

/// Returns a finding for each change that would overwrite or replace a secret's current value.
///
/// If `SecretString` changes, CloudFormation overwrites the rotated value. If `Name` changes, it
/// creates another secret.
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
                    .hint("the seed of a secret cannot change: keep `adopt: true` on the entry of an adopted secret, and leave it out on others; to create another secret, rename it in the manifest"),
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
    fn what_cloudformation_tells_is_the_same_but_for_what_it_loses() {
        for (returned, given) in [
            ("a: b\n", "a: b\n"),
            ("a: b\r\n", "a: b\n"),
            ("a: J?rgen", "a: Jürgen"),
            ("a: J??rgen", "a: Jürgen"),
            ("a: ?", "a: 결제"),
            ("a: ????", "a: ?결제?"),
            ("a: Jürgen", "a: Jürgen"),
            ("a: ??????", "a: ??????"),
        ] {
            assert!(is_echo(returned, given), "{returned} {given}");
        }
        for (returned, given) in [
            ("a: c\n", "a: b\n"),
            ("a: b\nc: d", "a: b"),
            ("a: b", "a: b\nc: d"),
            ("a: ?????", "a: ??????"),
            ("a: J*rgen", "a: Jürgen"),
            ("a: Jrgen", "a: Jürgen"),
            ("a: Järgen", "a: Jürgen"),
            ("a: \"b\"", "a: b"),
        ] {
            assert!(!is_echo(returned, given), "{returned} {given}");
        }
    }

    #[test]
    fn a_change_set_with_something_else_in_it_is_told() {
        let map = |pairs: &[(&str, &str)]| -> BTreeMap<String, String> {
            let pairs = pairs.iter();
            pairs
                .map(|(key, value)| ((*key).into(), (*value).into()))
                .collect()
        };
        let (parameters, tags) = (map(&[("ArtifactKey", "a")]), map(&[("team", "a")]));
        let given = ChangeSetInputs {
            template: "A: 1\nB: 2\n",
            parameters: &parameters,
            tags: &tags,
        };
        let set = |parameters: &[(&str, &str)], tags: &[(&str, &str)]| ChangeSet {
            status: "CREATE_COMPLETE".into(),
            reason: None,
            changes: Vec::new(),
            parameters: map(parameters),
            tags: map(tags),
        };
        let same = set(&[("ArtifactKey", "a"), ("Extra", "x")], &[("team", "a")]);
        assert_eq!(differs_from(given, &same, "A: 1\nB: 2"), None);
        let returned =
            |set: &ChangeSet, template: &str| differs_from(given, set, template).unwrap();
        assert!(returned(&same, "A: 1\nB: 3").contains("line 2"));
        assert!(returned(&same, "A: 1").contains("line 2"));
        let other = set(&[("ArtifactKey", "b")], &[("team", "a")]);
        assert!(returned(&other, given.template).contains("ArtifactKey"));
        let other = set(&[("ArtifactKey", "a")], &[]);
        assert!(returned(&other, given.template).contains("team"));
    }

    #[test]
    fn a_new_stack_is_what_its_template_adds() {
        let template = "Resources:\n  B: { Type: X }\n  A: { Type: Y }\n";
        let added = template_changes(None, template, &[]).unwrap();
        let returned: Vec<_> = added
            .iter()
            .map(|it| (&*it.action, &*it.logical_id, &*it.kind))
            .collect();
        assert_eq!(returned, [("Add", "A", "Y"), ("Add", "B", "X")]);
    }

    #[test]
    fn a_changed_seed_is_refused_and_a_changed_tag_is_not() {
        let change = |property: &str, replacement: &str| Change {
            action: "Modify".into(),
            logical_id: "SecretA".into(),
            kind: "AWS::SecretsManager::Secret".into(),
            replacement: Some(replacement.into()),
            properties: vec![property.into()],
            drift: None,
        };
        assert_eq!(
            refuse_seed_changes(&[change("SecretString", "False")]).len(),
            1
        );
        assert_eq!(refuse_seed_changes(&[change("Name", "True")]).len(), 1);
        assert_eq!(refuse_seed_changes(&[change("Other", "True")]).len(), 1);
        for admitted in ["Tags", "Description"] {
            assert_eq!(refuse_seed_changes(&[change(admitted, "False")]), []);
        }
    }
}
