//! `doctor --fix` of a secret whose credential does not work, interrupted everywhere.

use std::collections::BTreeSet;
use std::time::Duration;

use serde_json::{Value, json};

use super::super::fake::{AwsState, FakeAws, Fault, FaultKind, Origin};
use super::super::{Pace, examine, fix};
use super::scenario::{Scenario, explore, tell};
use crate::plan::{Diagnosis, Fix, LEAKED_TAG, SEEDING_TAG};
use crate::port::{CURRENT, PREVIOUS};

const SECRET: &str = "keys/ada";

fn scenario(more: &str) -> Scenario {
    let entries = format!("  - {{ user: ada{more} }}\n");
    let scenario = Scenario::new(&entries, |state| {
        if !more.contains("create_user") {
            state.add_user("ada");
        }
        state.add_administrator("ops/admin");
    });
    // Each look is a call, and each call is interrupted.
    let pace = Pace {
        poll: Duration::from_secs(10),
        ..Pace::AWS
    };
    Scenario { pace, ..scenario }
}

/// Returns the account after a bootstrap: the user has a current and a previous key.
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

fn ids(found: &[Diagnosis]) -> Vec<(&'static str, Option<Fix>)> {
    found.iter().map(|it| (it.fault.id, it.fix)).collect()
}

impl AwsState {
    fn key_in(&self, label: &str) -> String {
        self.secrets[SECRET].field(label, "accesskey").unwrap()
    }

    fn value(&self, label: &str) -> Value {
        let secret = &self.secrets[SECRET];
        let version = &secret.versions[secret.labelled(label).unwrap()];
        serde_json::from_str(version.value.as_ref().unwrap()).unwrap()
    }

    /// Stores a value as someone does by hand, a day later.
    fn store(&mut self, value: &str) {
        let token = self.token();
        self.put(SECRET, &token, CURRENT, value).unwrap();
        self.next_day();
    }

    fn delete(&mut self, label: &str) {
        let key = self.key_in(label);
        self.keys.remove(&key);
    }

    /// Deactivates the key in the version with a label.
    fn deactivate(&mut self, label: &str) {
        let key = self.key_in(label);
        self.keys.get_mut(&key).unwrap().active = false;
    }

    /// Adds a field that keyrota does not know to both values.
    fn add_fields(&mut self) {
        for label in [CURRENT, PREVIOUS] {
            let mut value = self.value(label);
            value["bucket"] = json!("invoices");
            let secret = self.secrets.get_mut(SECRET).unwrap();
            let version = secret.labelled(label).unwrap().to_owned();
            let held = secret.versions.get_mut(&version).unwrap();
            held.value = Some(value.to_string());
        }
    }

    /// Has the current version count as broken, until another one is current.
    fn expect_broken(&mut self) {
        let secret = &self.secrets[SECRET];
        let current = secret.labelled(CURRENT).unwrap().to_owned();
        self.watch.broken = BTreeSet::from([current]);
        // No earlier command is at work any longer.
        self.next_day();
    }
}

/// Which key is current after the repair.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Then {
    /// The key that was in the version with this label before the damage.
    Back(&'static str),
    /// A new one.
    New,
}

/// Expects that a fault is found and fixed, whatever fails on the way, and that the next rotation
/// succeeds and leaves no orphan.
fn recovers_of(more: &str, id: &str, fix: Fix, then: Then, prepare: impl Fn(&mut AwsState)) {
    let scenario = scenario(more);
    let prepared = deployed(&scenario);
    let before = {
        let mut state = prepared.state.borrow_mut();
        state.add_fields();
        let before: Vec<String> = state.keys.keys().cloned().collect();
        let back = match then {
            Then::Back(label) => Some(state.key_in(label)),
            Then::New => None,
        };
        prepare(&mut state);
        state.expect_broken();
        (before, back)
    };
    let found = look(&scenario, &prepared);
    assert!(ids(&found).contains(&(id, Some(fix))), "{found:#?}");
    let action = found.iter().find_map(|it| it.action.clone());
    assert!(action.is_some(), "{found:#?}");
    let start = prepared.state.into_inner();
    let explored = explore(
        || FakeAws::new(start.clone()),
        |fake, fault| scenario.repair(fake, fault),
        |fake, left| {
            assert_eq!(ids(left), []);
            {
                let state = fake.state.borrow();
                let current = state.key_in(CURRENT);
                assert!(state.keys[&current].active);
                assert_eq!(state.keys[&current].user, "ada");
                match &before.1 {
                    Some(back) => assert_eq!(current, *back),
                    None => assert!(!before.0.contains(&current), "{current}"),
                }
                assert_eq!(state.value(CURRENT)["bucket"], "invoices");
                assert_eq!(state.value(CURRENT)["username"], "ada");
                for tags in state.user_tags.values() {
                    assert!(!tags.contains_key(SEEDING_TAG));
                }
                assert_eq!(state.secrets[SECRET].labelled("AWSPENDING"), None);
            }
            scenario.rotate(fake, None).unwrap().unwrap();
            let state = fake.state.borrow();
            assert!(state.orphans().is_empty(), "{:?}", state.orphans());
        },
    );
    tell(&format!("recovery, {id}{more}, {then:?}"), explored);
}

