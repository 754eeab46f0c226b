//! CloudTrail's event history.

use async_trait::async_trait;
use aws_config::Region;
use aws_sdk_cloudtrail::config;
use aws_sdk_cloudtrail::types::{Event, LookupAttribute, LookupAttributeKey};
use serde_json::Value;

use super::Aws;
use super::error::{answered, refused};
use super::system::timestamp;
use crate::port::{ErrorKind, Result, TrailEvent, Trails};

const CALL: &str = "cloudtrail:LookupEvents";
/// The maximum of the API.
const PAGE: i32 = 50;

#[async_trait(?Send)]
impl Trails for Aws {
    async fn key_events(&self, region: &str, key: &str) -> Result<Vec<TrailEvent>> {
        let there = config::Builder::new().region(Region::new(region.to_owned()));
        let attribute = LookupAttribute::builder()
            .attribute_key(LookupAttributeKey::AccessKeyId)
            .attribute_value(key)
            .build()
            .map_err(|error| refused(CALL, ErrorKind::Invalid, error.to_string()))?;
        let request = self.cloudtrail.lookup_events();
        let request = request.lookup_attributes(attribute).max_results(PAGE);
        let request = request.customize().config_override(there);
        let events = answered(CALL, request.send()).await?.events;
        let events = events.unwrap_or_default();
        Ok(events.iter().filter_map(event).collect())
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
    })
}
