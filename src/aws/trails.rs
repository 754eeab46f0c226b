//! CloudTrail's event history.

use async_trait::async_trait;
use aws_config::Region;
use aws_sdk_cloudtrail::config;
use aws_sdk_cloudtrail::types::{Event, LookupAttribute, LookupAttributeKey};
use serde_json::Value;

use super::Aws;
use super::error::{answered, refused};
use super::system::timestamp;
use crate::port::{ErrorKind, Result, TrailEvent, TrailHistory, Trails};

const CALL: &str = "cloudtrail:LookupEvents";
/// The maximum of the API.
const PAGE: i32 = 50;

/// The number of pages of a key's history.
const PAGES: usize = 5;

#[async_trait(?Send)]
impl Trails for Aws {
    async fn key_events(&self, region: &str, key: &str) -> Result<Vec<TrailEvent>> {
        Ok(self.history(region, key, 1).await?.events)
    }

    async fn key_history(&self, region: &str, key: &str) -> Result<TrailHistory> {
        self.history(region, key, PAGES).await
    }
}

impl Aws {
    /// Returns the events on so many pages.
    async fn history(&self, region: &str, key: &str, pages: usize) -> Result<TrailHistory> {
        let mut history = TrailHistory::default();
        let mut next = None;
        for _ in 0..pages {
            let there = config::Builder::new().region(Region::new(region.to_owned()));
            let attribute = LookupAttribute::builder()
                .attribute_key(LookupAttributeKey::AccessKeyId)
                .attribute_value(key)
                .build()
                .map_err(|error| refused(CALL, ErrorKind::Invalid, error.to_string()))?;
            let request = self.cloudtrail.lookup_events();
            let request = request.lookup_attributes(attribute).max_results(PAGE);
            let request = request.set_next_token(next);
            let request = request.customize().config_override(there);
            let page = answered(CALL, request.send()).await?;
            let events = page.events.unwrap_or_default();
            history.events.extend(events.iter().filter_map(event));
            next = page.next_token;
            if next.is_none() {
                break;
            }
        }
        history.has_more = next.is_some();
        Ok(history)
    }
}

/// Returns an event. What only its record has is empty if the record cannot be read.
fn event(event: &Event) -> Option<TrailEvent> {
    let record = event.cloud_trail_event().unwrap_or_default();
    let record: Value = serde_json::from_str(record).unwrap_or_default();
    let text = |value: &Value| value.as_str().map(str::to_owned);
    Some(TrailEvent {
        id: event.event_id()?.to_owned(),
        action: event.event_name()?.to_owned(),
        at: timestamp(event.event_time()?)?,
        user_agent: text(&record["userAgent"]).unwrap_or_default(),
        invoked_by: text(&record["userIdentity"]["invokedBy"]),
        service: event.event_source().unwrap_or_default().to_owned(),
        source_address: text(&record["sourceIPAddress"]),
        error: text(&record["errorCode"]),
        role: text(&record["requestParameters"]["roleArn"]),
    })
}