fn recovers(id: &str, then: Then, prepare: impl Fn(&mut AwsState)) {
    recovers_of("", id, Fix::Recover, then, prepare);
}

#[test]
fn a_deleted_key_gives_way_to_the_one_before() {
    recovers("current-key-missing", Then::Back(PREVIOUS), |state| {
        state.delete(CURRENT);
    });
}

#[test]
fn a_deleted_key_gives_way_to_a_new_one() {
    for more in [
        "",
        ", rotate_as: role",
        ", rotate_as: ops/admin",
        ", create_user: true",
    ] {
        recovers_of(
            more,
            "current-key-missing",
            Fix::Recover,
            Then::New,
            |state| {
                state.delete(CURRENT);
                state.delete(PREVIOUS);
            },
        );
    }
}

#[test]
fn a_previous_key_that_is_inactive_makes_room() {
    recovers("current-key-missing", Then::New, |state| {
        state.delete(CURRENT);
        state.deactivate(PREVIOUS);
        let foreign = state.add_key("ada", Origin::Somebody);
        state.keys.get_mut(&foreign).unwrap().active = false;
    });
}

#[test]
fn an_inactive_key_gives_way_to_the_one_before_on_request() {
    let (fault, fix) = ("current-key-inactive", Fix::ReplaceInactive);
    recovers_of("", fault, fix, Then::Back(PREVIOUS), |state| {
        state.deactivate(CURRENT);
    });
}

#[test]
fn an_inactive_key_makes_room_on_request_if_the_other_is_not_ours() {
    let (fault, fix) = ("current-key-inactive", Fix::ReplaceInactive);
    let scenario = scenario("");
    let fake = deployed(&scenario);
    let (inactive, foreign) = {
        let mut state = fake.state.borrow_mut();
        state.delete(PREVIOUS);
        state.deactivate(CURRENT);
        let foreign = state.add_key("ada", Origin::Somebody);
        state.expect_broken();
        (state.key_in(CURRENT), foreign)
    };
    let found = look(&scenario, &fake);
    assert_eq!(ids(&found), [(fault, Some(fix)), ("foreign-key", None)]);
    let action = found[0].action.clone().unwrap();
    assert!(
        action.contains(&format!("deletes the key {inactive}")),
        "{action}"
    );
    let left = scenario.repair(&fake, None).unwrap().unwrap();
    assert_eq!(ids(&left), [("foreign-key", None)]);
    let state = fake.state.borrow();
    assert!(state.keys[&foreign].active);
    assert!(!state.keys.contains_key(&inactive));
    assert!(state.keys[&state.key_in(CURRENT)].active);
}

/// Expects that a key of somebody else keeps its slot, and that the key of an interrupted fix does
/// not count as another one.
fn recovers_beside_a_foreign_key(prepare: impl Fn(&mut AwsState)) {
    let scenario = scenario("");
    let prepared = deployed(&scenario);
    let foreign = {
        let mut state = prepared.state.borrow_mut();
        prepare(&mut state);
        let foreign = state.add_key("ada", Origin::Somebody);
        state.expect_broken();
        foreign
    };
    let start = prepared.state.into_inner();
    let explored = explore(
        || FakeAws::new(start.clone()),
        |fake, fault| scenario.repair(fake, fault),
        |fake, left| {
            assert_eq!(ids(left), [("foreign-key", None)]);
            let state = fake.state.borrow();
            let current = state.key_in(CURRENT);
            let mut expected = vec![current.clone(), foreign.clone()];
            expected.sort();
            assert_eq!(state.keys_of("ada"), expected);
            assert!(state.keys[&current].active && state.keys[&foreign].active);
            assert!(!state.user_tags["ada"].contains_key(SEEDING_TAG));
        },
    );
    tell("recovery beside a foreign key", explored);
}

