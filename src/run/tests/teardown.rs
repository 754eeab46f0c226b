//! `teardown`, interrupted everywhere.

use super::super::fake::{FakeAws, Fault, FaultKind, Origin, Step, Watch};
use super::super::{Error, TeardownReport};
use super::scenario::{Scenario, explore, tell};
use crate::plan::TeardownOptions;
use crate::port::{Deletion, Event, PENDING, Stage};
use crate::tool::testing::Recorder;

const WINDOW: TeardownOptions = TeardownOptions {
    deletion: Deletion::Window(7),
    keep_keys: false,
    keep_users: false,
    delete_keys: false,
};

/// Returns the account after a bootstrap, about to be taken down.
fn deployed(scenario: &Scenario, options: TeardownOptions) -> FakeAws {
    let fake = scenario.fake();
    scenario.bootstrap(&fake, None).unwrap().unwrap();
    fake.state.borrow_mut().next_day();
    fake.state.borrow_mut().watch = Watch {
        teardown: true,
        deletes_current: options.delete_keys,
        forced: options.deletion == Deletion::Forced,
        ..Watch::default()
    };
    fake
}

/// Nothing is left but what is named.
fn gone(fake: &FakeAws, _: &TeardownReport) {
    let state = fake.state.borrow();
    assert!(state.stacks.iter().all(|stack| stack.is_deleted()));
    assert!(state.buckets.is_empty(), "{:?}", state.buckets.keys());
    assert!(state.logs.is_empty(), "{:?}", state.logs.keys());
    assert!(state.functions.is_empty());
    for secret in state.secrets.values() {
        let ours = secret.tag("keyrota:stack") == "keys";
        assert!(!ours || (secret.deleted.is_some() && !secret.rotates));
    }
    for (key, state) in &state.kms_keys {
        assert_eq!(state, "PendingDeletion", "{key}");
    }
}

fn survives(
    name: &str,
    scenario: &Scenario,
    options: TeardownOptions,
    check: impl Fn(&FakeAws, &TeardownReport),
) {
    let start = deployed(scenario, options).state.into_inner();
    let explored = explore(
        || FakeAws::new(start.clone()),
        |fake, fault| scenario.teardown(fake, fault, options),
        |fake, report| {
            gone(fake, report);
            check(fake, report);
            // Once more there is nothing to do.
            let again = scenario.teardown(fake, None, options).unwrap().unwrap();
            assert!(again.deleted.is_empty(), "{:?}", again.deleted);
            gone(fake, &again);
        },
    );
    tell(&format!("teardown, {name}"), explored);
}

/// The previous key is gone. If a run ended between its proof and its deletion, the proof
/// looks like a client's use to the next run, which keeps the key and reports it.
fn retired(fake: &FakeAws, report: &TeardownReport) {
    let state = fake.state.borrow();
    let current = state.secrets.get("keys/ada");
    let current = current.and_then(|secret| secret.field("AWSCURRENT", "accesskey"));
    for id in state.keys_of("ada") {
        let told = report.left_over.iter().any(|item| item.name == id);
        let kept = report.retained.iter().any(|item| item.name == id);
        assert!(Some(&id) == current.as_ref() || told || kept, "{id}");
    }
}

fn existing() -> Scenario {
    Scenario::new("  - user: ada\n", |state| state.add_user("ada"))
}

fn created() -> Scenario {
    let entries = "  - { user: ada, create_user: true, kms_key: create }\n  - { user: bob, create_user: true, rotate_as: role }\n";
    Scenario::new(entries, |_| {})
}

fn forced(options: TeardownOptions) -> TeardownOptions {
    TeardownOptions {
        deletion: Deletion::Forced,
        ..options
    }
}

#[test]
fn a_user_that_was_there_keeps_its_current_key() {
    let scenario = existing();
    survives("existing user", &scenario, WINDOW, |fake, report| {
        retired(fake, report);
        let state = fake.state.borrow();
        let current = state.secrets["keys/ada"].field("AWSCURRENT", "accesskey");
        assert!(state.keys_of("ada").contains(&current.unwrap()));
    });
    let fake = deployed(&scenario, WINDOW);
    scenario.teardown(&fake, None, WINDOW).unwrap().unwrap();
    assert_eq!(fake.state.borrow().keys_of("ada").len(), 1);
}

