//! `bootstrap`, interrupted everywhere.

use std::time::Duration;

use serde_json::json;

use super::super::fake::{ACCOUNT, AwsState, Bucket, FakeAws, Fault, FaultKind, Origin, REGION};
use super::super::{Bootstrapped, Deployed, Error, seed};
use super::scenario::{Scenario, explore, tell};
use crate::port::CURRENT;

fn check(fake: &FakeAws, done: &Bootstrapped) {
    let state = fake.state.borrow();
    assert!(state.orphans().is_empty(), "orphans: {:?}", state.orphans());
    let code = crate::bundle::sha256_base64(b"the function");
    assert_eq!(done.functions[0].code_sha256, code);
    for proven in &done.secrets {
        let secret = state.find_secret(&proven.arn).unwrap();
        assert!(secret.last_rotated.is_some());
        assert!(
            state
                .user_tags
                .values()
                .all(|tags| !tags.contains_key("keyrota:seeding"))
        );
        let key = secret.field("AWSCURRENT", "accesskey").unwrap();
        assert_eq!(Some(&key), proven.verified.access_key_id.as_ref());
        assert!(state.keys[&key].active);
    }
    assert!(state.change_sets.is_empty());
}

fn survives(name: &str, scenario: &Scenario) {
    let explored = explore(
        || scenario.fake(),
        |fake, fault| scenario.bootstrap(fake, fault),
        check,
    );
    tell(&format!("bootstrap, {name}"), explored);
}

#[test]
fn a_user_that_rotates_itself() {
    let scenario = Scenario::new("  - user: ada\n", |state| state.add_user("ada"));
    survives("self", &scenario);
}

#[test]
fn a_user_whom_the_role_rotates() {
    let scenario = Scenario::new("  - { user: ada, rotate_as: role }\n", |state| {
        state.add_user("ada");
    });
    survives("role", &scenario);
}

#[test]
fn a_user_whom_an_administrator_rotates() {
    let scenario = Scenario::new("  - { user: ada, rotate_as: ops/admin }\n", |state| {
        state.add_user("ada");
        state.add_administrator("ops/admin");
    });
    survives("administrator", &scenario);
}

#[test]
fn a_key_from_a_profile() {
    let scenario = Scenario::new(
        "  - { user: ada, initial_key: \"profile:ada\" }\n",
        |state| {
            state.add_user("ada");
            let key = state.add_key("ada", Origin::Somebody);
            state.profiles.insert("ada".to_owned(), key);
        },
    );
    survives("profile", &scenario);
}

/// Prepares a user whose key is in another secret, and returns the key's ID.
fn add_legacy_secret(state: &mut AwsState) -> String {
    state.add_user("ada");
    let key = state.add_key("ada", Origin::Somebody);
    let value = json!({
        "AWS_ACCESS_KEY_ID": key,
        "AWS_SECRET_ACCESS_KEY": state.keys[&key].secret,
    });
    state.add_value("legacy/ada", &value);
    key
}

const FROM_SECRET: &str = "  - { user: ada, initial_key: \"secret:legacy/ada\" }\n";

#[test]
fn a_key_from_another_secret() {
    let scenario = Scenario::new(FROM_SECRET, |state| drop(add_legacy_secret(state)));
    survives("another secret", &scenario);
    let fake = scenario.fake();
    let before = fake.state.borrow().secrets["legacy/ada"].clone();
    scenario
        .bootstrap_with(&fake, None, false)
        .unwrap()
        .unwrap();
    let state = fake.state.borrow();
    assert_eq!(
        format!("{:?}", state.secrets["legacy/ada"]),
        format!("{before:?}")
    );
    let adopted = before.field(CURRENT, "AWS_ACCESS_KEY_ID").unwrap();
    let secret = &state.secrets["keys/ada"];
    assert_eq!(secret.field(CURRENT, "accesskey"), Some(adopted));
}

