//! What others have made: secrets, and functions that rotate them.

use std::io::{Cursor, Write as _};

use aws_sdk_lambda::primitives::Blob;
use aws_sdk_secretsmanager::types::{RotationRulesType, Tag};
use serde_json::Value;

use crate::environment::{ACCOUNT, TestEnvironment};

/// The article's rotation function, as it is printed there.
const ARTICLE: &str = include_str!("article.py");
/// The part of boto3 that the article's function uses, in terms of botocore.
const BOTO3: &str = "
import botocore.session

def client(name, **options):
    return botocore.session.Session().create_client(name, **options)
";

impl TestEnvironment {
    /// Creates a secret with its description and tags, and returns its ARN.
    pub async fn make_described_secret(&self, name: &str, value: &str) -> String {
        let tag = |key: &str, value: &str| Tag::builder().key(key).value(value).build();
        let request = self.secretsmanager.create_secret().name(name);
        let request = request.description("The key of the CI system");
        let request = request.tags(tag("owner", "platform"));
        let made = request.secret_string(value).send().await;
        made.expect("the secret is made").arn.expect("an ARN")
    }

    /// Deploys the article's function with the article's permissions, and returns its ARN.
    pub async fn make_article_function(&self, secret: &str) -> String {
        let name = "rotate-access-key";
        let mut zip = zip::ZipWriter::new(Cursor::new(Vec::new()));
        let options = zip::write::SimpleFileOptions::default();
        for (file, text) in [("lambda_function.py", ARTICLE), ("boto3.py", BOTO3)] {
            zip.start_file(file, options).expect("a file");
            zip.write_all(text.as_bytes()).expect("its text");
        }
        let zip = zip.finish().expect("a zip").into_inner();
        let trust = r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"sts:AssumeRole",
            "Principal":{"Service":"lambda.amazonaws.com"}}]}"#;
        let policy = format!(
            r#"{{"Version":"2012-10-17","Statement":[{{"Effect":"Allow","Action":["secretsmanager:DescribeSecret",
            "secretsmanager:GetSecretValue","secretsmanager:PutSecretValue",
            "secretsmanager:UpdateSecretVersionStage"],"Resource":"{secret}"}},{{"Effect":"Allow",
            "Action":["secretsmanager:GetRandomPassword"],"Resource":"*"}}]}}"#
        );
        let role = self.iam.create_role().role_name(name);
        let role = role.assume_role_policy_document(trust).send().await;
        let role = role.expect("a role").role.expect("a role").arn;
        let request = self.iam.put_role_policy().role_name(name);
        let request = request.policy_name("rotate").policy_document(policy);
        request.send().await.expect("a policy");
        let code = aws_sdk_lambda::types::FunctionCode::builder().zip_file(Blob::new(zip));
        let request = self.lambda.create_function().function_name(name);
        let request = request
            .runtime("python3.12".into())
            .handler("lambda_function.lambda_handler")
            .role(role)
            .timeout(20)
            .code(code.build());
        let created = request.send().await;
        let arn = created.expect("a function").function_arn.expect("its ARN");
        let request = self.lambda.add_permission().function_name(name);
        let request = request.statement_id("rotation").source_account(ACCOUNT);
        let request = request.principal("secretsmanager.amazonaws.com");
        let allowed = request.action("lambda:InvokeFunction").send().await;
        allowed.expect("a permission");
        arn
    }

    /// Turns on the rotation of a secret by a function.
    pub async fn rotate_with(&self, secret: &str, function: &str, immediately: bool) {
        let rules = RotationRulesType::builder().schedule_expression("rate(30 days)");
        let request = self.secretsmanager.rotate_secret().secret_id(secret);
        let request = request.rotation_lambda_arn(function);
        let request = request.rotation_rules(rules.build());
        let rotated = request.rotate_immediately(immediately).send().await;
        rotated.expect("rotation is on");
    }

    /// Returns the function that rotates a secret.
    pub async fn rotated_by(&self, secret: &str) -> Option<String> {
        let request = self.secretsmanager.describe_secret().secret_id(secret);
        let answer = request.send().await.expect("the secret");
        answer.rotation_lambda_arn
    }

    /// Returns a secret's description.
    pub async fn description_of(&self, secret: &str) -> Option<String> {
        let request = self.secretsmanager.describe_secret().secret_id(secret);
        let answer = request.send().await.expect("the secret");
        answer.description
    }

    /// Returns the value in AWSCURRENT as it is stored.
    pub async fn text_of(&self, secret: &str) -> String {
        self.value(secret, "AWSCURRENT").await;
        let request = self.secretsmanager.get_secret_value().secret_id(secret);
        let answer = request.send().await.expect("the value");
        answer.secret_string.expect("text")
    }

    /// Waits until AWSCURRENT contains another key than before, and the rotation has ended.
    pub async fn until_rotated(&self, secret: &str, before: &str) -> Value {
        loop {
            let value = self.value(secret, "AWSCURRENT").await.expect("a value");
            if value["accesskey"] != before {
                self.until_rotations_end().await;
                return value;
            }
            tokio::time::sleep(std::time::Duration::from_millis(20)).await;
        }
    }
}
