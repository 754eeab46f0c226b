//! The events that the functions accept: a step of a rotation, a sweep, a check, and a request to drop
//! a database user.
//!
//! | event | sender |
//! | --- | --- |
//! | `{"Step": …, "SecretId": …, "ClientRequestToken": …}` | Secrets Manager ("Lambda rotation functions" in the Secrets Manager User Guide) |
//! | `{"keyrota": "sweep", "secrets": [ARN…]}` | the hourly rule of the stack, and `keyrota doctor` |
//! | `{"keyrota": "check", "secret": ARN}` | `keyrota doctor` and `keyrota status --check`, which rehearse the next rotation |
//! | `{"keyrota": "check", "secret": ARN, "version": ID}` | `keyrota bootstrap`, to the databases' function, which logs in with that version |
//! | `{"keyrota": "drop_user", "secret": ARN}` | `keyrota teardown`, to the databases' function |
//!
//! The answer to a check is a [`CheckAnswer`](crate::check::CheckAnswer), and the answer to a request
//! to drop a user is a [`Removal`](crate::removal::Removal).

use serde_json::json;

/// The field of a step's event that names the step.
pub const STEP: &str = "Step";
/// The field of a step's event that contains the secret's ARN.
pub const SECRET_ID: &str = "SecretId";
/// The field of a step's event that contains the ID of the version that the rotation creates.
pub const TOKEN: &str = "ClientRequestToken";
/// The optional field of a step's event that proves its origin. It is sensitive.
pub const ROTATION_TOKEN: &str = "RotationToken";

/// The field that only keyrota's own events have. Its value is the kind of event.
pub const WORK: &str = "keyrota";
/// The value of [`WORK`] in a sweep's event, and what log lines call it.
pub const SWEEP: &str = "sweep";
/// The value of [`WORK`] in a check's event, and what log lines call it.
pub const CHECK: &str = "check";
/// The value of [`WORK`] in the event that drops a database user, and what log lines call it.
pub const DROP_USER: &str = "drop_user";
/// The field of a sweep's event with the ARNs of the secrets.
pub const SECRETS: &str = "secrets";
/// The field of the other events with the ARN of the secret.
pub const SECRET: &str = "secret";
/// The field of a check's event with the ID of the version to log in with. Without it, the check
/// rehearses the next rotation.
pub const VERSION: &str = "version";

/// One of the four steps of a rotation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// `createSecret`: create the new credential and store it as AWSPENDING.
    Create,
    /// `setSecret`: make the resource accept it.
    Set,
    /// `testSecret`: prove that it is accepted.
    Test,
    /// `finishSecret`: make it AWSCURRENT.
    Finish,
}

impl Step {
    /// The steps in the order in which Secrets Manager calls them.
    pub const ALL: [Self; 4] = [Self::Create, Self::Set, Self::Test, Self::Finish];

    /// Returns the step's name in the event.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Create => "createSecret",
            Self::Set => "setSecret",
            Self::Test => "testSecret",
            Self::Finish => "finishSecret",
        }
    }

    /// Returns the step with this name.
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|step| step.name() == name)
    }
}

/// Returns the event that makes a function sweep these secrets.
pub fn sweep(secrets: &[&str]) -> String {
    json!({ (WORK): SWEEP, (SECRETS): secrets }).to_string()
}

/// Returns the event that makes the databases' function log in with a version of a secret.
pub fn check(secret: &str, version: &str) -> String {
    json!({ (WORK): CHECK, (SECRET): secret, (VERSION): version }).to_string()
}

/// Returns the event that makes a function rehearse the next rotation of a secret.
pub fn rehearsal(secret: &str) -> String {
    json!({ (WORK): CHECK, (SECRET): secret }).to_string()
}

/// Returns the event that makes the databases' function drop the user of a secret.
pub fn drop_user(secret: &str) -> String {
    json!({ (WORK): DROP_USER, (SECRET): secret }).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_step_is_found_by_its_name() {
        for step in Step::ALL {
            assert_eq!(Step::parse(step.name()), Some(step));
        }
        assert_eq!(Step::parse("create"), None);
    }
}
