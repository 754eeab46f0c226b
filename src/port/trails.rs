//! CloudTrail's event history.

use async_trait::async_trait;
use jiff::Timestamp;

use super::Result;

/// A management event in CloudTrail's event history.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TrailEvent {
    /// The event's ID.
    pub id: String,
    /// The API action, such as `PutParameter`.
    pub action: String,
    /// When it happened.
    pub at: Timestamp,
    /// The user agent that the client sent.
    pub user_agent: String,
    /// The AWS service that made the request for the caller, if one did.
    pub invoked_by: Option<String>,
    /// The service that the request was for, such as `s3.amazonaws.com`.
    pub service: String,
    /// The address that the request came from, or the name of an AWS service.
    pub source_address: Option<String>,
    /// AWS's error code, if the request was refused.
    pub error: Option<String>,
    /// The role that the request was to assume, if it was one of that kind.
    pub role: Option<String>,
}

/// What the event history has of a key in a Region.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TrailHistory {
    /// The newest events, the newest first.
    pub events: Vec<TrailEvent>,
    /// Whether there are older ones.
    pub has_more: bool,
}

/// CloudTrail.
#[async_trait(?Send)]
pub trait Trails {
    /// Returns the newest management events that an access key signed in a Region, at most one
    /// page of 50, of the last 90 days (`cloudtrail:LookupEvents`).
    async fn key_events(&self, region: &str, key: &str) -> Result<Vec<TrailEvent>>;
    /// Returns the same, and the events of some more pages (`cloudtrail:LookupEvents`).
    async fn key_history(&self, region: &str, key: &str) -> Result<TrailHistory>;
}
