//! The result of `keyrota doctor`.

use serde::Serialize;

use super::Diagnosis;
use crate::model::Severity;
use crate::plan::Rehearsal;

/// All faults, present or fixed.
#[derive(Clone, Debug, Default, Serialize)]
pub struct DoctorReport {
    /// Each fault.
    pub findings: Vec<DoctorFinding>,
    /// The rehearsal of each secret's next rotation, as of the last diagnosis.
    pub rehearsals: Vec<Rehearsal>,
    /// Whether the calls of the rehearsals are shown to people too.
    #[serde(skip)]
    pub lists_calls: bool,
}

/// A fault that is present or fixed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct DoctorFinding {
    /// The fault's stable name.
    pub id: &'static str,
    /// Its severity.
    pub severity: Severity,
    /// The resource.
    pub subject: String,
    /// The evidence.
    pub evidence: String,
    /// What to do about it, or what would have been necessary.
    pub remedy: String,
    /// Whether a later diagnosis no longer found it.
    pub fixed: bool,
}

impl DoctorReport {
    /// Returns the report of successive diagnoses. A fault that the last one does not contain is
    /// fixed.
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
            // The current state, if the fault is still present.
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
            ..Self::default()
        }
    }

    /// Says of each of these resources, `resource ID of stack NAME`, that it is not restored: an
    /// interrupted fix has left it out of the stack, where no diagnosis looks for it.
    #[must_use]
    pub fn without(mut self, left_out: &[String]) -> Self {
        for finding in &mut self.findings {
            if left_out.contains(&finding.subject) {
                finding.fixed = false;
                finding.remedy = "run `keyrota bootstrap`, which adds it to the stack again".into();
            }
        }
        self
    }

    /// Adds the rehearsals of the last diagnosis.
    #[must_use]
    pub fn with_rehearsals(self, rehearsals: Vec<Rehearsal>, lists_calls: bool) -> Self {
        Self {
            rehearsals,
            lists_calls,
            ..self
        }
    }

    /// Returns whether no finding needs a person.
    pub fn is_well(&self) -> bool {
        self.findings.iter().all(|finding| finding.fixed)
    }
}
