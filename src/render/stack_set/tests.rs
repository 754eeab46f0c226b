//! The files of a StackSet, what is refused, and what is explained.

use std::collections::BTreeSet;

use super::{StackSet, render_stack_set};
use crate::model::{Finding, load};
use crate::render::tree::{self, Value};
use crate::render::{Error, Fleet, Record, Templates};

/// Units, whose accounts need nobody.
const UNITS: &str = "\
version: 1
stack: vendor-keys
tags: { team: payments }
accounts:
  - { ou: ou-ab12-cdef3456, regions: [eu-west-1] }
  - { ou: r-ab12, regions: [eu-central-1] }
access_keys:
  - { user: vendor-sftp, create_user: true, rotate_as: role }
";

/// Accounts, and entries that wait for `keyrota bootstrap`.
const ACCOUNTS: &str = "\
version: 1
stack: shop
region: eu-west-1
accounts:
  - { id: \"444455556666\", regions: [us-east-1, eu-west-1] }
  - { id: \"111122223333\" }
  - { ou: ou-ab12-cdef3456 }
databases:
  - { secret: shop/orders, engine: postgres, host: orders.internal, username: orders }
";

fn fleet(manifest: &str) -> Fleet {
    let model = load(manifest, None).unwrap().model;
    Fleet::of(model, Record::default()).unwrap()
}

fn rendered(manifest: &str) -> StackSet {
    render_stack_set(
        &fleet(manifest),
        &Templates::built_in().unwrap(),
        "rendered",
    )
    .unwrap()
}

/// Returns the kinds, paths, and lines of the errors.
fn refused(manifest: &str) -> Vec<String> {
    let templates = Templates::built_in().unwrap();
    match render_stack_set(&fleet(manifest), &templates, "rendered") {
        Err(Error::Refused(found)) => {
            let errors = found.iter().filter(|finding| finding.is_error());
            errors
                .map(|finding| format!("{} {}", finding.kind, finding.path))
                .collect()
        }
        Err(error) => panic!("{error}"),
        Ok(_) => Vec::new(),
    }
}

fn template(stack_set: &StackSet, file: &str) -> Value {
    tree::read(&stack_set.files[&format!("stack-set/{file}")]).unwrap()
}

fn properties<'stack>(stack: &'stack Value, id: &str) -> &'stack Value {
    let resource = stack.get("Resources").and_then(|all| all.get(id));
    resource.and_then(|it| it.get("Properties")).unwrap()
}