/// A client may have used the key that the rotation replaced, and IAM does not show it yet.
#[test]
fn a_key_that_was_replaced_minutes_ago_is_left_over() {
    for (minutes, stays) in [(0, true), (15, true), (21, false)] {
        let scenario = existing();
        let fake = scenario.fake();
        scenario.bootstrap(&fake, None).unwrap().unwrap();
        let previous = {
            let mut state = fake.state.borrow_mut();
            state.now += std::time::Duration::from_secs(minutes * 60);
            let secret = &state.secrets["keys/ada"];
            secret.field("AWSPREVIOUS", "accesskey").unwrap()
        };
        let report = scenario.teardown(&fake, None, WINDOW).unwrap().unwrap();
        let keys = fake.state.borrow().keys_of("ada");
        assert_eq!(keys.contains(&previous), stays, "{minutes}");
        let left = report.left_over.iter().find(|item| item.name == previous);
        assert_eq!(left.is_some(), stays, "{minutes}");
        // Another teardown does not delete it either, so both report the command that does.
        fake.state.borrow_mut().next_day();
        scenario.teardown(&fake, None, WINDOW).unwrap().unwrap();
        assert_eq!(
            fake.state.borrow().keys_of("ada").contains(&previous),
            stays
        );
        let note = left
            .and_then(|item| item.note.as_deref())
            .unwrap_or_default();
        let command =
            format!("aws iam delete-access-key --user-name ada --access-key-id {previous}");
        assert_eq!(note.contains(&command), stays, "{note}");
    }
}

#[test]
fn a_key_is_deleted_where_that_is_asked_for() {
    let options = TeardownOptions {
        delete_keys: true,
        ..WINDOW
    };
    survives(
        "existing user, keys too",
        &existing(),
        options,
        |fake, _| {
            assert!(fake.state.borrow().keys_of("ada").is_empty());
        },
    );
}

#[test]
fn without_a_window() {
    survives("forced", &existing(), forced(WINDOW), |fake, report| {
        assert!(fake.state.borrow().secrets.is_empty());
        retired(fake, report);
    });
}

#[test]
fn users_of_the_stacks_own_go_with_it() {
    survives("created users, KMS key", &created(), WINDOW, |fake, _| {
        let state = fake.state.borrow();
        assert!(state.users.is_empty() && state.keys.is_empty());
        assert_eq!(state.secrets.len(), 2);
    });
    survives(
        "created users, forced",
        &created(),
        forced(WINDOW),
        |fake, _| {
            assert!(fake.state.borrow().secrets.is_empty());
        },
    );
}

/// Right after a bootstrap, the user's list of keys may not show the newest one yet.
#[test]
fn a_user_of_the_stacks_own_goes_with_a_key_that_is_not_listed_yet() {
    let entries = "  - { user: ada, create_user: true }\n";
    let scenario = Scenario::new(entries, |_| {});
    let fake = scenario.fake();
    scenario.bootstrap(&fake, None).unwrap().unwrap();
    {
        let mut state = fake.state.borrow_mut();
        state.watch.teardown = true;
        state.lag = std::time::Duration::from_secs(60);
    }
    let torn = scenario.teardown(&fake, None, WINDOW);
    torn.unwrap().unwrap();
    let state = fake.state.borrow();
    assert!(state.users.is_empty() && state.keys.is_empty());
}

/// A version can name a key that someone deleted by hand, and a report tells what was done.
#[test]
fn a_key_that_was_gone_before_is_not_reported_as_deleted() {
    let entries = "  - { user: ada, create_user: true }\n";
    let scenario = Scenario::new(entries, |_| {});
    let fake = scenario.fake();
    scenario.bootstrap(&fake, None).unwrap().unwrap();
    let gone = {
        let mut state = fake.state.borrow_mut();
        state.watch.teardown = true;
        let ids: Vec<String> = state.keys.keys().cloned().collect();
        state.keys.clear();
        ids
    };
    let report = scenario.teardown(&fake, None, WINDOW).unwrap().unwrap();
    let deleted: Vec<&str> = report.deleted.iter().map(|item| &*item.name).collect();
    assert!(!gone.is_empty() && fake.state.borrow().users.is_empty());
    assert!(
        !gone.iter().any(|id| deleted.contains(&id.as_str())),
        "{deleted:?}"
    );
}

#[test]
fn users_whose_keys_are_kept_stay() {
    let options = TeardownOptions {
        keep_keys: true,
        keep_users: false,
        ..WINDOW
    };
    survives(
        "created users, keys kept",
        &created(),
        options,
        |fake, _| {
            let state = fake.state.borrow();
            assert_eq!(state.keys_of("ada").len(), 2);
            assert_eq!(state.keys_of("bob").len(), 2);
        },
    );
}

