//! Each fault, from a stack on which all is well until a test changes something.

mod database;
mod drift;
mod key;
mod leak;
mod page;
mod rehearsal;
mod replica;
mod rotation;
mod service;
mod stack;

use jiff::SignedDuration;

use super::super::{
    DeniedSessions, Diagnosis, Examination, Examined, Fix, ObservedAccessKey, Proof, Quarantine,
    Rehearsal, State, diagnose, report,
};
use super::sample::{FUNCTION, NOW, at, entry, observed_of, stack as sample_stack};
use crate::model::Model;
use crate::port::Stack;
use crate::render::{self, FUNCTION_OUTPUT, secret_output};

const TWO_HOURS: SignedDuration = SignedDuration::from_hours(2);

/// The stack of a model with a function and each of the secrets, whose ARNs are all
/// the one of the samples.
fn deployed(model: &Model, status: &str) -> Stack {
    let mut stack = sample_stack(status);
    stack.since = Some(at("2026-11-01T08:00:00Z"));
    let outputs = &mut stack.outputs;
    outputs.insert(FUNCTION_OUTPUT.to_owned(), FUNCTION.to_owned());
    for output in model.entries.iter().map(secret_output) {
        outputs.insert(output, "arn:own".to_owned());
    }
    stack
}

fn look(model: &Model, stack: Option<Stack>, entries: Vec<Examination<'_>>) -> Vec<Diagnosis> {
    let examined = Examined {
        region: "eu-west-1".to_owned(),
        stack,
        entries,
        drift: Default::default(),
    };
    diagnose(model, &examined, at(NOW), TWO_HOURS)
}

/// Returns what is found of one access key, whose entry says `more`, after a change.
fn found_of(more: &str, change: impl FnOnce(&mut Changed)) -> Vec<Diagnosis> {
    let model = super::sample::model(more);
    let mut changed = Changed {
        stack: deployed(model, "UPDATE_COMPLETE"),
        seen: entry(),
        proof: Proof::Accepted,
        reported: None,
        denied_sessions: None,
        rehearsal: None,
        quarantine: None,
    };
    changed.secret().tags = render::secret_tags(model, &model.entries[0], "eu-west-1");
    change(&mut changed);
    let seen = observed_of(model, changed.seen);
    let state = report(&seen, at(NOW)).state;
    let key = Examination {
        seen,
        proof: changed.proof,
        reported: changed.reported,
        denied_sessions: changed.denied_sessions,
        rehearsal: changed.rehearsal,
        quarantine: changed.quarantine,
    };
    let found = look(model, Some(changed.stack), vec![key]);
    // Each problem that `status` reports has a finding with a remedy.
    assert!(state == State::Ok || !found.is_empty(), "{state}");
    found
}

fn found(change: impl FnOnce(&mut Changed)) -> Vec<Diagnosis> {
    found_of("", change)
}

/// What a test may change.
struct Changed {
    stack: Stack,
    seen: ObservedAccessKey,
    proof: Proof,
    reported: Option<String>,
    denied_sessions: Option<DeniedSessions>,
    rehearsal: Option<Rehearsal>,
    quarantine: Option<Quarantine>,
}

impl Changed {
    fn secret(&mut self) -> &mut crate::port::Secret {
        &mut self.held().secret
    }

    fn held(&mut self) -> &mut super::super::ObservedSecret {
        self.seen.secret.as_mut().unwrap()
    }
}

/// Returns each fault with what may be done about it.
fn ids(found: &[Diagnosis]) -> Vec<(&'static str, Option<Fix>)> {
    found.iter().map(|it| (it.fault.id, it.fix)).collect()
}

/// Expects one fault, whose evidence and remedy say these.
#[track_caller]
fn expect(found: &[Diagnosis], id: &str, fix: Option<Fix>, evidence: &[&str], remedy: &str) {
    let [only] = found else {
        panic!("{found:#?}");
    };
    assert_eq!((only.fault.id, only.fix), (id, fix), "{only:#?}");
    for text in evidence {
        assert!(only.evidence.contains(text), "{text}: {only:#?}");
    }
    assert!(only.remedy.contains(remedy), "{remedy}: {only:#?}");
    assert!(!format!("{only:?}").contains("hush"), "{only:#?}");
}

#[test]
fn all_is_well() {
    assert_eq!(found(|_| {}), []);
}
