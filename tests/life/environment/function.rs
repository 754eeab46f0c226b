//! The deployed function: the target of its calls, and its log.

use std::time::{Duration, Instant};

use aws_sdk_lambda::primitives::Blob;
use aws_sdk_lambda::types::{Environment, LastUpdateStatus};
use serde_json::json;

use super::TestEnvironment;

/// The steps of a rotation, in order (`rotate-secrets_lambda-functions`).
pub const STEPS: [&str; 4] = ["createSecret", "setSecret", "testSecret", "finishSecret"];

impl TestEnvironment {
    /// Sends the function's calls to an endpoint, by its environment. This restarts its
    /// process.
    pub async fn send_function_through(&self, endpoint: &str) {
        const SERVICES: [&str; 4] = ["IAM", "S3", "SECRETS_MANAGER", "STS"];
        let name = self.function().await;
        let variables = SERVICES.iter().fold(Environment::builder(), |it, service| {
            it.variables(format!("AWS_ENDPOINT_URL_{service}"), endpoint)
        });
        let request = self.lambda.update_function_configuration();
        let request = request.function_name(&name).environment(variables.build());
        request.send().await.expect("the function is updated");
        let deadline = Instant::now() + Duration::from_secs(20);
        loop {
            let request = self.lambda.get_function_configuration();
            let answer = request.function_name(&name).send().await;
            let answer = answer.expect("the function");
            if answer.last_update_status() == Some(&LastUpdateStatus::Successful) {
                return;
            }
            assert!(Instant::now() < deadline, "{answer:?}");
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }

    /// Invokes the function, and returns its error if it fails.
    pub async fn invoke(&self, event: String) -> Result<(), String> {
        let request = self.lambda.invoke().payload(Blob::new(event));
        let request = request.function_name(self.function().await);
        let answer = request.send().await.expect("an answer");
        if answer.function_error().is_none() {
            return Ok(());
        }
        let payload = answer.payload().map(Blob::as_ref).unwrap_or_default();
        Err(String::from_utf8_lossy(payload).into_owned())
    }

    /// Runs a step of a rotation of a secret, as Secrets Manager does.
    pub async fn run_step(&self, secret: &str, step: &str, version: &str) -> Result<(), String> {
        let arn = self.secret(secret).await.expect("the secret").arn;
        let event = json!({ "Step": step, "SecretId": arn, "ClientRequestToken": version });
        self.invoke(event.to_string()).await
    }

    /// Returns everything in the account's log groups, line by line.
    pub async fn logged(&self) -> Vec<String> {
        let groups = self.logs.describe_log_groups().send().await;
        let mut lines = Vec::new();
        for group in groups.expect("log groups").log_groups() {
            let request = self.logs.filter_log_events();
            let request = request.log_group_name(group.log_group_name().unwrap_or_default());
            let mut pages = request.into_paginator().send();
            while let Some(page) = pages.next().await {
                let events = page.expect("a page").events.unwrap_or_default();
                lines.extend(events.into_iter().filter_map(|event| event.message));
            }
        }
        lines
    }

    /// Returns the name of the function, the only function.
    async fn function(&self) -> String {
        let answer = self.lambda.list_functions().send().await;
        let functions = answer.expect("functions").functions.unwrap_or_default();
        assert_eq!(functions.len(), 1, "{functions:?}");
        functions[0].function_name().expect("a name").to_owned()
    }
}
