//! What the service function asks an adapter, and what the adapter answers.
//!
//! An adapter knows one service. It answers two requests: whether a password works, and to change
//! the password. It never sees Secrets Manager, and keeps nothing between requests. A Lambda adapter
//! gets a [`Request`] as its event and returns a [`Response`]. An HTTP adapter is a file that describes
//! how to send the same requests ([`pins::service::Http`](crate::pins::service::Http)).

use std::collections::BTreeMap;

use secrecy::SecretString;
use serde::{Deserialize, Serialize, Serializer};

/// The version of requests and responses.
pub const VERSION: u32 = 1;

/// The longest response, in bytes. The function treats a longer one as unclear.
pub const LONGEST_RESPONSE: usize = 16 * 1024;
/// The longest code of a response, in characters.
pub const LONGEST_CODE: usize = 64;

/// A request. The type has no `Debug`, because that would show passwords.
#[derive(Serialize)]
pub struct Request<'request> {
    /// The version of the format.
    pub version: u32,
    /// What the adapter is asked to do.
    pub request: Operation,
    /// The user of the service.
    pub username: &'request str,
    /// The password to log in with. For [`Operation::Change`], it is the present one.
    #[serde(serialize_with = "exposed")]
    pub password: &'request SecretString,
    /// The new password, for [`Operation::Change`].
    #[serde(
        serialize_with = "exposed_if_any",
        skip_serializing_if = "Option::is_none"
    )]
    pub new_password: Option<&'request SecretString>,
    /// The settings of the entry in the manifest, which are not secret.
    pub settings: &'request BTreeMap<String, String>,
}

/// What an adapter is asked to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Operation {
    /// Log in with the password, and change nothing.
    Authenticate,
    /// Log in with the password, and replace it with the new one. It may be repeated.
    Change,
}

impl Operation {
    /// Both operations.
    pub const ALL: [Self; 2] = [Self::Authenticate, Self::Change];

    /// Returns the name in requests.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Authenticate => "authenticate",
            Self::Change => "change",
        }
    }
}

/// An adapter's response.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Response {
    /// The version of the format.
    pub version: u32,
    /// How the request ended.
    pub outcome: Outcome,
    /// Whether the previous password still works after a successful change. If absent, it does not.
    #[serde(default, skip_serializing_if = "is_void")]
    pub previous: Previous,
    /// The service's own code, such as `HTTP 409`, for the log: up to [`LONGEST_CODE`] printable ASCII
    /// characters. It must contain no secret.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub code: Option<String>,
}

/// How a request ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// The password works, or was changed.
    Success,
    /// The service says that the password is wrong. Nothing was changed.
    Refused,
    /// The service's policy does not accept the new password. Nothing was changed.
    PasswordRejected,
    /// The request did not reach the service, or the service could not handle it now. Nothing was
    /// changed. The same request may succeed later.
    Unreachable,
    /// Anything else. The password may have been changed.
    Unclear,
}

impl Outcome {
    /// Every outcome.
    pub const ALL: [Self; 5] = [
        Self::Success,
        Self::Refused,
        Self::PasswordRejected,
        Self::Unreachable,
        Self::Unclear,
    ];

    /// Returns the name in responses.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Success => "success",
            Self::Refused => "refused",
            Self::PasswordRejected => "password_rejected",
            Self::Unreachable => "unreachable",
            Self::Unclear => "unclear",
        }
    }
}

/// The state of the previous password after a change.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Previous {
    /// It no longer works.
    #[default]
    Void,
    /// It works beside the new password until the next change.
    Works,
}

#[expect(
    clippy::trivially_copy_pass_by_ref,
    reason = "serde passes a reference"
)]
fn is_void(previous: &Previous) -> bool {
    *previous == Previous::Void
}

fn exposed<S: Serializer>(secret: &&SecretString, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(secrecy::ExposeSecret::expose_secret(*secret))
}

fn exposed_if_any<S: Serializer>(
    secret: &Option<&SecretString>,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    match secret {
        Some(secret) => exposed(secret, serializer),
        None => serializer.serialize_none(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requests_have_one_form() {
        let (old, new) = (SecretString::from("old\""), SecretString::from("new"));
        let settings = BTreeMap::from([("tenant".to_owned(), "4711".to_owned())]);
        let mut request = Request {
            version: VERSION,
            request: Operation::Change,
            username: "billing@example.com",
            password: &old,
            new_password: Some(&new),
            settings: &settings,
        };
        assert_eq!(
            serde_json::to_string(&request).unwrap(),
            r#"{"version":1,"request":"change","username":"billing@example.com","password":"old\"","new_password":"new","settings":{"tenant":"4711"}}"#
        );
        request.request = Operation::Authenticate;
        request.new_password = None;
        assert_eq!(
            serde_json::to_string(&request).unwrap(),
            r#"{"version":1,"request":"authenticate","username":"billing@example.com","password":"old\"","settings":{"tenant":"4711"}}"#
        );
    }

    #[test]
    fn responses_have_one_form() {
        for outcome in Outcome::ALL {
            let text = format!(r#"{{"version":1,"outcome":"{}"}}"#, outcome.name());
            let response: Response = serde_json::from_str(&text).unwrap();
            assert_eq!(response.outcome, outcome);
            assert_eq!(response.previous, Previous::Void);
            assert_eq!(serde_json::to_string(&response).unwrap(), text);
        }
        let kept = r#"{"version":1,"outcome":"success","previous":"works","code":"OK"}"#;
        let response: Response = serde_json::from_str(kept).unwrap();
        assert_eq!(response.previous, Previous::Works);
        assert_eq!(serde_json::to_string(&response).unwrap(), kept);
        let unknown = r#"{"version":1,"outcome":"success","password":"x"}"#;
        assert!(serde_json::from_str::<Response>(unknown).is_err());
    }
}
