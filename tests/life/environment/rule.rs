//! The rules that make the function sweep the secrets, as in EventBridge.

use aws_sdk_lambda::primitives::Blob;
use serde_json::{Value, json};

use super::TestEnvironment;

impl TestEnvironment {
    /// Returns the input of each target of the stack's hourly rules, which EventBridge would
    /// send to the function.
    pub async fn sweep_inputs(&self) -> Vec<String> {
        let rules = self.events("ListRules", &json!({})).await;
        let mut inputs = Vec::new();
        for rule in rules["Rules"].as_array().expect("rules") {
            if rule["ScheduleExpression"] != "rate(1 hour)" {
                continue;
            }
            let rule = json!({ "Rule": rule["Name"] });
            let targets = self.events("ListTargetsByRule", &rule).await;
            let targets = targets["Targets"].as_array().expect("targets");
            let input = |target: &Value| target["Input"].as_str().expect("an input").to_owned();
            inputs.extend(targets.iter().map(input));
        }
        inputs
    }

    /// Makes the function sweep every secret, as the hourly rules do.
    pub async fn sweep(&self) {
        assert_eq!(self.try_sweep().await, None);
    }

    /// Does the same, and returns the function's error if it fails.
    pub async fn try_sweep(&self) -> Option<String> {
        let inputs = self.sweep_inputs().await;
        assert!(!inputs.is_empty(), "there is no rule");
        let mut failed = None;
        for input in inputs {
            let functions = self.lambda.list_functions().send().await;
            let functions = functions.expect("functions").functions.unwrap_or_default();
            let request = self.lambda.invoke().payload(Blob::new(input));
            let request = request.function_name(functions[0].function_name().expect("a name"));
            let answer = request.send().await.expect("an answer");
            if answer.function_error().is_some() {
                let payload = answer.payload().map(Blob::as_ref).unwrap_or_default();
                failed = Some(String::from_utf8_lossy(payload).into_owned());
            }
        }
        failed
    }

    /// Calls EventBridge without an SDK client.
    async fn events(&self, action: &str, body: &Value) -> Value {
        let target = format!("AWSEvents.{action}");
        self.call("events", &target, body).await
    }
}
