//! What CloudFormation makes of it: nothing to do, updates, failures, previews.

use std::collections::HashSet;

use super::super::deploy::precedes_its_outputs;
use super::super::fake::{AwsState, FakeAws, Fault, FaultKind};
use super::super::preflight::is_deleted;
use super::super::{Error, preflight, preview};
use super::scenario::{Ended, Scenario, artifacts, explore, tell};
use crate::plan::{Preflight, TeardownOptions};
use crate::port::{Change, Deletion, Stack, StackEvent, StackResource, StackStatus};

const WINDOW: TeardownOptions = TeardownOptions {
    deletion: Deletion::Window(7),
    keep_keys: false,
    keep_users: false,
    delete_keys: false,
};

fn existing() -> Scenario {
    Scenario::new("  - user: ada\n", |state| state.add_user("ada"))
}

/// Returns the scenario of a changed manifest over what another has deployed.
fn after(first: &Scenario, entries: &str, change: impl FnOnce(&mut AwsState)) -> Scenario {
    let fake = first.fake();
    first.bootstrap(&fake, None).unwrap().unwrap();
    let mut second = Scenario::new(entries, |_| {});
    second.state = fake.state.into_inner();
    second.state.next_day();
    change(&mut second.state);
    second
}

fn plan(scenario: &Scenario, fake: &FakeAws, fault: Option<Fault>) -> Ended<Vec<Change>> {
    let artifacts = artifacts();
    scenario.run(fake, fault, async |context| {
        let intent = Preflight { rotates: false };
        let cleared = preflight(context, &scenario.model, intent).await?;
        preview(
            context,
            &scenario.model,
            &cleared,
            &artifacts,
            &scenario.template,
        )
        .await
    })
}

#[test]
fn the_second_bootstrap_changes_nothing() {
    let scenario = after(&existing(), "  - user: ada\n", |_| {});
    let fake = scenario.fake();
    let done = scenario.bootstrap(&fake, None).unwrap().unwrap();
    assert_eq!(done.deployed.changes, 0);
    assert!(!done.secrets[0].rotated);
    for call in fake.log.borrow().iter() {
        let action = call.split(':').next_back().unwrap();
        // A detection changes what CloudFormation knows, and no resource.
        let reads = ["Get", "List", "Describe", "Head", "Filter", "Detect"];
        assert!(reads.iter().any(|verb| action.starts_with(verb)), "{call}");
    }
}

#[test]
fn another_entry_is_added_and_one_is_removed() {
    let entries = "  - user: ada\n  - { user: bob, rotate_as: role }\n";
    let scenario = after(&existing(), entries, |state| state.add_user("bob"));
    let before = scenario.state.secrets["keys/ada"].versions.clone();
    let explored = explore(
        || scenario.fake(),
        |fake, fault| scenario.bootstrap(fake, fault),
        |fake, done| {
            let id = done.secrets[1].verified.access_key_id.as_deref();
            assert!(id.is_some_and(|id| id.starts_with("AKIA")));
            let state = fake.state.borrow();
            assert!(state.orphans().is_empty());
            assert_eq!(state.secrets["keys/ada"].versions.len(), before.len());
        },
    );
    tell("bootstrap, another entry", explored);

    let mut last = Scenario::new("  - { user: bob, rotate_as: role }\n", |_| {});
    let fake = scenario.fake();
    scenario.bootstrap(&fake, None).unwrap().unwrap();
    last.state = fake.state.into_inner();
    let fake = last.fake();
    last.bootstrap(&fake, None).unwrap().unwrap();
    // The secret stays when its entry goes, and teardown finds it by its tag.
    assert!(fake.state.borrow().secrets.contains_key("keys/ada"));
    {
        let mut state = fake.state.borrow_mut();
        state.watch.teardown = true;
        // No key was replaced recently.
        state.next_day();
    }
    let report = last.teardown(&fake, None, WINDOW).unwrap().unwrap();
    let state = fake.state.borrow();
    assert!(
        state
            .secrets
            .values()
            .all(|secret| secret.deleted.is_some())
    );
    // Nothing that others could not write says whose key it holds.
    assert_eq!(state.keys_of("ada").len(), 2);
    let left = report
        .left_over
        .iter()
        .find(|item| item.kind == "access key");
    let note = left.unwrap().note.as_ref().unwrap();
    assert!(note.contains("list-access-keys --user-name ada"), "{note}");
}

