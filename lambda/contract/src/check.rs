//! The answer to a check, which tries calls and changes nothing.
//!
//! A check of a version logs in to a database or a service with that version. A check without a version
//! rehearses the next rotation: the function makes the calls that change nothing, with the
//! credentials that the rotation would use, and lists the others as untried.
//!
//! The answer goes to each principal that may invoke the function. It contains names, access key IDs, and
//! error codes, and no value of a secret.

use serde::{Deserialize, Serialize};

/// The names of the calls, as policies write the actions of AWS.
pub mod call {
    /// Reads the labels of the secret's versions.
    pub const DESCRIBE_SECRET: &str = "secretsmanager:DescribeSecret";
    /// Reads a value, with the secret's KMS key.
    pub const GET_SECRET_VALUE: &str = "secretsmanager:GetSecretValue";
    /// Makes a password.
    pub const GET_RANDOM_PASSWORD: &str = "secretsmanager:GetRandomPassword";
    /// Stores the new value.
    pub const PUT_SECRET_VALUE: &str = "secretsmanager:PutSecretValue";
    /// Moves a staging label.
    pub const UPDATE_SECRET_VERSION_STAGE: &str = "secretsmanager:UpdateSecretVersionStage";
    /// Says whose credentials sign a request.
    pub const GET_CALLER_IDENTITY: &str = "sts:GetCallerIdentity";
    /// Lists a user's keys.
    pub const LIST_ACCESS_KEYS: &str = "iam:ListAccessKeys";
    /// Says when a key was last used.
    pub const GET_ACCESS_KEY_LAST_USED: &str = "iam:GetAccessKeyLastUsed";
    /// Creates a key.
    pub const CREATE_ACCESS_KEY: &str = "iam:CreateAccessKey";
    /// Deactivates a key.
    pub const UPDATE_ACCESS_KEY: &str = "iam:UpdateAccessKey";
    /// Deletes a key.
    pub const DELETE_ACCESS_KEY: &str = "iam:DeleteAccessKey";
    /// Reads the records on a user.
    pub const LIST_USER_TAGS: &str = "iam:ListUserTags";
    /// Writes a record on a user.
    pub const TAG_USER: &str = "iam:TagUser";
    /// Removes a record from a user.
    pub const UNTAG_USER: &str = "iam:UntagUser";
    /// Encrypts a value with the secret's customer managed key, through Secrets Manager.
    pub const GENERATE_DATA_KEY: &str = "kms:GenerateDataKey";
    /// Logs in to the database server.
    pub const LOG_IN: &str = "database:LogIn";
    /// Logs in where clients do, if that is not the database server.
    pub const CLIENT_LOG_IN: &str = "database:ClientLogIn";
    /// Reads which accounts of the user's name the database server has.
    pub const READ_ACCOUNTS: &str = "database:ReadAccounts";
    /// Changes the password on the database server.
    pub const CHANGE_PASSWORD: &str = "database:ChangePassword";
    /// Has an adapter log in to its service.
    pub const AUTHENTICATE: &str = "adapter:Authenticate";
    /// Has an adapter change the password on its service.
    pub const CHANGE: &str = "adapter:Change";
}

/// The credentials that make a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Signer {
    /// The function's execution role.
    Role,
    /// The user whose credential is rotated, with the current credential.
    User,
    /// The administrator whose secret `rotate_as` names.
    Administrator,
}

/// What came of a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CallResult {
    /// It would succeed.
    Allowed,
    /// It was refused, or there was no route to the service.
    Failed,
    /// The service was busy, which says nothing about the next time.
    Busy,
    /// It was not tried.
    Untried,
}

/// A call of the next rotation.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CheckedCall {
    /// Its name: see [`call`].
    pub call: String,
    /// Whose credentials make it.
    pub by: Signer,
    /// What it concerns, if that is not the secret, its user, or its server: the name or the ARN of
    /// the administrator's secret, or the resource of a probe.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub resource: Option<String>,
    /// What came of it.
    pub result: CallResult,
    /// The error code, such as `AccessDenied` or `unreachable`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub code: Option<String>,
    /// Why it failed, in a sentence.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}

impl CheckedCall {
    /// Returns a call that was not tried.
    pub fn untried(call: &str, by: Signer) -> Self {
        Self {
            call: call.to_owned(),
            by,
            resource: None,
            result: CallResult::Untried,
            code: None,
            reason: None,
        }
    }
}

/// The code of [`call::READ_ACCOUNTS`] if there are several accounts of the user's name.
pub const SEVERAL_ACCOUNTS: &str = "several_accounts";
/// The code of [`call::READ_ACCOUNTS`] if the accounts of the user's name cannot be read.
pub const ACCOUNTS_UNSEEN: &str = "accounts_unseen";

/// When the password of a login expires, as the server says to the login itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PasswordExpiry {
    /// At this time, in seconds since 1970. A new password does not change that.
    At(i64),
    /// This many days after it was set. A new password begins a new period.
    DaysAfterChange(u32),
    /// It has expired: the login can do nothing but change it.
    Expired,
}

/// What a database server says about the logins of a user, as far as the function's login may read
/// it. If the user's name has several accounts, the strictest limits apply.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LoginLimits {
    /// How many failed logins in succession make the server refuse further ones.
    pub failures: FailureLimit,
    /// How many sessions the user may have at a time. `None` means that there is no limit of the
    /// user's own, or that the login may not read it.
    pub sessions: Option<u32>,
    /// The methods with which the user may authenticate, as the server names them. Empty if the
    /// login may not read them, or the server has one.
    pub methods: Vec<String>,
}

