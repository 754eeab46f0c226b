//! A Lambda function that is an adapter, in the local AWS.

use std::io::{Cursor, Write as _};

use aws_sdk_lambda::primitives::Blob;
use serde_json::{Value, json};

use super::portal::{FIRST, USER};
use crate::environment::TestEnvironment;

/// The name of the function.
pub const ADAPTER: &str = "portal-adapter";

const PROGRAM: &str = include_str!("adapter.py");
/// The file that is the service.
const STATE: &str = "service.json";

/// Creates the service, whose user has the first password, and its adapter. Returns the ARN of the
/// adapter.
pub async fn make(test: &TestEnvironment) -> String {
    let state = json!({ "user": USER, "password": FIRST });
    test.home.write(STATE, state.to_string());
    let trust = r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow",
        "Principal":{"Service":"lambda.amazonaws.com"},"Action":"sts:AssumeRole"}]}"#;
    let role = test.iam.create_role().role_name(ADAPTER);
    let role = role.assume_role_policy_document(trust).send().await;
    let role = role.expect("a role").role.expect("a role").arn;
    let environment = aws_sdk_lambda::types::Environment::builder()
        .variables("STATE", test.home.file(STATE).display().to_string());
    let code = aws_sdk_lambda::types::FunctionCode::builder().zip_file(Blob::new(zip()));
    let request = test.lambda.create_function().function_name(ADAPTER);
    let request = request
        .runtime("python3.12".into())
        .handler("index.handler");
    let request = request.role(role).timeout(20).code(code.build());
    let created = request.environment(environment.build()).send().await;
    created.expect("a function").function_arn.expect("its ARN")
}

fn zip() -> Vec<u8> {
    let mut writer = zip::ZipWriter::new(Cursor::new(Vec::new()));
    let options = zip::write::SimpleFileOptions::default();
    writer.start_file("index.py", options).expect("a file");
    writer.write_all(PROGRAM.as_bytes()).expect("its content");
    writer.finish().expect("a zip").into_inner()
}

/// Returns what the service knows.
pub fn service(test: &TestEnvironment) -> Value {
    #[expect(clippy::disallowed_methods, reason = "a test's own file")]
    let text = std::fs::read_to_string(test.home.file(STATE)).expect("the service");
    serde_json::from_str(&text).expect("JSON")
}