#[test]
fn a_stack_that_fails_says_why_and_can_be_taken_down() {
    let scenario = Scenario::new(
        "  - { user: ada, create_user: true, kms_key: create }\n",
        |state| {
            state
                .refused_types
                .insert("AWS::Lambda::Function".to_owned());
        },
    );
    let fake = scenario.fake();
    let error = scenario.bootstrap(&fake, None).unwrap().unwrap_err();
    let Error::Stack {
        status, reasons, ..
    } = &error
    else {
        panic!("{error}");
    };
    assert_eq!(status, "ROLLBACK_COMPLETE");
    assert_eq!(
        reasons,
        &["Function (AWS::Lambda::Function): it was refused"]
    );
    let again = scenario.bootstrap(&fake, None).unwrap().unwrap_err();
    assert!(matches!(again, Error::Refused(_)), "{again}");
    let state = fake.state.into_inner();
    let explored = explore(
        || FakeAws::new(state.clone()),
        |fake, fault| scenario.teardown(fake, fault, WINDOW),
        |fake, _| {
            let mut state = fake.state.borrow_mut();
            assert!(state.secrets.is_empty() && state.users.is_empty());
            assert!(
                state
                    .kms_keys
                    .values()
                    .all(|state| state == "PendingDeletion")
            );
            state.refused_types.clear();
            drop(state);
            scenario.bootstrap(fake, None).unwrap().unwrap();
        },
    );
    tell("teardown, of a stack that rolled back", explored);
}

#[test]
fn an_update_that_fails_leaves_what_was() {
    let scenario = after(
        &existing(),
        "  - { user: ada, rotate_as: role }\n",
        |state| {
            state
                .refused_types
                .insert("AWS::IAM::RolePolicy".to_owned());
        },
    );
    let fake = scenario.fake();
    let error = scenario.bootstrap(&fake, None).unwrap().unwrap_err();
    assert!(
        error.to_string().contains("UPDATE_ROLLBACK_COMPLETE"),
        "{error}"
    );
    fake.state.borrow_mut().refused_types.clear();
    scenario.bootstrap(&fake, None).unwrap().unwrap();
}

#[test]
fn a_preview_leaves_nothing_behind() {
    let first = existing();
    let second = after(&first, "  - { user: ada, rotate_as: role }\n", |_| {});
    for (scenario, stacks) in [(first, 0), (second, 1)] {
        let explored = explore(
            || scenario.fake(),
            |fake, fault| plan(&scenario, fake, fault),
            |fake, changes| {
                assert!(!changes.is_empty());
                let state = fake.state.borrow();
                let live = state.stacks.iter().filter(|stack| !stack.is_deleted());
                assert_eq!(live.count(), stacks);
                assert!(state.buckets.len() <= stacks);
            },
        );
        tell("plan", explored);
        let fake = scenario.fake();
        plan(&scenario, &fake, None).unwrap().unwrap();
        assert!(fake.state.borrow().change_sets.is_empty());
    }
}

#[test]
fn one_secrets_failure_stops_no_other() {
    let entries = "  - { user: ada, rotate_as: role }\n  - { user: bob, rotate_as: role }\n";
    let scenario = Scenario::new(entries, |state| {
        state.add_user("ada");
        state.add_user("bob");
    });
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
    assert!(
        scenario
            .bootstrap(&fake, Some(Fault { call, kind }))
            .unwrap()
            .is_err()
    );
    let stored =
        |secret: &str| fake.state.borrow().secrets[secret].field("AWSCURRENT", "accesskey");
    assert!(stored("keys/ada").is_none() && stored("keys/bob").is_some());
}

