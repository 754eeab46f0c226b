//! What an answer over HTTP means, as the adapter's file says. Pure.

use keyrota_contract::adapter::{Operation, Previous};
use keyrota_contract::pins::service::Answer;
use serde_json::Value;

use crate::adapter::response;
use crate::service::{Cause, ServiceError};

/// An answer of a service. The type has no `Debug`: a service may repeat what was sent.
pub struct HttpAnswer {
    /// The HTTP status code.
    pub status: u16,
    /// The body.
    pub body: Vec<u8>,
}

/// Returns what an answer means. The first rule that matches applies.
///
/// # Errors
///
/// Fails unless it means `success`. An answer that no rule matches is unclear, whatever its status.
pub fn meaning(
    operation: Operation,
    rules: &[Answer],
    answer: &HttpAnswer,
) -> Result<Previous, ServiceError> {
    let code = Some(format!("HTTP {}", answer.status));
    let body: Option<Value> = serde_json::from_slice(&answer.body).ok();
    match rules
        .iter()
        .find(|rule| fits(rule, answer.status, body.as_ref()))
    {
        Some(rule) => response::meaning(operation, rule.outcome, rule.previous, code),
        None => Err(ServiceError::unclear(Cause::Unmatched).with(code)),
    }
}

fn fits(rule: &Answer, status: u16, body: Option<&Value>) -> bool {
    let has = |(pointer, value): (&String, &Value)| {
        body.and_then(|body| body.pointer(pointer)) == Some(value)
    };
    rule.status.contains(&status) && rule.json.iter().all(has)
}
