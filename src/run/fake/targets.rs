//! The targets of `notify`, which belong to someone else.

use async_trait::async_trait;

use super::FakeAws;
use crate::port::{EventTargets, Receiver, Result};

#[async_trait(?Send)]
impl EventTargets for FakeAws {
    async fn topic(&self, arn: &str) -> Result<Option<Receiver>> {
        self.act("sns:GetTopicAttributes", |state| {
            Ok(state.receivers.get(arn).cloned())
        })
        .await
    }

    async fn queue(&self, name: &str) -> Result<Option<Receiver>> {
        self.act("sqs:GetQueueAttributes", |state| {
            let mut queues = state.receivers.iter();
            let found = queues.find(|(arn, _)| arn.ends_with(&format!(":{name}")));
            Ok(found.map(|(_, queue)| queue.clone()))
        })
        .await
    }

    async fn has_event_bus(&self, name: &str) -> Result<bool> {
        self.act("events:DescribeEventBus", |state| {
            Ok(state.event_buses.contains(name))
        })
        .await
    }
}