#[test]
fn two_interruptions_in_a_row() {
    let scenario = Scenario::new("  - { user: ada, rotate_as: role }\n", |state| {
        state.add_user("ada");
    });
    let fake = scenario.fake();
    scenario.bootstrap(&fake, None).unwrap().unwrap();
    let kind = FaultKind::DiesAfter;
    let dies_at = |call: &str| FaultKind::of(call).contains(&kind);
    let mut processes = 0;
    let mut left = HashSet::new();
    for (first, name) in (1..).zip(fake.names()) {
        if !dies_at(name) {
            continue;
        }
        let interrupted = scenario.fake();
        let _ = scenario.bootstrap(&interrupted, Some(Fault { call: first, kind }));
        let state = interrupted.state.into_inner();
        // A third of all pairs: they take seconds, and neighbours are much alike.
        for second in (1..).filter(|second| (first + second) % 3 == 1) {
            let fake = FakeAws::new(state.clone());
            let ended = scenario.bootstrap(&fake, Some(Fault { call: second, kind }));
            processes += 2;
            if ended.is_some() {
                break;
            }
            if !fake.names().last().is_some_and(|name| dies_at(name))
                || !left.insert(fake.state.borrow().to_the_minute())
            {
                continue;
            }
            let done = scenario.bootstrap(&fake, None).unwrap();
            done.unwrap_or_else(|error| panic!("after {first} and {second}: {error}"));
            assert!(fake.state.borrow().orphans().is_empty());
        }
    }
    tell("bootstrap, interrupted twice", processes);
}

const STACK: &str = "arn:aws:cloudformation:eu-west-1:111122223333:stack/keyrota/1";

fn resource(kind: &str, status: &str) -> StackResource {
    StackResource {
        logical_id: "Held".to_owned(),
        physical_id: "held".to_owned(),
        kind: kind.to_owned(),
        status: status.to_owned(),
    }
}

fn event(physical_id: &str, status: &str) -> StackEvent {
    StackEvent {
        id: "1".to_owned(),
        stack_id: STACK.to_owned(),
        logical_id: "keyrota".to_owned(),
        physical_id: physical_id.to_owned(),
        kind: "AWS::CloudFormation::Stack".to_owned(),
        status: status.to_owned(),
        reason: None,
        at: None,
        token: None,
    }
}

/// AWS may show a stack for some time after it was deleted; its resources and events tell.
#[test]
fn a_stack_that_is_shown_after_its_deletion() {
    let secret = "AWS::SecretsManager::Secret";
    let live = [resource(secret, "CREATE_COMPLETE")];
    let gone = [resource(secret, "DELETE_COMPLETE")];
    let kept = [resource(secret, "DELETE_SKIPPED")];
    let ended = event(STACK, "DELETE_COMPLETE");
    assert!(is_deleted(None, &[]));
    assert!(is_deleted(Some(&ended), &[]));
    assert!(is_deleted(Some(&ended), &gone));
    assert!(is_deleted(Some(&ended), &kept));
    // Events are gone after 90 days, resources are not.
    assert!(!is_deleted(None, &live));
    assert!(!is_deleted(Some(&ended), &live));
    assert!(!is_deleted(Some(&event("held", "DELETE_COMPLETE")), &[]));
    assert!(!is_deleted(
        Some(&event(STACK, "DELETE_IN_PROGRESS")),
        &gone
    ));
    assert!(!is_deleted(Some(&event(STACK, "REVIEW_IN_PROGRESS")), &[]));
}

/// An import leaves a stack without outputs. That is not an earlier state, until a function exists.
#[test]
fn a_stack_without_outputs() {
    let secret = resource("AWS::SecretsManager::Secret", "IMPORT_COMPLETE");
    let function = resource("AWS::Lambda::Function", "CREATE_COMPLETE");
    let imported = [secret.clone()];
    let deployed = [secret, function];
    for (status, output, resources, expected) in [
        ("IMPORT_COMPLETE", None, &imported[..], false),
        ("IMPORT_COMPLETE", None, &deployed[..], true),
        ("IMPORT_COMPLETE", Some("set"), &deployed[..], false),
        ("CREATE_COMPLETE", None, &imported[..], true),
        ("CREATE_COMPLETE", Some(""), &deployed[..], true),
        ("CREATE_COMPLETE", Some("set"), &deployed[..], false),
        ("REVIEW_IN_PROGRESS", None, &imported[..], true),
        ("ROLLBACK_COMPLETE", None, &deployed[..], false),
    ] {
        let stack = Stack {
            id: STACK.to_owned(),
            name: "keyrota".to_owned(),
            status: StackStatus(status.to_owned()),
            reason: None,
            since: None,
            outputs: output
                .map(|output| ("Output".to_owned(), output.to_owned()))
                .into_iter()
                .collect(),
            parameters: [].into(),
            tags: [].into(),
        };
        let found = precedes_its_outputs(&stack, resources);
        assert_eq!(found, expected, "{status} with {output:?}");
    }
}
