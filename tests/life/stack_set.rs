//! The template of a StackSet in two accounts. The local AWS has no StackSets, so each of two local AWSs
//! gets the stack under a name that StackSets would make up, from a bucket of its own Region.

use std::time::{Duration, Instant};

use aws_sdk_cloudformation::types::{Capability, Parameter, Tag};
use aws_sdk_s3::primitives::ByteStream;
use keyrota::bundle::{Pinned, sha256_hex};
use serde_json::Value;

use crate::environment::{REGION, TestEnvironment};
use crate::pins::bare;

const MANIFEST: &str = "\
version: 1
stack: vendor-keys
accounts: [{ ou: ou-ab12-cdef3456, regions: [us-east-1] }]
access_keys:
  - { user: vendor-sftp, create_user: true, rotate_as: role }
  - { user: vendor-api, create_user: true, rotate_as: self }
";
const BY_ROTATION: &str = "vendor-keys/vendor-sftp";
const BY_BOOTSTRAP: &str = "vendor-keys/vendor-api";

/// Deploys the member's template, as StackSets does.
async fn deploy(test: &TestEnvironment, stack: &str) {
    test.manifest(MANIFEST);
    let generated = test.keyrota("generate --stack-set --format json").await;
    let generated = generated.exits(0).json();
    let first = &generated["stack_set"]["first_credentials"];
    assert_eq!(first[0]["by"], "rotation", "{generated:#}");
    assert_eq!(first[1]["by"], "bootstrap", "{generated:#}");
    let text = test.home.read("rendered/stack-set/pins/function.json");
    let path = format!("pins/{}.json", sha256_hex(text.as_bytes()));
    let zip = bare().pinned(&[Pinned { path, text }]).expect("a zip");
    let bucket = format!("by-hand-{REGION}");
    test.make_bucket(&bucket).await;
    let request = test.s3.put_object().bucket(&bucket).key("function.zip");
    let request = request.body(ByteStream::from(zip.bytes().to_vec()));
    request.send().await.expect("it is stored");
    let parameter = |name: &str, value: &str| {
        let builder = Parameter::builder().parameter_key(name);
        builder.parameter_value(value).build()
    };
    let request = test.cloudformation.create_stack().stack_name(stack);
    let request = request.template_body(test.home.read("rendered/stack-set/stack.yaml"));
    let request = request.parameters(parameter("ArtifactBucket", "by-hand"));
    let request = request.parameters(parameter("ArtifactKey", "function.zip"));
    let request = request.capabilities(Capability::CapabilityNamedIam);
    let tag = Tag::builder().key("keyrota:stack").value("vendor-keys");
    let request = request.tags(tag.build());
    request.send().await.expect("the stack is created");
    test.until_stack_is(stack, "CREATE_COMPLETE").await;
}

/// Waits until the rotation that the stack has started has stored the first key, and returns its ID.
async fn until_first_key(test: &TestEnvironment) -> String {
    let deadline = Instant::now() + Duration::from_secs(60);
    loop {
        let value = test.value(BY_ROTATION, "AWSCURRENT").await;
        let id = value.and_then(|value| value["accesskey"].as_str().map(str::to_owned));
        if let Some(id) = id {
            return id;
        }
        assert!(Instant::now() < deadline, "there is no first key");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

/// Returns the state and the reason that `status` shows for each secret.
async fn states(test: &TestEnvironment) -> Vec<(String, String)> {
    let status = test.keyrota("status --format json").await.exits(0).json();
    let secrets = status["secrets"].as_array().cloned().unwrap_or_default();
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let states = secrets.iter();
    states
        .map(|secret| (text(&secret["state"]), text(&secret["reason"])))
        .collect()
}

#[tokio::test]
async fn one_template_works_in_two_accounts() {
    for stack in [
        "StackSet-vendor-keys-0a1b2c3d-1111-4222-8333-444455556666",
        "StackSet-vendor-keys-9f8e7d6c-5555-4666-8777-888899990000",
    ] {
        let test = TestEnvironment::new().await;
        deploy(&test, stack).await;
        // `status` finds the stack, and says what the secrets wait for.
        let waiting = states(&test).await;
        assert_eq!(waiting[1].0, "never_rotated", "{waiting:?}");
        assert!(
            waiting[1].1.contains("run `keyrota bootstrap`"),
            "{waiting:?}"
        );
        // The first rotation began with the stack, and creates the first key. The next one replaces it.
        let first = until_first_key(&test).await;
        test.keyrota(&format!("rotate {BY_ROTATION}"))
            .await
            .exits(0);
        assert_ne!(test.current_key(BY_ROTATION).await.id, first);
        assert!(test.keys("vendor-api").await.expect("the user").is_empty());
        test.keyrota("plan --function-zip function.zip --format json")
            .await
            .fails("stack-set", &["a StackSet deploys the stack"]);
        // `bootstrap` stores the other one, and deploys nothing.
        let bootstrap = "bootstrap --yes --function-zip function.zip --format json";
        let done = test.keyrota(bootstrap).await.exits(0).json();
        assert_eq!(done["changes"], 0, "{done:#}");
        assert_eq!(done["stack"]["name"], stack);
        assert_eq!(done["secrets"][1]["verified"], true, "{done:#}");
        assert!(test.value(BY_BOOTSTRAP, "AWSCURRENT").await.is_some());
        let settled = states(&test).await;
        assert!(
            settled.iter().all(|(state, _)| state == "ok"),
            "{settled:?}"
        );
        // As after `delete-stack-instances --retain-stacks`.
        test.keyrota("teardown --yes").await.exits(0);
        assert_eq!(test.keys("vendor-sftp").await, None);
    }
}
