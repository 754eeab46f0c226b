//! The users that a manifest rotates. A test changes the password of its user many times, so it must
//! be no user of these.

use std::io::ErrorKind;
use std::path::Path;

use serde_yaml::Value;

use super::super::failure::Failed;

/// Fails if a manifest rotates the user of a service, in any environment. A manifest that does not
/// exist rotates nobody.
pub(super) fn refuse(manifest: &Path, username: &str) -> Result<(), Failed> {
    #[expect(
        clippy::disallowed_methods,
        reason = "the command line is where files come in"
    )]
    let text = match std::fs::read_to_string(manifest) {
        Ok(text) => text,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(Failed::file("read the manifest", manifest, &error)),
    };
    let file = manifest.display();
    let parsed: Value = serde_yaml::from_str(&text).map_err(|_| {
        let message =
            format!("cannot tell whether {file} rotates {username}: it is not valid YAML");
        Failed::new("manifest", message).hint("correct the manifest, or specify another one")
    })?;
    if !rotates(&parsed, username) {
        return Ok(());
    }
    let message =
        format!("{file} rotates the user {username}, whose password this test would change");
    Err(Failed::new("rotated-user", message)
        .hint("create a user of the service for tests, and name it with --username"))
}

/// Returns whether a list of services, at the top or in an environment, has an entry for the user.
/// YAML reads a user name of digits as a number.
fn rotates(value: &Value, username: &str) -> bool {
    let is_user = |entry: &Value| match entry.get("username") {
        Some(Value::String(name)) => name == username,
        Some(Value::Number(number)) => number.to_string() == username,
        _ => false,
    };
    match value {
        Value::Mapping(fields) => fields.iter().any(|(name, inner)| {
            let entries = inner.as_sequence().filter(|_| name == "services");
            entries.is_some_and(|entries| entries.iter().any(is_user)) || rotates(inner, username)
        }),
        Value::Sequence(items) => items.iter().any(|item| rotates(item, username)),
        Value::Tagged(tagged) => rotates(&tagged.value, username),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_user_is_found_in_every_environment() {
        let manifest = "
services:
  - { secret: a, username: billing }
  - { secret: b, username: 4711 }
databases:
  - { secret: c, username: orders }
environments:
  staging:
    services: [{ secret: d, username: staging-user }]
";
        let manifest: Value = serde_yaml::from_str(manifest).unwrap();
        for (username, expected) in [
            ("billing", true),
            ("4711", true),
            ("staging-user", true),
            ("orders", false),
            ("bill", false),
        ] {
            assert_eq!(rotates(&manifest, username), expected, "{username}");
        }
    }

    #[test]
    fn a_manifest_that_does_not_exist_rotates_nobody() {
        assert!(refuse(Path::new("/nonexistent/keyrota.yaml"), "billing").is_ok());
    }
}
