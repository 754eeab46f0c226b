//! The import of what exists already, interrupted everywhere.

use serde_json::json;

use super::super::fake::{ACCOUNT, AwsState, FakeAws, Origin, REGION, Watch};
use super::super::{Bootstrapped, Error};
use super::scenario::{Scenario, explore, tell};
use crate::plan::TeardownOptions;
use crate::port::{Deletion, Rotation};

const FUNCTION: &str = "arn:aws:lambda:eu-west-1:111122223333:function:theirs";

/// Prepares a user with a key in a secret, which a function of someone else rotates.
fn rotated_by_another(state: &mut AwsState) {
    state.add_user("ada");
    let key = state.add_key("ada", Origin::Somebody);
    let secret = format!("arn:aws:secretsmanager:{REGION}:{ACCOUNT}:secret:keys/ada-AbCdEf");
    let value = json!({
        "accesskey": key, "secretkey": state.keys[&key].secret, "username": "ada",
        "secretarn": secret, "bucket": "theirs",
    });
    state.add_value("keys/ada", &value);
    let held = state.secrets.get_mut("keys/ada").unwrap();
    held.tags.insert("owner".to_owned(), "platform".to_owned());
    held.rotates = true;
    held.rotation = Rotation {
        function: Some(FUNCTION.to_owned()),
        schedule: Some("rate(30 days)".to_owned()),
        window: None,
    };
    held.last_rotated = Some(state.now);
}

fn check(fake: &FakeAws, done: &Bootstrapped) {
    let state = fake.state.borrow();
    assert!(state.orphans().is_empty(), "orphans: {:?}", state.orphans());
    assert!(state.change_sets.is_empty());
    let stacks = state.stacks.iter().filter(|stack| !stack.is_deleted());
    assert_eq!(stacks.count(), 1);
    for proven in &done.secrets {
        let secret = state.find_secret(&proven.arn).unwrap();
        assert!(secret.rotates && secret.deleted.is_none());
        assert_ne!(secret.rotation.function.as_deref(), Some(FUNCTION));
        let key = secret.field("AWSCURRENT", "accesskey").unwrap();
        assert_eq!(Some(&key), proven.verified.access_key_id.as_ref());
        assert!(state.keys[&key].active);
    }
}

#[test]
fn a_secret_that_another_function_rotates() {
    let entries = "  - { user: ada, adopt: true }\n  - user: bob\n";
    let scenario = Scenario::new(entries, |state| {
        rotated_by_another(state);
        state.add_user("bob");
    });
    let before = scenario.state.secrets["keys/ada"].clone();
    let explored = explore(
        || scenario.fake(),
        |fake, fault| scenario.bootstrap(fake, fault),
        |fake, done| {
            check(fake, done);
            let state = fake.state.borrow();
            let secret = &state.secrets["keys/ada"];
            assert_eq!(secret.arn, before.arn);
            assert_eq!(secret.tags["owner"], "platform");
            // The first rotation by the stack's function proves it.
            let made = secret.field("KEYROTA_MADE", "accesskey");
            assert_eq!(made, secret.field("AWSCURRENT", "accesskey"));
        },
    );
    tell("bootstrap, an adopted secret", explored);
}

#[test]
fn an_adopted_secret_in_a_stack_that_exists() {
    let grown = Scenario::new("  - user: bob\n  - { user: ada, adopt: true }\n", |_| {});
    let first = Scenario::new("  - user: bob\n", |state| {
        state.add_user("bob");
        rotated_by_another(state);
    });
    let fake = first.fake();
    first.bootstrap(&fake, None).unwrap().unwrap();
    let start = fake.state.into_inner();
    let explored = explore(
        || FakeAws::new(start.clone()),
        |fake, fault| grown.bootstrap(fake, fault),
        check,
    );
    tell(
        "bootstrap, an adopted secret in a stack that exists",
        explored,
    );
}

fn teardown(scenario: &Scenario, fake: &FakeAws, delete_keys: bool) {
    let options = TeardownOptions {
        deletion: Deletion::Window(30),
        keep_keys: false,
        keep_users: false,
        delete_keys,
    };
    // Where the keys go, the secret names a key that no longer exists until it has a new one.
    fake.state.borrow_mut().watch = Watch {
        teardown: true,
        deletes_current: delete_keys,
        ..Watch::default()
    };
    let ended = scenario.teardown(fake, None, options);
    ended.unwrap().unwrap();
}

