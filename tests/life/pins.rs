//! The pins on the local AWS: a function serves only what its zip file pins.

use aws_sdk_cloudformation::types::Capability;
use aws_sdk_lambda::primitives::Blob;
use aws_sdk_s3::primitives::ByteStream;
use keyrota::bundle::{Bundle, Machine, Pinned, sha256_hex};
use serde_json::Value;

use crate::environment::{Key, TestEnvironment, function_zip};

const STACK: &str = "payments-keys";
const BOOTSTRAP: &str = "bootstrap --yes --function-zip function.zip --format json";
const MANIFEST: &str = "version: 1\nstack: payments-keys\naccess_keys:\n  - { user: ci-deployer, secret: prod/ci-deployer, rotate_as: role }\n";

/// Returns the function's zip file with the pins that `generate` wrote, like `keyrota bundle`.
fn packed(test: &TestEnvironment) -> Vec<u8> {
    let text = test.home.read("rendered/pins/function.json");
    let path = format!("pins/{}.json", sha256_hex(text.as_bytes()));
    let bundle = bare();
    let packed = bundle.pinned(&[Pinned { path, text }]).expect("a zip");
    assert_eq!(packed.executable_sha256(), bundle.executable_sha256());
    packed.bytes().to_vec()
}

/// Returns the function's zip file without pins.
pub fn bare() -> Bundle {
    #[expect(clippy::disallowed_methods, reason = "a test's own file")]
    let zip = std::fs::read(function_zip()).expect("the shared zip");
    Bundle::inspect(zip, Machine::X86_64).expect("a zip")
}

/// Changes only the code of the deployed function.
async fn replace_code(test: &TestEnvironment, zip: Vec<u8>) {
    let functions = test.lambda.list_functions().send().await;
    let functions = functions.expect("functions").functions.unwrap_or_default();
    let name = functions[0].function_name().expect("a name");
    let request = test.lambda.update_function_code().function_name(name);
    let request = request.zip_file(Blob::new(zip)).send().await;
    request.expect("the code is replaced");
}

/// Deploys a template as the AWS CLI does, with the two parameters that have no default.
pub async fn deploy_by_hand(test: &TestEnvironment, template: String, zip: Vec<u8>) {
    test.make_bucket("by-hand").await;
    let request = test.s3.put_object().bucket("by-hand").key("function.zip");
    let request = request.body(ByteStream::from(zip)).send().await;
    request.expect("it is stored");
    let parameter = |name: &str, value: &str| {
        let builder = aws_sdk_cloudformation::types::Parameter::builder();
        builder.parameter_key(name).parameter_value(value).build()
    };
    let tag = aws_sdk_cloudformation::types::Tag::builder();
    let request = test.cloudformation.create_stack().stack_name(STACK);
    let request = request.template_body(template);
    let request = request.parameters(parameter("ArtifactBucket", "by-hand"));
    let request = request.parameters(parameter("ArtifactKey", "function.zip"));
    let request = request.tags(tag.key("keyrota:stack").value(STACK).build());
    let request = request.capabilities(Capability::CapabilityIam).send().await;
    request.expect("the stack is made");
    test.until_stack_is(STACK, "CREATE_COMPLETE").await;
}

/// Stores a key of the user as the secret's first value.
async fn store_first_key(test: &TestEnvironment) -> Key {
    let key = test.make_key("ci-deployer").await;
    let secret = test.secret("prod/ci-deployer").await.expect("the secret");
    let value = serde_json::json!({
        "accesskey": key.id, "secretkey": key.secret, "username": "ci-deployer",
        "secretarn": secret.arn,
    });
    test.store("prod/ci-deployer", &value).await;
    key
}

/// With the AWS CLI's two parameters, and the zip file that belongs to the template.
#[tokio::test]
async fn a_stack_that_was_deployed_by_hand_rotates_with_its_own_zip() {
    let test = TestEnvironment::new().await;
    test.make_user("ci-deployer").await;
    test.manifest(MANIFEST);
    test.keyrota("generate").await.exits(0);
    let template = test.home.read("rendered/stack.yaml");
    let pins = test.home.read("rendered/pins/function.json");
    let digest = sha256_hex(pins.as_bytes());
    assert!(
        template.contains(&format!("Handler: \"pins/{digest}.json\"")),
        "{template}"
    );
    deploy_by_hand(&test, template, packed(&test)).await;
    let key = store_first_key(&test).await;
    let ran = test.keyrota("rotate --format json").await.exits(0).json();
    assert_eq!(ran["secrets"][0]["verified"], true);
    let held = test
        .value("prod/ci-deployer", "AWSCURRENT")
        .await
        .expect("a value");
    assert_ne!(held["accesskey"], Value::from(key.id));
}

/// If the stack names the wrong zip file, the hint of the function's error is sufficient.
#[tokio::test]
async fn bootstrap_replaces_a_wrong_zip_that_was_deployed_by_hand() {
    let test = TestEnvironment::new().await;
    test.make_user("ci-deployer").await;
    test.manifest(MANIFEST);
    test.keyrota("generate").await.exits(0);
    let template = test.home.read("rendered/stack.yaml");
    deploy_by_hand(&test, template, bare().bytes().to_vec()).await;
    let key = store_first_key(&test).await;
    let ran = test.keyrota("rotate --format json").await.exits(1);
    let error = &ran.json()["secrets"][0]["error"];
    let error = error.as_str().unwrap_or_default();
    assert!(error.contains("run `keyrota bootstrap`"), "{ran}");
    assert_eq!(test.current_key("prod/ci-deployer").await.id, key.id);
    let ran = test.keyrota(BOOTSTRAP).await.exits(0).json();
    assert_eq!(ran["secrets"][0]["verified"], true);
    test.keyrota("rotate --format json").await.exits(0);
}

/// With a zip file for another manifest or without pins, nothing is rotated, and the error says
/// why and names the next step.
#[tokio::test]
async fn a_zip_for_another_template_rotates_nothing() {
    let test = TestEnvironment::new().await;
    test.make_user("ci-deployer").await;
    test.manifest(&MANIFEST.replace("rotate_as: role", "rotate_as: self"));
    test.keyrota("generate").await.exits(0);
    let other = packed(&test);
    test.manifest(MANIFEST);
    test.keyrota(BOOTSTRAP).await.exits(0);
    let before = test.value("prod/ci-deployer", "AWSCURRENT").await;
    for zip in [other, bare().bytes().to_vec()] {
        replace_code(&test, zip).await;
        let ran = test.keyrota("rotate --format json").await.exits(1);
        let error = &ran.json()["secrets"][0]["error"];
        let error = error.as_str().unwrap_or_default();
        assert!(error.contains("read the pins"), "{ran}");
        assert!(error.contains("run `keyrota bootstrap`"), "{ran}");
        assert_eq!(test.value("prod/ci-deployer", "AWSCURRENT").await, before);
    }
    // A deployment corrects it.
    test.keyrota("generate").await.exits(0);
    replace_code(&test, packed(&test)).await;
    test.keyrota("rotate --format json").await.exits(0);
}
