//! SNS.

use async_trait::async_trait;

use super::Aws;
use super::error::found;
use crate::port::{Result, Subscription, Topics};

#[async_trait(?Send)]
impl Topics for Aws {
    async fn topic_policy(&self, arn: &str) -> Result<Option<String>> {
        let request = self.sns.get_topic_attributes().topic_arn(arn);
        let answer = found("sns:GetTopicAttributes", request.send()).await?;
        Ok(answer.and_then(|answer| answer.attributes?.remove("Policy")))
    }

    async fn subscription(&self, arn: &str) -> Result<Option<Subscription>> {
        let request = self.sns.get_subscription_attributes().subscription_arn(arn);
        let answer = found("sns:GetSubscriptionAttributes", request.send()).await?;
        Ok(answer.map(|answer| {
            let mut held = answer.attributes.unwrap_or_default();
            let mut take = |name: &str| held.remove(name).unwrap_or_default();
            Subscription {
                topic: take("TopicArn"),
                protocol: take("Protocol"),
                endpoint: take("Endpoint"),
                is_filtered: !matches!(take("FilterPolicy").as_str(), "" | "{}"),
            }
        }))
    }
}
