//! Runs the fakes' conformance suites against the local AWS over HTTP.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::io::{Cursor, Write};
use std::path::PathBuf;
use std::time::Duration;

use aws_sdk_secretsmanager::error::{ProvideErrorMetadata, SdkError};
use aws_smithy_types::Blob;
use keyrota_test_aws::conformance::{
    self, Described, Function, Iam, ListedKey, Outcome, ROTATED, SecretsManager,
};

use crate::environment::{ACCOUNT, Key, TestEnvironment};

/// Returns the error's code.
fn code<E: ProvideErrorMetadata + std::fmt::Debug, R: std::fmt::Debug>(
    error: SdkError<E, R>,
) -> String {
    let code = error.as_service_error().and_then(|error| error.code());
    code.map_or_else(|| format!("{error:?}"), str::to_owned)
}

/// The local AWS, and the keys that it returned.
struct LocalAws {
    test: TestEnvironment,
    keys: RefCell<BTreeMap<String, Key>>,
    /// The number of deployed functions.
    functions: Cell<usize>,
}

impl LocalAws {
    async fn start() -> Self {
        Self {
            test: TestEnvironment::without_function().await,
            keys: RefCell::default(),
            functions: Cell::default(),
        }
    }
}

impl SecretsManager for LocalAws {
    async fn create(&self, name: &str, token: &str, value: &str) -> Outcome<()> {
        let request = self.test.secretsmanager.create_secret().name(name);
        let request = request.client_request_token(token).secret_string(value);
        request.send().await.map(drop).map_err(code)
    }

    async fn describe(&self, name: &str) -> Outcome<Described> {
        let request = self.test.secretsmanager.describe_secret().secret_id(name);
        let answer = request.send().await.map_err(code)?;
        let stages = answer.version_ids_to_stages.unwrap_or_default();
        Ok(Described {
            stages: stages
                .into_iter()
                .map(|(id, labels)| (id, labels.into_iter().collect()))
                .collect(),
            deleted: answer.deleted_date.is_some(),
            rotation_enabled: answer.rotation_enabled,
            scheduled: answer.rotation_rules.is_some(),
            rotated: answer.last_rotated_date.is_some(),
        })
    }

    async fn value(&self, name: &str, label: Option<&str>, id: Option<&str>) -> Outcome<String> {
        let request = self.test.secretsmanager.get_secret_value().secret_id(name);
        let request = request.set_version_stage(label.map(str::to_owned));
        let request = request.set_version_id(id.map(str::to_owned));
        let answer = request.send().await.map_err(code)?;
        Ok(answer.secret_string.unwrap_or_default())
    }

    async fn put(&self, name: &str, token: &str, value: &str, labels: &[&str]) -> Outcome<()> {
        let labels: Vec<String> = labels.iter().map(|label| (*label).to_owned()).collect();
        let labels = Some(labels).filter(|labels| !labels.is_empty());
        let request = self.test.secretsmanager.put_secret_value().secret_id(name);
        let request = request.client_request_token(token).secret_string(value);
        let request = request.set_version_stages(labels);
        request.send().await.map(drop).map_err(code)
    }

    async fn update_stage(
        &self,
        name: &str,
        label: &str,
        from: Option<&str>,
        to: Option<&str>,
    ) -> Outcome<()> {
        let request = self.test.secretsmanager.update_secret_version_stage();
        let request = request.secret_id(name).version_stage(label);
        let request = request.set_remove_from_version_id(from.map(str::to_owned));
        let request = request.set_move_to_version_id(to.map(str::to_owned));
        request.send().await.map(drop).map_err(code)
    }

    async fn delete(&self, name: &str, days: i64) -> Outcome<()> {
        let request = self.test.secretsmanager.delete_secret().secret_id(name);
        let request = request.recovery_window_in_days(days);
        request.send().await.map(drop).map_err(code)
    }

    async fn restore(&self, name: &str) -> Outcome<()> {
        let request = self.test.secretsmanager.restore_secret().secret_id(name);
        request.send().await.map(drop).map_err(code)
    }

    async fn rotate(&self, name: &str, token: &str) -> Outcome<()> {
        let request = self.test.secretsmanager.rotate_secret().secret_id(name);
        let request = request.client_request_token(token);
        request.send().await.map(drop).map_err(code)
    }