#[test]
fn a_user_of_somebody_elses_keeps_its_keys() {
    // The manifest says `create_user`, bootstrap was refused since the user
    // exists, and then somebody cleans up.
    let scenario = Scenario::new("  - { user: ada, create_user: true }\n", |state| {
        state.add_user("ada");
        state.add_key("ada", Origin::Somebody);
    });
    let fake = scenario.fake();
    assert!(scenario.bootstrap(&fake, None).unwrap().is_err());
    scenario.teardown(&fake, None, WINDOW).unwrap().unwrap();
    assert_eq!(fake.state.borrow().keys_of("ada").len(), 1);
}

#[test]
fn what_an_unfinished_rotation_left_is_taken_down() {
    for step in [Step::Store, Step::Test] {
        let scenario = existing();
        let fake = deployed(&scenario, WINDOW);
        {
            let mut state = fake.state.borrow_mut();
            state.failing.insert(step, usize::MAX);
            let token = state.token();
            state.rotate("keys/ada", &token).unwrap();
            state.next_day();
            assert_eq!(state.keys_of("ada").len(), 2);
            let secret = state.secrets.get_mut("keys/ada").unwrap();
            secret.put_label(PENDING, None);
        }
        let start = fake.state.into_inner();
        let explored = explore(
            || FakeAws::new(start.clone()),
            |fake, fault| scenario.teardown(fake, fault, WINDOW),
            |fake, report| {
                gone(fake, report);
                assert_eq!(fake.state.borrow().keys_of("ada").len(), 1);
            },
        );
        tell(
            &format!("teardown, rotation abandoned at {step:?}"),
            explored,
        );
    }
}

#[test]
fn what_an_interrupted_bootstrap_left_is_taken_down() {
    for scenario in [existing(), created()] {
        let fake = scenario.fake();
        scenario.bootstrap(&fake, None).unwrap().unwrap();
        for call in 1..=fake.calls() {
            for kind in [FaultKind::DiesBefore, FaultKind::DiesAfter] {
                let fake = scenario.fake();
                let _ = scenario.bootstrap(&fake, Some(Fault { call, kind }));
                fake.state.borrow_mut().watch.teardown = true;
                let report = scenario.teardown(&fake, None, WINDOW).unwrap();
                let report = report.unwrap_or_else(|error| panic!("{kind:?} at {call}: {error}"));
                gone(&fake, &report);
            }
        }
    }
}

/// CloudFormation puts none of its tags on a KMS key, so its list of a deleted stack's
/// resources is the only proof. It forgets the list after 90 days.
#[test]
fn the_key_of_a_deleted_stack_goes_while_cloudformation_lists_it() {
    for forgotten in [false, true] {
        let scenario = created();
        let fake = deployed(&scenario, WINDOW);
        {
            let mut state = fake.state.borrow_mut();
            state.stacks[0].set_status("DELETE_COMPLETE");
            if forgotten {
                state.stacks[0].resources.clear();
            }
        }
        let report = scenario.teardown(&fake, None, WINDOW).unwrap().unwrap();
        let state = fake.state.borrow();
        let (key, status) = state.kms_keys.first_key_value().unwrap();
        let left = report.left_over.iter().find(|item| item.name == *key);
        if forgotten {
            assert_eq!(status, "Enabled");
            let note = left.expect("it is reported").note.as_deref().unwrap();
            assert!(note.contains("no longer lists"), "{note}");
        } else {
            assert_eq!(status, "PendingDeletion");
            assert!(left.is_none());
        }
    }
}

/// Returns a stack with a function in a VPC.
fn in_vpc() -> Scenario {
    let entries = "\
network: { subnets: [subnet-1a1a1a1a], security_groups: [sg-1a1a1a1a] }
databases:
  - { secret: prod/orders, engine: postgres, host: db.internal, username: app, first_rotation: now }
";
    let mut scenario = Scenario::of(entries, |state| {
        state.add_server("db.internal:5432", "app", "hush-first");
        let vpc = || "vpc-1".to_owned();
        state.subnets.insert("subnet-1a1a1a1a".into(), vpc());
        state.security_groups.insert("sg-1a1a1a1a".into(), vpc());
    });
    let password = "hush-first".into();
    scenario.passwords.insert("prod/orders".into(), password);
    scenario
}

