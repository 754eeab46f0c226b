//! Where artifacts lie in S3. Names come from content, so that what is there
//! already need not be uploaded again, and nothing is ever overwritten.

use crate::model::Model;

/// Returns what every key of this stack begins with.
pub fn artifact_prefix(model: &Model) -> String {
    format!("{}/", model.stack)
}

/// Returns the key of the function's zip.
pub fn function_key(model: &Model, sha256_hex: &str) -> String {
    format!("{}function/{sha256_hex}.zip", artifact_prefix(model))
}

/// Returns the key of a template that is too long for a request.
pub fn template_key(model: &Model, sha256_hex: &str) -> String {
    format!("{}template/{sha256_hex}.yaml", artifact_prefix(model))
}