    async fn rotate_with(&self, name: &str, token: &str, function: Function) -> Outcome<()> {
        let function = self.deploy(function).await;
        let request = self.test.secretsmanager.rotate_secret().secret_id(name);
        let request = request.client_request_token(token);
        let request = request.rotation_lambda_arn(function).rotation_rules(
            aws_sdk_secretsmanager::types::RotationRulesType::builder()
                .automatically_after_days(30)
                .build(),
        );
        request.send().await.map(drop).map_err(code)
    }

    async fn cancel_rotation(&self, name: &str) -> Outcome<()> {
        let client = &self.test.secretsmanager;
        let request = client.cancel_rotate_secret().secret_id(name);
        request.send().await.map(drop).map_err(code)
    }

    #[expect(clippy::disallowed_methods, reason = "the function writes to a file")]
    async fn calls(&self, name: &str) -> Vec<(String, String)> {
        let text = std::fs::read_to_string(self.record()).unwrap_or_default();
        let calls = text.lines().filter_map(|line| {
            let (secret, call) = line.split_once(' ')?;
            let (step, token) = call.split_once(' ')?;
            let is_asked = secret.contains(&format!(":secret:{name}-"));
            is_asked.then(|| (step.to_owned(), token.to_owned()))
        });
        calls.collect()
    }

