//! What is deployed is what was rendered and built, even if other principals can write to
//! the bucket or create change sets.

use aws_sdk_cloudformation::types::{Capability, ChangeSetType};
use aws_sdk_s3::primitives::ByteStream;
use aws_sdk_s3::types::{BucketVersioningStatus, Tag, Tagging, VersioningConfiguration};
use aws_smithy_types::error::metadata::ProvideErrorMetadata;
use serde_json::json;

use crate::environment::{
    ACCOUNT, CommandOutput, Fault, Key, Proxy, REGION, TestEnvironment, config,
};
use crate::least::Policy;

const STACK: &str = "payments-keys";
const BOOTSTRAP: &str = "bootstrap --yes --function-zip function.zip --format json";
const SOON: &str = "bootstrap --no-rotate --yes --function-zip function.zip --format json";
const PLAN: &str = "plan --function-zip function.zip --format json";
const ENTRY: &str = "access_keys: [{ user: ci-deployer, secret: prod/ci-deployer }]\n";

/// Grants all permissions to a principal that may only plan.
const EVIL: &str = "
Resources:
  Evil:
    Type: AWS::IAM::UserPolicy
    Properties:
      UserName: planner
      PolicyName: evil
      PolicyDocument:
        Version: '2012-10-17'
        Statement: [{ Effect: Allow, Action: '*', Resource: '*' }]
";

/// An archive without a file.
const EVIL_ZIP: &[u8] = b"PK\x05\x06\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0";

fn manifest(rest: &str) -> String {
    format!("version: 1\nstack: {STACK}\naccount: \"{ACCOUNT}\"\nregion: {REGION}\n{rest}")
}

/// Returns a manifest whose template is too long for a request.
fn large() -> String {
    let mut entries = "access_keys:\n".to_owned();
    for index in 0..10 {
        let name = format!("prod/{index}-{}", "long".repeat(110));
        entries += &format!(
            "  - {{ user: u{index}, secret: {name}, create_user: true, rotate_as: role }}\n"
        );
    }
    manifest(&entries)
}

/// Renders, and returns the key of a user with the part of the deployer's policy for one
/// command.
async fn planner(test: &TestEnvironment) -> Key {
    test.keyrota("generate").await.exits(0);
    let policy = Policy::read(&test.home.read("rendered/deployer-policy.json"));
    let part = policy.sufficient("Plan", "").to_text();
    test.make_deployer("planner", &part).await
}

/// A principal that acts during another's deployment.
struct Intruder {
    s3: aws_sdk_s3::Client,
    cloudformation: aws_sdk_cloudformation::Client,
    /// The rendered template, modified.
    template: String,
}

impl Intruder {
    fn new(test: &TestEnvironment, key: &Key) -> Self {
        let config = config(test.endpoint(), key);
        let s3 = aws_sdk_s3::config::Builder::from(&config).force_path_style(true);
        let template = test.home.read("rendered/stack.yaml");
        let evil = template.replace("\nResources:\n", EVIL);
        assert_ne!(template, evil);
        Self {
            s3: aws_sdk_s3::Client::from_conf(s3.build()),
            cloudformation: aws_sdk_cloudformation::Client::new(&config),
            template: evil,
        }
    }

    /// Overwrites every existing object, and returns the keys of the objects.
    async fn overwrite(&self, test: &TestEnvironment) -> Vec<String> {
        let bucket = bucket();
        let request = test.s3.list_objects_v2().bucket(&bucket);
        let Ok(listed) = request.send().await else {
            return Vec::new();
        };
        let mut written = Vec::new();
        for object in listed.contents() {
            let key = object.key().expect("a key");
            let body = match key.ends_with(".zip") {
                true => EVIL_ZIP.to_vec(),
                false => self.template.clone().into_bytes(),
            };
            let request = self.s3.put_object().bucket(&bucket).key(key);
            let stored = request.body(ByteStream::from(body)).send().await;
            written.extend(stored.is_ok().then(|| key.to_owned()));
        }
        written
    }

