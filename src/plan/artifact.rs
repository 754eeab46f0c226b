//! Where artifacts are in S3. Names come from content, so that what is there
//! already need not be uploaded again, and nothing is ever overwritten.
//!
//! `plan` writes below a prefix of its own: a principal that may only plan must not be able
//! to write what `bootstrap` reads.

use crate::model::Model;
use crate::port::Stack;
use crate::render::{BUCKET_PARAMETER, Strategy};

/// What the names of the functions' zips begin with, below the stack's prefix.
const FUNCTION: &str = "function/";
/// The same for templates that `bootstrap` deploys.
const TEMPLATE: &str = "template/";
/// The same for templates that `plan` shows.
const PREVIEW: &str = "plan/";

/// Returns what every key of this stack begins with.
pub fn artifact_prefix(model: &Model) -> String {
    format!("{}/", model.stack)
}

/// Returns the key of the function's zip.
pub fn function_key(model: &Model, sha256_hex: &str) -> String {
    format!("{}{FUNCTION}{sha256_hex}.zip", artifact_prefix(model))
}

/// Returns the key of a template that is too long for a request, for `bootstrap`.
pub fn template_key(model: &Model, sha256_hex: &str) -> String {
    format!("{}{TEMPLATE}{sha256_hex}.yaml", artifact_prefix(model))
}

/// Returns the key of a template that is too long for a request, for `plan`.
pub fn preview_key(model: &Model, sha256_hex: &str) -> String {
    format!("{}{PREVIEW}{sha256_hex}.yaml", artifact_prefix(model))
}

/// Returns whether a key is one that these functions return for the stack. A bucket
/// that the manifest names may hold other objects below the stack's name.
pub fn is_artifact(model: &Model, key: &str) -> bool {
    let name = key.strip_prefix(&artifact_prefix(model));
    let of_ours = |name: &str| {
        [FUNCTION, TEMPLATE, PREVIEW]
            .iter()
            .any(|prefix| name.starts_with(prefix))
    };
    name.is_some_and(of_ours)
}

/// Returns the version of a function's zip that the stack is deployed with, where it
/// is deployed with this zip from this bucket.
pub fn deployed_version<'stack>(
    stack: &'stack Stack,
    model: &Model,
    strategy: Strategy,
    bucket: &str,
    key: &str,
) -> Option<&'stack str> {
    let held = |parameter: &str| stack.parameters.get(parameter).map(String::as_str);
    let same =
        held(BUCKET_PARAMETER) == Some(bucket) && held(strategy.key_parameter(model)) == Some(key);
    let version = held(strategy.version_parameter(model));
    version.filter(|version| same && !version.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model;

    #[test]
    fn only_what_keyrota_stores_is_an_artifact() {
        let text = "version: 1\nstack: keys\naccess_keys: [{ user: ada }]\n";
        let model = model::load(text, None).unwrap().model;
        for key in [
            function_key(&model, "00"),
            template_key(&model, "00"),
            preview_key(&model, "00"),
        ] {
            assert!(is_artifact(&model, &key), "{key}");
        }
        for key in ["keys/report.csv", "keys", "other/function/00.zip"] {
            assert!(!is_artifact(&model, key), "{key}");
        }
    }
}
