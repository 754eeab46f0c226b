//! `survey`: which long-lived access keys an account has, and what should become of each.

mod assembly;
mod holder;
mod origin;
mod policy;
mod report;
mod selection;
mod verdict;

use jiff::Timestamp;
use serde::Serialize;

use crate::port;

pub use assembly::{
    ObservedUser, SurveyInputs, assemble, needs_last_use, needs_listing, region_of_use,
};
pub use holder::{InspectedSecret, SecretMatch, key_ids_in};
pub use origin::{Origin, OriginProof, origin};
pub use policy::survey_policy;
pub use report::CredentialReport;
pub use selection::{ManifestSelection, select};
pub use verdict::{STALE, Verdict};

/// What a survey looks at, besides what it always does.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SurveyOptions {
    /// Read the values of secrets, to find the access key IDs in them.
    pub read_values: bool,
    /// Ask CloudTrail where keys are used.
    pub cloudtrail: bool,
}

/// A use of an access key, as IAM and the credential report describe it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyUse {
    /// When it was.
    pub at: Timestamp,
    /// The namespace of the service, such as `s3`, or `N/A`.
    pub service: String,
    /// The Region, or `N/A`.
    pub region: String,
}

impl From<port::LastUse> for KeyUse {
    fn from(last: port::LastUse) -> Self {
        let unknown = || "N/A".to_owned();
        let (service, region) = match last.used_in {
            Some(place) => (place.service, place.region),
            None => (unknown(), unknown()),
        };
        Self {
            at: last.at,
            service,
            region,
        }
    }
}

/// When a key was last used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LastUse {
    /// It could not be looked up.
    Unknown,
    /// No use is recorded.
    Never,
    /// The last use.
    At(KeyUse),
}

impl LastUse {
    /// Returns the last use that IAM reports.
    pub fn of(last: Option<port::LastUse>) -> Self {
        last.map_or(Self::Never, |last| Self::At(last.into()))
    }
}

/// The result of a survey.
#[derive(Clone, Debug, Serialize)]
pub struct Survey {
    /// The account ID.
    pub account: String,
    /// The Region whose secrets were looked at.
    pub region: String,
    /// When it was made.
    pub time: Timestamp,
    /// When IAM generated the credential report, if there is one.
    pub credential_report: Option<Timestamp>,
    /// The users.
    pub users: UserCounts,
    /// The keys, by user.
    pub keys: Vec<SurveyedKey>,
    /// What could not be looked up, and what is therefore missing.
    pub warnings: Vec<String>,
}

/// How many users there are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct UserCounts {
    /// IAM users.
    pub total: usize,
    /// IAM users with an access key.
    pub with_keys: usize,
    /// IAM users with a console password, or `None` without a credential report.
    pub with_console_password: Option<usize>,
}

/// An access key, and what should become of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct SurveyedKey {
    /// The name of the user, or `<root_account>`.
    pub user: String,
    /// The user's ARN.
    pub arn: String,
    /// The user's path. Absent for the root user.
    pub path: Option<String>,
    /// The access key ID. Absent if it could not be listed, and for the root user.
    pub access_key_id: Option<String>,
    /// `Active` or `Inactive`.
    pub status: &'static str,
    /// When it was created.
    pub created: Option<Timestamp>,
    /// Its age in whole days.
    pub age_days: Option<i64>,
    /// Its last use, with empty fields if it was never used. Absent if that is unknown.
    pub last_used: Option<LastUsed>,
    /// Whether the user has a console password.
    pub console_password: Option<bool>,
    /// The name of the secret that holds it, or may hold it.
    pub secret: Option<String>,
    /// The ARN of that secret.
    pub secret_arn: Option<String>,
    /// How that secret was matched.
    pub secret_matched_by: Option<SecretMatch>,
    /// The keyrota stack that this secret belongs to, by its tag.
    pub keyrota_stack: Option<String>,
    /// The names of other secrets that were matched.
    pub other_secrets: Vec<String>,
    /// What rotates that secret.
    pub rotated_by: Option<String>,
    /// What should become of the key.
    pub verdict: Verdict,
    /// Why.
    pub reason: String,
    /// The event that proves where it is used.
    pub evidence: Option<OriginProof>,
}

/// The last use of a key, as it is shown. Every field is empty if the key was never used.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct LastUsed {
    /// When.
    pub date: Option<Timestamp>,
    /// The namespace of the service.
    pub service: Option<String>,
    /// The Region.
    pub region: Option<String>,
}

impl SurveyedKey {
    /// Returns whether the key is the root user's.
    pub fn is_root(&self) -> bool {
        self.path.is_none()
    }

    /// Returns whether the key is active.
    pub fn is_active(&self) -> bool {
        self.status == ACTIVE
    }
}

/// As IAM names the status.
const ACTIVE: &str = "Active";
const INACTIVE: &str = "Inactive";
