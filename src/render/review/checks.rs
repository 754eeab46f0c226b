//! What was checked, as the page shows it.

use serde::Serialize;

use super::prose::{self, LISTED, Prose};
use crate::model::Finding;

/// What was checked.
#[derive(Debug, Default, Serialize)]
pub struct Checks {
    passed: Vec<Passed>,
    warnings: Vec<Found>,
    accepted: Vec<Found>,
}

/// A rule that found nothing.
#[derive(Debug, Serialize)]
struct Passed {
    rule: &'static str,
    title: Prose,
}

/// What was found, once for all places where it is the same.
#[derive(Debug, Serialize)]
struct Found {
    rule: &'static str,
    message: Prose,
    /// What to do about it; or why it is accepted.
    remark: Option<Prose>,
    places: Vec<String>,
    more_places: String,
    #[serde(skip)]
    times: usize,
}

impl Checks {
    /// Adds a rule that found nothing.
    pub fn pass(&mut self, rule: &'static str, title: &str) {
        let title = Prose::marked(title);
        self.passed.push(Passed { rule, title });
    }

    /// Adds something that was found and refuses nothing.
    pub fn warn(&mut self, finding: &Finding) {
        add(&mut self.warnings, finding, finding.hint.as_deref());
    }

    /// Adds something that was found and that the manifest accepts.
    pub fn accept(&mut self, finding: &Finding, reason: &str) {
        add(&mut self.accepted, finding, Some(reason));
    }

    /// Returns how many rules found nothing.
    pub fn passed(&self) -> usize {
        self.passed.len()
    }

    /// Returns how many findings there are that refuse nothing.
    pub fn warnings(&self) -> usize {
        self.warnings.iter().map(|one| one.times).sum()
    }

    /// Returns how many findings the manifest accepts.
    pub fn accepted(&self) -> usize {
        self.accepted.iter().map(|one| one.times).sum()
    }
}

fn add(all: &mut Vec<Found>, finding: &Finding, remark: Option<&str>) {
    let message = Prose::marked(&finding.message).capitalised();
    let remark = remark.map(Prose::marked);
    let same = |held: &&mut Found| {
        held.rule == finding.kind && held.message == message && held.remark == remark
    };
    let Some(held) = all.iter_mut().find(same) else {
        all.push(Found {
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
