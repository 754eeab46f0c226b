//! The contract between keyrota's service function and an adapter: `schema/adapter.schema.json`.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// The version of the contract.
pub const VERSION: u32 = 1;

/// A request. It has no `Debug`, because that would show passwords.
#[derive(Deserialize)]
pub struct Request {
    pub version: u32,
    pub request: Operation,
    pub username: String,
    pub password: String,
    pub new_password: Option<String>,
    pub settings: BTreeMap<String, String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Operation {
    Authenticate,
    Change,
}

#[derive(Debug, PartialEq, Eq, Serialize)]
pub struct Response {
    pub version: u32,
    pub outcome: Outcome,
    /// The service's own code, without any secret.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub code: Option<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    Success,
    Refused,
    PasswordRejected,
    Unreachable,
    Unclear,
}

impl Response {
    pub fn new(outcome: Outcome, code: Option<String>) -> Self {
        Self {
            version: VERSION,
            outcome,
            code,
        }
    }
}
