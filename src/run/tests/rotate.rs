//! `rotate`, interrupted everywhere, and rotations that were left unfinished.

use std::time::Duration;

use jiff::SignedDuration;

use super::super::fake::{FakeAws, Fault, FaultKind, Step};
use super::super::{Error, Pace};
use super::scenario::{Scenario, explore, tell};
use crate::plan::KeyRole;
use crate::port::{CURRENT, PENDING};

fn existing() -> Scenario {
    Scenario::new("  - user: ada\n", |state| state.add_user("ada"))
}

fn deployed(scenario: &Scenario) -> FakeAws {
    let fake = scenario.fake();
    scenario.bootstrap(&fake, None).unwrap().unwrap();
    fake.state.borrow_mut().next_day();
    fake
}

fn survives(name: &str, scenario: &Scenario, prepare: impl Fn(&FakeAws)) {
    let prepared = deployed(scenario);
    prepare(&prepared);
    let start = prepared.state.into_inner();
    let before = start.secrets["keys/ada"].field(CURRENT, "accesskey");
    let explored = explore(
        || FakeAws::new(start.clone()),
        |fake, fault| scenario.rotate(fake, fault),
        |fake, verified| {
            let state = fake.state.borrow();
            assert!(state.orphans().is_empty(), "orphans: {:?}", state.orphans());
            let secret = &state.secrets["keys/ada"];
            assert!(!secret.in_rotation());
            let current = secret.field(CURRENT, "accesskey");
            assert!(current.is_some());
            assert_eq!(current, verified.access_key_id);
            assert_ne!(current, before);
        },
    );
    tell(&format!("rotate, {name}"), explored);
}

/// Lets a rotation fail at a step for good, so that it is left unfinished.
fn leave_unfinished(scenario: &Scenario, fake: &FakeAws, step: Step) {
    fake.state.borrow_mut().failing.insert(step, usize::MAX);
    fake.begin(None);
    let mut state = fake.state.borrow_mut();
    let token = state.token();
    state.rotate("keys/ada", &token).unwrap();
    state.next_day();
    assert_eq!(
        state.secrets["keys/ada"].labelled(PENDING),
        Some(token.as_str())
    );
    let _ = scenario;
}

#[test]
fn a_rotation_interrupted_anywhere() {
    survives("self", &existing(), |_| {});
}

#[test]
fn an_unfinished_rotation_is_resumed() {
    for step in [Step::Create, Step::Store, Step::Test, Step::Finish] {
        let scenario = existing();
        survives(&format!("unfinished at {step:?}"), &scenario, |fake| {
            leave_unfinished(&scenario, fake, step);
            fake.state.borrow_mut().failing.clear();
        });
    }
}

#[test]
fn a_rotation_that_cannot_succeed_is_abandoned_and_its_key_deleted() {
    for step in [Step::Create, Step::Store, Step::Test, Step::Finish] {
        let scenario = existing();
        survives(&format!("given up at {step:?}"), &scenario, |fake| {
            leave_unfinished(&scenario, fake, step);
            // It fails once more where it is resumed; the new one goes well.
            fake.state.borrow_mut().failing.insert(step, 1);
        });
    }
}

/// A rotation stored its key and was abandoned by somebody else: the version keeps
/// the label that says whose the key is, and no other.
#[test]
fn the_key_of_a_rotation_that_is_no_longer_pending_is_removed() {
    for step in [Step::Store, Step::Test] {
        let scenario = existing();
        let abandon = |fake: &FakeAws| {
            leave_unfinished(&scenario, fake, step);
            let mut state = fake.state.borrow_mut();
            state.failing.clear();
            let secret = state.secrets.get_mut("keys/ada").unwrap();
            secret.put_label(PENDING, None);
            assert_eq!(state.orphans().len(), usize::from(step == Step::Store));
        };
        survives(&format!("abandoned at {step:?}"), &scenario, abandon);
        // It is in nobody's way.
        let fake = deployed(&scenario);
        abandon(&fake);
        let done = scenario.bootstrap(&fake, None).unwrap().unwrap();
        assert!(!done.secrets[0].rotated);
        let keys = done.secrets[0].verified.report.keys.iter();
        let roles: Vec<KeyRole> = keys.map(|key| key.role).collect();
        assert_eq!(roles, [KeyRole::Current, KeyRole::Pending]);
    }
}

#[test]
fn a_rotation_that_fails_leaves_the_key_in_use_as_it_was() {
    let scenario = existing();
    let fake = deployed(&scenario);
    fake.state
        .borrow_mut()
        .failing
        .insert(Step::Test, usize::MAX);
    let before = fake.state.borrow().secrets["keys/ada"].field(CURRENT, "accesskey");
    let error = scenario.rotate(&fake, None).unwrap().unwrap_err();
    assert!(matches!(error, Error::Rotation { .. }), "{error}");
    assert!(
        error.to_string().contains("a fault was injected"),
        "{error}"
    );
    let after = fake.state.borrow().secrets["keys/ada"].field(CURRENT, "accesskey");
    assert_eq!(before, after);
}

