//! The object keys of artifacts in S3. A key contains the hash of the content, so an artifact that
//! exists is not uploaded again, and no object is ever overwritten. The key of a function also
//! contains the hash of its executable, which does not depend on the manifest: it shows which
//! function a stack has without reading the object.
//!
//! `plan` writes under its own prefix: a principal that may only plan must not be able to write
//! what `bootstrap` reads.

use crate::model::Model;
use crate::port::Stack;
use crate::render::{BUCKET_PARAMETER, Strategy};

/// The prefix of the functions' zip files, below the stack's prefix.
const FUNCTION: &str = "function/";
/// The prefix of templates that `bootstrap` deploys.
const TEMPLATE: &str = "template/";
/// The prefix of templates for which `plan` creates a change set.
const PREVIEW: &str = "plan/";

/// Returns the prefix of all object keys of this stack.
pub fn artifact_prefix(model: &Model) -> String {
    format!("{}/", model.stack)
}

/// Returns the object key of a function's zip file, by the SHA-256 of its executable and its own,
/// both in hexadecimal.
pub fn function_key(model: &Model, executable_sha256: &str, sha256: &str) -> String {
    let prefix = artifact_prefix(model);
    format!("{prefix}{FUNCTION}{executable_sha256}/{sha256}.zip")
}

/// Returns the SHA-256 in hexadecimal of the executable that a stack's function was deployed from,
/// if the object key of its zip file has the form of [`function_key`]. The principal that
/// deployed the stack chose the key, so it proves nothing about the code.
pub fn deployed_executable(stack: &Stack, model: &Model, strategy: Strategy) -> Option<String> {
    let key = stack.parameters.get(strategy.key_parameter(model))?;
    let name = key.strip_prefix(&format!("{}{FUNCTION}", artifact_prefix(model)))?;
    let (executable, _) = name.split_once('/')?;
    let is_hexadecimal = |byte: u8| matches!(byte, b'0'..=b'9' | b'a'..=b'f');
    let is_digest = executable.len() == 64 && executable.bytes().all(is_hexadecimal);
    is_digest.then(|| executable.to_owned())
}

/// Returns the object key of a template that is too long for a request, for `bootstrap`.
pub fn template_key(model: &Model, sha256_hex: &str) -> String {
    format!("{}{TEMPLATE}{sha256_hex}.yaml", artifact_prefix(model))
}

/// Returns the object key of a template that is too long for a request, for `plan`.
pub fn preview_key(model: &Model, sha256_hex: &str) -> String {
    format!("{}{PREVIEW}{sha256_hex}.yaml", artifact_prefix(model))
}

/// Returns whether one of these functions returns this object key for the stack. A bucket that the
/// manifest names may contain other objects under the stack's name.
pub fn is_artifact(model: &Model, key: &str) -> bool {
    let name = key.strip_prefix(&artifact_prefix(model));
    let of_ours = |name: &str| {
        [FUNCTION, TEMPLATE, PREVIEW]
            .iter()
            .any(|prefix| name.starts_with(prefix))
    };
    name.is_some_and(of_ours)
}

/// Returns the version of the function's zip file that the stack uses, if it uses this zip file
/// from this bucket.
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
            function_key(&model, "01", "00"),
            template_key(&model, "00"),
            preview_key(&model, "00"),
        ] {
            assert!(is_artifact(&model, &key), "{key}");
        }
        for key in ["keys/report.csv", "keys", "other/function/00.zip"] {
            assert!(!is_artifact(&model, key), "{key}");
        }
    }

    #[test]
    fn the_key_of_a_function_tells_its_executable() {
        let text = "version: 1\nstack: keys\naccess_keys: [{ user: ada }]\n";
        let model = model::load(text, None).unwrap().model;
        let digest = "0a".repeat(32);
        let held = |key: &str| {
            let parameter = Strategy::AccessKeys.key_parameter(&model).to_owned();
            let stack = Stack {
                parameters: [(parameter, key.to_owned())].into(),
                ..crate::plan::tests::sample::stack("CREATE_COMPLETE")
            };
            deployed_executable(&stack, &model, Strategy::AccessKeys)
        };
        let key = function_key(&model, &digest, "00");
        assert_eq!(held(&key), Some(digest.clone()));
        for key in [
            format!("keys/function/{digest}.zip"),
            format!("other/function/{digest}/00.zip"),
            format!("keys/function/{}/00.zip", "0A".repeat(32)),
            format!("keys/function/{}/00.zip", "0a".repeat(31)),
            "mine.zip".to_owned(),
        ] {
            assert_eq!(held(&key), None, "{key}");
        }
    }
}