    /// Creates a change set with the modified template, which may fail.
    async fn change_set(&self, number: usize, kind: ChangeSetType) -> Option<String> {
        let request = self.cloudformation.create_change_set().stack_name(STACK);
        let request = request.change_set_name(format!("theirs-{number}"));
        let request = request.change_set_type(kind).template_body(EVIL);
        let request = request.capabilities(Capability::CapabilityNamedIam);
        request.send().await.ok()?.id
    }
}

/// Returns the bucket that keyrota creates for the stack.
fn bucket() -> String {
    // The first digits of the SHA-256 of the stack's name.
    format!("keyrota-2e361558-{ACCOUNT}-{REGION}")
}

/// Runs a command and acts after each of its calls, before it gets the response.
async fn meanwhile(
    test: &TestEnvironment,
    arguments: &str,
    mut act: impl AsyncFnMut(usize),
) -> CommandOutput {
    let proxy = Proxy::start(test.endpoint(), Fault::None).await;
    let mut watch = proxy.watch_everything();
    let mut command = test.program(arguments);
    command.env("AWS_ENDPOINT_URL", proxy.endpoint());
    let ended = test.run(arguments, command);
    tokio::pin!(ended);
    let mut calls = 0;
    loop {
        tokio::select! {
            ran = &mut ended => return ran,
            Some(done) = watch.recv() => {
                calls += 1;
                act(calls).await;
                // The command may have ended.
                let _ = done.send(());
            }
        }
    }
}

impl TestEnvironment {
    /// Expects that the stack matches the rendering, and the function the build.
    async fn deployed_ours(&self) {
        let request = self.cloudformation.get_template().stack_name(STACK);
        let held = request.send().await.expect("the template").template_body;
        assert_eq!(held, Some(self.home.read("rendered/stack.yaml")));
        let policies = self.iam.list_user_policies().user_name("planner");
        let policies = policies.send().await.expect("policies").policy_names;
        assert!(!policies.contains(&"evil".to_owned()), "{policies:?}");
        let functions = self.lambda.list_functions().send().await;
        let functions = functions.expect("functions");
        assert_eq!(functions.functions().len(), 1);
        let size = functions.functions()[0].code_size();
        assert!(size > EVIL_ZIP.len() as i64, "{size}");
    }

    async fn versioning(&self, bucket: &str, status: BucketVersioningStatus) {
        let configuration = VersioningConfiguration::builder().status(status).build();
        let request = self.s3.put_bucket_versioning().bucket(bucket);
        let request = request.versioning_configuration(configuration);
        request.send().await.expect("versioning is set");
    }
}

#[tokio::test]
async fn who_may_plan_does_not_become_an_administrator() {
    let test = TestEnvironment::new().await;
    test.manifest(&large());
    let key = planner(&test).await;
    let intruder = Intruder::new(&test, &key);
    // The intruder creates a change set before, and more later.
    let theirs = intruder.change_set(0, ChangeSetType::Create).await;
    assert!(theirs.is_some());
    let ran = meanwhile(&test, SOON, async |call| {
        let written = intruder.overwrite(&test).await;
        assert_eq!(written, Vec::<String>::new());
        let kind = match call % 2 {
            0 => ChangeSetType::Create,
            _ => ChangeSetType::Update,
        };
        intruder.change_set(call, kind).await;
    })
    .await;
    ran.exits(0);
    test.deployed_ours().await;

    // The same during another deployment and a plan.
    let changed = large().replace("rotate_as: role", "rotate_as: self");
    test.manifest(&changed);
    test.keyrota("generate").await.exits(0);
    for (arguments, may_write) in [(PLAN, true), (SOON, false)] {
        let mut below_plan = 0;
        let ran = meanwhile(&test, arguments, async |_| {
            for key in intruder.overwrite(&test).await {
                assert!(key.starts_with("payments-keys/plan/"), "{key}");
                below_plan += 1;
            }
        })
        .await;
        let ran = ran.exits(0);
        assert!(!ran.stdout.contains("Evil"), "{ran}");
        assert_eq!(below_plan > 0, may_write, "{ran}");
        if may_write {
            // Only the intruder's versions remain.
            let request = test.s3.list_object_versions().bucket(bucket());
            let listed = request.prefix("payments-keys/plan/").send().await;
            for version in listed.expect("versions").versions() {
                let size = version.size().expect("a size");
                assert_eq!(size, intruder.template.len() as i64);
                let request = test.s3.delete_object().bucket(bucket());
                let request = request.key(version.key().expect("a key"));
                let request = request.version_id(version.version_id().expect("an ID"));
                request.send().await.expect("it is deleted");
            }
        }
    }
    test.deployed_ours().await;
}

