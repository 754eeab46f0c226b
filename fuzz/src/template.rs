//! A CloudFormation template, as the check of a rendering and the comparison with what is deployed read it.

use std::collections::BTreeMap;

use keyrota::plan::drift::DeployedTemplate;
use keyrota::port::{Stack, StackResource, StackStatus};
use keyrota::render::tree::{self, Value};

/// Reads the template with both readers.
///
/// # Panics
///
/// Panics if a text that one reader accepts means something else to the other one, or if a position is
/// outside of the text.
pub fn run(input: &[u8]) {
    let Ok(text) = std::str::from_utf8(input) else {
        return;
    };
    match tree::read(text) {
        Ok(value) => {
            written(&value);
            deployed(text, &value);
        }
        Err(error) => {
            let lines = text
                .split(['\n', '\r', '\u{85}', '\u{2028}', '\u{2029}'])
                .count();
            let message = error.to_string();
            let line = message
                .rsplit(" at line ")
                .next()
                .and_then(|it| it.split(' ').next());
            let line: usize = line.and_then(|it| it.parse().ok()).expect("it says where");
            assert!((1..=lines).contains(&line), "{message}: {lines} lines");
        }
    }
}

/// Reads a template that keyrota has rendered.
///
/// # Panics
///
/// Panics if the readers differ.
pub fn compare(text: &str) {
    let own = tree::read(text).expect("the check has read it");
    let other: serde_yaml::Value = serde_yaml::from_str(text).expect("it is YAML");
    let json = serde_json::to_value(&own).expect("its keys are text");
    assert_eq!(
        json,
        serde_json::to_value(other).expect("its keys are text")
    );
}

/// Asserts that a value which is written as YAML is read back. A tag is written as a mapping.
fn written(value: &Value) {
    // Keys that are not text, and numbers that JSON lacks, are in no template.
    let Ok(json) = serde_json::to_value(value) else {
        return;
    };
    let text = serde_json::to_string(&json).expect("it was written");
    // Keys may be longer, and a tag that is written as a mapping nested deeper, than YAML allows.
    let Ok(again) = tree::read(&text) else {
        return;
    };
    let again = serde_json::to_value(&again).expect("its keys are text");
    assert_eq!(json, again, "{text}");
}

/// Resolves every property, as the comparison with what is deployed does.
fn deployed(text: &str, value: &Value) {
    let resources = value.get("Resources").and_then(Value::as_mapping);
    let resources = resources
        .into_iter()
        .flatten()
        .filter_map(|(id, resource)| {
            Some(StackResource {
                logical_id: id.as_str()?.to_owned(),
                physical_id: "physical".to_owned(),
                kind: resource.get("Type")?.as_str()?.to_owned(),
                status: "CREATE_COMPLETE".to_owned(),
            })
        });
    let resources: Vec<StackResource> = resources.collect();
    let stack = Stack {
        id: "arn:aws:cloudformation:eu-west-1:111122223333:stack/keys/1".to_owned(),
        name: "keys".to_owned(),
        status: StackStatus("UPDATE_COMPLETE".to_owned()),
        reason: None,
        since: None,
        outputs: BTreeMap::new(),
        parameters: BTreeMap::from([("ArtifactBucket".to_owned(), "bucket".to_owned())]),
        tags: BTreeMap::new(),
    };
    let Ok(template) = DeployedTemplate::read(text, &stack, &resources) else {
        return;
    };
    for one in template.resources() {
        let same = template.resource(one.logical_id);
        assert_eq!(same.map(|it| it.logical_id), Some(one.logical_id));
        for name in NAMES {
            let property = template.property(one, name);
            assert!(property.is_none() || template.has_property(one, name));
            assert!(
                template.text(one, name).is_none() || property.is_some_and(|it| it.is_string())
            );
        }
        let _ = template.code(one);
    }
}

/// Properties that are compared.
const NAMES: [&str; 8] = [
    "Code",
    "Environment",
    "KmsKeyId",
    "Name",
    "Path",
    "PolicyDocument",
    "Role",
    "Tags",
];
