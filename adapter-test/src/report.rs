//! What a test found.

use std::collections::BTreeMap;

use serde::Serialize;

use crate::guarantee::Guarantee;

/// The most reasons that are kept for one guarantee.
const MOST_REASONS: usize = 5;

/// Whether a guarantee holds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum State {
    /// It was not tested.
    #[default]
    NotTested,
    /// It held in every case.
    Holds,
    /// It did not hold in a case in which the service function does not depend on it.
    Weak,
    /// It did not hold.
    Broken,
}

/// What was found out about one guarantee.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Verdict {
    /// Whether it holds.
    pub state: State,
    /// In how many cases it was tested.
    pub cases: usize,
    /// Why it does not hold, or why it was not tested. They contain no secret.
    pub reasons: Vec<String>,
}

/// The result of a test.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Report {
    verdicts: BTreeMap<Guarantee, Verdict>,
}

impl Report {
    /// Returns the verdict on each guarantee, in their order.
    pub fn verdicts(&self) -> impl Iterator<Item = (Guarantee, Verdict)> {
        Guarantee::ALL
            .into_iter()
            .map(|guarantee| (guarantee, self.verdict(guarantee)))
    }

    /// Returns the verdict on a guarantee.
    pub fn verdict(&self, guarantee: Guarantee) -> Verdict {
        self.verdicts.get(&guarantee).cloned().unwrap_or_default()
    }

    /// Returns whether no guarantee is broken.
    pub fn is_sound(&self) -> bool {
        let mut verdicts = self.verdicts.values();
        verdicts.all(|verdict| verdict.state != State::Broken)
    }

    /// Records a case in which a guarantee held.
    pub fn holds(&mut self, guarantee: Guarantee) {
        self.add(guarantee, State::Holds, None);
    }

    /// Records a case in which a guarantee did not hold.
    pub fn broken(&mut self, guarantee: Guarantee, reason: impl Into<String>) {
        self.add(guarantee, State::Broken, Some(reason.into()));
    }

    /// Records a case in which a guarantee did not hold, without a consequence for rotations.
    pub fn weak(&mut self, guarantee: Guarantee, reason: impl Into<String>) {
        self.add(guarantee, State::Weak, Some(reason.into()));
    }

    /// Records why a guarantee was not tested.
    pub fn not_tested(&mut self, guarantee: Guarantee, reason: impl Into<String>) {
        let verdict = self.verdicts.entry(guarantee).or_default();
        if verdict.cases == 0 {
            verdict.reasons = vec![reason.into()];
        }
    }

    fn add(&mut self, guarantee: Guarantee, state: State, reason: Option<String>) {
        let verdict = self.verdicts.entry(guarantee).or_default();
        if verdict.cases == 0 {
            verdict.reasons.clear();
        }
        verdict.cases += 1;
        verdict.state = verdict.state.max(state);
        if let Some(reason) = reason
            && verdict.reasons.len() < MOST_REASONS
            && !verdict.reasons.contains(&reason)
        {
            verdict.reasons.push(reason);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_worst_case_decides() {
        let mut report = Report::default();
        let guarantee = Guarantee::RepeatIsHarmless;
        report.not_tested(guarantee, "there is no mock service");
        assert_eq!(report.verdict(guarantee).state, State::NotTested);
        report.holds(guarantee);
        report.weak(guarantee, "a");
        assert!(report.is_sound());
        report.broken(guarantee, "b");
        report.broken(guarantee, "b");
        report.holds(guarantee);
        let verdict = report.verdict(guarantee);
        assert_eq!((verdict.state, verdict.cases), (State::Broken, 5));
        assert_eq!(verdict.reasons, ["a", "b"]);
        assert!(!report.is_sound());
    }
}
