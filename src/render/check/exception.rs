//! Findings that the manifest accepts, with a reason. A manifest cannot accept what AWS would
//! refuse, because the deployment would still fail.

use std::collections::HashMap;

use super::rule::{Rule, RuleFindings, Theme};
use super::{Report, rules};
use crate::model::Severity::{Error, Warning};
use crate::model::{self, Finding, Model};
use crate::render::Rendered;

const UNKNOWN: Rule = Rule {
    id: "unknown-rule",
    severity: Error,
    refused_by_aws: false,
    title: "An exception names an existing rule",
    why: "An exception with a misspelled rule has no effect.",
    remedy: "docs/reference/rules.md lists the rules",
    source: "keyrota: exceptions",
    check: None,
};
const REFUSED: Rule = Rule {
    id: "exception-refused",
    severity: Error,
    refused_by_aws: false,
    title: "No exception accepts what AWS refuses, or a rule about exceptions",
    why: "The deployment would fail later.",
    remedy: "fix what the rule finds, and remove the exception",
    source: "keyrota: exceptions",
    check: None,
};
const UNUSED: Rule = Rule {
    id: "unused-exception",
    severity: Warning,
    refused_by_aws: false,
    title: "Every exception accepts a finding",
    why: "An unused exception would hide a future finding.",
    remedy: "remove the exception",
    source: "keyrota: exceptions",
    check: None,
};

pub(super) const THEME: Theme = Theme {
    title: "Exceptions",
    rules: &[UNKNOWN, REFUSED, UNUSED],
};

/// A finding that the manifest accepts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Exception {
    /// The finding.
    pub finding: Finding,
    /// Why it is accepted.
    pub reason: String,
    /// The path in the manifest, such as `exceptions[1]`.
    pub path: String,
}

/// Returns the exception of the manifest that accepts a finding.
pub(super) fn accepted(model: &Model, rule: &Rule, finding: &Finding) -> Option<Exception> {
    if !rule.can_be_excepted() {
        return None;
    }
    let mut exceptions = model.exceptions.iter();
    let exception = exceptions.find(|one| one.rule == rule.id && covers(one, &finding.path))?;
    Some(Exception {
        finding: finding.clone(),
        reason: exception.reason.clone(),
        path: exception.path.clone(),
    })
}

/// `AlarmTopic` covers `AlarmTopic` and `AlarmTopic.Tags`, not `AlarmTopicPolicy`.
fn covers(exception: &model::Exception, path: &str) -> bool {
    let Some(resource) = &exception.resource else {
        return true;
    };
    path.strip_prefix(resource.as_str())
        .is_some_and(|rest| rest.is_empty() || rest.starts_with(['.', '[']))
}

/// Returns the remaining findings of all stacks of one manifest, each with its file if there
/// are several, and the findings about the exceptions themselves.
pub(crate) fn conclude(stacks: &[Rendered<'_>], reports: &[Report]) -> Vec<Finding> {
    // Every stack's model has the exceptions of the whole manifest.
    let exceptions = stacks.first().map(|stack| &stack.model.exceptions);
    let faults = exceptions.into_iter().flatten().filter_map(|exception| {
        let fault = fault(exception, reports)?;
        Some(fault.at(exception.line))
    });
    let mut findings: Vec<Finding> = faults.collect();
    let mut found = Vec::new();
    for (stack, report) in stacks.iter().zip(reports) {
        for finding in &report.findings {
            let mut finding = finding.clone();
            // With overlay templates, the cause is most likely in those.
            if finding.is_error() && !stack.overlaid.is_empty() {
                let overlaid = format!("your templates: {}", stack.overlaid.join(", "));
                finding.hint = finding.hint.map(|hint| format!("{hint} ({overlaid})"));
            }
            // A path in the manifest is the same in every stack.
            let entries = ["access_keys[", "databases["];
            let elsewhere = entries.iter().any(|list| finding.path.starts_with(list))
                || finding.path == stack.file;
            if stacks.len() > 1 && !elsewhere {
                found.push((stack.file, finding));
            } else {
                findings.push(finding);
            }
        }
    }
    findings.extend(together(found));
    findings
}

/// Returns each finding once, with the stacks that have it: a mistake in a template appears in
/// every stack.
fn together(found: Vec<(&str, Finding)>) -> Vec<Finding> {
    let mut order: Vec<(Finding, &str, usize)> = Vec::new();
    let mut seen: HashMap<Finding, usize> = HashMap::new();
    for (file, finding) in found {
        match seen.get(&finding) {
            Some(index) => order[*index].2 += 1,
            None => {
                seen.insert(finding.clone(), order.len());
                order.push((finding, file, 0));
            }
        }
    }
    let named = order.into_iter().map(|(mut finding, file, others)| {
        let stacks = match others {
            0 => file.to_owned(),
            1 => format!("{file} and one other stack"),
            _ => format!("{file} and {others} other stacks"),
        };
        finding.path = format!("{stacks}: {}", finding.path);
        finding
    });
    named.collect()
}

fn fault(exception: &model::Exception, reports: &[Report]) -> Option<Finding> {
    let name = exception.rule.as_str();
    let Some(rule) = rules().find(|rule| rule.id == name) else {
        let mut found = RuleFindings::new(&THEME.rules[0]);
        let message = format!("the rule `{}` does not exist", name.escape_debug());
        let place = format!("{}.rule", exception.path);
        let ids: Vec<&str> = rules().map(|rule| rule.id).collect();
        match model::nearest(name, &ids) {
            Some(near) => found.add_with(place, message, format!("did you mean `{near}`?")),
            None => found.add(place, message),
        }
        return found.into_findings().pop();
    };
    let mut accepted = reports.iter().flat_map(|report| &report.excepted);
    let (index, message) = if !rule.can_be_excepted() {
        let why = match rule.refused_by_aws {
            true => "AWS itself refuses what it finds",
            false => "it is about exceptions",
        };
        (1, format!("`{name}` does not allow exceptions: {why}"))
    } else if !accepted.any(|one| one.path == exception.path) {
        let place = exception.resource.as_deref();
        let place = place.map_or(String::new(), |place| {
            format!(" at `{}`", place.escape_debug())
        });
        (
            2,
            format!("`{name}` has no finding{place} that this exception accepts"),
        )
    } else {
        return None;
    };
    let mut found = RuleFindings::new(&THEME.rules[index]);
    found.add(format!("{}.rule", exception.path), message);
    found.into_findings().pop()
}