#[tokio::test]
async fn who_writes_to_the_bucket_deploys_nothing() {
    let test = TestEnvironment::new().await;
    test.manifest(&large());
    test.keyrota("generate").await.exits(0);
    let writer = json!({
        "Version": "2012-10-17",
        "Statement": [{ "Effect": "Allow", "Action": "s3:*Object*", "Resource": "*" }],
    });
    let key = test.make_user_with("planner", &writer.to_string()).await;
    let intruder = Intruder::new(&test, &key);
    let mut written = 0;
    for changes in [true, false] {
        let ran = meanwhile(&test, SOON, async |_| {
            written += intruder.overwrite(&test).await.len();
        })
        .await;
        let document = ran.exits(0).json();
        assert_eq!(document["changes"] != 0, changes, "{document:#}");
        test.deployed_ours().await;
    }
    assert!(written > 0);
    // Waiting does not help either: a changed stack names the version that was compared.
    let changed = large().replace("rotate_as: role", "rotate_as: self");
    test.manifest(&changed);
    test.keyrota("generate").await.exits(0);
    test.keyrota(SOON).await.exits(0);
    test.deployed_ours().await;
}

#[tokio::test]
async fn who_may_plan_cannot_delete_or_change_what_is_deployed() {
    let test = TestEnvironment::new().await;
    test.make_user("ci-deployer").await;
    test.manifest(&manifest(ENTRY));
    test.keyrota(BOOTSTRAP).await.exits(0);
    let key = planner(&test).await;
    let intruder = Intruder::new(&test, &key);
    let theirs = intruder.change_set(0, ChangeSetType::Update).await;
    let theirs = theirs.expect("a planner may make change sets");
    let before = test.everything().await;

    let denied = |code: Option<&str>| assert_eq!(code, Some("AccessDenied"));
    let formation = &intruder.cloudformation;
    let request = formation.delete_stack().stack_name(STACK);
    denied(request.send().await.expect_err("it is refused").code());
    let request = formation.execute_change_set().stack_name(STACK);
    let request = request.change_set_name(&theirs);
    denied(request.send().await.expect_err("it is refused").code());
    let request = formation.update_stack().stack_name(STACK);
    let request = request.template_body(EVIL);
    let request = request.capabilities(Capability::CapabilityNamedIam);
    denied(request.send().await.expect_err("it is refused").code());
    assert_eq!(intruder.overwrite(&test).await, Vec::<String>::new());
    let objects = test.s3.list_object_versions().bucket(bucket()).send().await;
    for version in objects.expect("objects").versions() {
        let request = intruder.s3.delete_object().bucket(bucket());
        let request = request.key(version.key().expect("a key"));
        let request = request.version_id(version.version_id().expect("an ID"));
        denied(request.send().await.expect_err("it is refused").code());
    }
    assert_eq!(test.everything().await, before);

    // The policy is sufficient for its purpose.
    test.act_as(&key);
    test.manifest(&manifest(ENTRY).replace("account:", "tags: { team: a }\naccount:"));
    let planned = test.changes_nothing(PLAN).await.exits(0).json();
    assert_ne!(planned["changes"], json!([]));
    test.act_as(&test.root());
    test.manifest(&manifest(ENTRY));
    // The intruder's change set is never executed.
    test.keyrota(BOOTSTRAP).await.exits(0);
    test.deployed_ours().await;
}

