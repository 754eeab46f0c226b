//! The users that a manifest rotates. A test changes the password of its user many times, so it must
//! be no user of these.

use std::io::ErrorKind;

use crate::cli::failure::Failed;
use crate::cli::settings::Settings;
use crate::model;
use crate::system::shown;

/// Fails if the manifest rotates the user of a service, in any environment. Only a manifest that the
/// command line does not name may be missing: then nobody is rotated.
pub(super) fn refuse(settings: &Settings, username: &str) -> Result<(), Failed> {
    let manifest = &settings.manifest;
    #[expect(
        clippy::disallowed_methods,
        reason = "the command line is where files come in"
    )]
    let bytes = match std::fs::read(manifest) {
        Ok(bytes) => bytes,
        Err(error) if error.kind() == ErrorKind::NotFound && !settings.names_manifest => {
            return Ok(());
        }
        Err(error) => return Err(Failed::file("read the manifest", manifest, &error)),
    };
    let file = shown(manifest);
    let is_rotated = rotates(&bytes, username).map_err(|finding| {
        let mut failed = Failed::refused(&file, vec![finding]);
        failed.failure.message = format!("cannot tell whether {file} rotates {username}");
        failed.hint("correct the manifest, or specify another one with --manifest FILE")
    })?;
    if !is_rotated {
        return Ok(());
    }
    let message =
        format!("{file} rotates the user {username}, whose password this test would change");
    Err(Failed::new("rotated-user", message)
        .hint("create a user of the service for tests, and name it with --username"))
}

/// Returns whether the manifest rotates a user. Many services ignore the case of user names, and to
/// refuse one user too many does no harm.
fn rotates(manifest: &[u8], username: &str) -> Result<bool, model::Finding> {
    let users = model::service_users(model::decode(manifest)?)?;
    let username = username.to_lowercase();
    Ok(users.iter().any(|user| user.to_lowercase() == username))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_user_is_found_as_written_and_in_every_environment() {
        let manifest = "
services:
  - &billing { secret: a, username: billing }
  - { secret: b, username: 4711 }
  - { secret: c, username: 0x1F }
  - { secret: d, username: 1.10 }
  - { secret: e, username: true }
  - { secret: f, username: +5 }
  - { secret: g, username: \"quoted\" }
  - { secret: h }
databases:
  - { secret: i, username: orders }
environments:
  staging:
    services: [{ secret: j, username: staging-user }]
  production:
    services: [*billing, { secret: k, username: 007 }]
  empty:
";
        for (username, expected) in [
            ("billing", true),
            ("BILLING", true),
            ("4711", true),
            ("0x1F", true),
            ("1.10", true),
            ("true", true),
            ("+5", true),
            ("quoted", true),
            ("staging-user", true),
            ("007", true),
            ("31", false),
            ("1.1", false),
            ("5", false),
            ("7", false),
            ("orders", false),
            ("bill", false),
        ] {
            let found = rotates(manifest.as_bytes(), username);
            assert!(found.is_ok_and(|found| found == expected), "{username}");
        }
        for manifest in [&b"services: ["[..], b"\xff", b""] {
            assert!(rotates(manifest, "billing").is_err());
        }
    }
}
