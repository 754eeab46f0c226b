//! The definition of a rule.

use super::stack::Stack;
use crate::model::{Finding, Severity};

/// A condition that a rendered stack must meet.
pub struct Rule {
    /// The name in findings and exceptions, in kebab case.
    pub id: &'static str,
    /// Whether a finding refuses the stack or is only reported.
    pub severity: Severity,
    /// Whether AWS itself would refuse the stack or its purpose would be defeated, so that no
    /// exception helps.
    pub refused_by_aws: bool,
    /// The condition, as a sentence.
    pub title: &'static str,
    /// The consequence of a violation.
    pub why: &'static str,
    /// The remedy for a violation.
    pub remedy: &'static str,
    /// The source of the rule: a page of AWS's documentation, or keyrota's own reason.
    pub source: &'static str,
    /// The check. It is absent if the findings concern the manifest's exceptions themselves.
    pub(super) check: Option<fn(&Stack<'_>, &mut RuleFindings)>,
}

impl Rule {
    /// Returns whether a manifest may accept the rule's findings.
    pub fn can_be_excepted(&self) -> bool {
        !self.refused_by_aws && self.check.is_some()
    }
}

impl std::fmt::Debug for Rule {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str(self.id)
    }
}

/// Rules about the same theme.
pub struct Theme {
    /// The heading.
    pub title: &'static str,
    /// The rules.
    pub rules: &'static [Rule],
}

/// Collects the findings of one rule.
pub(super) struct RuleFindings {
    rule: &'static Rule,
    findings: Vec<Finding>,
}

impl RuleFindings {
    pub fn new(rule: &'static Rule) -> Self {
        Self {
            rule,
            findings: Vec::new(),
        }
    }

    /// Adds a finding at a place, with the rule's remedy as the hint.
    pub fn add(&mut self, place: impl Into<String>, message: impl Into<String>) {
        self.add_with(place, message, self.rule.remedy);
    }

    /// Adds a finding with its own hint.
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

    /// Adds a finding if a number exceeds a limit.
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
