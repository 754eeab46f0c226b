//! Calls of services without an SDK client in the tests.

use serde_json::Value;

use crate::environment::{Signed, TestEnvironment};

/// Calls a service whose requests are forms.
pub async fn query(test: &TestEnvironment, service: &str, fields: &[(&str, &str)]) {
    let encoded = |text: &str| -> String {
        let byte = |byte: u8| match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'_' | b'.' => {
                char::from(byte).to_string()
            }
            _ => format!("%{byte:02X}"),
        };
        text.bytes().map(byte).collect()
    };
    let pairs = fields
        .iter()
        .map(|(key, value)| format!("{key}={}", encoded(value)));
    let body = pairs.collect::<Vec<_>>().join("&");
    let request = Signed::new(service, "POST", "/")
        .header("content-type", "application/x-www-form-urlencoded");
    let answer = request.answer(test.endpoint(), &test.root(), &body).await;
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
}

/// Calls SNS.
pub async fn sns(test: &TestEnvironment, action: &str, fields: &[(&str, &str)]) {
    let fixed = [("Action", action), ("Version", "2010-03-31")];
    query(test, "sns", &[&fixed, fields].concat()).await;
}

/// Calls CloudWatch.
pub async fn cloudwatch(test: &TestEnvironment, action: &str, alarm: &str) {
    let fields = [
        ("Action", action),
        ("Version", "2010-08-01"),
        ("AlarmNames.member.1", alarm),
    ];
    query(test, "monitoring", &fields).await;
}

/// Calls EventBridge.
pub async fn events(test: &TestEnvironment, action: &str, body: &Value) -> Value {
    let target = format!("AWSEvents.{action}");
    test.call("events", &target, body).await
}
