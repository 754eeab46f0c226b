//! Tests the results about stacks, secrets, and keys.

use super::super::{
    BootstrapResult, CredentialsResult, DeployedFunction, DeployedSecret, RotateResult,
    RotatedSecret, SandboxResult, Show,
};
use super::{script, shown};
use crate::plan::{Item, StackReport};
use crate::run::TeardownReport;

pub fn stack() -> StackReport {
    StackReport {
        name: "keys".to_owned(),
        id: "arn:aws:cloudformation:eu-west-1:111122223333:stack/keys/1".to_owned(),
        status: "CREATE_COMPLETE".to_owned(),
    }
}

#[test]
fn bootstrap() {
    let secret = |name: &str, rotated, verified| DeployedSecret {
        name: name.to_owned(),
        arn: "arn:one".to_owned(),
        kind: "access_key",
        username: "app".to_owned(),
        access_key_id: Some("AKIANEW".to_owned()),
        version_id: "two".to_owned(),
        rotated,
        verified,
        first_rotation: None,
    };
    let mut result = BootstrapResult {
        stack: stack(),
        stacks: Vec::new(),
        function: DeployedFunction {
            arn: "arn:function".to_owned(),
            code_sha256: "c2hh".to_owned(),
        },
        database_function: None,
        service_function: None,
        service_no_vpc_function: None,
        secrets: vec![secret("prod/app", true, true)],
        changes: 1,
    };
    insta::assert_snapshot!(script(&result), @r#"
    {
      "changes": 1,
      "function": {
        "arn": "arn:function",
        "code_sha256": "c2hh"
      },
      "secrets": [
        {
          "access_key_id": "AKIANEW",
          "arn": "arn:one",
          "first_rotation": null,
          "kind": "access_key",
          "name": "prod/app",
          "rotated": true,
          "username": "app",
          "verified": true,
          "version_id": "two"
        }
      ],
      "stack": {
        "id": "arn:aws:cloudformation:eu-west-1:111122223333:stack/keys/1",
        "name": "keys",
        "status": "CREATE_COMPLETE"
      }
    }
    "#);
    result.secrets.push(secret("prod/other-app", false, true));
    result.changes = 0;
    insta::assert_snapshot!(shown(&result), @"
    SECRET          USER  ACCESS KEY
    prod/app        app   AKIANEW     rotated, verified
    prod/other-app  app   AKIANEW     verified

    Stack keys is CREATE_COMPLETE (no changes).
    ");
}

#[test]
fn rotate() {
    let rotated = RotatedSecret {
        name: "prod/app".to_owned(),
        arn: Some("arn:one".to_owned()),
        username: "app".to_owned(),
        old_access_key_id: Some("AKIAOLD".to_owned()),
        new_access_key_id: Some("AKIANEW".to_owned()),
        version_id: Some("two".to_owned()),
        verified: true,
        restored: false,
        old_key_status: None,
        leak: None,
        error: None,
    };
    let restored = RotatedSecret {
        restored: true,
        ..rotated.clone()
    };
    let failed = RotatedSecret {
        name: "prod/other".to_owned(),
        new_access_key_id: None,
        version_id: None,
        verified: false,
        error: Some("the rotation of prod/other failed: no".to_owned()),
        ..rotated.clone()
    };
    let result = RotateResult {
        secrets: vec![rotated, failed, restored],
    };
    insta::assert_snapshot!(shown(&result), @"
    SECRET      USER  OLD KEY  NEW KEY
    prod/app    app   AKIAOLD  AKIANEW  verified
    prod/other  app   AKIAOLD  -        failed, see above
    prod/app    app   AKIAOLD  AKIANEW  restored, verified
    ");
    insta::assert_snapshot!(script(&result), @r#"
    {
      "secrets": [
        {
          "arn": "arn:one",
          "error": null,
          "name": "prod/app",
          "new_access_key_id": "AKIANEW",
          "old_access_key_id": "AKIAOLD",
          "restored": false,
          "username": "app",
          "verified": true,
          "version_id": "two"
        },
        {
          "arn": "arn:one",
          "error": "the rotation of prod/other failed: no",
          "name": "prod/other",
          "new_access_key_id": null,
          "old_access_key_id": "AKIAOLD",
          "restored": false,
          "username": "app",
          "verified": false,
          "version_id": null
        },
        {
          "arn": "arn:one",
          "error": null,
          "name": "prod/app",
          "new_access_key_id": "AKIANEW",
          "old_access_key_id": "AKIAOLD",
          "restored": true,
          "username": "app",
          "verified": true,
          "version_id": "two"
        }
      ]
    }
    "#);
}

#[test]
fn teardown() {
    let note = |text: &str| Some(text.to_owned());
    let result = TeardownReport {
        deleted: vec![
            Item::new("stack", "keys", None),
            Item::new("secret", "prod/app", note("can be restored until then")),
        ],
        retained: vec![Item::new("access key", "AKIANEW", note("stays active"))],
        left_over: vec![Item::new("access key", "AKIAOLD", note("still in use"))],
    };
    insta::assert_snapshot!(shown(&result), @"
    Deleted
      stack   keys
      secret  prod/app (can be restored until then)
    Retained
      access key  AKIANEW (stays active)
    Left over
      access key  AKIAOLD (still in use)
    ");
    insta::assert_snapshot!(script(&result), @r#"
    {
      "deleted": [
        {
          "name": "keys",
          "note": null,
          "type": "stack"
        },
        {
          "name": "prod/app",
          "note": "can be restored until then",
          "type": "secret"
        }
      ],
      "left_over": [
        {
          "name": "AKIAOLD",
          "note": "still in use",
          "type": "access key"
        }
      ],
      "retained": [
        {
          "name": "AKIANEW",
          "note": "stays active",
          "type": "access key"
        }
      ]
    }
    "#);
    insta::assert_snapshot!(shown(&TeardownReport::default()), @"There is nothing to delete.");
}

#[test]
fn credentials_and_sandbox() {
    let result = CredentialsResult {
        id: "AKIANEW".to_owned(),
        secret: "hush".into(),
    };
    assert!(!format!("{result:?}").contains("hush"));
    let text: serde_json::Value = serde_json::from_str(&shown(&result)).unwrap();
    assert_eq!(text, result.json());
    insta::assert_snapshot!(script(&result), @r#"
    {
      "AccessKeyId": "AKIANEW",
      "SecretAccessKey": "hush",
      "Version": 1
    }
    "#);
    let sandbox = SandboxResult {
        endpoint_url: "http://127.0.0.1:4566".to_owned(),
        access_key_id: "AKIAROOT".to_owned(),
        secret_access_key: "hush/+".into(),
        region: "eu-west-1".to_owned(),
        like_aws: true,
    };
    assert!(!format!("{sandbox:?}").contains("hush"));
    insta::assert_snapshot!(shown(&sandbox), @"
    export AWS_ENDPOINT_URL=http://127.0.0.1:4566
    export AWS_ACCESS_KEY_ID=AKIAROOT
    export AWS_SECRET_ACCESS_KEY=hush/+
    export AWS_REGION=eu-west-1
    export AWS_DEFAULT_REGION=eu-west-1
    export KEYROTA_LIKE_AWS=1
    ");
    insta::assert_snapshot!(script(&sandbox), @r#"
    {
      "access_key_id": "AKIAROOT",
      "endpoint_url": "http://127.0.0.1:4566",
      "like_aws": true,
      "region": "eu-west-1",
      "secret_access_key": "hush/+"
    }
    "#);
}
