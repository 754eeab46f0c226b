//! Rotations that have started and not ended.

use jiff::{SignedDuration, Timestamp};

use crate::model::Model;

/// What is known about a rotation whose version has AWSPENDING, and not AWSCURRENT.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct UnfinishedRotation {
    /// When its version was created, if the caller may know.
    pub created: Option<Timestamp>,
    /// The last error that the function has logged since then.
    pub reported: Option<String>,
    /// How long a rotation may take.
    pub limit: SignedDuration,
}

impl UnfinishedRotation {
    /// Returns since when the rotation is under way, or `None` if it does not end by itself: its
    /// function has reported an error, or it is older than a rotation may be.
    pub fn under_way(&self, now: Timestamp) -> Option<Timestamp> {
        let created = self.created.filter(|_| self.reported.is_none())?;
        (now.duration_since(created) < self.limit).then_some(created)
    }
}

/// Returns how long a rotation may take: each of its four steps is one invocation of the function
/// (`rotate-secrets_lambda-functions`), and Secrets Manager starts them one after the other.
pub fn longest_rotation(model: &Model) -> SignedDuration {
    const STEPS: u64 = 4;
    let seconds = STEPS * model.function.timeout.as_seconds() + 60;
    i64::try_from(seconds).map_or(SignedDuration::MAX, SignedDuration::from_secs)
}
