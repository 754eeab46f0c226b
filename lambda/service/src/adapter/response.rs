//! Reads the answer of an adapter's function. Pure.

use keyrota_contract::adapter::{
    LONGEST_CODE, LONGEST_RESPONSE, Operation, Outcome, Previous, Response, VERSION,
};
use serde_json::Value;

use crate::service::{Cause, ServiceError, ServiceFault};

/// Returns what an answer means.
///
/// # Errors
///
/// Fails unless it is a valid answer with the outcome `success`.
pub fn read(operation: Operation, answer: &[u8]) -> Result<Previous, ServiceError> {
    if answer.len() > LONGEST_RESPONSE {
        return Err(ServiceError::unclear(Cause::TooLong));
    }
    let invalid = |_| ServiceError::unclear(Cause::NotAResponse);
    let answer: Value = serde_json::from_slice(answer).map_err(invalid)?;
    if let Some(version) = answer.get("version")
        && *version != VERSION
    {
        return Err(ServiceError::unclear(Cause::OtherVersion));
    }
    let Response {
        outcome,
        previous,
        code,
        ..
    } = serde_json::from_value(answer).map_err(invalid)?;
    meaning(operation, outcome, previous, code.and_then(filtered))
}

/// Returns what an outcome means.
///
/// # Errors
///
/// Fails unless it is `success`.
pub fn meaning(
    operation: Operation,
    outcome: Outcome,
    previous: Previous,
    code: Option<String>,
) -> Result<Previous, ServiceError> {
    let fault = match (outcome, operation) {
        (Outcome::Success, _) => return Ok(previous),
        (Outcome::Refused, _) => ServiceFault::WrongPassword,
        (Outcome::PasswordRejected, Operation::Change) => ServiceFault::PasswordRejected,
        (Outcome::PasswordRejected, Operation::Authenticate) => {
            return Err(ServiceError::unclear(Cause::NotAResponse).with(code));
        }
        (Outcome::Unreachable, _) => ServiceFault::Unreachable,
        (Outcome::Unclear, _) => ServiceFault::Unclear,
    };
    Err(ServiceError::answered(fault, code))
}

/// Returns a code if it is short and printable. Any other text is dropped, and never shortened: its
/// beginning may be a part of something else.
fn filtered(code: String) -> Option<String> {
    let is_printable = |byte: u8| byte == b' ' || byte.is_ascii_graphic();
    let length = 1..=LONGEST_CODE;
    (length.contains(&code.len()) && code.bytes().all(is_printable)).then_some(code)
}
