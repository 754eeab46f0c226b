//! What earlier versions rendered, in `tests/releases`, against what this one renders: an update
//! must keep each secret, user, and schedule.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use super::tree::Value;
use super::{load_in, parsed, read, render, shards, templates, tree};
use crate::render::resolve;

/// The properties that CloudFormation cannot change without replacing the resource
/// (`createOnlyProperties` in the resource types' schemas), of those that keyrota renders.
const CREATE_ONLY: [(&str, &[&str]); 12] = [
    ("AWS::CloudWatch::Alarm", &["AlarmName"]),
    ("AWS::Events::Rule", &["Name", "EventBusName"]),
    (
        "AWS::IAM::ManagedPolicy",
        &["ManagedPolicyName", "Path", "Description"],
    ),
    ("AWS::IAM::Role", &["RoleName", "Path"]),
    ("AWS::IAM::User", &["UserName"]),
    ("AWS::Lambda::Function", &["FunctionName", "PackageType"]),
    (
        "AWS::Lambda::Permission",
        &[
            "Action",
            "FunctionName",
            "Principal",
            "SourceAccount",
            "SourceArn",
        ],
    ),
    ("AWS::Logs::LogGroup", &["LogGroupName"]),
    ("AWS::SecretsManager::RotationSchedule", &["SecretId"]),
    ("AWS::SecretsManager::Secret", &["Name"]),
    (
        "AWS::SNS::Subscription",
        &["Endpoint", "Protocol", "TopicArn"],
    ),
    ("AWS::SNS::Topic", &["TopicName", "FifoTopic"]),
];

/// Returns the type and the create-only properties of each resource, by its logical ID.
fn identities(stack: &Value) -> BTreeMap<&str, (&str, String)> {
    let identity = |resource| {
        let kind = resolve::type_of(resource);
        let properties = CREATE_ONLY.iter().find(|(one, _)| *one == kind);
        let values = properties.map_or(&[][..], |(_, names)| names).iter();
        let values = values.map(|name| resource.get("Properties").and_then(|all| all.get(name)));
        (
            kind,
            serde_json::to_string(&values.collect::<Vec<_>>()).unwrap(),
        )
    };
    resolve::resources(stack)
        .map(|(id, resource)| (id, identity(resource)))
        .collect()
}

/// Returns the resources that a stack loses or replaces if it is updated with another.
fn lost(before: &Value, after: &Value) -> Vec<String> {
    let after = identities(after);
    let before = identities(before).into_iter();
    before
        .filter(|(id, identity)| after.get(id) != Some(identity))
        .map(|(id, (kind, _))| format!("{id} ({kind})"))
        .collect()
}

/// Returns the folders of all earlier versions, each with a manifest and what was rendered.
fn deployments() -> Vec<PathBuf> {
    let inside = |folder: &Path| {
        let entries = std::fs::read_dir(folder).unwrap();
        let entries = entries.map(|entry| entry.unwrap().path());
        entries.filter(|path| path.is_dir()).collect::<Vec<_>>()
    };
    let releases = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/releases");
    let mut found: Vec<_> = inside(&releases)
        .iter()
        .flat_map(|one| inside(one))
        .collect();
    found.sort();
    found
}

fn stack(folder: &Path) -> Value {
    tree::read(&read(&folder.join("stack.yaml"))).unwrap()
}

#[test]
fn an_update_from_an_earlier_version_keeps_every_resource() {
    let deployments = deployments();
    assert!(deployments.len() >= 3, "{deployments:?}");
    for folder in deployments {
        // The files that the manifests name are those of the examples.
        let loaded = load_in("examples", &read(&folder.join("keyrota.yaml")), None);
        let loaded = loaded.unwrap_or_else(|findings| panic!("{}: {findings:?}", folder.display()));
        let rendering = render(&shards(loaded.model), &templates()).unwrap();
        let lost = lost(&stack(&folder), &parsed(&rendering));
        assert_eq!(lost, Vec::<String>::new(), "{}", folder.display());
    }
}

#[test]
fn what_would_be_replaced_or_deleted_is_found() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/releases/2026-11-28/minimal");
    let text = read(&folder.join("stack.yaml"));
    for (old, new, expected) in [
        (
            "Name: \"payments-keys/ci-deployer\"",
            "Name: \"other\"",
            "AWS::SecretsManager::Secret",
        ),
        ("  Function:\n", "  Other:\n", "AWS::Lambda::Function"),
    ] {
        assert_eq!(text.matches(old).count(), 1, "{old}");
        let changed = tree::read(&text.replace(old, new)).unwrap();
        let found = lost(&stack(&folder), &changed);
        assert_eq!(found.len(), 1, "{found:?}");
        assert!(found[0].ends_with(&format!("({expected})")), "{found:?}");
    }
}