#[test]
fn a_deleted_key_gives_way_to_a_new_one_beside_a_foreign_key() {
    recovers_beside_a_foreign_key(|state| {
        state.delete(PREVIOUS);
        state.delete(CURRENT);
    });
}

#[test]
fn an_inactive_key_gives_way_to_a_new_one_beside_a_foreign_key() {
    recovers_beside_a_foreign_key(|state| {
        state.delete(PREVIOUS);
        state.deactivate(CURRENT);
    });
}

#[test]
fn the_keys_of_an_interrupted_fix_are_named() {
    let scenario = scenario("");
    let prepared = deployed(&scenario);
    let foreign = {
        let mut state = prepared.state.borrow_mut();
        state.delete(PREVIOUS);
        state.delete(CURRENT);
        let foreign = state.add_key("ada", Origin::Somebody);
        state.expect_broken();
        foreign
    };
    let start = prepared.state.into_inner();
    let fake = FakeAws::new(start.clone());
    scenario.repair(&fake, None).unwrap().unwrap();
    for (name, what) in [
        ("iam:CreateAccessKey", "deletes"),
        ("secretsmanager:PutSecretValue", "makes"),
    ] {
        let (call, _) = fake.first(name).unwrap();
        let kind = FaultKind::DiesAfter;
        let fake = FakeAws::new(start.clone());
        assert!(scenario.repair(&fake, Some(Fault { call, kind })).is_none());
        let keys = fake.state.borrow().keys_of("ada");
        let made = keys.into_iter().find(|id| *id != foreign).unwrap();
        let found = look(&scenario, &fake);
        assert_eq!(found[0].fault.id, "current-key-missing", "{found:#?}");
        let action = found[0].action.clone().unwrap();
        let named = format!("{what} the key {made}, which an interrupted command");
        assert!(action.contains(&named), "{action}");
    }
}

/// The previous key was reported as leaked and is still active.
#[test]
fn a_leaked_key_gives_way_to_a_new_one() {
    let scenario = scenario("");
    let fake = deployed(&scenario);
    let leaked = {
        let mut state = fake.state.borrow_mut();
        state.delete(CURRENT);
        let leaked = state.key_in(PREVIOUS);
        let word = format!("{leaked}={}", state.now.as_second());
        let tags = state.user_tags.entry("ada".to_owned()).or_default();
        tags.insert(LEAKED_TAG.to_owned(), word);
        state.expect_broken();
        leaked
    };
    let found = look(&scenario, &fake);
    assert!(ids(&found).contains(&("current-key-missing", Some(Fix::Recover))));
    let left = scenario.repair(&fake, None).unwrap().unwrap();
    assert!(
        ids(&left).contains(&("leaked-key-active", None)),
        "{left:#?}"
    );
    assert!(left.iter().all(|it| it.fix.is_none()), "{left:#?}");
    let state = fake.state.borrow();
    let current = state.key_in(CURRENT);
    assert_ne!(current, leaked);
    assert!(state.keys[&current].active);
}

#[test]
fn a_damaged_value_gives_way_to_the_one_before() {
    for value in [
        "garbage",
        "[]",
        "{}",
        r#"{"username":"ada","bucket":"other"}"#,
    ] {
        let id = match value {
            "garbage" | "[]" => "value-unusable",
            _ => "no-credential",
        };
        recovers(id, Then::Back(CURRENT), |state| state.store(value));
    }
}

#[test]
fn a_value_that_is_damaged_twice_gives_way_to_the_key_that_was_made_last() {
    recovers("value-unusable", Then::Back(CURRENT), |state| {
        state.store("garbage");
        state.store("more garbage");
    });
}

#[test]
fn a_damaged_value_without_a_key_that_works_is_built_again() {
    recovers("value-unusable", Then::New, |state| {
        state.delete(CURRENT);
        state.delete(PREVIOUS);
        state.store("garbage");
    });
}

#[test]
fn a_secret_key_that_was_changed_gives_way_to_the_right_one() {
    recovers("credential-refused", Then::Back(CURRENT), |state| {
        let mut value = state.value(CURRENT);
        value["secretkey"] = json!("mistyped");
        state.store(&value.to_string());
    });
}