/// How many failed logins in succession a server tolerates.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FailureLimit {
    /// The login may not read it, or the server does not say.
    #[default]
    Unknown,
    /// After this many, further logins are refused.
    After(u32),
    /// Any number.
    Unlimited,
}

impl FailureLimit {
    /// Returns the limit after this many failures, of which 0 means none.
    pub fn after(failures: u32) -> Self {
        match failures {
            0 => Self::Unlimited,
            failures => Self::After(failures),
        }
    }
}

/// The answer to a check.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CheckAnswer {
    /// The calls, in the order of a rotation.
    pub calls: Vec<CheckedCall>,
    /// When the current password expires, if the server says that it does.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expiry: Option<PasswordExpiry>,
    /// What the database server says about the user's logins, if it was asked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub limits: Option<LoginLimits>,
    /// Whether nothing was tried after the labels were read, because a rotation is in progress.
    #[serde(default)]
    pub rotating: bool,
}

impl CheckAnswer {
    /// Returns the call with this name and signer.
    pub fn find(&self, call: &str, by: Signer) -> Option<&CheckedCall> {
        let mut calls = self.calls.iter();
        calls.find(|it| it.call == call && it.by == by)
    }

    /// Returns the login of the user, to a database server or to an adapter's service.
    pub fn login(&self) -> Option<&CheckedCall> {
        let calls = [call::LOG_IN, call::AUTHENTICATE];
        calls
            .into_iter()
            .find_map(|call| self.find(call, Signer::User))
    }

    /// Returns why the user cannot log in, or `None` if the login succeeded.
    pub fn refusal(&self) -> Option<String> {
        match self.login() {
            Some(login) if login.result == CallResult::Allowed => None,
            Some(CheckedCall {
                reason: Some(reason),
                ..
            }) => Some(reason.clone()),
            _ => Some("the function does not say why".to_owned()),
        }
    }

    /// Returns why one secret cannot serve all clients of the user, or `None` if no reason is
    /// known.
    pub fn accounts_refusal(&self) -> Option<String> {
        let mut calls = self.calls.iter();
        let refused =
            calls.find(|it| it.call == call::READ_ACCOUNTS && it.result == CallResult::Failed)?;
        refused.reason.clone()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn login(result: CallResult, reason: Option<&str>) -> CheckAnswer {
        CheckAnswer {
            calls: vec![CheckedCall {
                result,
                reason: reason.map(str::to_owned),
                ..CheckedCall::untried(call::LOG_IN, Signer::User)
            }],
            ..CheckAnswer::default()
        }
    }

    #[test]
    fn an_answer_says_no_more_than_it_has_to() {
        let answer = login(CallResult::Allowed, None);
        let text = serde_json::to_string(&answer).unwrap();
        assert_eq!(
            text,
            r#"{"calls":[{"call":"database:LogIn","by":"user","result":"allowed"}],"rotating":false}"#
        );
        assert_eq!(serde_json::from_str::<CheckAnswer>(&text).unwrap(), answer);
    }

    #[test]
    fn only_a_login_that_succeeded_has_no_refusal() {
        assert_eq!(login(CallResult::Allowed, None).refusal(), None);
        let refused = login(CallResult::Failed, Some("a reason"));
        assert_eq!(refused.refusal().unwrap(), "a reason");
        assert!(login(CallResult::Busy, None).refusal().is_some());
        assert!(CheckAnswer::default().refusal().is_some());
    }

    #[test]
    fn a_login_to_a_service_is_a_login() {
        let mut answer = login(CallResult::Allowed, None);
        answer.calls[0].call = call::AUTHENTICATE.to_owned();
        assert_eq!(answer.refusal(), None);
        answer.calls[0].result = CallResult::Failed;
        assert!(answer.refusal().is_some());
    }

    #[test]
    fn accounts_are_refused_only_by_that_call() {
        let mut answer = login(CallResult::Failed, Some("a reason"));
        assert_eq!(answer.accounts_refusal(), None);
        answer.calls.push(CheckedCall {
            result: CallResult::Failed,
            reason: Some("several".to_owned()),
            ..CheckedCall::untried(call::READ_ACCOUNTS, Signer::Administrator)
        });
        assert_eq!(answer.accounts_refusal().unwrap(), "several");
        answer.calls[1].result = CallResult::Untried;
        assert_eq!(answer.accounts_refusal(), None);
    }

    #[test]
    fn limits_have_one_form() {
        let limits = LoginLimits {
            failures: FailureLimit::after(3),
            sessions: None,
            methods: vec!["ed25519".to_owned()],
        };
        assert_eq!(
            serde_json::to_string(&limits).unwrap(),
            r#"{"failures":{"after":3},"sessions":null,"methods":["ed25519"]}"#
        );
        assert_eq!(FailureLimit::after(0), FailureLimit::Unlimited);
        assert_eq!(
            serde_json::to_string(&FailureLimit::Unknown).unwrap(),
            r#""unknown""#
        );
        assert!(FailureLimit::Unknown < FailureLimit::After(1));
        assert!(FailureLimit::After(u32::MAX) < FailureLimit::Unlimited);
    }

    #[test]
    fn an_expiry_has_one_form() {
        let text = |expiry| serde_json::to_string(&expiry).unwrap();
        assert_eq!(text(PasswordExpiry::At(7)), r#"{"at":7}"#);
        assert_eq!(
            text(PasswordExpiry::DaysAfterChange(90)),
            r#"{"days_after_change":90}"#
        );
        assert_eq!(text(PasswordExpiry::Expired), r#""expired""#);
    }
}
