//! A manifest, which is rendered if it is accepted. Rendering takes long, so this is a target of its own.

use std::sync::LazyLock;

use keyrota::render::{self, Fleet, Record, Templates};

use crate::{manifest, template};

static TEMPLATES: LazyLock<Templates> =
    LazyLock::new(|| Templates::built_in().expect("they are tested"));

/// Renders the manifest.
///
/// # Panics
///
/// Panics if a manifest that was accepted cannot be rendered for another reason than the limits of AWS and
/// the rules, or if CloudFormation could read a template differently than the check.
pub fn run(input: &[u8]) {
    let Ok(text) = std::str::from_utf8(input) else {
        return;
    };
    let Ok(loaded) = manifest::load(text, None) else {
        return;
    };
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
