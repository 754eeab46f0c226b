//! The result of `rotate`, in both formats.

use serde::Serialize;
use serde_json::{Value, json};

use super::Show;
use super::human::table;
use super::leak;
use crate::plan::{LeakReport, OldKeyStatus};

/// The result of `rotate`.
#[derive(Clone, Debug, Serialize)]
pub struct RotateResult {
    /// Each selected secret.
    pub secrets: Vec<RotatedSecret>,
}

/// A secret after `rotate`.
#[derive(Clone, Debug, Serialize)]
pub struct RotatedSecret {
    /// Its name.
    pub name: String,
    /// Its ARN.
    pub arn: Option<String>,
    /// The IAM user or the database user.
    pub username: String,
    /// The previous key.
    pub old_access_key_id: Option<String>,
    /// The new key.
    pub new_access_key_id: Option<String>,
    /// The version that is AWSCURRENT.
    pub version_id: Option<String>,
    /// Whether the new key has authenticated.
    pub verified: bool,
    /// Whether the previous version became AWSCURRENT again, instead of a new one.
    pub restored: bool,
    /// The status of the leaked key.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub old_key_status: Option<OldKeyStatus>,
    /// What is known about the leaked key.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub leak: Option<LeakReport>,
    /// Why the rotation failed.
    pub error: Option<String>,
}

impl Show for RotateResult {
    fn human(&self) -> String {
        let or_dash = |text: &Option<String>| text.clone().unwrap_or_else(|| "-".into());
        let rows = self.secrets.iter().map(|secret| {
            let outcome = match &secret.error {
                Some(_) => "failed, see above",
                None if secret.restored => "restored, verified",
                None if secret.verified => "verified",
                None => "not verified",
            };
            vec![
                secret.name.clone(),
                secret.username.clone(),
                or_dash(&secret.old_access_key_id),
                or_dash(&secret.new_access_key_id),
                outcome.into(),
            ]
        });
        let table = table(
            &["secret", "user", "old key", "new key", ""],
            rows.collect(),
        );
        let leaks = self.secrets.iter().filter_map(leak::human);
        std::iter::once(table).chain(leaks).collect()
    }

    fn json(&self) -> Value {
        json!(self)
    }
}
