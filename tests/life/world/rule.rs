//! The rule that has the function look at the secrets, as EventBridge holds it.

use aws_sdk_lambda::primitives::Blob;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use super::World;

impl World {
    /// Returns the input of each target of the stack's hourly rules. EventBridge
    /// itself would send it to the function.
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

    /// Has the function look at every secret, as the hourly rules do.
    pub async fn sweep(&self) {
        assert_eq!(self.try_sweep().await, None);
    }

    /// Does the same, and returns what the function says where it failed.
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

    /// Calls EventBridge, for which the tests have no client: the local AWS does
    /// not look at the signature of its root.
    async fn events(&self, action: &str, body: &Value) -> Value {
        let address = self.endpoint().strip_prefix("http://").expect("http");
        let body = body.to_string();
        let request = format!(
            "POST / HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\
             Content-Type: application/x-amz-json-1.1\r\nContent-Length: {}\r\n\
             X-Amz-Target: AWSEvents.{action}\r\n\
             Authorization: AWS4-HMAC-SHA256 Credential=test/20260101/{}/events/aws4_request, \
             SignedHeaders=host, Signature=0\r\n\r\n{body}",
            body.len(),
            super::REGION,
        );
        let mut stream = TcpStream::connect(address).await.expect("a connection");
        stream
            .write_all(request.as_bytes())
            .await
            .expect("it is sent");
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.expect("an answer");
        let (head, body) = answer.split_once("\r\n\r\n").expect("a body");
        assert!(head.starts_with("HTTP/1.1 200"), "{answer}");
        // A body in chunks has lengths around it.
        let (from, to) = (body.find('{'), body.rfind('}'));
        let text = &body[from.expect("JSON")..=to.expect("JSON")];
        serde_json::from_str(text).unwrap_or_else(|error| panic!("{error}: {answer}"))
    }
}