#[test]
fn a_key_that_changes_in_the_other_secret_meanwhile_is_checked_again() {
    let scenario = Scenario::new(FROM_SECRET, |state| drop(add_legacy_secret(state)));
    let fake = scenario.fake();
    scenario.bootstrap(&fake, None).unwrap().unwrap();
    let (call, _) = fake.first("cloudformation:ExecuteChangeSet").unwrap();
    let fake = scenario.fake();
    let kind = FaultKind::DiesAfter;
    assert!(
        scenario
            .bootstrap(&fake, Some(Fault { call, kind }))
            .is_none()
    );
    {
        let mut state = fake.state.borrow_mut();
        state.next_day();
        state.add_user("bob");
        let theirs = state.add_key("bob", Origin::Somebody);
        let value = json!({ "accesskey": theirs, "secretkey": state.keys[&theirs].secret });
        state.secrets.remove("legacy/ada");
        state.add_value("legacy/ada", &value);
    }
    let refused = scenario.bootstrap(&fake, None).unwrap().unwrap_err();
    let Error::Refused(findings) = refused else {
        panic!("{refused}");
    };
    assert_eq!(findings.last().unwrap().kind, "first-key-user");
    // Without the preflight, the same holds when the key is stored.
    let stored = scenario.run(&fake, None, async |context| {
        let deployed = Deployed::observe(context, &scenario.model).await?;
        seed(context, &scenario.model, &deployed, &scenario.passwords)
            .await
            .map(drop)
    });
    let told = stored.unwrap().unwrap_err().to_string();
    assert!(told.contains("belongs to"), "{told}");
    let state = fake.state.borrow();
    assert_eq!(state.secrets["keys/ada"].field(CURRENT, "accesskey"), None);
}

#[test]
fn a_key_that_somebody_made_after_a_refusal_stays() {
    let scenario = Scenario::new("  - { user: ada, rotate_as: role }\n", |state| {
        state.add_user("ada");
        state.denied_calls.insert("iam:CreateAccessKey");
    });
    let fake = scenario.fake();
    scenario.bootstrap(&fake, None).unwrap().unwrap_err();
    let theirs = {
        let mut state = fake.state.borrow_mut();
        state.denied_calls.remove("iam:CreateAccessKey");
        state.pass(Duration::from_secs(60));
        state.add_key("ada", Origin::Somebody)
    };
    let refused = scenario.bootstrap(&fake, None).unwrap().unwrap_err();
    assert!(matches!(refused, Error::Refused(_)), "{refused}");
    assert!(fake.state.borrow().keys.contains_key(&theirs));
}

#[test]
fn a_user_of_the_stacks_own_with_a_kms_key() {
    let entries = "  - { user: ada, create_user: true, kms_key: create }\n  - { user: bob, create_user: true, rotate_as: role }\n";
    let scenario = Scenario::new(entries, |_| {});
    survives("created users, KMS key", &scenario);
}

#[test]
fn a_deployment_that_ends_while_it_is_looked_at() {
    let scenario = Scenario::new("  - user: ada\n", |state| state.add_user("ada"));
    let fake = scenario.fake();
    scenario.bootstrap(&fake, None).unwrap().unwrap();
    let (call, _) = fake.first("cloudformation:ExecuteChangeSet").unwrap();
    for milliseconds in (3_700..4_100).step_by(10) {
        let fake = scenario.fake();
        let kind = FaultKind::DiesAfter;
        assert!(
            scenario
                .bootstrap(&fake, Some(Fault { call, kind }))
                .is_none()
        );
        fake.state
            .borrow_mut()
            .pass(Duration::from_millis(milliseconds));
        let done = scenario.bootstrap(&fake, None).unwrap().unwrap();
        check(&fake, &done);
    }
}

#[test]
fn a_new_key_that_is_not_known_everywhere_yet() {
    for entries in [
        "  - { user: ada, rotate_as: role }\n",
        "  - { user: ada, create_user: true, rotate_as: role }\n",
    ] {
        let scenario = Scenario::new(entries, |state| {
            state.lag = Duration::from_secs(12);
            if !entries.contains("create_user") {
                state.add_user("ada");
            }
        });
        survives("role, new keys are known late", &scenario);
    }
}

#[test]
fn the_tags_of_a_new_secret_that_are_not_seen_yet() {
    let scenario = Scenario::new("  - { user: ada, rotate_as: role }\n", |state| {
        state.add_user("ada");
        state.lag = Duration::from_secs(12);
        // A policy allows it only on a secret with the stack's tag, which is not seen either.
        state.denied_calls.insert("secretsmanager:TagResource");
    });
    let fake = scenario.fake();
    let done = scenario.bootstrap(&fake, None).unwrap().unwrap();
    check(&fake, &done);
}

