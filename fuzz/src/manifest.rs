//! A manifest, which is then rendered.

use std::sync::LazyLock;

use keyrota::model::{self, Loaded};
use keyrota::render::{self, Fleet, Record, Templates};

use crate::{assert_placed, template};

static TEMPLATES: LazyLock<Templates> =
    LazyLock::new(|| Templates::built_in().expect("they are tested"));

/// The files that a manifest may name.
const PEM: &str = "-----BEGIN CERTIFICATE-----\nMAo=\n-----END CERTIFICATE-----\n";
const ADAPTER: &str = include_str!("../../examples/adapters/portal.yaml");

/// Reads the manifest, with and without an environment, and renders what is accepted.
///
/// # Panics
///
/// Panics if a finding is outside of the text, or if a manifest that was accepted cannot be rendered
/// for another reason than the limits of AWS and the rules.
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
                check(loaded);
            }
            Err(findings) => {
                assert_placed(&findings, text);
                assert!(findings.iter().any(|finding| finding.is_error()));
            }
        }
    }
}

fn load(text: &str, environment: Option<&str>) -> Result<Loaded, Vec<model::Finding>> {
    model::load_with(text, environment, &|path| match path
        .rsplit_once('.')
        .map(|(_, extension)| extension)
    {
        Some("pem") => Ok(PEM.to_owned()),
        Some("yaml") => Ok(ADAPTER.to_owned()),
        _ => Err("there is no such file".to_owned()),
    })
}

fn check(loaded: Loaded) {
    let fleet = match Fleet::of(loaded.model, Record::default()) {
        Ok(fleet) => fleet,
        Err(finding) => return assert!(finding.is_error()),
    };
    let rendering = match render::render(&fleet.shards, &TEMPLATES) {
        Ok(rendering) => rendering,
        Err(render::Error::Refused(findings)) => {
            assert!(findings.iter().any(|finding| finding.is_error()));
            return assert!(findings.iter().all(|finding| !finding.message.is_empty()));
        }
        Err(error) => panic!("a defect in the templates: {error}"),
    };
    for stack in rendering.stacks() {
        assert!(
            stack.is_ascii(),
            "CloudFormation returns other characters as `?`"
        );
        template::compare(stack);
    }
}
