//! SNS.

use async_trait::async_trait;

use super::Result;

/// A subscription to a topic.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Subscription {
    /// The ARN of the topic.
    pub topic: String,
    /// The protocol, such as `email`.
    pub protocol: String,
    /// Where messages go.
    pub endpoint: String,
    /// Whether a filter policy keeps messages back.
    pub is_filtered: bool,
}

/// What CloudFormation does not compare with a template.
#[async_trait(?Send)]
pub trait Topics {
    /// Returns the policy of a topic, or `None` if the topic does not exist
    /// (`sns:GetTopicAttributes`).
    async fn topic_policy(&self, arn: &str) -> Result<Option<String>>;
    /// Returns a subscription by its ARN (`sns:GetSubscriptionAttributes`).
    async fn subscription(&self, arn: &str) -> Result<Option<Subscription>>;
}
