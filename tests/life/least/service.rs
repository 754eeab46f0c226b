//! A stack with one service, whose adapter is a Lambda function, in a VPC, with a KMS key.

use serde_json::json;

use super::function::{InlinePolicy, failed_step, role_policies};
use super::state::STACK;
use super::{DEPLOYER, Policy};
use crate::environment::{ACCOUNT, REGION, TestEnvironment};
use crate::service::adapter;
use crate::service::function;
use crate::service::portal::{FIRST, USER};
use crate::service::site::{BOOTSTRAP, SECRET};

const FIRST_PASSWORD: &str = "ops/first-password";

/// Creates the adapter, and writes the zip file, the manifest, and the secrets that it names.
async fn prepare(test: &TestEnvironment) {
    test.conceal(FIRST);
    test.home.write("service.zip", function::zip(None));
    let adapter = adapter::make(test).await;
    let password = json!({ "password": FIRST }).to_string();
    test.make_secret(FIRST_PASSWORD, &password).await;
    let key = test.make_kms_key().await;
    let reader = test.make_role("app").await;
    let network = test.make_network().await;
    test.manifest(&format!(
        "version: 1\nstack: {STACK}\naccount: \"{ACCOUNT}\"\nregion: {REGION}\n\
         alarms: {{ email: [ops@example.com] }}\n\
         function: {{ architecture: {architecture} }}\n\
         network: {{ subnets: [{subnet}], security_groups: [{security_group}] }}\n\
         services:\n\
         \x20 - {{ secret: {SECRET}, username: {USER}, adapter: {{ function: '{adapter}' }}, \
         initial_password: {FIRST_PASSWORD}, first_rotation: now, kms_key: '{key}', \
         readers: ['{reader}'] }}\n",
        subnet = network.subnet,
        security_group = network.security_group,
        architecture = function::architecture().as_str(),
    ));
}

/// Actions that no step of the services' function is observed to need. The reasons are those of the
/// databases' function.
const EXCUSED: [&str; 9] = [
    "ec2:AssignPrivateIpAddresses",
    "ec2:CreateNetworkInterface",
    "ec2:DeleteNetworkInterface",
    "ec2:DescribeNetworkInterfaces",
    "ec2:DescribeSubnets",
    "ec2:UnassignPrivateIpAddresses",
    "kms:DescribeKey",
    "logs:CreateLogStream",
    "logs:PutLogEvents",
];

#[tokio::test]
async fn each_action_of_the_services_function_is_needed_by_a_step() {
    let test = TestEnvironment::without_function().await;
    prepare(&test).await;
    test.keyrota(BOOTSTRAP).await.exits(0);
    let policies = role_policies(&test).await;

    // Nothing may need an exempted action.
    let granted: Vec<String> = policies.iter().flat_map(InlinePolicy::actions).collect();
    for action in EXCUSED {
        assert!(granted.iter().any(|it| it == action), "{action}");
    }
    assert!(granted.iter().any(|it| it == "lambda:InvokeFunction"));
    for held in &policies {
        held.put(&test, held.without(&EXCUSED).as_ref()).await;
    }
    test.keyrota("rotate").await.exits(0);
    test.sweep().await;

    for held in &policies {
        for action in held.actions() {
            if EXCUSED.contains(&action.as_str()) {
                continue;
            }
            let before = test.logged().await.len();
            held.put(&test, held.without(&[&action]).as_ref()).await;
            test.keyrota("rotate").await.exits(1);
            let step = failed_step(&test, before).await;
            let step = step.unwrap_or_else(|| panic!("no step misses {action}"));
            println!("{action:<46} {step} ({})", held.name);
            held.put(&test, Some(&held.document)).await;
            test.keyrota("rotate").await.exits(0);
        }
    }
}

/// Each command works with its part of the deployer's policy. What it needs for services only is the
/// look-up of the adapter and the first password.
#[tokio::test]
async fn each_command_works_with_its_part_and_misses_the_look_up_of_the_adapter() {
    let test = TestEnvironment::without_function().await;
    prepare(&test).await;
    test.keyrota("generate --output rendered").await.exits(0);
    let policy = Policy::read(&test.home.read("rendered/deployer-policy.json"));
    test.make_user(DEPLOYER).await;
    let deployer = test.make_key(DEPLOYER).await;
    test.act_as(&deployer);
    let allow = async |part: &str, missing: &[&str]| {
        let policy = policy.sufficient(part, "").without(missing);
        test.allow(DEPLOYER, &policy.to_text()).await;
    };
    let look_up = "lambda:GetFunctionConfiguration";
    let plan = "plan --service-function-zip service.zip --format json";

    allow("Plan", &[look_up]).await;
    let ran = test.keyrota(plan).await.exits(0);
    assert!(ran.stderr.contains(look_up), "{ran}");
    allow("Plan", &[]).await;
    let ran = test.keyrota(plan).await.exits(0);
    assert!(!ran.stderr.contains(look_up), "{ran}");

    allow("Bootstrap", &[]).await;
    let ran = test.keyrota(BOOTSTRAP).await.exits(0);
    assert_eq!(ran.json()["secrets"][0]["rotated"], true, "{ran}");
    for (part, arguments) in [
        ("Status", "status --check --format json"),
        ("StatusWithoutValues", "status --no-values --format json"),
        ("Doctor", "doctor --format json"),
        ("Rotate", "rotate --format json"),
        ("Teardown", "teardown --yes --format json"),
    ] {
        allow(part, &[]).await;
        test.keyrota(arguments).await.exits(0);
    }
}
