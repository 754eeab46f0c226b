//! What a rule is.

use super::stack::Stack;
use crate::model::{Finding, Severity};

/// Something that a rendered stack is held to.
pub struct Rule {
    /// Its name in findings and exceptions, in kebab case.
    pub id: &'static str,
    /// Whether what it finds refuses the stack.
    pub severity: Severity,
    /// AWS itself would refuse the stack, or what it is for, so that no exception helps.
    pub refused_by_aws: bool,
    /// What holds, as a sentence.
    pub title: &'static str,
    /// What happens where it does not.
    pub why: &'static str,
    /// What to do where it does not.
    pub remedy: &'static str,
    /// Where the rule comes from: the page of AWS's documentation, or the reason of our own.
    pub source: &'static str,
    /// Absent where a finding is about the manifest's exceptions themselves.
    pub(super) check: Option<fn(&Stack<'_>, &mut Found)>,
}

impl Rule {
    /// Returns whether a manifest may accept what it finds.
    pub fn can_be_excepted(&self) -> bool {
        !self.refused_by_aws && self.check.is_some()
    }
}

impl std::fmt::Debug for Rule {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str(self.id)
    }
}

/// Rules that belong together.
pub struct Theme {
    /// Its heading.
    pub title: &'static str,
    /// What belongs to it.
    pub rules: &'static [Rule],
}

/// Collects what one rule finds.
pub(super) struct Found {
    rule: &'static Rule,
    findings: Vec<Finding>,
}

impl Found {
    pub fn new(rule: &'static Rule) -> Self {
        Self {
            rule,
            findings: Vec::new(),
        }
    }

    /// Adds a finding at a place, with the rule's remedy for a hint.
    pub fn add(&mut self, place: impl Into<String>, message: impl Into<String>) {
        self.add_with(place, message, self.rule.remedy);
    }

    /// Adds a finding with a hint of its own.
    pub fn add_with(
        &mut self,
        place: impl Into<String>,
        message: impl Into<String>,
        hint: impl Into<String>,
    ) {
        let finding = match self.rule.severity {
            Severity::Error => Finding::error(self.rule.id, place, message),
            Severity::Warning => Finding::warning(self.rule.id, place, message),
        };
        self.findings.push(finding.hint(hint));
    }

    /// Adds a finding where something is more than a limit.
    pub fn hold(&mut self, place: impl Into<String>, what: &str, count: usize, limit: usize) {
        if count > limit {
            let message = format!("{what}: {count}, but AWS accepts at most {limit}");
            self.add(place, message);
        }
    }

    pub fn into_findings(self) -> Vec<Finding> {
        self.findings
    }
}
