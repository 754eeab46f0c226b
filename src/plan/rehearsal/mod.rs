//! The rehearsal of a secret's next rotation: which of its calls would be refused, as far as that
//! can be known without changing anything.
//!
//! The function tries the calls that change nothing. For the others, IAM simulates the policies of
//! the principal that would make them. A call that neither can decide is listed as not testable.

mod cause;
mod simulation;

use jiff::Timestamp;
use keyrota_contract::check::{
    CallResult, CheckAnswer, CheckedCall, LoginLimits, PasswordExpiry, Signer, call,
};
use serde::Serialize;

use crate::port::{PolicyDecision, Simulated};

pub use cause::{FailedRehearsal, failed_rehearsal, first_login_remedy};
pub use simulation::{Principals, simulations};

/// The rehearsal of a secret's next rotation.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Rehearsal {
    /// The secret's name.
    pub secret: String,
    /// The calls of the rotation, in their order.
    pub calls: Vec<RehearsedCall>,
    /// Why the function did not try them, if it did not.
    pub error: Option<String>,
    /// What the database server says about the user's logins, if the function asked it.
    pub limits: Option<LoginLimits>,
    /// When the current password expires, if the database server says so.
    #[serde(skip)]
    pub expiry: Option<PasswordExpiry>,
    /// Who makes the calls.
    #[serde(skip)]
    pub principals: Principals,
}

/// A call of the next rotation.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct RehearsedCall {
    /// Its name, such as `iam:CreateAccessKey`.
    pub call: String,
    /// Whose credentials make it.
    pub by: Signer,
    /// What it concerns, if that is not the secret itself, its user, or its server.
    pub resource: Option<String>,
    /// How the result is known.
    pub how: TestMethod,
    /// Whether it would succeed.
    pub result: CallOutcome,
    /// The error code, if it would be refused.
    pub code: Option<String>,
    /// Why it would be refused.
    pub reason: Option<String>,
    /// What the principal's own policies say, if they were simulated.
    #[serde(skip)]
    pub policies: Option<PolicyDecision>,
}

/// How the result of a call is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum TestMethod {
    /// The function made the call.
    Tested,
    /// IAM simulated the policies of the principal.
    Simulated,
    /// Neither was possible.
    NotTestable,
}

/// Whether a call would succeed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum CallOutcome {
    /// No refusal is known.
    Ok,
    /// It would be refused, or does not reach its service.
    Refused,
    /// Nothing is known.
    Unknown,
}

/// The code of a call that the simulation denies, as AWS's simulator calls it.
const DENIED: &str = "implicitDeny";
const DENIED_EXPLICITLY: &str = "explicitDeny";

impl Rehearsal {
    /// Returns the rehearsal that the function's answer and the simulations make up.
    pub fn of(
        secret: &str,
        answer: CheckAnswer,
        principals: &Principals,
        simulated: &[Simulated],
    ) -> Self {
        let calls = complete(answer.calls, principals.key.is_some()).into_iter();
        Self {
            secret: secret.to_owned(),
            calls: calls.map(|call| rehearsed(call, simulated)).collect(),
            error: None,
            limits: answer.limits,
            expiry: answer.expiry,
            principals: principals.clone(),
        }
    }

    /// Returns the rehearsal that did not take place.
    pub fn failed(secret: &str, error: String, principals: &Principals) -> Self {
        Self {
            secret: secret.to_owned(),
            calls: Vec::new(),
            error: Some(error),
            limits: None,
            expiry: None,
            principals: principals.clone(),
        }
    }

    /// Returns the calls that would be refused.
    pub fn refused(&self) -> impl Iterator<Item = &RehearsedCall> {
        let calls = self.calls.iter();
        calls.filter(|call| call.result == CallOutcome::Refused)
    }

    /// Returns whether the current credential has just authenticated.
    pub fn proves(&self) -> bool {
        let proofs = [call::GET_CALLER_IDENTITY, call::LOG_IN, call::AUTHENTICATE];
        self.calls.iter().any(|it| {
            it.by == Signer::User
                && proofs.contains(&it.call.as_str())
                && (it.how, it.result) == (TestMethod::Tested, CallOutcome::Ok)
        })
    }

    /// Returns when the current password expires, if that is known. A server that does not say
    /// when it was last changed says how long ago it may be: `since` is when keyrota changed it.
    pub fn password_expires(&self, since: Option<Timestamp>, now: Timestamp) -> Option<Timestamp> {
        match self.expiry? {
            PasswordExpiry::At(seconds) => Timestamp::from_second(seconds).ok(),
            PasswordExpiry::DaysAfterChange(days) => {
                let lifetime = jiff::SignedDuration::from_hours(i64::from(days) * 24);
                since?.checked_add(lifetime).ok()
            }
            PasswordExpiry::Expired => Some(now),
        }
    }
}

/// Adds the encryption of the new value, which Secrets Manager requests for the function.
fn complete(mut calls: Vec<CheckedCall>, encrypts: bool) -> Vec<CheckedCall> {
    let stored = calls
        .iter()
        .position(|it| it.call == call::PUT_SECRET_VALUE);
    if let (true, Some(at)) = (encrypts, stored) {
        let encryption = CheckedCall::untried(call::GENERATE_DATA_KEY, Signer::Role);
        calls.insert(at + 1, encryption);
    }
    calls
}

fn rehearsed(checked: CheckedCall, simulated: &[Simulated]) -> RehearsedCall {
    let found = simulated.iter().find(|it| {
        it.action == checked.call
            && Some(it.by) == simulation::signer(&checked).map(|(by, _)| by)
            && it.of == checked.resource
    });
    let (how, result, code, reason) = match (checked.result, found) {
        (CallResult::Allowed, _) => (TestMethod::Tested, CallOutcome::Ok, None, None),
        (CallResult::Failed, _) => (
            TestMethod::Tested,
            CallOutcome::Refused,
            checked.code,
            checked.reason,
        ),
        (CallResult::Busy, _) => (
            TestMethod::NotTestable,
            CallOutcome::Unknown,
            checked.code,
            checked.reason,
        ),
        (CallResult::Untried, Some(it)) if it.decision == PolicyDecision::Allowed => {
            (TestMethod::Simulated, CallOutcome::Ok, None, None)
        }
        // A statement that denies does so whatever the unknown keys are.
        (CallResult::Untried, Some(it))
            if it.is_conclusive || it.decision == PolicyDecision::DeniedExplicitly =>
        {
            let code = match it.decision {
                PolicyDecision::DeniedExplicitly => DENIED_EXPLICITLY,
                _ => DENIED,
            };
            let why = "IAM's policy simulation denies it".to_owned();
            (
                TestMethod::Simulated,
                CallOutcome::Refused,
                Some(code.to_owned()),
                Some(why),
            )
        }
        (CallResult::Untried, _) => (
            TestMethod::NotTestable,
            CallOutcome::Unknown,
            checked.code,
            checked.reason,
        ),
    };
    RehearsedCall {
        call: checked.call,
        by: checked.by,
        resource: checked.resource,
        how,
        result,
        code,
        reason,
        policies: found.map(|it| it.decision),
    }
}