#[tokio::test]
async fn a_bucket_that_somebody_made_before_gets_its_settings() {
    let test = TestEnvironment::new().await;
    test.make_user("ci-deployer").await;
    test.make_user("planner").await;
    test.manifest(&manifest(ENTRY));
    test.keyrota("generate").await.exits(0);
    let bucket = bucket();
    test.make_bucket(&bucket).await;
    let tag = Tag::builder()
        .key("keyrota:artifacts")
        .value("true")
        .build();
    let tags = Tagging::builder().tag_set(tag.expect("a tag")).build();
    let request = test.s3.put_bucket_tagging().bucket(&bucket);
    let request = request.tagging(tags.expect("tags")).send().await;
    request.expect("the bucket is tagged");
    let request = test.s3.delete_public_access_block().bucket(&bucket);
    request.send().await.expect("public access is not blocked");
    let open = json!({
        "Version": "2012-10-17",
        "Statement": [{
            "Effect": "Allow", "Principal": "*", "Action": "s3:*",
            "Resource": [format!("arn:aws:s3:::{bucket}"), format!("arn:aws:s3:::{bucket}/*")],
        }],
    });
    let request = test.s3.put_bucket_policy().bucket(&bucket);
    let request = request.policy(open.to_string()).send().await;
    request.expect("the bucket is open");

    let ran = test.keyrota(BOOTSTRAP).await.exits(0);
    ran.says(&["restored the settings", &bucket]);
    test.deployed_ours().await;
    let versioning = test.s3.get_bucket_versioning().bucket(&bucket).send().await;
    let versioning = versioning.expect("versioning").status;
    assert_eq!(versioning, Some(BucketVersioningStatus::Enabled));
    let block = test
        .s3
        .get_public_access_block()
        .bucket(&bucket)
        .send()
        .await;
    let block = block.expect("a block").public_access_block_configuration;
    let block = block.expect("a block");
    let blocked = [
        block.block_public_acls,
        block.block_public_policy,
        block.ignore_public_acls,
        block.restrict_public_buckets,
    ];
    assert_eq!(blocked, [Some(true); 4]);
    let policy = test.s3.get_bucket_policy().bucket(&bucket).send().await;
    let policy = policy.expect("a policy").policy.expect("a policy");
    let read = |text: &str| serde_json::from_str::<serde_json::Value>(text).expect("JSON");
    let rendered = test.home.read("rendered/policies/artifact-bucket.json");
    assert_eq!(read(&policy), read(&rendered));
    // When they exist, nothing is restored.
    let ran = test.keyrota(BOOTSTRAP).await.exits(0);
    assert!(!ran.stderr.contains("restored"), "{ran}");
}

#[tokio::test]
async fn a_named_bucket_has_to_keep_versions_and_stays_as_it_is() {
    let test = TestEnvironment::new().await;
    test.make_user("ci-deployer").await;
    test.make_user("planner").await;
    let named = format!("function: {{ artifact_bucket: shared-artifacts }}\n{ENTRY}");
    test.manifest(&manifest(&named));
    test.keyrota("generate").await.exits(0);
    let refused = async |says: &str| {
        for verb in [PLAN, BOOTSTRAP] {
            let ran = test.changes_nothing(verb).await.exits(3);
            assert_eq!(
                ran.findings(),
                ["artifact-bucket function.artifact_bucket"],
                "{ran}"
            );
            assert!(ran.stdout.contains(says), "{ran}");
        }
    };
    refused("`shared-artifacts` does not exist").await;
    test.make_bucket("shared-artifacts").await;
    refused("versioning is not enabled").await;
    let suspended = BucketVersioningStatus::Suspended;
    test.versioning("shared-artifacts", suspended).await;
    refused("versioning is not enabled").await;

    let enabled = BucketVersioningStatus::Enabled;
    test.versioning("shared-artifacts", enabled).await;
    let theirs = test.s3.put_object().bucket("shared-artifacts");
    let theirs = theirs
        .key("payments-keys/report.csv")
        .body(ByteStream::from_static(b"x"));
    theirs.send().await.expect("it is stored");
    // With only the rendered policy, which allows no change of the bucket.
    let policy = test.home.read("rendered/deployer-policy.json");
    let deployer = test.make_deployer("deployer", &policy).await;
    test.act_as(&deployer);
    test.keyrota(PLAN).await.exits(0);
    test.keyrota(BOOTSTRAP).await.exits(0);
    test.deployed_ours().await;
    let policy = test.s3.get_bucket_policy().bucket("shared-artifacts");
    let policy = policy.send().await.expect_err("there is none");
    assert_eq!(policy.code(), Some("NoSuchBucketPolicy"));
    test.keyrota("teardown --yes").await.exits(0);
    let left = test.everything().await;
    let left: Vec<&String> = left.iter().filter(|line| line.contains("s3://")).collect();
    let report = "object s3://shared-artifacts/payments-keys/report.csv ";
    assert!(left.len() == 1 && left[0].starts_with(report), "{left:?}");
}

