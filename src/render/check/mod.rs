//! Holds a rendered stack to AWS's limits and to what keyrota promises of it.
//!
//! It reads the template that will be deployed, not the model it came from: an
//! organisation may lay templates of its own over ours, and what those get wrong
//! has to be found too. Every finding is returned, with its place and a way on.
//! One file a theme; `docs/reference/rules.md` is made from the same table.

mod access;
mod caller;
mod exception;
mod function;
mod key;
mod limits;
mod material;
mod name;
mod network;
mod operation;
mod policy;
mod reader;
mod reference;
mod role;
mod rotation;
mod rule;
mod secret;
mod stack;
mod statement;
mod template;
#[cfg(test)]
mod tests;

use super::Rendered;
use super::document::Size;
use super::resolve::World;
use super::tree::Value;
use crate::model::Finding;

pub use access::{EXPLAINED, Explained};
pub use exception::Exception;
pub(crate) use exception::conclude;
pub use reader::check_readers;
use rule::Found;
pub use rule::{Rule, Theme};
use stack::Stack;

/// The rules, theme by theme.
pub const THEMES: &[Theme] = &[
    limits::THEME,
    policy::THEME,
    name::THEME,
    reference::THEME,
    access::THEME,
    role::THEME,
    caller::THEME,
    reader::THEME,
    key::THEME,
    secret::THEME,
    rotation::THEME,
    function::THEME,
    network::THEME,
    operation::THEME,
    exception::THEME,
];

/// What the check says of one stack.
#[derive(Clone, Debug, Default)]
pub struct Report {
    /// What was found and stands.
    pub findings: Vec<Finding>,
    /// The rules that found nothing.
    pub passed: Vec<&'static Rule>,
    /// What was found and the manifest accepts, with its reason.
    pub excepted: Vec<Exception>,
}

/// Returns every rule, in the order of the themes.
pub fn rules() -> impl Iterator<Item = &'static Rule> {
    THEMES.iter().flat_map(|theme| theme.rules)
}

/// How long what is measured becomes with the longest values there can be.
pub(crate) struct Longest {
    /// The documents' lengths.
    pub sizes: Vec<Size>,
    /// The same world, for what is no document.
    pub world: World,
}

/// Holds a stack, and the text of its template, to every rule. [`conclude`] adds what can only be said of all the
/// stacks of a manifest together.
pub(crate) fn check(rendered: &Rendered<'_>, text: &str, longest: &Longest) -> Report {
    let stack = Stack::new(rendered, text, longest);
    let mut report = Report::default();
    for rule in rules() {
        let Some(check) = rule.check else { continue };
        let mut found = Found::new(rule);
        check(&stack, &mut found);
        let findings = found.into_findings();
        if findings.is_empty() {
            report.passed.push(rule);
        }
        for finding in findings {
            match exception::accepted(rendered.model, rule, &finding) {
                Some(accepted) => report.excepted.push(accepted),
                None => report.findings.push(finding),
            }
        }
    }
    report
}

/// Returns what is wrong with the references of a template: asked first, since
/// policies whose references point nowhere cannot be resolved.
pub(super) fn check_references(tree: &Value) -> Vec<Finding> {
    let mut found = Found::new(&reference::DANGLING);
    reference::dangling(&template::Template::new(tree), &mut found);
    found.into_findings()
}
