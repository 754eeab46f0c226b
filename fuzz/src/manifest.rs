//! A manifest.

use keyrota::model::{self, Finding, Loaded};

use crate::assert_placed;

/// The files that a manifest may name.
const PEM: &str = "-----BEGIN CERTIFICATE-----\nMAo=\n-----END CERTIFICATE-----\n";
const ADAPTER: &str = include_str!("../../examples/adapters/portal.yaml");

/// Reads the manifest, with and without an environment.
///
/// # Panics
///
/// Panics if a finding is outside of the text, or if a refusal has no error.
pub fn run(input: &[u8]) {
    let text = match model::decode(input) {
        Ok(text) => text,
        Err(finding) => {
            let lossy = String::from_utf8_lossy(input);
            return assert_placed(&[finding], &lossy);
        }
    };
    if let Err(finding) = model::service_users(text) {
        assert_placed(&[finding], text);
    }
    for environment in [None, Some("staging")] {
        if environment.is_some() && !text.contains("environments") {
            continue;
        }
        match load(text, environment) {
            Ok(loaded) => {
                assert_placed(&loaded.warnings, text);
                assert!(loaded.warnings.iter().all(|finding| !finding.is_error()));
                // Reading it again gives the same findings.
                let again = load(text, environment).map(|loaded| loaded.warnings);
                assert_eq!(again, Ok(loaded.warnings));
            }
            Err(findings) => {
                assert_placed(&findings, text);
                assert!(findings.iter().any(|finding| finding.is_error()));
            }
        }
    }
}

/// Reads the manifest, with files of the names that it gives.
///
/// # Errors
///
/// Returns every finding.
pub fn load(text: &str, environment: Option<&str>) -> Result<Loaded, Vec<Finding>> {
    model::load_with(text, environment, &|path| match path
        .rsplit_once('.')
        .map(|(_, extension)| extension)
    {
        Some("pem") => Ok(PEM.to_owned()),
        Some("yaml") => Ok(ADAPTER.to_owned()),
        _ => Err("there is no such file".to_owned()),
    })
}
