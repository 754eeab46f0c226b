//! `doctor --fix`, interrupted everywhere.

use std::time::Duration;

use super::super::fake::{FakeAws, Step};
use super::super::{Pace, Values, examine, fix, status, with_drift};
use super::scenario::{Scenario, explore, tell};
use crate::plan::{Diagnosis, State};
use crate::port::{CURRENT, Receiver, Rotation};

fn scenario() -> Scenario {
    let scenario = Scenario::new("  - { user: ada, rotate_as: role }\n", |state| {
        state.add_user("ada");
    });
    // Each look is a call, and each call is interrupted.
    let pace = Pace {
        poll: Duration::from_secs(5),
        ..Pace::AWS
    };
    Scenario { pace, ..scenario }
}

/// Returns the account after a bootstrap.
fn deployed(scenario: &Scenario) -> FakeAws {
    let fake = scenario.fake();
    scenario.bootstrap(&fake, None).unwrap().unwrap();
    fake.state.borrow_mut().next_day();
    fake
}

fn look(scenario: &Scenario, fake: &FakeAws) -> Vec<Diagnosis> {
    let ended = scenario.run(fake, None, async |context| {
        examine(context, &scenario.model).await.map(|it| it.faults)
    });
    ended.unwrap().unwrap()
}

fn ids(found: &[Diagnosis]) -> Vec<&'static str> {
    found.iter().map(|it| it.fault.id).collect()
}

fn current(fake: &FakeAws) -> String {
    let state = fake.state.borrow();
    state.secrets["keys/ada"]
        .field(CURRENT, "accesskey")
        .unwrap()
}

/// Expects that a fault is found and fixed, whatever fails on the way.
fn repairs(id: &str, rotates: bool, prepare: impl Fn(&FakeAws)) {
    let scenario = scenario();
    let prepared = deployed(&scenario);
    let before = current(&prepared);
    prepare(&prepared);
    assert!(ids(&look(&scenario, &prepared)).contains(&id), "{id}");
    let start = prepared.state.into_inner();
    let explored = explore(
        || FakeAws::new(start.clone()),
        |fake, fault| scenario.repair(fake, fault),
        |fake, left| {
            assert_eq!(ids(left), [""; 0]);
            assert_eq!(current(fake) != before, rotates);
            let state = fake.state.borrow();
            assert!(state.orphans().is_empty());
            assert!(state.secrets["keys/ada"].rotates);
        },
    );
    tell(id, explored);
}

#[test]
fn rotation_is_switched_on() {
    repairs("rotation-off", false, |fake| {
        let mut state = fake.state.borrow_mut();
        state.secrets.get_mut("keys/ada").unwrap().rotates = false;
    });
}

#[test]
fn a_schedule_is_set() {
    repairs("rotation-differs", false, |fake| {
        let mut state = fake.state.borrow_mut();
        let secret = state.secrets.get_mut("keys/ada").unwrap();
        secret.rotation = Rotation::default();
    });
}

#[test]
fn a_secret_is_restored() {
    repairs("secret-deleted", false, |fake| {
        let mut state = fake.state.borrow_mut();
        let now = state.now;
        let secret = state.secrets.get_mut("keys/ada").unwrap();
        secret.deleted = Some(now);
        // The fault that the deletion hides is fixed too.
        secret.rotates = false;
    });
}

#[test]
fn a_rotation_is_resumed() {
    for step in [Step::Create, Step::Finish] {
        repairs("rotation-unfinished", true, |fake| {
            let mut state = fake.state.borrow_mut();
            state.failing.insert(step, 1);
            state
                .rotate("keys/ada", "00000000-0000-4000-8000-abcdefabcdef")
                .unwrap();
            state.next_day();
        });
    }
}

#[test]
fn a_rotation_is_begun_where_it_is_overdue() {
    repairs("rotation-overdue", true, |fake| {
        let mut state = fake.state.borrow_mut();
        for _ in 0..38 {
            state.next_day();
        }
    });
}

/// Between the look and what is done about it, a person may have come.
#[test]
fn what_has_changed_since_is_left_alone() {
    let scenario = scenario();
    let fake = deployed(&scenario);
    for _ in 0..38 {
        fake.state.borrow_mut().next_day();
    }
    let found = look(&scenario, &fake);
    assert_eq!(ids(&found), ["rotation-overdue"]);
    let before = current(&fake);
    {
        // The old key is used again: a rotation would take it.
        let mut state = fake.state.borrow_mut();
        let now = state.now;
        let old = state.keys.iter_mut().find(|(id, _)| **id != before);
        old.unwrap().1.last_used = Some(now);
    }
    let failures = scenario.run(&fake, None, async |context| {
        fix(context, &scenario.model, &found, &found).await
    });
    assert!(failures.unwrap().unwrap().is_empty());
    assert_eq!(current(&fake), before);
    let found = look(&scenario, &fake);
    assert!(found[0].fix.is_none(), "{found:#?}");
}

