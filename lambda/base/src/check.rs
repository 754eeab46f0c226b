//! What the checks of the functions share: the list of the calls that a rotation makes, and what
//! came of those that were tried.

pub use keyrota_contract::check::{
    CallResult, CheckAnswer, CheckedCall, PasswordExpiry, Signer, call,
};

use crate::secrets_manager::{CallError, CallErrorKind};

/// The code of a call about which nothing could be found out.
const NOT_CHECKED: &str = "not_checked";

/// The calls of a rotation, each with its result once it was tried.
#[derive(Debug)]
pub struct Calls(Vec<CheckedCall>);

impl Calls {
    /// Returns the list. Nothing in it was tried.
    pub fn new(expected: impl IntoIterator<Item = CheckedCall>) -> Self {
        Self(expected.into_iter().collect())
    }

    /// Records the answer to a call of the list, and returns what it contains. `resource` is the
    /// call's in the list.
    pub fn record<T>(
        &mut self,
        call: &str,
        by: Signer,
        resource: Option<&str>,
        answer: Result<T, CallError>,
    ) -> Option<T> {
        match answer {
            Ok(content) => {
                self.set(call, by, resource, CallResult::Allowed, None);
                Some(content)
            }
            Err(error) => {
                let result = match error.kind {
                    CallErrorKind::Throttled => CallResult::Busy,
                    _ => CallResult::Failed,
                };
                let why = (code(&error), error.to_string());
                self.set(call, by, resource, result, Some(why));
                None
            }
        }
    }

    /// Records the answer to a call about something that does not exist. AWS says so only to a
    /// caller that it allows the call.
    pub fn record_absent(&mut self, call: &str, by: Signer, answer: Result<(), CallError>) {
        let answer = answer.or_else(|error| match error.kind {
            CallErrorKind::NotFound => Ok(()),
            _ => Err(error),
        });
        self.record(call, by, None, answer);
    }

    /// Records that a call failed for a reason that no error of AWS gives.
    pub fn fail(&mut self, call: &str, by: Signer, resource: Option<&str>, code: &str, why: &str) {
        let why = (code.to_owned(), why.to_owned());
        self.set(call, by, resource, CallResult::Failed, Some(why));
    }

    /// Records that a call succeeded.
    pub fn allow(&mut self, call: &str, by: Signer) {
        self.set(call, by, None, CallResult::Allowed, None);
    }

    /// Records why nothing is known about a call.
    pub fn leave(&mut self, call: &str, by: Signer, why: &str) {
        let why = (NOT_CHECKED.to_owned(), why.to_owned());
        self.set(call, by, None, CallResult::Untried, Some(why));
    }

    /// Returns the answer.
    pub fn into_answer(self) -> CheckAnswer {
        CheckAnswer {
            calls: self.0,
            ..CheckAnswer::default()
        }
    }

    fn set(
        &mut self,
        call: &str,
        by: Signer,
        resource: Option<&str>,
        result: CallResult,
        why: Option<(String, String)>,
    ) {
        let is_it = |it: &&mut CheckedCall| {
            it.call == call && it.by == by && it.resource.as_deref() == resource
        };
        let Some(listed) = self.0.iter_mut().find(is_it) else {
            return;
        };
        listed.result = result;
        (listed.code, listed.reason) = match why {
            Some((code, why)) => (Some(code), Some(why)),
            None => (None, None),
        };
    }
}

/// Returns a call that was not tried, and that concerns this resource.
pub fn untried_on(call: &str, by: Signer, resource: &str) -> CheckedCall {
    CheckedCall {
        resource: Some(resource.to_owned()),
        ..CheckedCall::untried(call, by)
    }
}

/// Returns the service's error code, or a word for the lack of an answer.
fn code(error: &CallError) -> String {
    let code = error.answer.as_ref().and_then(|answer| answer.code.clone());
    code.unwrap_or_else(|| {
        let word = match error.kind {
            CallErrorKind::Unsent => "unreachable",
            CallErrorKind::Unclear => "no_answer",
            _ => "refused",
        };
        word.to_owned()
    })
}
