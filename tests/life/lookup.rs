//! What the manifest names is looked up before a deployment: what is missing, and what is in the
//! way, is reported before anything changes.

use serde_json::json;

use crate::environment::{ACCOUNT, ADMINISTRATOR, TestEnvironment};

const BOOTSTRAP: &str = "bootstrap --yes --function-zip function.zip --format json";
const PLAN: &str = "plan --function-zip function.zip --format json";

const EVERYTHING: &str = r#"{
  "Version": "2012-10-17",
  "Statement": [{ "Effect": "Allow", "Action": "*", "Resource": "*" }]
}"#;

async fn make_policy(test: &TestEnvironment, name: &str) -> String {
    let request = test.iam.create_policy().policy_name(name);
    let made = request.policy_document(EVERYTHING).send().await;
    let made = made.expect("the policy is made").policy;
    made.expect("a policy").arn.expect("an ARN")
}

async fn set_boundary(test: &TestEnvironment, user: &str, boundary: &str) {
    let request = test.iam.put_user_permissions_boundary().user_name(user);
    let request = request.permissions_boundary(boundary);
    request.send().await.expect("the user has the boundary");
}

#[tokio::test]
async fn what_is_missing_is_found_before_a_deployment() {
    let test = TestEnvironment::new().await;
    test.make_user("ci-deployer").await;
    test.make_user("mailer").await;
    let entries = |readers: &str| {
        format!(
            "version: 1\nstack: payments-keys\n\
             permissions_boundary: 'arn:aws:iam::{ACCOUNT}:policy/boundary'\n\
             access_keys:\n\
             \x20 - {{ user: ci-deployer, secret: prod/ci-deployer, readers: [{readers}], kms_key: create }}\n\
             \x20 - {{ user: mailer, secret: prod/mailer, rotate_as: role, readers: [{readers}] }}\n"
        )
    };
    let role = format!("arn:aws:iam::{ACCOUNT}:role/app");
    let user = format!("arn:aws:iam::{ACCOUNT}:user/reporter");
    let other = format!("arn:aws:iam::{ACCOUNT}:role/apps/app");
    let root = format!("arn:aws:iam::{ACCOUNT}:root");
    test.manifest(&entries(&format!("'{role}', '{user}', '{root}'")));
    for verb in [PLAN, BOOTSTRAP] {
        let ran = test.changes_nothing(verb).await.exits(3);
        assert_eq!(
            ran.findings(),
            [
                "no-user-boundary user ci-deployer".to_owned(),
                "no-user-boundary user mailer".to_owned(),
                format!("no-reader reader {role}"),
                format!("no-reader reader {user}"),
                format!("no-boundary permissions_boundary arn:aws:iam::{ACCOUNT}:policy/boundary"),
            ]
        );
        assert!(
            ran.stdout.contains("aws iam put-user-permissions-boundary"),
            "{ran}"
        );
    }

    // Each is what its finding asks for; the path of a role is part of its ARN.
    test.make_role("app").await;
    test.make_user("reporter").await;
    let boundary = make_policy(&test, "boundary").await;
    set_boundary(&test, "ci-deployer", &boundary).await;
    test.manifest(&entries(&format!("'{other}'")));
    let ran = test.changes_nothing(PLAN).await.exits(3);
    assert_eq!(
        ran.findings(),
        [
            // It is a warning where the stack writes no policy of the user.
            "no-user-boundary user mailer".to_owned(),
            format!("no-reader reader {other}"),
        ]
    );
    assert!(ran.stdout.contains(&role), "{ran}");
    test.manifest(&entries(&format!("'{role}', '{user}', '{root}'")));
    let ran = test.keyrota(BOOTSTRAP).await.exits(0);
    assert!(
        ran.stderr.contains("has no permissions boundary")
            && ran.stderr.contains("aws iam put-user-permissions-boundary"),
        "{ran}"
    );
}

#[tokio::test]
async fn what_is_in_the_way_is_found_and_what_the_stack_made_is_not() {
    let test = TestEnvironment::new().await;
    test.make_user("ci-deployer").await;
    test.manifest(
        "version: 1\nstack: payments-keys\naccess_keys:\n\
         \x20 - { user: ci-deployer, secret: prod/ci-deployer, kms_key: create }\n",
    );
    let group = "/keyrota/payments-keys";
    let request = test.logs.create_log_group().log_group_name(group);
    request.send().await.expect("the log group is made");
    // A name that begins with another is another.
    let longer = format!("{group}-staging");
    let request = test.logs.create_log_group().log_group_name(longer);
    request.send().await.expect("the log group is made");
    let key = test.make_kms_key().await;
    let alias = "alias/keyrota-payments-keys";
    let request = test.kms.create_alias().alias_name(alias);
    let request = request.target_key_id(key).send().await;
    request.expect("the alias is made");
    let policy = "keyrota-ManageOwnAccessKeys";
    let request = test.iam.put_user_policy().user_name("ci-deployer");
    let request = request.policy_name(policy).policy_document(EVERYTHING);
    request.send().await.expect("the policy is put");

    for verb in [PLAN, BOOTSTRAP] {
        let ran = test.changes_nothing(verb).await.exits(3);
        assert_eq!(
            ran.findings(),
            [
                format!("log-group-exists log group {group}"),
                format!("alias-exists KMS alias {alias}"),
                "user-policy-exists user ci-deployer".to_owned(),
            ]
        );
        for text in [
            &format!("aws logs delete-log-group --log-group-name {group}"),
            &format!("aws kms delete-alias --alias-name {alias}"),
            &format!("aws iam delete-user-policy --user-name ci-deployer --policy-name {policy}"),
            "`stack:`",
        ] {
            assert!(ran.stdout.contains(text), "{text}\n{ran}");
        }
    }

    // After the commands that the findings name, the stack creates its own, and finds them.
    let request = test.logs.delete_log_group().log_group_name(group);
    request.send().await.expect("the log group is deleted");
    let request = test.kms.delete_alias().alias_name(alias);
    request.send().await.expect("the alias is deleted");
    let request = test.iam.delete_user_policy().user_name("ci-deployer");
    let request = request.policy_name(policy).send().await;
    request.expect("the policy is deleted");
    test.keyrota(BOOTSTRAP).await.exits(0);
    test.keyrota(BOOTSTRAP).await.exits(0);
}