    async fn pause(&self) {
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

impl Iam for LocalAws {
    async fn create_user(&self, user: &str) -> Outcome<()> {
        let request = self.test.iam.create_user().user_name(user);
        request.send().await.map(drop).map_err(code)
    }

    async fn create_key(&self, user: &str) -> Outcome<String> {
        let request = self.test.iam.create_access_key().user_name(user);
        let key = request.send().await.map_err(code)?.access_key;
        let key = key.expect("an answer has the key");
        let shown = Key {
            id: key.access_key_id.clone(),
            secret: key.secret_access_key,
        };
        self.keys.borrow_mut().insert(shown.id.clone(), shown);
        Ok(key.access_key_id)
    }

    async fn keys(&self, user: &str) -> Outcome<Vec<ListedKey>> {
        let request = self.test.iam.list_access_keys().user_name(user);
        let listed = request.send().await.map_err(code)?.access_key_metadata;
        let mut keys = Vec::new();
        for key in listed {
            let id = key.access_key_id.expect("a listed key has an ID");
            let request = self.test.iam.get_access_key_last_used();
            let used = request.access_key_id(&id).send().await.map_err(code)?;
            let used = used.access_key_last_used;
            keys.push(ListedKey {
                id,
                active: key.status.is_some_and(|status| status.as_str() == "Active"),
                used: used.is_some_and(|used| used.last_used_date.is_some()),
            });
        }
        Ok(keys)
    }

    async fn set_active(&self, user: &str, id: &str, active: bool) -> Outcome<()> {
        let status = if active { "Active" } else { "Inactive" };
        let request = self.test.iam.update_access_key().user_name(user);
        let request = request.access_key_id(id).status(status.into());
        request.send().await.map(drop).map_err(code)
    }

    async fn delete_key(&self, user: &str, id: &str) -> Outcome<()> {
        let request = self.test.iam.delete_access_key().user_name(user);
        let request = request.access_key_id(id);
        request.send().await.map(drop).map_err(code)
    }

    async fn keys_by_page(&self, user: &str) -> Outcome<Vec<String>> {
        let request = self.test.iam.list_access_keys().user_name(user);
        let mut pages = request.max_items(1).into_paginator().send();
        let mut keys = Vec::new();
        while let Some(page) = pages.next().await {
            let listed = page.map_err(code)?.access_key_metadata;
            assert!(listed.len() <= 1, "a page has at most MaxItems keys");
            keys.extend(listed.into_iter().filter_map(|key| key.access_key_id));
        }
        Ok(keys)
    }

    async fn use_key(&self, _user: &str, id: &str) -> Outcome<()> {
        let key = self.keys.borrow()[id].clone();
        self.test.holder(&key).await.map(drop)
    }

    async fn tags(&self, user: &str) -> Outcome<BTreeMap<String, String>> {
        let request = self.test.iam.list_user_tags().user_name(user);
        let tags = request.send().await.map_err(code)?.tags;
        Ok(tags.into_iter().map(|tag| (tag.key, tag.value)).collect())
    }

    async fn tag(&self, user: &str, key: &str, value: &str) -> Outcome<()> {
        let tag = aws_sdk_iam::types::Tag::builder().key(key).value(value);
        let tag = tag.build().expect("a tag");
        let request = self.test.iam.tag_user().user_name(user).tags(tag);
        request.send().await.map(drop).map_err(code)
    }

    async fn untag(&self, user: &str, key: &str) -> Outcome<()> {
        let request = self.test.iam.untag_user().user_name(user).tag_keys(key);
        request.send().await.map(drop).map_err(code)
    }
}

/// A rotation function that records its calls, and fails at the step `FAILING`. Without a step, it
/// rotates.
const FUNCTION: &str = "
import os
import botocore.session

def handler(event, context):
    step, secret, token = event['Step'], event['SecretId'], event['ClientRequestToken']
    with open(os.environ['RECORD'], 'a') as record:
        record.write(f'{secret} {step} {token}\\n')
    if os.environ['FAILING']:
        if step == os.environ['FAILING']:
            raise RuntimeError('told to fail')
        return
    manager = botocore.session.Session().create_client('secretsmanager')
    if step == 'createSecret':
        manager.put_secret_value(SecretId=secret, ClientRequestToken=token,
                                 SecretString=os.environ['VALUE'], VersionStages=['AWSPENDING'])
    if step == 'finishSecret':
        versions = manager.describe_secret(SecretId=secret)['VersionIdsToStages']
        current = next(id for id, labels in versions.items() if 'AWSCURRENT' in labels)
        manager.update_secret_version_stage(SecretId=secret, VersionStage='AWSCURRENT',
                                            MoveToVersionId=token, RemoveFromVersionId=current)
";

impl LocalAws {
    /// Deploys the function, lets Secrets Manager invoke it, and returns its ARN.
    async fn deploy(&self, function: Function) -> String {
        let failing = match function {
            Function::Rotating => "",
            Function::FailingAt(step) => step,
        };
        let name = format!("rotate-{}", self.functions.get());
        self.functions.set(self.functions.get() + 1);
        let mut zip = zip::ZipWriter::new(Cursor::new(Vec::new()));
        let options = zip::write::SimpleFileOptions::default();
        zip.start_file("index.py", options).expect("a file");
        zip.write_all(FUNCTION.as_bytes()).expect("its text");
        let zip = zip.finish().expect("a zip").into_inner();
        let trust = r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"sts:AssumeRole",
            "Principal":{"Service":"lambda.amazonaws.com"}}]}"#;
        let policy = r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow",
            "Action":"secretsmanager:*","Resource":"*"}]}"#;
        let role = self.test.iam.create_role().role_name(&name);
        let role = role.assume_role_policy_document(trust).send().await;
        let role = role.expect("a role").role.expect("a role").arn;
        let request = self.test.iam.put_role_policy().role_name(&name);
        let request = request.policy_name("rotate").policy_document(policy);
        request.send().await.expect("a policy");
        let environment = aws_sdk_lambda::types::Environment::builder()
            .variables("RECORD", self.record().display().to_string())
            .variables("FAILING", failing)
            .variables("VALUE", ROTATED);
        let code = aws_sdk_lambda::types::FunctionCode::builder().zip_file(Blob::new(zip));
        let request = self.test.lambda.create_function().function_name(&name);
        let request = request
            .runtime("python3.12".into())
            .handler("index.handler");
        let request = request.role(role).timeout(20).code(code.build());
        let created = request.environment(environment.build()).send().await;
        let arn = created.expect("a function").function_arn.expect("its ARN");
        let request = self.test.lambda.add_permission().function_name(&name);
        let request = request.statement_id("rotation").source_account(ACCOUNT);
        let request = request.principal("secretsmanager.amazonaws.com");
        let allowed = request.action("lambda:InvokeFunction").send().await;
        allowed.expect("a permission");
        arn
    }

    /// Returns the path of the function's record.
    fn record(&self) -> PathBuf {
        self.test.home.file("calls")
    }
}

#[tokio::test]
async fn the_local_secrets_manager_is_as_documented() {
    conformance::secrets_manager(&LocalAws::start().await).await;
}

#[tokio::test]
async fn the_local_iam_is_as_documented() {
    conformance::iam(&LocalAws::start().await).await;
}
