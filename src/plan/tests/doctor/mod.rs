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

use jiff::{SignedDuration, Timestamp};

use super::super::{
    ABANDONED_TAG, DeniedSessions, Diagnosis, Examination, Examined, Fix, NextRotation,
    ObservedAccessKey, ObservedEntry, Proof, Quarantine, Rehearsal, UnfinishedRotation, diagnose,
    diagnose_next_rotation, report_unfinished,
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
        targets: Vec::new(),
    };
    diagnose(model, &examined, at(NOW), TWO_HOURS)
}

/// The faults of an entry or of the stack that `doctor` finds and `status --check` does not: it does not
/// sign with the current credential, looks at no KMS key, administrator, or label of keyrota's own, and
/// shows old and foreign keys and the stack status without judging them. How the schedule differs, it
/// finds as drift.
const OF_DOCTOR_ONLY: [&str; 18] = [
    "administrator-unusable",
    "credential-refused",
    "foreign-key",
    "kms-key-unusable",
    "leaked-key-active",
    "old-key-in-use",
    "old-key-left",
    "old-key-overdue",
    "password-broken-off",
    "rotation-differs",
    "secret-not-in-stack",
    "sessions-denied",
    "stack-busy",
    "stack-failed",
    "stack-not-ours",
    "stack-rolled-back",
    "user-path-differs",
    "value-outdated",
];

/// Returns whether `status --check` finds nothing wrong with an entry.
fn is_fine(
    model: &Model,
    seen: &ObservedEntry<'_>,
    unfinished: Option<&UnfinishedRotation>,
    next: NextRotation<'_>,
) -> bool {
    let expected = render::secret_tags(model, seen.entry(), "eu-west-1");
    let report = report_unfinished(seen, unfinished, at(NOW));
    let report = report.with_tags(&expected, seen.secret());
    report.is_fine() && diagnose_next_rotation(seen, next, at(NOW)).is_empty()
}

/// Expects that `doctor` finds something if `status --check` does, and the reverse for each fault that
/// both look for.
#[track_caller]
fn expect_agreement(is_fine: bool, found: &[Diagnosis]) {
    // Each problem that `status` reports has a finding with a remedy.
    assert!(is_fine || !found.is_empty());
    // The key of an abandoned rotation is no state of the credential.
    let both = found
        .iter()
        .filter(|it| !it.evidence.contains(ABANDONED_TAG));
    let both = both.map(|it| it.fault.id);
    let both: Vec<&str> = both.filter(|id| !OF_DOCTOR_ONLY.contains(id)).collect();
    assert!(
        !is_fine || both.is_empty(),
        "status finds nothing: {both:?}"
    );
}

/// Returns what is found of one access key, whose entry says `more`, after a change.
fn found_of(more: &str, change: impl FnOnce(&mut Changed)) -> Vec<Diagnosis> {
    let model = super::sample::model(more);
    let mut changed = Changed {
        stack: deployed(model, "UPDATE_COMPLETE"),
        seen: entry(),
        proof: Proof::Accepted,
        under_way: None,
        reported: None,
        denied_sessions: None,
        rehearsal: None,
        quarantine: None,
    };
    changed.secret().tags = render::secret_tags(model, &model.entries[0], "eu-west-1");
    change(&mut changed);
    let seen = observed_of(model, changed.seen);
    let unfinished = changed.under_way.map(|created| UnfinishedRotation {
        created: Some(created),
        reported: None,
        limit: TWO_HOURS,
    });
    let next = NextRotation {
        rehearsal: changed.rehearsal.as_ref(),
        quarantine: changed.quarantine.as_ref(),
    };
    let is_fine = is_fine(model, &seen, unfinished.as_ref(), next);
    let key = Examination {
        seen,
        proof: changed.proof,
        under_way: changed.under_way,
        reported: changed.reported,
        denied_sessions: changed.denied_sessions,
        rehearsal: changed.rehearsal,
        quarantine: changed.quarantine,
    };
    let found = look(model, Some(changed.stack), vec![key]);
    expect_agreement(is_fine, &found);
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
    under_way: Option<Timestamp>,
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
