//! The results of the check, as the page shows them.

use serde::Serialize;

use super::prose::{self, LISTED, Prose};
use crate::model::Finding;

/// The results of the check.
#[derive(Debug, Default, Serialize)]
pub struct Checks {
    passed: Vec<PassedRule>,
    warnings: Vec<ReportedFinding>,
    accepted: Vec<ReportedFinding>,
}

/// A rule without findings.
#[derive(Debug, Serialize)]
struct PassedRule {
    rule: &'static str,
    title: Prose,
}

/// A finding, once for all places that have it.
#[derive(Debug, Serialize)]
struct ReportedFinding {
    rule: &'static str,
    message: Prose,
    /// The remedy, or the reason for accepting the finding.
    remark: Option<Prose>,
    places: Vec<String>,
    more_places: String,
    #[serde(skip)]
    times: usize,
}

impl Checks {
    /// Adds a rule without findings.
    pub fn pass(&mut self, rule: &'static str, title: &str) {
        let title = Prose::marked(title);
        self.passed.push(PassedRule { rule, title });
    }

    /// Adds a finding that does not refuse the stack.
    pub fn warn(&mut self, finding: &Finding) {
        add(&mut self.warnings, finding, finding.hint.as_deref());
    }

    /// Adds a finding that the manifest accepts.
    pub fn accept(&mut self, finding: &Finding, reason: &str) {
        add(&mut self.accepted, finding, Some(reason));
    }

    /// Returns the number of rules without findings.
    pub fn passed(&self) -> usize {
        self.passed.len()
    }

    /// Returns the number of findings that do not refuse the stack.
    pub fn warnings(&self) -> usize {
        self.warnings.iter().map(|one| one.times).sum()
    }

    /// Returns the number of findings that the manifest accepts.
    pub fn accepted(&self) -> usize {
        self.accepted.iter().map(|one| one.times).sum()
    }
}

fn add(all: &mut Vec<ReportedFinding>, finding: &Finding, remark: Option<&str>) {
    let message = Prose::marked(&finding.message).capitalised();
    let remark = remark.map(Prose::marked);
    let same = |held: &&mut ReportedFinding| {
        held.rule == finding.kind && held.message == message && held.remark == remark
    };
    let Some(held) = all.iter_mut().find(same) else {
        all.push(ReportedFinding {
            rule: finding.kind,
            message,
            remark,
            places: vec![finding.path.clone()],
            more_places: String::new(),
            times: 1,
        });
        return;
    };
    held.times += 1;
    match held.times {
        few if few <= LISTED => held.places.push(finding.path.clone()),
        many => {
            let more = prose::count(many - LISTED, "more place", "more places");
            held.more_places = format!("and {more}");
        }
    }
}