#[test]
fn units_whose_accounts_need_nobody() {
    let stack_set = rendered(UNITS);
    insta::assert_snapshot!(
        "units-stack-set",
        stack_set.files["stack-set/stack-set.yaml"]
    );
    insta::assert_snapshot!(
        "units-bucket",
        stack_set.files["stack-set/artifact-bucket.yaml"]
    );
    insta::assert_snapshot!("units-member", stack_set.files["stack-set/stack.yaml"]);
    insta::assert_snapshot!(
        "units-administrator",
        stack_set.files["stack-set/administrator-policy.json"]
    );
    insta::assert_debug_snapshot!("units-steps", stack_set.steps);
    let files: Vec<&str> = stack_set.files.keys().map(String::as_str).collect();
    insta::assert_snapshot!(files.join("\n"), @"
    stack-set/administrator-policy.json
    stack-set/artifact-bucket.yaml
    stack-set/deployer-policy-1.json
    stack-set/deployer-policy-2.json
    stack-set/deployer-policy-3.json
    stack-set/deployer-policy-4.json
    stack-set/deployer-policy.json
    stack-set/pins/function.json
    stack-set/policies/alarm-topic-policy.json
    stack-set/policies/artifact-bucket.json
    stack-set/policies/function-role-log.json
    stack-set/policies/function-role-secrets.json
    stack-set/policies/function-role-trust.json
    stack-set/policies/function-role-users.json
    stack-set/policies/function.json
    stack-set/review.html
    stack-set/stack-set.yaml
    stack-set/stack.yaml
    ");
    assert_eq!(stack_set.first_credentials[0].by, "rotation");
}

#[test]
fn accounts_that_wait_for_a_bootstrap() {
    let stack_set = rendered(ACCOUNTS);
    insta::assert_snapshot!(
        "accounts-stack-set",
        stack_set.files["stack-set/stack-set.yaml"]
    );
    insta::assert_debug_snapshot!("accounts-steps", stack_set.steps);
    assert_eq!(stack_set.first_credentials[0].by, "bootstrap");
    assert!(stack_set.first_credentials[0].how.contains("asks for it"));
}

/// Nothing in the template of the members names one of their accounts or Regions.
#[test]
fn one_template_serves_every_account_and_region() {
    for manifest in [UNITS, ACCOUNTS] {
        let stack_set = rendered(manifest);
        let text = &stack_set.files["stack-set/stack.yaml"];
        for name in [
            "eu-west-1",
            "eu-central-1",
            "us-east-1",
            "111122223333",
            "444455556666",
        ] {
            assert!(!text.contains(name), "{name}");
        }
        for (file, text) in &stack_set.files {
            let is_of_a_member =
                file.contains("/policies/") || file.ends_with("deployer-policy.json");
            assert!(!is_of_a_member || !text.contains("eu-west-1"), "{file}");
        }
    }
}

/// The order of the accounts and of their Regions changes nothing.
#[test]
fn the_order_of_the_accounts_has_no_meaning() {
    let turned = ACCOUNTS
        .replace("[us-east-1, eu-west-1]", "[eu-west-1, us-east-1]")
        .replace(
            "  - { id: \"111122223333\" }\n  - { ou: ou-ab12-cdef3456 }\n",
            "  - { ou: ou-ab12-cdef3456 }\n  - { id: \"111122223333\" }\n",
        );
    assert_ne!(turned, ACCOUNTS);
    let (one, other) = (rendered(ACCOUNTS), rendered(&turned));
    let file = "stack-set/stack-set.yaml";
    assert_eq!(one.files[file], other.files[file]);
}

/// The stack of a member is the one that `bootstrap` deploys, except for its bucket, and for the start
/// of the first rotation.
#[test]
fn a_member_differs_from_the_stack_only_in_what_is_said() {
    let fleet = fleet(UNITS);
    let templates = Templates::built_in().unwrap();
    let plain = crate::render::render(&fleet.shards, &templates).unwrap();
    let member = rendered(UNITS);
    let lines = |text: &str| -> BTreeSet<String> { text.lines().map(str::to_owned).collect() };
    let (plain, member) = (
        lines(plain.stacks()[0]),
        lines(&member.files["stack-set/stack.yaml"]),
    );
    let only: Vec<&String> = member.difference(&plain).collect();
    let without_comments = only
        .iter()
        .filter(|line| !line.trim_start().starts_with('#'));
    let text: Vec<&str> = without_comments.map(|line| line.trim()).collect();
    insta::assert_snapshot!(text.join("\n"), @r#"
    S3Bucket: !Sub "${ArtifactBucket}-${AWS::Region}"
    RotateImmediatelyOnUpdate: true
    Description: The name, without a hyphen and the Region at its end, of the S3 bucket that contains the zip file of the rotation function
    "#);
}

#[test]
fn an_account_is_selected_below_a_root() {
    let stack_set = template(&rendered(ACCOUNTS), "stack-set.yaml");
    let groups = properties(&stack_set, "StackSet").get("StackInstancesGroup");
    let groups = groups.and_then(Value::as_sequence).unwrap();
    // Those in eu-west-1: accounts and units apart, and the account with two Regions.
    assert_eq!(groups.len(), 3);
    for group in groups {
        let targets = group.get("DeploymentTargets").unwrap();
        assert!(targets.get("OrganizationalUnitIds").is_some());
        let filter = targets.get("AccountFilterType").and_then(Value::as_str);
        assert_eq!(
            targets.get("Accounts").is_some(),
            filter == Some("INTERSECTION")
        );
    }
}

#[test]
fn what_cannot_work_is_refused_by_name() {
    let with = |entry: &str, rest: &str| {
        format!(
            "version: 1\nstack: keys\n{rest}\naccess_keys: [{{ user: ada, create_user: true{entry} }}]\n"
        )
    };
    let units = "accounts: [{ ou: r-ab12, regions: [eu-west-1] }]";
    let key = "arn:aws:kms:eu-central-1:111122223333:key/0a1b2c3d-4e5f-6789-abcd-ef0123456789";
    let boundary = "permissions_boundary: \"arn:aws:iam::111122223333:policy/boundary\"";
    let database = |rest: &str| {
        format!(
            "version: 1\nstack: keys\n{units}\n{rest}\ndatabases: [{{ secret: db, engine: postgres, host: db.internal, username: app }}]\n"
        )
    };
    for (manifest, expected) in [
        (with("", ""), "missing accounts"),
        (
            with("", &format!("{units}\naccount: \"111122223333\"")),
            "contradiction account",
        ),
        (
            with("", "accounts: [{ ou: r-ab12 }]"),
            "missing accounts[0].regions",
        ),
        (
            with("", "accounts: [{ ou: r-ab12, regions: [eu-west-1, us-east-1] }]"),
            "stack-set accounts[0]",
        ),
        (
            with(
                "",
                "accounts: [{ ou: r-ab12, regions: [eu-west-1] }, { ou: r-cd34, regions: [cn-north-1] }]",
            ),
            "contradiction accounts[1]",
        ),
        (
            with("", &format!("{units}\nfunction: {{ artifact_bucket: mine }}")),
            "stack-set function.artifact_bucket",
        ),
        (with("", &format!("{units}\n{boundary}")), "stack-set permissions_boundary"),
        (
            with(&format!(", kms_key: \"{key}\""), units),
            "stack-set access_keys[0].kms_key",
        ),
        (
            with(", replicas: [eu-west-1]", units),
            "stack-set access_keys[0].replicas",
        ),
        (
            with(
                ", rotate_as: \"arn:aws:secretsmanager:eu-west-1:111122223333:secret:ops-AbCdEf\"",
                units,
            ),
            "stack-set access_keys[0].rotate_as",
        ),
        (
            with("", &format!("{units}\nencrypt: {{ logs: \"{key}\" }}")),
            "stack-set encrypt.logs",
        ),
        (
            database(
                "network: { subnets: [subnet-0a1b2c3d4e5f67890], security_groups: [sg-0a1b2c3d4e5f67890] }",
            ),
            "stack-set network",
        ),
        (
            "version: 1\nstack: keys\naccounts: [{ ou: r-ab12, regions: [eu-west-1] }]\naccess_keys: [{ user: ada, secret: ada, adopt: true }]\n".to_owned(),
            "stack-set access_keys[0].adopt",
        ),
    ] {
        assert_eq!(refused(&manifest), [expected], "{manifest}");
    }
    assert_eq!(refused(&database("")), [""; 0]);
    assert_eq!(refused(&with("", units)), [""; 0]);
}

/// A StackSet of one stack may use what belongs to its account and Region.
#[test]
fn one_account_in_one_region_may_use_its_own() {
    let manifest = "\
version: 1
stack: keys
accounts: [{ id: \"111122223333\", regions: [eu-central-1] }]
permissions_boundary: \"arn:aws:iam::111122223333:policy/boundary\"
access_keys:
  - user: ada
    create_user: true
    kms_key: \"arn:aws:kms:eu-central-1:111122223333:key/0a1b2c3d-4e5f-6789-abcd-ef0123456789\"
";
    assert_eq!(refused(manifest), [""; 0]);
}

#[test]
fn shared_servers_and_missing_users_are_warned_of() {
    let manifest = "\
version: 1
stack: keys
accounts: [{ ou: r-ab12, regions: [eu-west-1] }]
access_keys: [{ user: ada }]
databases: [{ secret: db, engine: postgres, host: db.internal, username: app }]
";
    let found = rendered(manifest).findings;
    let of_stack_set = found.iter().filter(|finding| finding.kind == "stack-set");
    let paths: Vec<&str> = of_stack_set.clone().map(|it| it.path.as_str()).collect();
    assert_eq!(paths, ["access_keys[0].user", "databases[0].host"]);
    assert!(!of_stack_set.clone().any(Finding::is_error));
}

/// Only where a rotation creates each first credential does an account that joins get a stack.
#[test]
fn automatic_deployment_needs_nobody() {
    let enabled = |manifest: &str| {
        let stack_set = template(&rendered(manifest), "stack-set.yaml");
        let automatic = properties(&stack_set, "StackSet").get("AutoDeployment");
        let enabled = automatic.and_then(|it| it.get("Enabled"));
        enabled.and_then(Value::as_bool).unwrap()
    };
    assert!(enabled(UNITS));
    assert!(!enabled(
        &UNITS.replace("rotate_as: role", "rotate_as: self")
    ));
    assert!(!enabled(
        &UNITS.replace("ou: r-ab12", "id: \"111122223333\"")
    ));
    assert!(!enabled(ACCOUNTS));
}
