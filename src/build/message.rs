//! Parses cargo's messages for the path of the executable.
//!
//! Source: <https://doc.rust-lang.org/cargo/reference/external-tools.html>

use std::path::PathBuf;

use serde::Deserialize;

/// A message from cargo. Other kinds and fields are ignored.
#[derive(Deserialize)]
struct Message {
    reason: String,
    target: Option<Target>,
    executable: Option<PathBuf>,
}

#[derive(Deserialize)]
struct Target {
    name: String,
    kind: Vec<String>,
}

/// Returns the path of the binary's executable, from cargo's standard output. Lines that are
/// not messages come from build tools and are ignored.
pub fn executable(lines: &[String], binary: &str) -> Option<PathBuf> {
    lines
        .iter()
        .filter_map(|line| serde_json::from_str::<Message>(line).ok())
        .filter(|message| message.reason == "compiler-artifact")
        .filter(|message| {
            message.target.as_ref().is_some_and(|target| {
                target.name == binary && target.kind.iter().any(|kind| kind == "bin")
            })
        })
        .find_map(|message| message.executable)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_binarys_own_artifact_is_taken() {
        let lines: Vec<String> = [
            r#"{"reason":"compiler-artifact","target":{"kind":["custom-build"],"name":"build-script-build"},"executable":null}"#,
            r#"{"reason":"compiler-artifact","target":{"kind":["bin"],"name":"other"},"executable":"/t/other"}"#,
            r#"{"reason":"compiler-artifact","target":{"kind":["lib"],"name":"bootstrap"},"executable":null}"#,
            "not a message",
            r#"{"reason":"build-script-executed","package_id":"x","out_dir":"/t/out"}"#,
            r#"{"reason":"compiler-artifact","target":{"kind":["bin"],"name":"bootstrap"},"executable":"/t/bootstrap","fresh":true}"#,
            r#"{"reason":"build-finished","success":true}"#,
        ]
        .map(str::to_owned)
        .into();
        assert_eq!(executable(&lines, "bootstrap"), Some("/t/bootstrap".into()));
        assert_eq!(executable(&lines[..5], "bootstrap"), None);
    }
}
