//! The result of `credentials`, which is the same in both formats.

use secrecy::{ExposeSecret, SecretString};
use serde_json::{Value, json};

use super::Show;
use super::text::document;

/// A credential in the format that the SDKs' `credential_process` reads. Only this result and
/// [`SandboxResult`](super::SandboxResult) contain a secret, because the user requested it.
#[derive(Clone, Debug)]
pub struct CredentialsResult {
    /// The access key ID.
    pub id: String,
    /// The secret access key.
    pub secret: SecretString,
}

impl Show for CredentialsResult {
    fn human(&self) -> String {
        document(&self.json())
    }

    fn json(&self) -> Value {
        json!({
            "Version": 1,
            "AccessKeyId": self.id,
            "SecretAccessKey": self.secret.expose_secret(),
        })
    }
}
