//! What `keyrota doctor` says.

use serde::Serialize;

use super::Diagnosis;
use crate::model::Severity;

/// All that is, or was, wrong.
#[derive(Clone, Debug, Default, Serialize)]
pub struct DoctorReport {
    /// Each fault.
    pub findings: Vec<DoctorFinding>,
}

/// One thing that is, or was, wrong.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct DoctorFinding {
    /// The fault's stable name.
    pub id: &'static str,
    /// How much it weighs.
    pub severity: Severity,
    /// What it is about.
    pub subject: String,
    /// What was seen.
    pub evidence: String,
    /// What to do about it, or what would have been to do.
    pub remedy: String,
    /// It was seen not to be there any more.
    pub fixed: bool,
}

impl DoctorReport {
    /// Returns the report of what was found by looks one after another: what the last
    /// of them does not find any more is fixed.
    pub fn of(looks: &[Vec<Diagnosis>]) -> Self {
        let last = looks.last().map(Vec::as_slice).unwrap_or_default();
        let mut told: Vec<&Diagnosis> = Vec::new();
        for diagnosis in looks.iter().flatten() {
            if !told.iter().any(|held| held.is_same(diagnosis)) {
                told.push(diagnosis);
            }
        }
        let findings = told.into_iter().map(|first| {
            let now = last.iter().find(|held| held.is_same(first));
            // What holds now, where it still does.
            let shown = now.unwrap_or(first);
            DoctorFinding {
                id: shown.fault.id,
                severity: shown.fault.severity,
                subject: shown.subject.clone(),
                evidence: shown.evidence.clone(),
                remedy: shown.remedy.clone(),
                fixed: now.is_none(),
            }
        });
        Self {
            findings: findings.collect(),
        }
    }

    /// Returns whether nothing needs a person.
    pub fn is_well(&self) -> bool {
        self.findings.iter().all(|finding| finding.fixed)
    }
}
