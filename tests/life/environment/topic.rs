//! What an SNS topic delivers, to a queue, without SDK clients.

use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::{ACCOUNT, REGION, Signed, TestEnvironment};

const NAME: &str = "received";

/// A queue that is subscribed to a topic.
pub struct Subscription<'a> {
    test: &'a TestEnvironment,
    url: String,
}

impl TestEnvironment {
    /// Subscribes a new queue to a topic, as an operator subscribes an address.
    pub async fn subscribe(&self, topic: &str) -> Subscription<'_> {
        let queue = format!("arn:aws:sqs:{REGION}:{ACCOUNT}:{NAME}");
        let policy = json!({
            "Version": "2012-10-17",
            "Statement": [{
                "Effect": "Allow",
                "Principal": { "Service": "sns.amazonaws.com" },
                "Action": "sqs:SendMessage",
                "Resource": queue,
            }],
        });
        let body = json!({ "QueueName": NAME, "Attributes": { "Policy": policy.to_string() } });
        let created = self.call("sqs", "AmazonSQS.CreateQueue", &body).await;
        let url = created["QueueUrl"].as_str().expect("a URL").to_owned();

        let request = Signed::new("sns", "POST", "/")
            .header("content-type", "application/x-www-form-urlencoded");
        let body = format!(
            "Action=Subscribe&Version=2010-03-31&TopicArn={topic}&Protocol=sqs&Endpoint={queue}"
        );
        let body = body.replace(':', "%3A");
        let answer = request.answer(self.endpoint(), &self.root(), &body).await;
        assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
        Subscription { test: self, url }
    }
}

impl Subscription<'_> {
    /// Waits for the next message that the topic delivers, and returns its text.
    pub async fn next(&self) -> String {
        let deadline = Instant::now() + Duration::from_secs(20);
        loop {
            let body = json!({ "QueueUrl": self.url });
            let received = self.test.call("sqs", "AmazonSQS.ReceiveMessage", &body);
            if let Some(message) = received.await["Messages"].get(0) {
                let handle = &message["ReceiptHandle"];
                let body = json!({ "QueueUrl": self.url, "ReceiptHandle": handle });
                let deleted = self.test.call("sqs", "AmazonSQS.DeleteMessage", &body);
                deleted.await;
                let envelope = message["Body"].as_str().expect("a body");
                let envelope: Value = serde_json::from_str(envelope).expect("JSON");
                return envelope["Message"].as_str().expect("a message").to_owned();
            }
            assert!(Instant::now() < deadline, "no message arrives");
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }
}