/// Looking calls nothing that writes.
#[test]
fn a_look_changes_nothing() {
    const WRITES: [&str; 8] = [
        "Rotate", "Restore", "Put", "Update", "Tag", "Untag", "Delete", "Create",
    ];
    let scenario = scenario();
    let fake = deployed(&scenario);
    fake.state
        .borrow_mut()
        .secrets
        .get_mut("keys/ada")
        .unwrap()
        .rotates = false;
    let before = format!("{:?}", fake.state.borrow().secrets);
    look(&scenario, &fake);
    assert_eq!(format!("{:?}", fake.state.borrow().secrets), before);
    let calls = fake.log.borrow();
    let looked = &calls[calls.len() - fake.calls()..];
    for call in looked {
        let action = call.split(':').next_back().unwrap();
        assert!(
            !WRITES.iter().any(|write| action.starts_with(write)),
            "{call}"
        );
    }
}

/// Right after a rotation, with a list of keys that does not show the new one yet.
fn rotated_a_moment_ago(scenario: &Scenario) -> FakeAws {
    let fake = deployed(scenario);
    scenario.rotate(&fake, None).unwrap().unwrap();
    fake.state.borrow_mut().lag = Duration::from_secs(60);
    fake
}

#[test]
fn a_list_that_is_older_than_the_rotation_proves_nothing() {
    let scenario = scenario();
    let fake = rotated_a_moment_ago(&scenario);
    assert_eq!(ids(&look(&scenario, &fake)), [""; 0]);
    let fake = rotated_a_moment_ago(&scenario);
    let seen = scenario.run(&fake, None, async |context| {
        status(context, &scenario.model, Values::Read).await
    });
    assert_eq!(seen.unwrap().unwrap().secrets[0].state, State::Ok);
}

#[test]
fn a_key_that_stays_missing_is_told_after_the_propagation_time() {
    let scenario = scenario();
    let fake = rotated_a_moment_ago(&scenario);
    let key = current(&fake);
    fake.state.borrow_mut().lag = Duration::from_secs(1_000);
    let began = fake.state.borrow().now;
    let found = look(&scenario, &fake);
    assert!(ids(&found).contains(&"current-key-missing"), "{found:#?}");
    assert!(found[0].evidence.contains(&key));
    let waited = fake.state.borrow().now.duration_since(began).unsigned_abs();
    assert!(
        waited <= Pace::AWS.propagation + Duration::from_secs(10),
        "{waited:?}"
    );
}

/// A queue in `notify` that is deleted after the deployment: `doctor` and `status --check` agree.
#[test]
fn a_target_that_is_gone_is_found() {
    const QUEUE: &str = "arn:aws:sqs:eu-west-1:111122223333:rotated";
    let open = Receiver {
        policy: Some(format!(
            r#"{{"Statement":[{{"Effect":"Allow","Principal":"*","Action":"sqs:SendMessage","Resource":"{QUEUE}"}}]}}"#
        )),
        kms_key: None,
        deduplicates: false,
    };
    let entry = format!("  - {{ user: ada, rotate_as: role, notify: ['{QUEUE}'] }}\n");
    let scenario = Scenario::new(&entry, |state| {
        state.add_user("ada");
        state.receivers.insert(QUEUE.to_owned(), open.clone());
    });
    let fake = deployed(&scenario);
    let reported = |fake: &FakeAws| {
        let ended = scenario.run(fake, None, async |context| {
            let report = status(context, &scenario.model, Values::Unread).await?;
            with_drift(context, &scenario.model, report).await
        });
        let found = ended.unwrap().unwrap().findings.into_iter();
        found.map(|finding| finding.id).collect::<Vec<_>>()
    };
    assert_eq!(ids(&look(&scenario, &fake)), [""; 0]);
    assert_eq!(reported(&fake), [""; 0]);
    fake.state.borrow_mut().receivers.clear();
    assert_eq!(ids(&look(&scenario, &fake)), ["notify-target-unusable"]);
    assert_eq!(reported(&fake), ["notify-target-unusable"]);
    fake.state
        .borrow_mut()
        .receivers
        .insert(QUEUE.to_owned(), open);
    let denied = "sqs:GetQueueAttributes";
    fake.state.borrow_mut().denied_calls.insert(denied);
    assert_eq!(ids(&look(&scenario, &fake)), ["notify-target-unchecked"]);
    assert_eq!(reported(&fake), ["notify-target-unchecked"]);
}
