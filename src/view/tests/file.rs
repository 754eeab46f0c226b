//! Tests the results about changes and written files.

use super::super::{
    BundleResult, GenerateResult, PlanResult, Show as _, VerifiedFunction, VerifyResult,
    WrittenFile,
};
use super::{script, shown};
use crate::model::Finding;
use crate::plan::{Drift, RemovedReplica};
use crate::port::Change;

#[test]
fn plan() {
    let change = |action: &str, kind: &str, replacement: Option<&str>| Change {
        action: action.to_owned(),
        logical_id: "SecretProdApp".to_owned(),
        kind: kind.to_owned(),
        replacement: replacement.map(str::to_owned),
        properties: Vec::new(),
        drift: None,
    };
    let changes = vec![
        change("Add", "AWS::SecretsManager::Secret", None),
        change("Modify", "AWS::Lambda::Function", Some("True")),
        change("Modify", "AWS::IAM::Role", Some("Conditional")),
        change("Remove", "AWS::SNS::Topic", None),
    ];
    let mut result = PlanResult {
        imports: Vec::new(),
        stacks: vec![("keys".to_owned(), changes)],
        drift: Vec::new(),
        removed: Vec::new(),
        first_rotations: Vec::new(),
    };
    insta::assert_snapshot!(shown(&result), @"
    ACTION  RESOURCE       TYPE
    add     SecretProdApp  AWS::SecretsManager::Secret
    modify  SecretProdApp  AWS::Lambda::Function        replaced
    modify  SecretProdApp  AWS::IAM::Role               possibly replaced
    remove  SecretProdApp  AWS::SNS::Topic

    1 to add, 2 to modify, 1 to remove. Nothing was changed.
    ");
    insta::assert_snapshot!(script(&result), @r#"
    {
      "changes": [
        {
          "action": "Add",
          "logical_id": "SecretProdApp",
          "replacement": null,
          "type": "AWS::SecretsManager::Secret"
        },
        {
          "action": "Modify",
          "logical_id": "SecretProdApp",
          "replacement": "True",
          "type": "AWS::Lambda::Function"
        },
        {
          "action": "Modify",
          "logical_id": "SecretProdApp",
          "replacement": "Conditional",
          "type": "AWS::IAM::Role"
        },
        {
          "action": "Remove",
          "logical_id": "SecretProdApp",
          "replacement": null,
          "type": "AWS::SNS::Topic"
        }
      ],
      "deleted_replicas": [],
      "drift": [],
      "first_rotations": [],
      "imports": []
    }
    "#);
    let other = vec![change("Add", "AWS::SecretsManager::Secret", None)];
    result.stacks[0].1.truncate(1);
    result.stacks.push(("keys-001".to_owned(), other));
    insta::assert_snapshot!(shown(&result), @"
    STACK     ACTION  RESOURCE       TYPE
    keys      add     SecretProdApp  AWS::SecretsManager::Secret
    keys-001  add     SecretProdApp  AWS::SecretsManager::Secret

    2 to add, 0 to modify, 0 to remove. Nothing was changed.
    ");
    assert_eq!(result.json()["changes"][1]["stack"], "keys-001");
    let none = PlanResult {
        imports: Vec::new(),
        stacks: vec![("keys".to_owned(), Vec::new())],
        drift: Vec::new(),
        removed: Vec::new(),
        first_rotations: Vec::new(),
    };
    insta::assert_snapshot!(shown(&none), @"No changes. The stack matches the manifest.");
    let drift = Drift {
        logical_id: "SecretProdApp".to_owned(),
        kind: "AWS::SecretsManager::Secret".to_owned(),
        difference: "the tag `keyrota:user` is `victim`, not `ada`".to_owned(),
    };
    let changed = PlanResult {
        imports: Vec::new(),
        drift: vec![("keys".to_owned(), drift)],
        ..none
    };
    insta::assert_snapshot!(shown(&changed), @"
    SecretProdApp: the tag `keyrota:user` is `victim`, not `ada`

    The stack has no changes; `keyrota bootstrap` restores the above. Nothing was changed.
    ");
    assert_eq!(changed.json()["drift"][0]["logical_id"], "SecretProdApp");
}

#[test]
fn a_plan_names_the_replicas_that_it_deletes() {
    let result = PlanResult {
        imports: Vec::new(),
        stacks: vec![(
            "keys".to_owned(),
            vec![Change {
                action: "Modify".to_owned(),
                logical_id: "SecretProdApp".to_owned(),
                kind: "AWS::SecretsManager::Secret".to_owned(),
                replacement: None,
                properties: vec!["ReplicaRegions".to_owned()],
                drift: None,
            }],
        )],
        drift: Vec::new(),
        removed: vec![RemovedReplica {
            secret: "prod/app".to_owned(),
            region: "us-west-2".to_owned(),
        }],
        first_rotations: Vec::new(),
    };
    insta::assert_snapshot!(shown(&result), @"
    ACTION  RESOURCE       TYPE
    modify  SecretProdApp  AWS::SecretsManager::Secret

    The replica of prod/app in us-west-2 is deleted permanently.

    0 to add, 1 to modify, 0 to remove. Nothing was changed.
    ");
    let told = &result.json()["deleted_replicas"][0];
    assert_eq!(
        (&told["secret"], &told["region"]),
        (&"prod/app".into(), &"us-west-2".into())
    );
}

#[test]
fn generate() {
    let file = |path: &str, state| WrittenFile {
        path: path.to_owned(),
        state,
    };
    let written = GenerateResult {
        directory: "rendered".to_owned(),
        checked: false,
        record: None,
        stack_set: None,
        files: vec![
            file("stack.yaml", "written"),
            file("policies/FunctionRole.json", "unchanged"),
        ],
        findings: vec![Finding::warning(
            "alarm-without-subscriber",
            "AlarmTopic",
            "nobody is subscribed",
        )],
    };
    insta::assert_snapshot!(shown(&written), @"
    written    rendered/stack.yaml
    unchanged  rendered/policies/FunctionRole.json
    ");
    insta::assert_snapshot!(script(&written), @r#"
    {
      "directory": "rendered",
      "files": [
        {
          "path": "stack.yaml",
          "state": "written"
        },
        {
          "path": "policies/FunctionRole.json",
          "state": "unchanged"
        }
      ],
      "findings": [
        {
          "hint": null,
          "kind": "alarm-without-subscriber",
          "line": null,
          "message": "nobody is subscribed",
          "path": "AlarmTopic",
          "severity": "warning"
        }
      ],
      "up_to_date": false
    }
    "#);
    let current = GenerateResult {
        checked: true,
        record: None,
        files: vec![file("stack.yaml", "unchanged")],
        ..written
    };
    insta::assert_snapshot!(shown(&current), @"rendered is up to date.");
}

#[test]
fn bundle() {
    let result = BundleResult {
        profile: "function",
        file: "function.zip".to_owned(),
        kind: "access_key",
        architecture: "x86_64",
        source: "built",
        commit: None,
        toolchain: "rustc 1.2.3 (c0ffee), linked by cargo build".to_owned(),
        bytes: 4_711,
        sha256: "5ba9".to_owned(),
        code_sha256: "W6k=".to_owned(),
        executable_sha256: "b00t".to_owned(),
    };
    insta::assert_snapshot!(shown(&result), @"function.zip  built  x86_64  function  4711 bytes  sha256 5ba9");
    insta::assert_snapshot!(script(&result), @r#"
    {
      "architecture": "x86_64",
      "bytes": 4711,
      "code_sha256": "W6k=",
      "commit": null,
      "executable_sha256": "b00t",
      "file": "function.zip",
      "kind": "access_key",
      "profile": "function",
      "sha256": "5ba9",
      "source": "built",
      "toolchain": "rustc 1.2.3 (c0ffee), linked by cargo build"
    }
    "#);
}

#[test]
fn verification() {
    let function = |same| VerifiedFunction {
        kind: "access_key".to_owned(),
        architecture: "x86_64".to_owned(),
        same,
        executable_sha256: "b00t".to_owned(),
        toolchain: "rustc 1.2.3 (c0ffee), linked by cargo build".to_owned(),
        built_sha256: if same { "b00t" } else { "c0de" }.to_owned(),
        built_toolchain: "rustc 1.2.4 (decade), linked by cargo build".to_owned(),
    };
    let result = |same| VerifyResult {
        commit: "0123456".to_owned(),
        functions: vec![function(true), function(same)],
    };
    insta::assert_snapshot!(shown(&result(true)), @"
    access_key for x86_64: the same bytes, sha256 b00t
    access_key for x86_64: the same bytes, sha256 b00t
    ");
    insta::assert_snapshot!(shown(&result(false)), @"
    access_key for x86_64: the same bytes, sha256 b00t
    access_key for x86_64: different bytes
      embedded: sha256 b00t, rustc 1.2.3 (c0ffee), linked by cargo build
      built:    sha256 c0de, rustc 1.2.4 (decade), linked by cargo build

    The bytes depend on the source and on the toolchain: check out the commit 0123456, and use the toolchain of the embedded function.
    ");
    assert_eq!(result(true).json()["same"], true);
    assert_eq!(result(false).json()["same"], false);
}
