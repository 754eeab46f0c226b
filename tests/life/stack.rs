//! Existing stacks that a deployment finds: failed, another project's, and one that has only a
//! change set.

use aws_sdk_cloudformation::types::{Capability, ChangeSetType};

use crate::environment::TestEnvironment;

const BOOTSTRAP: &str = "bootstrap --yes --function-zip function.zip --format json";
const PLAN: &str = "plan --detailed-exitcode --function-zip function.zip --format json";
const MANIFEST: &str = "\
version: 1
stack: payments-keys
access_keys: [{ user: ci-deployer, secret: prod/ci-deployer }]
";
const TEMPLATE: &str = "Resources: { Topic: { Type: 'AWS::SNS::Topic' } }";

#[tokio::test]
async fn a_stack_that_rolled_back_is_named_removed_and_made_again() {
    let test = TestEnvironment::new().await;
    test.make_user("ci-deployer").await;
    test.manifest(MANIFEST);
    test.home.write("templates/extra.yaml.hbs", FAILING_LAST);
    let bootstrap = format!("{BOOTSTRAP} --templates templates");
    let ran = test.keyrota(&bootstrap).await.exits(1);
    let ran = ran.fails(
        "stack",
        &["payments-keys", "ROLLBACK_COMPLETE", "keyrota teardown"],
    );
    assert!(ran.stdout.contains("AWS::Lambda::Permission"), "{ran}");
    assert_eq!(
        test.stack_status("payments-keys").await.as_deref(),
        Some("ROLLBACK_COMPLETE")
    );
    assert!(test.keys("ci-deployer").await.expect("the user").is_empty());

    for verb in [BOOTSTRAP, PLAN] {
        let ran = test.changes_nothing(verb).await;
        let found = ran.findings();
        assert!(
            found.contains(&"stack-state stack payments-keys".into()),
            "{ran}"
        );
        for text in ["ROLLBACK_COMPLETE", "keyrota teardown"] {
            assert!(ran.stdout.contains(text), "{ran}");
        }
    }
    test.keyrota("teardown --yes").await.exits(0);
    assert_eq!(test.stack_status("payments-keys").await, None);
    let document = test.keyrota(BOOTSTRAP).await.exits(0).json();
    assert_eq!(document["secrets"][0]["verified"], true);
}