/// What the function reports while IAM does not know its role's new policy.
const DENIED: &str = "failed to make a new key for ada: iam:CreateAccessKey failed, it is not allowed (AccessDenied)";

#[test]
fn a_denial_is_tried_again_until_iam_knows_the_policy() {
    let scenario = existing();
    let fake = deployed(&scenario);
    let versions = fake.state.borrow().secrets["keys/ada"].versions.len();
    {
        let mut state = fake.state.borrow_mut();
        state.failing.insert(Step::Create, 4);
        state.failure = DENIED;
    }
    scenario.rotate(&fake, None).unwrap().unwrap();
    let state = fake.state.borrow();
    assert_eq!(state.failing[&Step::Create], 0);
    assert_eq!(state.secrets["keys/ada"].versions.len(), versions + 1);
    assert!(state.orphans().is_empty());
}

#[test]
fn a_denial_that_stays_is_told_after_the_propagation_time() {
    let scenario = existing();
    let fake = deployed(&scenario);
    {
        let mut state = fake.state.borrow_mut();
        state.failing.insert(Step::Create, usize::MAX);
        state.failure = DENIED;
    }
    let began = fake.state.borrow().now;
    let before = fake.state.borrow().secrets["keys/ada"].field(CURRENT, "accesskey");
    let error = scenario.rotate(&fake, None).unwrap().unwrap_err();
    assert!(error.to_string().contains(DENIED), "{error}");
    let state = fake.state.borrow();
    let waited = state.now.duration_since(began).unsigned_abs();
    let pace = Pace::AWS;
    assert!(waited >= pace.propagation, "{waited:?}");
    assert!(
        waited <= pace.propagation + pace.retry + pace.after_error + Duration::from_secs(10),
        "{waited:?}"
    );
    let after = state.secrets["keys/ada"].field(CURRENT, "accesskey");
    assert_eq!(before, after);
}

/// Lambda ends the function, for example because it needs too much memory, and nothing reaches its log.
#[test]
fn a_function_that_is_silent_for_longer_than_its_timeout_is_not_waited_for() {
    let scenario = existing();
    let fake = deployed(&scenario);
    {
        let mut state = fake.state.borrow_mut();
        state.failing.insert(Step::Create, usize::MAX);
        state.failure = "";
    }
    let began = fake.state.borrow().now;
    let error = scenario.rotate(&fake, None).unwrap().unwrap_err();
    let waited = fake.state.borrow().now.duration_since(began).unsigned_abs();
    let longest = Duration::from_secs(60) + Pace::AWS.after_error;
    assert!(waited >= longest, "{waited:?}");
    assert!(waited <= longest + Duration::from_secs(10), "{waited:?}");
    let said = error.to_string();
    assert!(said.contains("nothing to its log for 90 s"), "{said}");
    assert!(said.contains("reserved concurrency"), "{said}");
    // Who may not read the log cannot tell, and waits for as long as a rotation may take.
    let fake = deployed(&scenario);
    {
        let mut state = fake.state.borrow_mut();
        state.failing.insert(Step::Create, usize::MAX);
        state.failure = "";
        state.denied_calls.insert("logs:FilterLogEvents");
    }
    let error = scenario.rotate(&fake, None).unwrap().unwrap_err();
    assert!(error.to_string().contains("within 300 s"), "{error}");
}

#[test]
fn a_secret_without_a_key_is_bootstraps_affair() {
    let scenario = existing();
    let fake = scenario.fake();
    scenario.bootstrap(&fake, None).unwrap().unwrap();
    let puts = |call: &str| call == "secretsmanager:PutSecretValue";
    let call = fake
        .log
        .borrow()
        .iter()
        .position(|call| puts(call))
        .unwrap()
        + 1;
    let fake = scenario.fake();
    let kind = FaultKind::Lost;
    let _ = scenario.bootstrap(&fake, Some(Fault { call, kind }));
    let error = scenario.rotate(&fake, None).unwrap().unwrap_err();
    assert!(error.to_string().contains("keyrota bootstrap"), "{error}");
}

#[test]
fn a_rotation_that_is_finished_after_all_keeps_its_key() {
    // The last step is under way while the program gives the rotation up.
    let scenario = existing();
    let prepared = deployed(&scenario);
    leave_unfinished(&scenario, &prepared, Step::Finish);
    prepared.state.borrow_mut().failing.insert(Step::Finish, 1);
    let start = prepared.state.into_inner();
    let fake = FakeAws::new(start.clone());
    scenario.rotate(&fake, None).unwrap().unwrap();
    let (_, given_up) = fake.first("iam:TagUser").unwrap();
    let mut finished = 0;
    for milliseconds in (-60..160).step_by(5) {
        let fake = FakeAws::new(start.clone());
        let due = given_up + SignedDuration::from_millis(milliseconds);
        fake.state.borrow_mut().finish_late("keys/ada", due);
        scenario.rotate(&fake, None).unwrap().unwrap();
        let state = fake.state.borrow();
        assert!(state.orphans().is_empty());
        let rotations = state.secrets["keys/ada"].versions.len();
        finished += usize::from(rotations < start.secrets["keys/ada"].versions.len() + 1);
    }
    assert!(finished > 0, "the last step was never under way in time");
}