/// Prepares the account after a bootstrap and a teardown.
fn torn_down(entries: &str, delete_keys: bool) -> (Scenario, AwsState) {
    let scenario = Scenario::new(entries, |state| {
        if !entries.contains("create_user") {
            state.add_user("ada");
        }
        if entries.contains("profile") {
            let key = state.add_key("ada", Origin::Somebody);
            state.profiles.insert("ada".to_owned(), key);
        }
    });
    let fake = scenario.fake();
    scenario.bootstrap(&fake, None).unwrap().unwrap();
    teardown(&scenario, &fake, delete_keys);
    let mut start = fake.state.into_inner();
    let secret = &start.secrets["keys/ada"];
    assert!(secret.deleted.is_some());
    // The next stack takes the secret over with the key that the teardown deleted.
    let key = secret.field("AWSCURRENT", "accesskey");
    if key.is_some_and(|key| !start.keys.contains_key(&key)) {
        let version = secret.labelled("AWSCURRENT").map(str::to_owned);
        start.watch.broken.extend(version);
    }
    (scenario, start)
}

/// Checks that the secret and its KMS key are those that the teardown left.
fn came_back(start: &AwsState, fake: &FakeAws, done: &Bootstrapped) {
    check(fake, done);
    let state = fake.state.borrow();
    let (before, secret) = (&start.secrets["keys/ada"], &state.secrets["keys/ada"]);
    assert_eq!(
        (&secret.arn, &secret.kms_key),
        (&before.arn, &before.kms_key)
    );
    let enabled = state.kms_keys.values().filter(|state| *state == "Enabled");
    assert_eq!(enabled.count(), usize::from(before.kms_key.is_some()));
}

fn survives_a_teardown(entries: &str, delete_keys: bool) {
    let (scenario, start) = torn_down(entries, delete_keys);
    let explored = explore(
        || FakeAws::new(start.clone()),
        |fake, fault| scenario.bootstrap(fake, fault),
        |fake, done| came_back(&start, fake, done),
    );
    tell(&format!("bootstrap after a teardown, {entries}"), explored);
}

#[test]
fn a_secret_after_a_teardown_with_its_key() {
    survives_a_teardown("  - user: ada\n", false);
}

#[test]
fn a_secret_after_a_teardown_that_deleted_its_key() {
    let entries = "  - { user: ada, kms_key: create, rotate_as: role }\n";
    survives_a_teardown(entries, true);
}

#[test]
fn a_secret_after_a_teardown_that_deleted_its_user() {
    let entries = "  - { user: ada, create_user: true, kms_key: create }\n";
    survives_a_teardown(entries, false);
}

#[test]
fn a_key_of_a_profile_is_adopted_once() {
    let entries = "  - { user: ada, initial_key: 'profile:ada' }\n";
    let (scenario, start) = torn_down(entries, true);
    let fake = FakeAws::new(start.clone());
    let done = scenario.bootstrap(&fake, None).unwrap().unwrap();
    came_back(&start, &fake, &done);
}

#[test]
fn a_key_that_is_gone_is_never_replaced_by_a_second_one() {
    let entries = "  - { user: ada, kms_key: create }\n";
    let scenario = Scenario::new(entries, |state| state.add_user("ada"));
    let fake = scenario.fake();
    scenario.bootstrap(&fake, None).unwrap().unwrap();
    teardown(&scenario, &fake, false);
    fake.state.borrow_mut().kms_keys.clear();
    let before = fake.state.borrow().secrets["keys/ada"].clone();
    let Err(Error::Refused(findings)) = scenario.bootstrap(&fake, None).unwrap() else {
        panic!("it is not refused");
    };
    let kinds: Vec<&str> = findings.iter().map(|finding| finding.kind).collect();
    assert_eq!(kinds, ["kms-key"]);
    let state = fake.state.borrow();
    assert_eq!(state.secrets["keys/ada"].deleted, before.deleted);
    assert!(state.kms_keys.is_empty());
}