#[test]
fn the_key_of_another_user_gives_way() {
    recovers("value-of-another-user", Then::Back(CURRENT), |state| {
        state.add_user("bob");
        let theirs = state.add_key("bob", Origin::Somebody);
        let value = json!({
            "accesskey": theirs, "secretkey": state.keys[&theirs].secret,
            "username": "bob", "secretarn": state.secrets[SECRET].arn,
        });
        state.store(&value.to_string());
    });
}

/// Two keys of other people: nothing is done, and the advice says how to free a slot.
#[test]
fn keys_that_are_not_ours_keep_their_slots() {
    let scenario = scenario("");
    let fake = deployed(&scenario);
    let foreign = {
        let mut state = fake.state.borrow_mut();
        state.delete(CURRENT);
        state.delete(PREVIOUS);
        let foreign = [0, 1].map(|_| state.add_key("ada", Origin::Somebody));
        state.expect_broken();
        foreign
    };
    let found = look(&scenario, &fake);
    assert_eq!(found[0].fault.id, "current-key-missing");
    assert!(found.iter().all(|it| it.fix.is_none()), "{found:#?}");
    for id in &foreign {
        let command = format!("aws iam delete-access-key --user-name ada --access-key-id {id}");
        assert!(found[0].remedy.contains(&command), "{found:#?}");
    }
    scenario.repair(&fake, None).unwrap().unwrap();
    let state = fake.state.borrow();
    assert!(foreign.iter().all(|id| state.keys[id].active));
    assert_eq!(state.keys_of("ada").len(), 2);
}

/// The previous version cannot be used, and another person takes the second slot before the fix.
#[test]
fn a_key_that_appears_meanwhile_keeps_its_slot() {
    let scenario = scenario("");
    let fake = deployed(&scenario);
    {
        let mut state = fake.state.borrow_mut();
        state.delete(CURRENT);
        state.delete(PREVIOUS);
        state.add_key("ada", Origin::Somebody);
        state.expect_broken();
    }
    let found = look(&scenario, &fake);
    let second = fake.state.borrow_mut().add_key("ada", Origin::Somebody);
    fake.state.borrow_mut().next_day();
    let failures = scenario.run(&fake, None, async |context| {
        fix(context, &scenario.model, &found, &found).await
    });
    let failures = failures.unwrap().unwrap();
    // The fault has another fix now, so nothing is tried.
    assert!(failures.is_empty(), "{failures:?}");
    assert!(fake.state.borrow().keys[&second].active);
}

/// Without the statements `Recover…`, nothing is changed, and the error names them.
#[test]
fn a_caller_without_the_permission_is_told_which_statements_are_missing() {
    for call in [
        "iam:TagUser",
        "iam:CreateAccessKey",
        "secretsmanager:PutSecretValue",
    ] {
        let scenario = scenario("");
        let fake = deployed(&scenario);
        {
            let mut state = fake.state.borrow_mut();
            state.delete(CURRENT);
            state.delete(PREVIOUS);
            state.expect_broken();
            state.denied_calls.insert(call);
        }
        let error = scenario.repair(&fake, None).unwrap().unwrap_err();
        let told = error.to_string();
        assert!(told.contains("begins with `Recover`"), "{told}");
        assert!(told.contains(call), "{told}");
        let mut state = fake.state.borrow_mut();
        assert!(state.keys_of("ada").is_empty(), "{call}");
        assert!(
            !state.user_tags["ada"].contains_key(SEEDING_TAG)
                || call == "secretsmanager:PutSecretValue"
        );
        state.denied_calls.clear();
        drop(state);
        let left = scenario.repair(&fake, None).unwrap().unwrap();
        assert_eq!(ids(&left), []);
    }
}

/// A new key that AWS does not accept is not made current, and the next run continues with it.
#[test]
fn a_new_key_that_is_not_known_yet_is_made_current_later() {
    let scenario = scenario(", rotate_as: role");
    let fake = deployed(&scenario);
    {
        let mut state = fake.state.borrow_mut();
        state.delete(CURRENT);
        state.delete(PREVIOUS);
        state.expect_broken();
        state.lag = Duration::from_secs(90);
    }
    let left = scenario.repair(&fake, None).unwrap().unwrap();
    assert_eq!(ids(&left), []);
    let state = fake.state.borrow();
    assert_eq!(state.keys_of("ada").len(), 1);
    // Clients never read a key that AWS does not know yet.
    let (_, moved) = fake
        .first("secretsmanager:UpdateSecretVersionStage")
        .unwrap();
    let created = state.keys[&state.key_in(CURRENT)].created;
    assert!(moved.duration_since(created).unsigned_abs() >= state.lag);
}
