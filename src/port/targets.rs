//! SNS, SQS, and EventBridge: what receives an event for each promotion, and belongs to someone
//! else.

use async_trait::async_trait;

use super::Result;

/// A topic or a queue.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Receiver {
    /// Its policy, if it has one.
    pub policy: Option<String>,
    /// The KMS key that encrypts it, as it was set: an ID, an ARN, or an alias.
    pub kms_key: Option<String>,
    /// Whether a FIFO queue recognizes a second message by its content. A topic does not.
    pub deduplicates: bool,
}

/// The targets of `notify` other than functions. They are only looked at.
#[async_trait(?Send)]
pub trait EventTargets {
    /// Returns a topic (`sns:GetTopicAttributes`).
    async fn topic(&self, arn: &str) -> Result<Option<Receiver>>;
    /// Returns a queue of the caller's account and Region (`sqs:GetQueueUrl`,
    /// `sqs:GetQueueAttributes`).
    async fn queue(&self, name: &str) -> Result<Option<Receiver>>;
    /// Returns whether an event bus exists (`events:DescribeEventBus`).
    async fn has_event_bus(&self, name: &str) -> Result<bool>;
}