#[test]
fn another_origin_for_a_secret_that_has_rotated() {
    let account = |state: &mut AwsState| {
        state.add_user("ada");
        state.add_administrator("ops/admin");
    };
    let first = Scenario::new("  - user: ada\n", account);
    let fake = first.fake();
    first.bootstrap(&fake, None).unwrap().unwrap();
    let mut second = Scenario::new("  - { user: ada, rotate_as: ops/admin }\n", |_| {});
    second.state = fake.state.into_inner();
    survives("self, then administrator", &second);
}

#[test]
fn a_key_that_somebody_made_meanwhile_stays() {
    let scenario = Scenario::new("  - { user: ada, rotate_as: role }\n", |state| {
        state.add_user("ada");
    });
    let fake = scenario.fake();
    scenario.bootstrap(&fake, None).unwrap().unwrap();
    let (call, _) = fake.first("iam:CreateAccessKey").unwrap();
    let fake = scenario.fake();
    let kind = FaultKind::DiesBefore;
    assert!(
        scenario
            .bootstrap(&fake, Some(Fault { call, kind }))
            .is_none()
    );
    fake.state.borrow_mut().next_day();
    let theirs = fake.state.borrow_mut().add_key("ada", Origin::Somebody);
    let refused = scenario.bootstrap(&fake, None).unwrap().unwrap_err();
    assert!(matches!(refused, Error::Refused(_)), "{refused}");
    scenario
        .bootstrap_with(&fake, None, false)
        .unwrap()
        .unwrap();
    assert!(fake.state.borrow().keys.contains_key(&theirs));
}

/// The name of the code in the bucket is known beforehand, and others may write there.
#[test]
fn what_lies_under_the_name_of_the_code_is_not_trusted() {
    for versioned in [false, true] {
        let scenario = Scenario::new("  - user: ada\n", |state| state.add_user("ada"));
        let fake = scenario.fake();
        let code = crate::bundle::sha256_hex(b"the function");
        let key = crate::plan::function_key(&scenario.model, &code, &code);
        let bucket = crate::render::artifact_bucket(&scenario.model, ACCOUNT, REGION);
        let mut planted = Bucket {
            versioned,
            ..Bucket::new()
        };
        planted.put(&key, "planted".to_owned(), b"another function".to_vec());
        let mut buckets = [(bucket.clone(), planted)].into();
        fake.state.borrow_mut().buckets.append(&mut buckets);
        let done = scenario.bootstrap(&fake, None).unwrap().unwrap();
        check(&fake, &done);
        let state = fake.state.borrow();
        let stored = state.buckets[&bucket].get(&key, None).unwrap();
        assert_eq!(stored.body, b"the function");
    }
}

#[test]
fn code_that_was_not_built_here_gets_no_credential() {
    let scenario = Scenario::new("  - user: ada\n", |state| state.add_user("ada"));
    let fake = scenario.fake();
    let done = scenario.bootstrap(&fake, None).unwrap().unwrap();
    let key = done.secrets[0].verified.access_key_id.clone().unwrap();
    // It is restored, and replaced again at once.
    fake.state.borrow_mut().code_writer = Some("another".to_owned());
    let ended = scenario.bootstrap(&fake, None).unwrap();
    assert!(matches!(ended, Err(Error::OtherCode { .. })), "{ended:?}");
    assert!(fake.state.borrow().keys[&key].active);
}

/// `LastRotatedDate` is null while rotation is disabled.
#[test]
fn rotation_that_a_person_disabled_stays_disabled() {
    let scenario = Scenario::new("  - user: ada\n", |state| state.add_user("ada"));
    let fake = scenario.fake();
    scenario.bootstrap(&fake, None).unwrap().unwrap();
    fake.state.borrow_mut().next_day();
    let current = |fake: &FakeAws| {
        let state = fake.state.borrow();
        state.secrets["keys/ada"]
            .labelled(CURRENT)
            .map(str::to_owned)
    };
    let before = current(&fake);
    let secret = |fake: &FakeAws| fake.state.borrow().secrets["keys/ada"].clone();
    fake.state
        .borrow_mut()
        .secrets
        .get_mut("keys/ada")
        .unwrap()
        .rotates = false;
    let done = scenario.bootstrap(&fake, None).unwrap().unwrap();
    assert!(!done.secrets[0].rotated);
    assert!(!secret(&fake).rotates);
    assert_eq!(current(&fake), before);
    // Asked to rotate, it does.
    scenario.rotate(&fake, None).unwrap().unwrap();
    assert_ne!(current(&fake), before);
}
