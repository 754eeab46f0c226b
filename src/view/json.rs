//! Failures as JSON.

use serde_json::{Value, json};

use super::Failure;

/// Returns `{"findings":[…]}` if something was refused, and `{"error":…}` otherwise.
pub(super) fn failure(failure: &Failure) -> Value {
    if !failure.findings.is_empty() {
        return json!({ "findings": failure.findings });
    }
    json!({
        "error": {
            "kind": failure.kind,
            "message": failure.message,
            "hint": failure.hint,
        }
    })
}
