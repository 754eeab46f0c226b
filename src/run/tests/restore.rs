//! `rotate --restore-previous`, interrupted everywhere, and what comes after it.

use super::super::Error;
use super::super::fake::{FakeAws, Fault, FaultKind};
use super::scenario::{Scenario, tell};
use crate::port::{CURRENT, PENDING, PREVIOUS};

fn scenario() -> Scenario {
    Scenario::new("  - { user: ada, rotate_as: role }\n", |state| {
        state.add_user("ada");
    })
}

/// Returns the account after a bootstrap, whose key before is the first one.
fn deployed(scenario: &Scenario) -> FakeAws {
    let fake = scenario.fake();
    scenario.bootstrap(&fake, None).unwrap().unwrap();
    fake.state.borrow_mut().next_day();
    fake
}

fn rotate(scenario: &Scenario, fake: &FakeAws) -> Result<(), Error> {
    scenario.rotate(fake, None).unwrap().map(drop)
}

fn key(fake: &FakeAws, label: &str) -> String {
    let state = fake.state.borrow();
    state.secrets["keys/ada"].field(label, "accesskey").unwrap()
}

fn refusal(scenario: &Scenario, fake: &FakeAws) -> String {
    let before = format!("{:?}", fake.state.borrow().secrets);
    let error = scenario.restore(fake, None).unwrap().unwrap_err();
    assert!(matches!(error, Error::NotRestored { .. }), "{error}");
    assert_eq!(format!("{:?}", fake.state.borrow().secrets), before);
    error.to_string()
}

#[test]
fn the_key_before_is_current_again_and_the_next_rotation_goes_well() {
    let scenario = scenario();
    let fake = deployed(&scenario);
    let (new, old) = (key(&fake, CURRENT), key(&fake, PREVIOUS));
    let restored = scenario.restore(&fake, None).unwrap().unwrap();
    assert_eq!(restored.access_key_id.as_ref(), Some(&old));
    assert_eq!(
        (key(&fake, CURRENT), key(&fake, PREVIOUS)),
        (old.clone(), new)
    );
    rotate(&scenario, &fake).unwrap();
    assert_eq!(key(&fake, PREVIOUS), old);
    assert!(fake.state.borrow().orphans().is_empty());
}

#[test]
fn whatever_fails_a_key_that_works_is_current() {
    let scenario = scenario();
    let start = deployed(&scenario).state.into_inner();
    let fake = FakeAws::new(start.clone());
    let pair = [key(&fake, CURRENT), key(&fake, PREVIOUS)];
    scenario.restore(&fake, None).unwrap().unwrap();
    let calls = fake.calls();
    let mut runs = 0;
    for (call, name) in (1..=calls).zip(fake.names()) {
        for &kind in FaultKind::of(name) {
            runs += 2;
            // The fake watches AWSCURRENT after every call.
            let fake = FakeAws::new(start.clone());
            let ended = scenario.restore(&fake, Some(Fault { call, kind }));
            let (current, previous) = (key(&fake, CURRENT), key(&fake, PREVIOUS));
            assert!(current != previous && pair.contains(&current) && pair.contains(&previous));
            if matches!(ended, Some(Ok(_))) {
                assert_eq!(current, pair[1], "{kind:?} at {call}");
            }
            rotate(&scenario, &fake).unwrap();
        }
    }
    tell("restore", runs);
}

#[test]
fn a_key_that_does_not_work_is_not_brought_back() {
    let scenario = scenario();
    let prepared = deployed(&scenario);
    let old = key(&prepared, PREVIOUS);
    let start = prepared.state.into_inner();
    let with = |change: &dyn Fn(&mut super::super::fake::AwsState)| {
        let fake = FakeAws::new(start.clone());
        change(&mut fake.state.borrow_mut());
        fake
    };
    let inactive = with(&|state| state.keys.get_mut(&old).unwrap().active = false);
    assert!(refusal(&scenario, &inactive).contains("update-access-key"));
    let gone = with(&|state| drop(state.keys.remove(&old)));
    assert!(refusal(&scenario, &gone).contains("no longer exists"));
    let other = with(&|state| "other".clone_into(&mut state.keys.get_mut(&old).unwrap().secret));
    assert!(refusal(&scenario, &other).contains("refused its key"));
    let none = with(&|state| {
        let secret = state.secrets.get_mut("keys/ada").unwrap();
        secret.put_label(PREVIOUS, None);
    });
    assert!(refusal(&scenario, &none).contains("no previous version"));
    let rotating = with(&|state| {
        let token = state.token();
        state.rotate("keys/ada", &token).unwrap();
    });
    let error = scenario.restore(&rotating, None).unwrap().unwrap_err();
    assert!(error.to_string().contains("in progress"), "{error}");
}

/// As Secrets Manager may leave it: AWSPENDING where AWSCURRENT is.
#[test]
fn the_label_of_a_rotation_that_has_ended_does_not_undo_it() {
    let scenario = scenario();
    let fake = deployed(&scenario);
    {
        let mut state = fake.state.borrow_mut();
        let secret = state.secrets.get_mut("keys/ada").unwrap();
        let current = secret.labelled(CURRENT).unwrap().to_owned();
        secret.put_label(PENDING, Some(&current));
    }
    scenario.restore(&fake, None).unwrap().unwrap();
    assert!(!fake.state.borrow().secrets["keys/ada"].in_rotation());
}

/// A rotation that begins right after the key was proven deletes it to make room.
#[test]
fn a_rotation_that_begins_meanwhile_leaves_a_key_that_works() {
    let scenario = scenario();
    let start = deployed(&scenario).state.into_inner();
    let fake = FakeAws::new(start.clone());
    scenario.restore(&fake, None).unwrap().unwrap();
    let (_, moved) = fake
        .first("secretsmanager:UpdateSecretVersionStage")
        .unwrap();
    let mut late = 0;
    for milliseconds in (-600..100).step_by(5) {
        let fake = FakeAws::new(start.clone());
        let due = moved + jiff::SignedDuration::from_millis(milliseconds);
        fake.state.borrow_mut().rotate_at("keys/ada", due);
        fake.state.borrow_mut().watch.meanwhile = true;
        let ended = scenario.restore(&fake, None).unwrap();
        let works = || {
            let current = key(&fake, CURRENT);
            let state = fake.state.borrow();
            state.keys.get(&current).is_some_and(|key| key.active)
        };
        assert!(works(), "right after it, {milliseconds}: {ended:?}");
        late += usize::from(ended.is_err_and(|error| error.to_string().contains("was moved")));
        fake.state.borrow_mut().next_day();
        assert!(works(), "{milliseconds}");
    }
    assert!(late > 0);
}
