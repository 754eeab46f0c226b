//! Checks a rendered stack against AWS's limits and keyrota's own rules.
//!
//! The check reads the template that will be deployed, not the model that it was rendered from:
//! an organisation may replace templates with its own, and the check must find the mistakes in
//! those too. It returns every finding, with its place and a next step. Each theme has one
//! file. `docs/reference/rules.md` is generated from the same table.

mod access;
mod caller;
mod deployer;
mod encrypt;
mod exception;
mod function;
mod key;
mod limits;
mod material;
mod name;
mod network;
mod notify;
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
use super::tree::Value;
use crate::model::Finding;

pub use access::{INTENDED_WILDCARDS, IntendedWildcard};
pub use encrypt::{lets_account, lets_service};
pub use exception::Exception;
pub(crate) use exception::conclude;
pub use reader::check_readers;
use rule::RuleFindings;
pub use rule::{Level, Rule, Theme};
use stack::Stack;
pub(super) use statement::matches;

/// The rules, grouped by theme.
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
    encrypt::THEME,
    secret::THEME,
    rotation::THEME,
    notify::THEME,
    function::THEME,
    network::THEME,
    operation::THEME,
    deployer::THEME,
    exception::THEME,
];

/// The result of checking one stack.
#[derive(Clone, Debug, Default)]
pub struct Report {
    /// The findings that no exception covers.
    pub findings: Vec<Finding>,
    /// The rules without a finding.
    pub passed: Vec<&'static Rule>,
    /// The findings that the manifest accepts, with its reasons.
    pub excepted: Vec<Exception>,
}

/// Returns every rule, in the order of the themes.
pub fn rules() -> impl Iterator<Item = &'static Rule> {
    THEMES.iter().flat_map(|theme| theme.rules)
}

/// Checks a stack, and the text of its template, against every rule. [`conclude`] adds the
/// findings that concern all stacks of a manifest.
pub(crate) fn check(rendered: &Rendered<'_>, text: &str) -> Report {
    let stack = Stack::new(rendered, text);
    let mut report = Report::default();
    for rule in rules() {
        let Some(check) = rule.check else { continue };
        let mut found = RuleFindings::new(rule);
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

/// Returns the findings about a template's references. This check comes first, since policies
/// with dangling references cannot be resolved.
pub(super) fn check_references(tree: &Value) -> Vec<Finding> {
    let mut found = RuleFindings::new(&reference::DANGLING);
    reference::dangling(&template::Template::new(tree), &mut found);
    found.into_findings()
}
