use serde::Deserialize;

use super::*;

#[derive(Debug, Deserialize, PartialEq, Eq)]
#[serde(deny_unknown_fields)]
struct Entry {
    user: String,
}

const TEXT: &str = r#"{"version": 1, "secrets": {"prod/ci": {"user": "ci"}}}"#;

/// Returns a package with a file of pins, and the handler that names the file.
fn package(text: &str) -> (tempfile::TempDir, String) {
    let package = tempfile::tempdir().unwrap();
    let digest: String = Sha256::digest(text)
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect();
    let handler = keyrota_contract::pins::path(&digest);
    std::fs::create_dir(package.path().join("pins")).unwrap();
    write(&package, &handler, text);
    (package, handler)
}

#[expect(clippy::disallowed_methods, reason = "a test prepares its files")]
fn write(package: &tempfile::TempDir, name: &str, text: &str) {
    std::fs::write(package.path().join(name), text).unwrap();
}

fn load(handler: &str, package: &tempfile::TempDir) -> Result<Pins<Entry>, PinsError> {
    Pins::load(handler, package.path())
}

#[test]
fn the_file_that_the_handler_names_is_read() {
    let (package, handler) = package(TEXT);
    let pins = load(&handler, &package).unwrap();
    assert_eq!(pins.of("prod/ci").unwrap().user, "ci");
    assert_eq!(pins.of("prod/other"), None);
}

#[test]
fn a_package_for_another_template_is_refused() {
    let (package, handler) = package(TEXT);
    let other = handler.replace(&handler[5..9], "0000");
    assert_eq!(load(&other, &package).unwrap_err(), PinsError::Absent);
    for handler in [
        "bootstrap",
        "",
        "pins/.json",
        "pins/../x.json",
        &handler.to_uppercase(),
    ] {
        let error = load(handler, &package).unwrap_err();
        assert_eq!(error, PinsError::NotNamed, "{handler}");
    }
}

#[test]
fn a_file_that_was_changed_is_refused() {
    let (package, handler) = package(TEXT);
    write(&package, &handler, &TEXT.replace(r#""ci"}"#, r#""root"}"#));
    assert_eq!(load(&handler, &package).unwrap_err(), PinsError::Altered);
}

#[test]
fn what_is_not_known_is_refused() {
    for text in [
        "",
        "{}",
        r#"{"version": 2, "secrets": {}}"#,
        r#"{"version": 1, "secrets": {}, "more": 1}"#,
        r#"{"version": 1, "secrets": {"a": {}}}"#,
        r#"{"version": 1, "secrets": {"a": {"user": "u", "more": 1}}}"#,
    ] {
        let error = Pins::<Entry>::parse(text.as_bytes()).unwrap_err();
        assert_eq!(error, PinsError::Unreadable, "{text}");
    }
}
