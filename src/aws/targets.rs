//! The targets of `notify`: SNS with its client, and three calls of SQS and EventBridge, whose
//! clients would take minutes to build.
//!
//! Sources: `GetQueueUrl` and `GetQueueAttributes` in the SQS API reference, `DescribeEventBus` in
//! the EventBridge API reference; both services speak the AWS JSON protocol.

use async_trait::async_trait;
use serde_json::{Value as Json, json};

use super::Aws;
use super::error::found;
use super::json_call::{JsonCall, send};
use crate::port::{EventTargets, Optional as _, Receiver, Result};

const QUEUE_URL: JsonCall = JsonCall {
    call: "sqs:GetQueueUrl",
    service: "sqs",
    target: "AmazonSQS.GetQueueUrl",
    media_type: "application/x-amz-json-1.0",
};
const QUEUE_ATTRIBUTES: JsonCall = JsonCall {
    call: "sqs:GetQueueAttributes",
    target: "AmazonSQS.GetQueueAttributes",
    ..QUEUE_URL
};
const EVENT_BUS: JsonCall = JsonCall {
    call: "events:DescribeEventBus",
    service: "events",
    target: "AWSEvents.DescribeEventBus",
    media_type: "application/x-amz-json-1.1",
};

#[async_trait(?Send)]
impl EventTargets for Aws {
    async fn topic(&self, arn: &str) -> Result<Option<Receiver>> {
        let request = self.sns.get_topic_attributes().topic_arn(arn);
        let answer = found("sns:GetTopicAttributes", request.send()).await?;
        Ok(answer.map(|answer| {
            let mut held = answer.attributes.unwrap_or_default();
            let mut take = |name: &str| held.remove(name).filter(|text| !text.is_empty());
            Receiver {
                policy: take("Policy"),
                kms_key: take("KmsMasterKeyId"),
                deduplicates: false,
            }
        }))
    }

    async fn queue(&self, name: &str) -> Result<Option<Receiver>> {
        let asked = json!({ "QueueName": name });
        let Some(answer) = send(&self.config, QUEUE_URL, &asked).await.optional()? else {
            return Ok(None);
        };
        let asked = json!({ "QueueUrl": answer["QueueUrl"], "AttributeNames": ["All"] });
        let answer = send(&self.config, QUEUE_ATTRIBUTES, &asked).await;
        Ok(answer.optional()?.map(|answer| receiver(&answer)))
    }

    async fn has_event_bus(&self, name: &str) -> Result<bool> {
        let asked = json!({ "Name": name });
        let answer = send(&self.config, EVENT_BUS, &asked).await.optional()?;
        Ok(answer.is_some())
    }
}

fn receiver(answer: &Json) -> Receiver {
    let take = |name: &str| {
        let text = answer["Attributes"][name].as_str();
        text.filter(|text| !text.is_empty()).map(str::to_owned)
    };
    Receiver {
        policy: take("Policy"),
        kms_key: take("KmsMasterKeyId"),
        deduplicates: take("ContentBasedDeduplication").as_deref() == Some("true"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_queue_has_only_the_attributes_that_are_set() {
        let seen = receiver(&json!({ "Attributes": { "Policy": "{}", "KmsMasterKeyId": "" } }));
        assert_eq!(seen.policy.as_deref(), Some("{}"));
        assert_eq!(seen.kms_key, None);
        assert!(!seen.deduplicates);
        assert_eq!(receiver(&json!({})).policy, None);
    }
}