#[tokio::test]
async fn a_new_large_stack_is_planned_before_there_is_a_bucket() {
    let test = TestEnvironment::new().await;
    test.manifest(&large());
    let planned = test.changes_nothing(PLAN).await.exits(0).json();
    let changes = planned["changes"].as_array().expect("changes");
    assert!(changes.contains(&json!({
        "action": "Add", "logical_id": "Function", "type": "AWS::Lambda::Function",
        "replacement": null,
    })));
    let ids = changes
        .iter()
        .map(|it| it["logical_id"].as_str().expect("an ID"));
    assert!(ids.is_sorted());
    let document = test.keyrota(SOON).await.exits(0).json();
    assert_eq!(document["changes"], changes.len());

    // If the stack exists and the bucket is missing, that is reported.
    test.manifest(&large().replace("rotate_as: role", "rotate_as: self"));
    let bucket = bucket();
    let versions = test.s3.list_object_versions().bucket(&bucket).send().await;
    for version in versions.expect("versions").versions() {
        let request = test.s3.delete_object().bucket(&bucket);
        let request = request.key(version.key().expect("a key"));
        let request = request.version_id(version.version_id().expect("an ID"));
        request.send().await.expect("it is deleted");
    }
    let request = test.s3.delete_bucket().bucket(&bucket);
    request.send().await.expect("the bucket is deleted");
    let ran = test.changes_nothing(PLAN).await.exits(1);
    ran.fails("template-too-long", &[STACK, &bucket, "keyrota bootstrap"]);
}

/// With the AWS CLI, as the rendered template describes.
#[tokio::test]
async fn two_parameters_are_enough_to_deploy_by_hand() {
    let test = TestEnvironment::new().await;
    test.make_user("ci-deployer").await;
    test.make_user("planner").await;
    test.manifest(&manifest(ENTRY));
    test.keyrota("generate").await.exits(0);
    test.make_bucket("by-hand").await;
    #[expect(clippy::disallowed_methods, reason = "a test's own file")]
    let zip = std::fs::read(test.home.file("function.zip")).expect("the zip");
    let request = test.s3.put_object().bucket("by-hand").key("function.zip");
    let request = request.body(ByteStream::from(zip)).send().await;
    request.expect("it is stored");
    let parameter = |name: &str, value: &str| {
        let builder = aws_sdk_cloudformation::types::Parameter::builder();
        builder.parameter_key(name).parameter_value(value).build()
    };
    let tag = aws_sdk_cloudformation::types::Tag::builder();
    let request = test.cloudformation.create_stack().stack_name(STACK);
    let request = request.template_body(test.home.read("rendered/stack.yaml"));
    let request = request.parameters(parameter("ArtifactBucket", "by-hand"));
    let request = request.parameters(parameter("ArtifactKey", "function.zip"));
    let request = request.tags(tag.key("keyrota:stack").value(STACK).build());
    let request = request.capabilities(Capability::CapabilityIam).send().await;
    request.expect("the stack is made");
    test.until_stack_is(STACK, "CREATE_COMPLETE").await;
    let planned = test.keyrota(PLAN).await.exits(0).json();
    let planned = planned["changes"].as_array().expect("changes");
    assert_eq!(planned[0]["logical_id"], "Function");
    let document = test.keyrota(BOOTSTRAP).await.exits(0).json();
    assert_eq!(document["changes"], planned.len());
    let planned = test.changes_nothing(PLAN).await.exits(0).json();
    assert_eq!(planned["changes"], json!([]));
    test.deployed_ours().await;
}