/// A resource that fails when everything else exists.
const FAILING_LAST: &str = "
  Failing:
    Type: AWS::Lambda::Permission
    DependsOn:
{{#each access_keys}}
      - {{id schedule_id}}
{{/each}}
    Properties:
      Action: lambda:InvokeFunction
      FunctionName: no-such-function
      Principal: secretsmanager.amazonaws.com
      SourceAccount: !Ref AWS::AccountId
";

#[tokio::test]
async fn a_first_creation_that_fails_leaves_no_secret_and_no_key() {
    let test = TestEnvironment::new().await;
    test.make_user("ci-deployer").await;
    test.manifest(&MANIFEST.replace(
        "secret: prod/ci-deployer",
        "secret: prod/ci-deployer, kms_key: create",
    ));
    test.home.write("templates/extra.yaml.hbs", FAILING_LAST);
    let bootstrap = format!("{BOOTSTRAP} --templates templates");
    let ran = test.keyrota(&bootstrap).await.exits(1);
    assert_eq!(
        test.stack_status("payments-keys").await.as_deref(),
        Some("ROLLBACK_COMPLETE"),
        "{ran}"
    );
    let request = test.cloudformation.describe_stack_events();
    let events = request.stack_name("payments-keys").send().await;
    let events = events.expect("the events").stack_events.expect("a list");
    for kind in ["AWS::SecretsManager::Secret", "AWS::KMS::Key"] {
        let of_kind = events
            .iter()
            .filter(|it| it.resource_type() == Some(kind))
            .filter_map(|it| it.resource_status());
        let statuses: Vec<&str> = of_kind.map(|status| status.as_str()).collect();
        assert_eq!(
            statuses[..2],
            ["DELETE_COMPLETE", "DELETE_IN_PROGRESS"],
            "{kind}"
        );
        assert!(statuses.contains(&"CREATE_COMPLETE"), "{kind}");
    }
    assert!(test.secret("prod/ci-deployer").await.is_none());
}

/// A resource that fails because the user does not exist.
const BROKEN: &str = "
Resources:
  Broken:
    Type: AWS::IAM::UserPolicy
    Properties:
      UserName: nobody
      PolicyName: broken
      PolicyDocument:
        Version: '2012-10-17'
        Statement: [{ Effect: Deny, Action: '*', Resource: '*' }]
";

#[tokio::test]
async fn after_an_update_that_rolled_back_the_next_goes_on() {
    let test = TestEnvironment::new().await;
    test.make_user("ci-deployer").await;
    test.make_user("mailer").await;
    test.manifest(MANIFEST);
    test.keyrota(BOOTSTRAP).await.exits(0);
    let key = test.current_key("prod/ci-deployer").await;

    let request = test
        .cloudformation
        .get_template()
        .stack_name("payments-keys");
    let template = request.send().await.expect("the template").template_body;
    let template = template
        .expect("a template")
        .replace("\nResources:\n", BROKEN);
    let parameter = |name: &str| {
        let builder = aws_sdk_cloudformation::types::Parameter::builder();
        builder.parameter_key(name).use_previous_value(true).build()
    };
    let request = test
        .cloudformation
        .update_stack()
        .stack_name("payments-keys");
    let request = request.template_body(template);
    let request = request.capabilities(Capability::CapabilityIam);
    let request = request.parameters(parameter("ArtifactBucket"));
    let request = request.parameters(parameter("ArtifactKey"));
    let request = request.parameters(parameter("ArtifactVersion"));
    request.send().await.expect("the update begins");
    test.until_stack_is("payments-keys", "UPDATE_ROLLBACK_COMPLETE")
        .await;

    // In its current state, it matches the manifest.
    let document = test.keyrota(BOOTSTRAP).await.exits(0).json();
    assert_eq!(document["changes"], 0);
    test.keyrota("status --check").await.exits(0);
    assert_eq!(test.current_key("prod/ci-deployer").await, key);
    // It can be changed too.
    test.manifest(&MANIFEST.replace(
        "[{ user: ci-deployer, secret: prod/ci-deployer }]",
        "[{ user: ci-deployer, secret: prod/ci-deployer }, { user: mailer, secret: prod/mailer }]",
    ));
    let document = test.keyrota(BOOTSTRAP).await.exits(0).json();
    assert_eq!(document["stack"]["status"], "UPDATE_COMPLETE");
    assert_eq!(test.current_key("prod/ci-deployer").await, key);
    test.keyrota("status --check").await.exits(0);
}

#[tokio::test]
async fn a_stack_of_somebody_elses_is_left_alone() {
    let test = TestEnvironment::new().await;
    test.make_user("ci-deployer").await;
    test.manifest(MANIFEST);
    let request = test.cloudformation.create_stack();
    let request = request.stack_name("payments-keys").template_body(TEMPLATE);
    request.send().await.expect("the stack is made");
    test.until_stack_is("payments-keys", "CREATE_COMPLETE")
        .await;
    for verb in [BOOTSTRAP, PLAN, "teardown --yes --format json"] {
        let ran = test.changes_nothing(verb).await;
        assert_eq!(
            ran.findings(),
            ["foreign-stack stack payments-keys"],
            "{ran}"
        );
        assert!(ran.stdout.contains("stack:"), "{ran}");
    }
}

#[tokio::test]
async fn a_stack_that_is_a_change_set_only_is_no_hindrance() {
    let test = TestEnvironment::new().await;
    test.make_user("ci-deployer").await;
    test.manifest(MANIFEST);
    // As an interrupted plan of an earlier version, or another principal, leaves it.
    let request = test.cloudformation.create_change_set();
    let request = request
        .stack_name("payments-keys")
        .change_set_name("keyrota-left");
    let request = request
        .change_set_type(ChangeSetType::Create)
        .template_body(TEMPLATE);
    request.send().await.expect("the change set is made");
    test.until_stack_is("payments-keys", "REVIEW_IN_PROGRESS")
        .await;
    // A plan neither uses nor removes it.
    let ran = test.changes_nothing(PLAN).await.exits(4);
    assert!(!ran.stdout.contains("\"Topic\""), "{ran}");
    let status = test.keyrota("status --format json").await.exits(0).json();
    assert_eq!(status["secrets"][0]["state"], "missing");
    test.keyrota(BOOTSTRAP).await.exits(0);
    test.keyrota("status --check").await.exits(0);
}

#[tokio::test]
async fn what_is_not_deployed_is_said_so() {
    let test = TestEnvironment::new().await;
    test.make_user("ci-deployer").await;
    test.manifest(MANIFEST);
    let ran = test.changes_nothing("rotate --format json").await.exits(1);
    ran.fails("not-deployed", &["payments-keys", "keyrota bootstrap"]);
    let status = test
        .changes_nothing("status --check --format json")
        .await
        .exits(5)
        .json();
    assert!(status["stack"].is_null());
    assert_eq!(status["secrets"][0]["state"], "missing");
    let ran = test
        .changes_nothing("credentials prod/ci-deployer --format json")
        .await
        .exits(1);
    ran.fails("secret", &["prod/ci-deployer"]);
    let down = test
        .changes_nothing("teardown --yes --format json")
        .await
        .exits(0)
        .json();
    assert_eq!(down["deleted"], serde_json::json!([]));
}
