//! Errors in the functions' logs.

use keyrota_contract::error;
use serde_json::Value;

/// The AWS error codes in the functions' messages that may be transient: a new key, a new user, or a new
/// policy of the function's role or of the user has not propagated to every IAM endpoint, or the account
/// makes too many requests.
const TRANSIENT: [&str; 7] = [
    "AccessDenied",
    "InvalidClientTokenId",
    "NoSuchEntity",
    "SignatureDoesNotMatch",
    "Throttling",
    "TooManyRequestsException",
    "UnrecognizedClientException",
];

/// An error that a function's log reports.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::run) struct LoggedError {
    /// The error's name, if the log has one.
    name: Option<String>,
    /// What happened, and the next step.
    pub(in crate::run) message: String,
}

impl LoggedError {
    /// Returns the error in a JSON log line of level ERROR about a secret. Lambda's own lines
    /// name the secret, if at all, within their text.
    pub(in crate::run) fn about(secret: &str, line: &str) -> Option<Self> {
        let object: Value = serde_json::from_str(line.trim()).ok()?;
        let text = |field: &str| object.get(field).and_then(Value::as_str);
        let is_about = match text("secret") {
            Some(named) => named == secret,
            None => line.contains(secret),
        };
        if !is_about || text("level")? != "ERROR" {
            return None;
        }
        Some(Self {
            name: text(error::TYPE_FIELD).map(str::to_owned),
            message: text(error::MESSAGE_FIELD)?.to_owned(),
        })
    }

    /// Returns whether the service's rules refuse the new password, so that the next rotation, which makes
    /// another, may succeed.
    pub(super) fn is_rejected_password(&self) -> bool {
        self.name.as_deref() == Some(error::PASSWORD_REJECTED)
    }

    /// Returns whether the error may disappear by itself.
    pub(super) fn is_transient(&self) -> bool {
        self.name.as_deref() == Some(error::CURRENT_KEY_MISSING)
            || TRANSIENT.iter().any(|code| self.message.contains(code))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_transient_errors_are_retried() {
        let is_transient = |name: &str, message: &str| {
            let error = LoggedError {
                name: Some(name.to_owned()),
                message: message.to_owned(),
            };
            error.is_transient()
        };
        assert!(is_transient(
            "KeyNotMade",
            "it is not allowed (AccessDenied)"
        ));
        assert!(is_transient(
            "KeyNotMade",
            "AWS is busy (Throttling, request 1)"
        ));
        assert!(is_transient(
            error::CURRENT_KEY_MISSING,
            "not among the keys"
        ));
        assert!(!is_transient(
            "KeyNotMade",
            "a quota is used up (LimitExceeded)"
        ));
    }

    #[test]
    fn an_error_is_that_of_its_own_secret() {
        let line = |secret: &str, level: &str| {
            format!(r#"{{"level":"{level}","secret":"{secret}","errorMessage":"no"}}"#)
        };
        let reads = |line: &str| LoggedError::about("prod/app", line).is_some();
        assert!(reads(&line("prod/app", "ERROR")));
        assert!(!reads(&line("prod/app", "INFO")));
        assert!(!reads(&line("prod/app2", "ERROR")));
        assert!(reads(
            r#"{"level":"ERROR","errorMessage":"prod/app: timed out"}"#
        ));
        assert!(!reads("prod/app: not JSON"));
    }
}
