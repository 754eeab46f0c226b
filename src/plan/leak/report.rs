//! What is known about a leaked key after the response, for people and for scripts.

use jiff::Timestamp;
use serde::Serialize;
use serde_json::Value;

/// The status of a leaked key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub enum OldKeyStatus {
    /// IAM accepts it.
    Active,
    /// IAM refuses it, and it can be activated again.
    Inactive,
    /// It does not exist any more.
    Deleted,
}

/// What is known about a leaked key.
#[derive(Clone, Debug, Serialize)]
pub struct LeakReport {
    /// When it was last used, as IAM reports it.
    pub last_used: Option<Timestamp>,
    /// The service of the last use.
    pub last_used_service: Option<String>,
    /// The Region of the last use.
    pub last_used_region: Option<String>,
    /// What CloudTrail shows.
    pub cloudtrail: TrailReport,
    /// The quarantine that AWS has put on the user.
    pub quarantine: QuarantineReport,
    /// The denied sessions of the user.
    pub sessions: Option<SessionReport>,
    /// The roles that the user may have assumed.
    pub roles: Vec<RoleReport>,
    /// What is not known about roles.
    pub roles_unknown: Vec<String>,
    /// The key that was deleted to make room.
    pub deleted_key: Option<String>,
}

/// What CloudTrail's event history shows of a key.
#[derive(Clone, Debug, Default, Serialize)]
pub struct TrailReport {
    /// The Regions that were looked at.
    pub regions: Vec<String>,
    /// The newest events, the newest first.
    pub events: Vec<TrailEventReport>,
    /// The number of events that were read.
    pub events_read: usize,
    /// Whether CloudTrail has older events.
    pub has_more: bool,
    /// Why CloudTrail could not be read.
    pub unavailable: Option<String>,
}

/// An event in CloudTrail.
#[derive(Clone, Debug, Serialize)]
pub struct TrailEventReport {
    /// When it happened.
    pub time: Timestamp,
    /// The service, such as `s3.amazonaws.com`.
    pub service: String,
    /// The API action.
    pub action: String,
    /// The Region.
    pub region: String,
    /// The address that the request came from.
    pub source_address: Option<String>,
    /// What the client says about itself.
    pub user_agent: String,
    /// AWS's error code, if the request was refused.
    pub error: Option<String>,
}

/// AWS's quarantine of a user.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct QuarantineReport {
    /// The ARNs of AWS's policies on the user.
    pub policies: Vec<String>,
    /// What they deny of what a rotation needs, in a sentence.
    pub summary: Option<String>,
    /// The actions that the policies deny, if they could be read.
    pub denied_actions: Vec<String>,
    /// Why it is not known whether the user is under quarantine.
    pub unknown: Option<String>,
}

/// Returns the actions that a policy denies.
pub fn denied_actions(document: &str) -> Vec<String> {
    let document: Value = serde_json::from_str(document).unwrap_or_default();
    let each = |value: &Value| match value {
        Value::Array(values) => values.clone(),
        Value::Null => Vec::new(),
        one => vec![one.clone()],
    };
    let statements = each(&document["Statement"]).into_iter();
    let denials = statements.filter(|statement| statement["Effect"] == "Deny");
    let actions = denials.flat_map(|statement| each(&statement["Action"]));
    actions
        .filter_map(|action| action.as_str().map(str::to_owned))
        .collect()
}

/// The denied sessions of a user.
#[derive(Clone, Debug, Serialize)]
pub struct SessionReport {
    /// The inline policy of the user.
    pub policy: &'static str,
    /// Sessions that were issued before this moment are denied.
    pub denied_before: Timestamp,
    /// When the last of these sessions has expired.
    pub removable_after: Timestamp,
}

/// A role that the user may have assumed.
#[derive(Clone, Debug, Serialize)]
pub struct RoleReport {
    /// The ARN, or a pattern from a policy.
    pub role: String,
    /// When the leaked key last assumed it, if CloudTrail shows that.
    pub last_assumed: Option<Timestamp>,
    /// How to revoke its sessions.
    pub revoke: String,
}
