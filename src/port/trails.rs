//! CloudTrail's event history.

use async_trait::async_trait;
use jiff::Timestamp;

use super::Result;

/// A management event in CloudTrail's event history.
#[derive(Clone, Debug, PartialEq, Eq)]
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
}

/// CloudTrail.
#[async_trait(?Send)]
pub trait Trails {
    /// Returns the newest management events that an access key signed in a Region, at most one
    /// page of 50, of the last 90 days (`cloudtrail:LookupEvents`).
    async fn key_events(&self, region: &str, key: &str) -> Result<Vec<TrailEvent>>;
}
