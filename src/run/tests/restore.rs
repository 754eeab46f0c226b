//! `rotate --restore-previous`, interrupted everywhere, and what comes after it.

use super::super::Error;
use super::super::fake::{Fake, Fault, Kind};
use super::scenario::{Scenario, tell};
use crate::port::{CURRENT, PENDING, PREVIOUS};

fn scenario() -> Scenario {
    Scenario::new("  - { user: ada, rotate_as: role }\n", |world| {
        world.add_user("ada");
    })
}

/// Returns the account after a bootstrap, whose key before is the first one.
fn deployed(scenario: &Scenario) -> Fake {
    let fake = scenario.fake();
    scenario.bootstrap(&fake, None).unwrap().unwrap();
    fake.world.borrow_mut().next_day();
    fake
}

fn rotate(scenario: &Scenario, fake: &Fake) -> Result<(), Error> {
    scenario.rotate(fake, None).unwrap().map(drop)
}

fn key(fake: &Fake, label: &str) -> String {
    let world = fake.world.borrow();
    world.secrets["keys/ada"].field(label, "accesskey").unwrap()
}

fn refusal(scenario: &Scenario, fake: &Fake) -> String {
    let before = format!("{:?}", fake.world.borrow().secrets);
    let error = scenario.restore(fake, None).unwrap().unwrap_err();
    assert!(matches!(error, Error::NotRestored { .. }), "{error}");
    assert_eq!(format!("{:?}", fake.world.borrow().secrets), before);
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
    assert!(fake.world.borrow().orphans().is_empty());
}

#[test]
fn whatever_fails_a_key_that_works_is_current() {
    let scenario = scenario();
    let start = deployed(&scenario).world.into_inner();
    let fake = Fake::new(start.clone());
    let pair = [key(&fake, CURRENT), key(&fake, PREVIOUS)];
    scenario.restore(&fake, None).unwrap().unwrap();
    let calls = fake.calls();
    for call in 1..=calls {
        for kind in Kind::ALL {
            // The fake watches AWSCURRENT after every call.
            let fake = Fake::new(start.clone());
            let ended = scenario.restore(&fake, Some(Fault { call, kind }));
            let (current, previous) = (key(&fake, CURRENT), key(&fake, PREVIOUS));
            assert!(current != previous && pair.contains(&current) && pair.contains(&previous));
            if matches!(ended, Some(Ok(_))) {
                assert_eq!(current, pair[1], "{kind:?} at {call}");
            }
            rotate(&scenario, &fake).unwrap();
        }
    }
    tell("restore", 2 * calls * Kind::ALL.len());
}

#[test]
fn a_key_that_does_not_work_is_not_brought_back() {
    let scenario = scenario();
    let prepared = deployed(&scenario);
    let old = key(&prepared, PREVIOUS);
    let start = prepared.world.into_inner();
    let with = |change: &dyn Fn(&mut super::super::fake::World)| {
        let fake = Fake::new(start.clone());
        change(&mut fake.world.borrow_mut());
        fake
    };
    let inactive = with(&|world| world.keys.get_mut(&old).unwrap().active = false);
    assert!(refusal(&scenario, &inactive).contains("update-access-key"));
    let gone = with(&|world| drop(world.keys.remove(&old)));
    assert!(refusal(&scenario, &gone).contains("no longer exists"));
    let other = with(&|world| "other".clone_into(&mut world.keys.get_mut(&old).unwrap().secret));
    assert!(refusal(&scenario, &other).contains("refused its key"));
    let none = with(&|world| {
        let secret = world.secrets.get_mut("keys/ada").unwrap();
        secret.put_label(PREVIOUS, None);
    });
    assert!(refusal(&scenario, &none).contains("no previous version"));
    let rotating = with(&|world| {
        let token = world.token();
        world.rotate("keys/ada", &token).unwrap();
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
        let mut world = fake.world.borrow_mut();
        let secret = world.secrets.get_mut("keys/ada").unwrap();
        let current = secret.labelled(CURRENT).unwrap().to_owned();
        secret.put_label(PENDING, Some(&current));
    }
    scenario.restore(&fake, None).unwrap().unwrap();
    assert!(!fake.world.borrow().secrets["keys/ada"].in_rotation());
}

/// A rotation that begins right after the key was proven deletes it to make room.
#[test]
fn a_rotation_that_begins_meanwhile_leaves_a_key_that_works() {
    let scenario = scenario();
    let start = deployed(&scenario).world.into_inner();
    let fake = Fake::new(start.clone());
    scenario.restore(&fake, None).unwrap().unwrap();
    let (_, moved) = fake
        .first("secretsmanager:UpdateSecretVersionStage")
        .unwrap();
    let mut late = 0;
    for milliseconds in (-600..100).step_by(5) {
        let fake = Fake::new(start.clone());
        let due = moved + jiff::SignedDuration::from_millis(milliseconds);
        fake.world.borrow_mut().rotate_at("keys/ada", due);
        fake.world.borrow_mut().watch.meanwhile = true;
        let ended = scenario.restore(&fake, None).unwrap();
        let works = || {
            let current = key(&fake, CURRENT);
            let world = fake.world.borrow();
            world.keys.get(&current).is_some_and(|key| key.active)
        };
        assert!(works(), "right after it, {milliseconds}: {ended:?}");
        late += usize::from(ended.is_err_and(|error| error.to_string().contains("was moved")));
        fake.world.borrow_mut().next_day();
        assert!(works(), "{milliseconds}");
    }
    assert!(late > 0);
}
