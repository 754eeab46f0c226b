//! The policy that denies the sessions of a user that were issued before a moment.
//!
//! A session of a user, from `GetSessionToken` or `GetFederationToken`, lives for up to 36 hours and
//! does not end with the key that requested it. It has the permissions of the user, so a policy of
//! the user ends it
//! ([documented](https://docs.aws.amazon.com/IAM/latest/UserGuide/id_credentials_temp_control-access_disable-perms.html)).
//! A request that is signed with an access key itself has no `aws:TokenIssueTime`, and the condition
//! does not match it.

use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

/// The name of the inline policy.
pub const DENY_SESSIONS_POLICY: &str = "keyrota-deny-sessions";

/// The longest session of a user (`API_GetSessionToken`, `API_GetFederationToken`).
const LONGEST_SESSION: SignedDuration = SignedDuration::from_hours(36);

/// The sessions that a policy denies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DeniedSessions {
    /// Sessions that were issued before this moment are denied.
    pub before: Timestamp,
}

impl DeniedSessions {
    /// Returns the sessions of which each was issued before a moment. IAM compares whole seconds, so
    /// the second of the moment itself is included.
    pub fn until(now: Timestamp) -> Self {
        let whole = Timestamp::from_second(now.as_second()).unwrap_or(now);
        let next = whole.checked_add(SignedDuration::from_secs(1));
        Self {
            before: next.unwrap_or(whole),
        }
    }

    /// Reads a policy. Returns `None` if it is not one of keyrota's.
    pub fn read(document: &str) -> Option<Self> {
        let document: Value = serde_json::from_str(document).ok()?;
        let statement = match &document["Statement"] {
            Value::Array(statements) => match statements.as_slice() {
                [one] => one,
                _ => return None,
            },
            one => one,
        };
        if statement["Effect"] != "Deny" {
            return None;
        }
        let before = statement["Condition"]["DateLessThan"]["aws:TokenIssueTime"].as_str()?;
        Some(Self {
            before: before.parse().ok()?,
        })
    }

    /// Returns when the last of the sessions has expired, so that the policy can be removed.
    pub fn removable_after(self) -> Timestamp {
        let end = self.before.checked_add(LONGEST_SESSION);
        end.unwrap_or(Timestamp::MAX)
    }
}

/// Returns the document of the policy.
pub fn deny_sessions_policy(sessions: DeniedSessions) -> String {
    json!({
        "Version": "2012-10-17",
        "Statement": [{
            "Sid": "DenySessionsIssuedBefore",
            "Effect": "Deny",
            "Action": "*",
            "Resource": "*",
            "Condition": {
                "DateLessThan": { "aws:TokenIssueTime": format!("{:.0}", sessions.before) },
            },
        }],
    })
    .to_string()
}