/// Returns how often the deletion of network interfaces was announced.
fn announced(events: &[Event]) -> usize {
    let stage = Event::Stage(Stage::DeletingInterfaces);
    events.iter().filter(|event| **event == stage).count()
}

#[test]
fn the_deletion_of_network_interfaces_is_announced_once() {
    for (scenario, times) in [(in_vpc(), 1), (existing(), 0)] {
        let fake = deployed(&scenario, WINDOW);
        // The function is deleted by the second attempt.
        let failures = [("AWS::Lambda::Function", 1)];
        fake.state.borrow_mut().undeletable.extend(failures);
        let listener = Recorder::default();
        let torn = scenario.teardown_with(&fake, None, WINDOW, &listener);
        torn.unwrap().unwrap();
        assert_eq!(announced(&listener.events()), times);
    }
}

/// A session can be shorter than the deletion of a stack with a function in a VPC.
#[test]
fn credentials_that_expire_during_the_deletion_are_reported_with_the_way_on() {
    let scenario = in_vpc();
    let start = deployed(&scenario, WINDOW).state.into_inner();
    let whole = FakeAws::new(start.clone());
    scenario.teardown(&whole, None, WINDOW).unwrap().unwrap();
    let log = whole.log.borrow().clone();
    let deletion = log
        .iter()
        .position(|call| *call == "cloudformation:DeleteStack");
    let followed = log.iter().enumerate().skip(deletion.unwrap() + 1);
    let mut reads = followed.take_while(|(_, call)| call.starts_with("cloudformation:Describe"));
    let (index, _) = reads.next().unwrap();
    assert!(reads.count() > 1);
    let fake = FakeAws::new(start);
    // The second read: the function's deletion has started.
    let fault = Fault {
        call: index + 2,
        kind: FaultKind::SignedOut,
    };
    let refused = scenario.teardown(&fake, Some(fault), WINDOW).unwrap();
    match refused.unwrap_err() {
        error @ Error::SignedOut { .. } => {
            let text = error.to_string();
            assert!(text.contains("which CloudFormation continues"), "{text}");
            assert!(text.contains("the stack keys"), "{text}");
        }
        other => panic!("{other}"),
    }
    // The next run waits for the same deletion, says why, and continues.
    let listener = Recorder::default();
    let torn = scenario.teardown_with(&fake, None, WINDOW, &listener);
    gone(&fake, &torn.unwrap().unwrap());
    assert_eq!(announced(&listener.events()), 1);
    let log = fake.log.borrow();
    assert!(!log.contains(&"cloudformation:DeleteStack"), "{log:?}");
}

#[test]
fn a_deletion_that_fails_is_attempted_twice() {
    for (failures, succeeds) in [(1, true), (2, false)] {
        let scenario = existing();
        let fake = deployed(&scenario, WINDOW);
        let failures = [("AWS::Lambda::Function", failures)];
        fake.state.borrow_mut().undeletable.extend(failures);
        let listener = Recorder::default();
        let torn = scenario.teardown_with(&fake, None, WINDOW, &listener);
        let warned = |event: &Event| match event {
            Event::Warning(text) => text.contains("Function (AWS::Lambda::Function): it is in use"),
            _ => false,
        };
        assert!(listener.events().iter().any(warned));
        match torn.unwrap() {
            Ok(report) => {
                assert!(succeeds);
                gone(&fake, &report);
            }
            Err(error) => {
                assert!(!succeeds);
                let text = error.to_string();
                assert!(text.contains("ended in DELETE_FAILED"), "{text}");
                let reason = "Function (AWS::Lambda::Function): it is in use";
                assert!(text.contains(reason), "{text}");
                // Another run continues.
                let again = scenario.teardown(&fake, None, WINDOW).unwrap();
                gone(&fake, &again.unwrap());
            }
        }
    }
}

/// The first attempt always fails for a user that keeps its keys.
#[test]
fn a_deletion_that_retains_a_user_is_attempted_again_too() {
    let options = TeardownOptions {
        keep_keys: true,
        keep_users: false,
        ..WINDOW
    };
    let scenario = created();
    let fake = deployed(&scenario, options);
    let failures = [("AWS::Lambda::Function", 2)];
    fake.state.borrow_mut().undeletable.extend(failures);
    let report = scenario.teardown(&fake, None, options).unwrap().unwrap();
    gone(&fake, &report);
    assert!(fake.state.borrow().users.contains_key("ada"));
}
