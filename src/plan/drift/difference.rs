//! How a property differs, in words that show nothing secret.

use std::collections::BTreeMap;

use serde_json::Value as Json;

use crate::port::{DifferenceKind, PropertyDifference};

/// The properties whose values are shown. The value of any other property may be something that
/// another principal put there and that must not be shown, such as a variable of a function's
/// environment.
const SHOWN: [&str; 30] = [
    "Action",
    "ActionsEnabled",
    "AliasName",
    "Architectures",
    "ComparisonOperator",
    "DisplayName",
    "EnableKeyRotation",
    "Endpoint",
    "EvaluationPeriods",
    "Handler",
    "KmsKeyId",
    "KmsMasterKeyId",
    "MemorySize",
    "MetricName",
    "Namespace",
    "Path",
    "Period",
    "PermissionsBoundary",
    "Principal",
    "Protocol",
    "RetentionInDays",
    "Role",
    "Runtime",
    "ScheduleExpression",
    "SourceAccount",
    "SourceArn",
    "State",
    "TargetKeyId",
    "Threshold",
    "Timeout",
];

/// A value is cut after so many characters.
const LONGEST: usize = 200;

/// Returns the differences of a resource's properties, one text for each. Tags whose keys are not
/// in the template belong to others.
pub fn differences(found: &[PropertyDifference]) -> Vec<String> {
    let (tags, others): (Vec<_>, Vec<_>) = found
        .iter()
        .partition(|one| one.path == "/Tags" || one.path.starts_with("/Tags/"));
    let mut texts: Vec<String> = others.into_iter().map(difference).collect();
    for tag in tags {
        texts.extend(tag_difference(tag));
    }
    texts.sort();
    texts.dedup();
    texts
}

fn difference(found: &PropertyDifference) -> String {
    let path = &found.path;
    let name = path.split('/').nth(1).unwrap_or_default();
    let is_shown = SHOWN.contains(&name);
    match found.difference {
        DifferenceKind::Added => format!("`{path}` is not in the template"),
        DifferenceKind::Removed => format!("`{path}` is missing"),
        DifferenceKind::NotEqual if is_shown => format!(
            "`{path}` is {}, not {}",
            shown(&found.actual),
            shown(&found.expected)
        ),
        DifferenceKind::NotEqual => format!("`{path}` differs"),
    }
}

/// Returns a value for people, without the quotation marks of JSON.
fn shown(value: &str) -> String {
    let text = match serde_json::from_str(value) {
        Ok(Json::String(text)) => text,
        _ => value.to_owned(),
    };
    match text.char_indices().nth(LONGEST) {
        Some((end, _)) => format!("`{}…`", &text[..end]),
        None => format!("`{text}`"),
    }
}

/// Returns how tags differ, unless only tags with other keys were added.
fn tag_difference(found: &PropertyDifference) -> Option<String> {
    if found.path != "/Tags" {
        return match found.difference {
            DifferenceKind::Added => None,
            _ => Some(difference(found)),
        };
    }
    let (Some(expected), Some(actual)) = (tags(&found.expected), tags(&found.actual)) else {
        return Some(difference(found));
    };
    let differs = |(key, value): &(&String, &String)| actual.get(*key) != Some(*value);
    let keys: Vec<String> = expected
        .iter()
        .filter(differs)
        .map(|(key, _)| format!("`{key}`"))
        .collect();
    match keys.as_slice() {
        [] => None,
        [key] => Some(format!("the tag {key} differs")),
        keys => Some(format!("the tags {} differ", keys.join(", "))),
    }
}

fn tags(list: &str) -> Option<BTreeMap<String, String>> {
    let list: Vec<Json> = serde_json::from_str(list).ok()?;
    let text = |tag: &Json, key: &str| Some(tag.get(key)?.as_str()?.to_owned());
    list.iter()
        .map(|tag| Some((text(tag, "Key")?, text(tag, "Value")?)))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(
        path: &str,
        difference: DifferenceKind,
        expected: &str,
        actual: &str,
    ) -> PropertyDifference {
        PropertyDifference {
            path: path.to_owned(),
            expected: expected.to_owned(),
            actual: actual.to_owned(),
            difference,
        }
    }

    #[test]
    fn a_value_is_shown_only_if_it_cannot_be_a_secret() {
        use DifferenceKind::{Added, NotEqual, Removed};
        let list = [
            found("/MemorySize", NotEqual, "256", "128"),
            found("/State", NotEqual, "\"ENABLED\"", "\"DISABLED\""),
            found("/Environment/Variables/TOKEN", NotEqual, "a", "hush"),
            found("/Environment/Variables/OTHER", Added, "", "hush"),
            found("/Description", NotEqual, "what it is", "hush"),
            found("/PolicyDocument/Statement/0", Removed, "hush", ""),
        ];
        let texts = differences(&list);
        assert_eq!(
            texts,
            [
                "`/Description` differs",
                "`/Environment/Variables/OTHER` is not in the template",
                "`/Environment/Variables/TOKEN` differs",
                "`/MemorySize` is `128`, not `256`",
                "`/PolicyDocument/Statement/0` is missing",
                "`/State` is `DISABLED`, not `ENABLED`",
            ]
        );
        assert!(!format!("{list:?}").contains("hush"));
    }

    #[test]
    fn tags_of_others_are_no_difference() {
        use DifferenceKind::{Added, NotEqual, Removed};
        let wanted = r#"[{"Key":"team","Value":"payments"},{"Key":"env","Value":"prod"}]"#;
        let of = |actual: &str| differences(&[found("/Tags", NotEqual, wanted, actual)]);
        let more = r#"[{"Key":"env","Value":"prod"},{"Key":"keyrota:keys","Value":"x"},
            {"Key":"team","Value":"payments"}]"#;
        assert!(of(more).is_empty());
        let other = r#"[{"Key":"env","Value":"test"}]"#;
        assert_eq!(of(other), ["the tags `env`, `team` differ"]);
        assert_eq!(of("gone"), ["`/Tags` differs"]);
        assert!(differences(&[found("/Tags/2", Added, "", "{}")]).is_empty());
        assert_eq!(
            differences(&[found("/Tags/0", Removed, "{}", "")]),
            ["`/Tags/0` is missing"]
        );
    }
}