#[tokio::test]
async fn a_network_that_does_not_exist_or_is_in_two_vpcs_is_found() {
    let test = TestEnvironment::new().await;
    let one = test.make_network().await;
    let other = test.make_network().await;
    let manifest = |subnets: &str, groups: &str| {
        test.manifest(&format!(
            "version: 1\nstack: orders\n\
             network: {{ subnets: [{subnets}], security_groups: [{groups}] }}\n\
             databases:\n\
             \x20 - {{ secret: prod/orders-db, engine: postgres, host: db.internal, \
             username: app, tls: require, initial_password: env:FIRST_PASSWORD, \
             first_rotation: now }}\n"
        ));
    };
    let plan = "plan --database-function-zip function.zip --format json";
    let (subnet, group) = (&one.subnet, &one.security_group);
    manifest(
        &format!("{subnet}, subnet-0a1b2c3d"),
        &format!("{group}, sg-0a1b2c3d"),
    );
    let ran = test.changes_nothing(plan).await.exits(3);
    assert_eq!(
        ran.findings(),
        [
            "no-network subnet subnet-0a1b2c3d",
            "no-network security group sg-0a1b2c3d",
        ]
    );
    let elsewhere = &other.security_group;
    manifest(subnet, &format!("{group}, {elsewhere}"));
    let ran = test.changes_nothing(plan).await.exits(3);
    assert_eq!(
        ran.findings(),
        [format!("other-vpc security group {elsewhere}")]
    );
}

#[tokio::test]
async fn what_may_not_be_looked_up_is_a_warning_that_names_the_action() {
    const DENIED: [&str; 6] = [
        "iam:GetRole",
        "iam:GetPolicy",
        "iam:GetUserPolicy",
        "kms:DescribeKey",
        "kms:ListAliases",
        "secretsmanager:DescribeSecret",
    ];
    let test = TestEnvironment::new().await;
    for user in ["ci-deployer", "mailer", "batch"] {
        test.make_user(user).await;
    }
    let boundary = make_policy(&test, "boundary").await;
    set_boundary(&test, "ci-deployer", &boundary).await;
    let reader = test.make_role("app").await;
    let key = test.make_kms_key().await;
    let administrator = test.make_administrator("admin", "ops/administrator").await;
    test.manifest(&format!(
        "version: 1\nstack: payments-keys\npermissions_boundary: '{boundary}'\naccess_keys:\n\
         \x20 - {{ user: ci-deployer, secret: prod/ci-deployer, readers: ['{reader}'] }}\n\
         \x20 - {{ user: mailer, secret: prod/mailer, rotate_as: '{administrator}', kms_key: '{key}' }}\n\
         \x20 - {{ user: batch, secret: prod/batch, rotate_as: role, kms_key: create }}\n"
    ));
    // CloudFormation needs some of the actions, on other resources or with this name.
    let deny = |action: &str, resource: &str| json!({ "Effect": "Deny", "Action": action, "Resource": resource });
    let mut policy: serde_json::Value = serde_json::from_str(ADMINISTRATOR).expect("JSON");
    let statements = policy["Statement"].as_array_mut().expect("statements");
    statements.extend([
        deny("iam:GetRole", &reader),
        deny("iam:GetPolicy", "*"),
        deny("iam:GetUserPolicy", "*"),
        deny("kms:DescribeKey", &key),
        deny("kms:ListAliases", "*"),
        deny("secretsmanager:DescribeSecret", &administrator),
        deny("logs:DescribeLogGroups", "*"),
    ]);
    let deployer = test.make_user_with("ada", &policy.to_string()).await;
    test.act_as(&deployer);
    let ran = test.changes_nothing(PLAN).await.exits(0);
    for action in DENIED.iter().chain(&["logs:DescribeLogGroups"]) {
        let line = ran.stderr.lines().find(|line| line.contains(action));
        let line = line.unwrap_or_else(|| panic!("{action} is not named\n{ran}"));
        assert!(line.contains("cannot look up"), "{line}");
    }
}
