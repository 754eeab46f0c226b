//! The result of `sandbox`, in both formats.

use secrecy::{ExposeSecret, SecretString};
use serde_json::{Value, json};

use super::Show;

/// The environment variable that makes commands as patient with a local AWS as with AWS.
pub const LIKE_AWS_VARIABLE: &str = "KEYROTA_LIKE_AWS";

/// The access to a local AWS. The key of its root is random and valid only there.
#[derive(Clone, Debug)]
pub struct SandboxResult {
    /// The endpoint of every service.
    pub endpoint_url: String,
    /// The access key ID of the emulator's root.
    pub access_key_id: String,
    /// Its secret access key.
    pub secret_access_key: SecretString,
    /// The Region.
    pub region: String,
    /// Changes take as long as on AWS, so commands have to be as patient.
    pub like_aws: bool,
}

impl Show for SandboxResult {
    fn human(&self) -> String {
        let secret = self.secret_access_key.expose_secret();
        let lines = [
            ("AWS_ENDPOINT_URL", self.endpoint_url.as_str()),
            ("AWS_ACCESS_KEY_ID", &self.access_key_id),
            ("AWS_SECRET_ACCESS_KEY", secret),
            ("AWS_REGION", &self.region),
            ("AWS_DEFAULT_REGION", &self.region),
        ];
        let patience = self.like_aws.then_some((LIKE_AWS_VARIABLE, "1"));
        let lines = lines.into_iter().chain(patience);
        lines
            .map(|(name, value)| format!("export {name}={value}\n"))
            .collect()
    }

    fn json(&self) -> Value {
        json!({
            "endpoint_url": self.endpoint_url,
            "access_key_id": self.access_key_id,
            "secret_access_key": self.secret_access_key.expose_secret(),
            "region": self.region,
            "like_aws": self.like_aws,
        })
    }
}
