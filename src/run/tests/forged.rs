//! What others can write on a secret: tags, labels, and values. None of it makes the
//! program touch a key that is not proven to be keyrota's.

use serde_json::json;

use super::super::fake::{FakeAws, Fault, Origin, Step, Version};
use super::super::{Error, TeardownReport};
use super::scenario::{Scenario, explore, tell};
use crate::plan::{Item, MADE, TeardownOptions};
use crate::port::{CURRENT, Deletion, PENDING, PREVIOUS};

const ARN: &str = "arn:aws:secretsmanager:eu-west-1:111122223333:secret:keys/ada-AbCdEf";
const WINDOW: TeardownOptions = TeardownOptions {
    deletion: Deletion::Window(7),
    keep_keys: false,
    keep_users: false,
    delete_keys: true,
};

fn scenario() -> Scenario {
    Scenario::new("  - { user: ada, rotate_as: role }\n", |state| {
        state.add_user("ada");
    })
}

/// Returns the account after a bootstrap, where the user has a key in reserve beside the
/// current one, and that key.
fn with_reserve(scenario: &Scenario) -> (FakeAws, String) {
    let fake = scenario.fake();
    scenario.bootstrap(&fake, None).unwrap().unwrap();
    let mut state = fake.state.borrow_mut();
    state.next_day();
    let previous = state.secrets["keys/ada"].field(PREVIOUS, "accesskey");
    state.keys.remove(&previous.unwrap());
    let reserve = state.add_key("ada", Origin::Somebody);
    drop(state);
    (fake, reserve)
}

/// Stores a made-up secret access key for a key, under a label.
fn forge(fake: &FakeAws, label: &str, key: &str) {
    let mut state = fake.state.borrow_mut();
    let (version, created) = (state.token(), state.now);
    let value = json!({
        "accesskey": key, "secretkey": "made up", "username": "ada", "secretarn": ARN,
    });
    let held = Version {
        details: Some(created),
        value: Some(value.to_string()),
        ..Version::default()
    };
    let secret = state.secrets.get_mut("keys/ada").unwrap();
    secret.versions.insert(version.clone(), held);
    secret.put_label(label, Some(&version));
}

fn is_left(fake: &FakeAws, key: &str) -> bool {
    let state = fake.state.borrow();
    state.keys.get(key).is_some_and(|key| key.active)
}

fn find<'a>(items: &'a [Item], name: &str) -> Option<&'a str> {
    let item = items.iter().find(|item| item.name == name)?;
    item.note.as_deref()
}

#[test]
fn a_teardown_leaves_a_key_that_a_version_only_names() {
    let scenario = scenario();
    for label in [PREVIOUS, PENDING, MADE, "KEYROTA_BEFORE", CURRENT] {
        let (fake, reserve) = with_reserve(&scenario);
        fake.state.borrow_mut().watch.teardown = true;
        fake.state.borrow_mut().watch.deletes_current = true;
        forge(&fake, label, &reserve);
        let start = fake.state.into_inner();
        let explored = explore(
            || FakeAws::new(start.clone()),
            |fake, fault| scenario.teardown(fake, fault, WINDOW),
            |fake, report: &TeardownReport| {
                assert!(is_left(fake, &reserve), "{label}");
                let kept = find(&report.retained, &reserve);
                let left = find(&report.left_over, &reserve).or(kept);
                assert!(left.is_some(), "{label}: {report:?}");
            },
        );
        tell(&format!("teardown, forged {label}"), explored);
        let fake = FakeAws::new(start);
        let report = scenario.teardown(&fake, None, WINDOW).unwrap().unwrap();
        let left = find(&report.left_over, &reserve).expect("it is left over");
        let command = format!("delete-access-key --user-name ada --access-key-id {reserve}");
        assert!(left.contains(&command), "{left}");
    }
}

#[test]
fn an_abandoned_rotation_leaves_a_key_that_its_version_only_names() {
    let scenario = scenario();
    let (fake, reserve) = with_reserve(&scenario);
    fake.state
        .borrow_mut()
        .failing
        .insert(Step::Test, usize::MAX);
    forge(&fake, PENDING, &reserve);
    let start = fake.state.into_inner();
    // Whatever fails, and however often it is tried again.
    for _ in 0..2 {
        let fake = FakeAws::new(start.clone());
        let ended = scenario.rotate(&fake, None).unwrap();
        assert!(matches!(ended, Err(Error::Rotation { .. })), "{ended:?}");
        for (call, name) in (1..).zip(fake.names()) {
            for &kind in super::super::fake::FaultKind::of(name) {
                let fake = FakeAws::new(start.clone());
                let _ = scenario.rotate(&fake, Some(Fault { call, kind }));
                let _ = scenario.rotate(&fake, None);
                assert!(is_left(&fake, &reserve), "{kind:?} at {call}");
            }
        }
    }
}

#[test]
fn marks_on_the_secret_are_not_believed() {
    let scenario = scenario();
    // An abandoned key: an earlier version kept that on the secret.
    let (fake, reserve) = with_reserve(&scenario);
    {
        let mut state = fake.state.borrow_mut();
        let tags = &mut state.secrets.get_mut("keys/ada").unwrap().tags;
        tags.insert("keyrota:abandoned".to_owned(), reserve.clone());
    }
    let _ = scenario.rotate(&fake, None);
    assert!(is_left(&fake, &reserve));
    // The same of the making of a first key, on a secret that somebody has emptied.
    let (fake, reserve) = with_reserve(&scenario);
    {
        let mut state = fake.state.borrow_mut();
        let began = state.keys[&reserve].created;
        let version = state.token();
        state.put("keys/ada", &version, CURRENT, "{}").unwrap();
        let tags = &mut state.secrets.get_mut("keys/ada").unwrap().tags;
        tags.insert("keyrota:seeding".to_owned(), format!("{began:.0}"));
        state.watch.deletes_current = true;
    }
    let Error::Refused(findings) = scenario.bootstrap(&fake, None).unwrap().unwrap_err() else {
        panic!("it is refused");
    };
    assert!(is_left(&fake, &reserve));
    let told = findings.iter().find(|it| it.kind == "interrupted-seeding");
    let told = told.expect("the key is named");
    assert!(told.message.contains(&reserve), "{told:?}");
    let hint = told.hint.as_ref().unwrap();
    assert!(hint.contains("aws iam delete-access-key"), "{hint}");
}

#[test]
fn a_teardown_touches_nothing_because_of_a_tag() {
    let scenario = scenario();
    for deployed in [true, false] {
        let fake = scenario.fake();
        if deployed {
            scenario.bootstrap(&fake, None).unwrap().unwrap();
        }
        let (victims, foreign) = {
            let mut state = fake.state.borrow_mut();
            state.watch.teardown = true;
            state.watch.deletes_current = true;
            state.add_user("victim");
            let victims = state.add_key("victim", Origin::Somebody);
            let foreign = "arn:aws:kms:eu-west-1:111122223333:key/foreign".to_owned();
            state.kms_keys.insert(foreign.clone(), "Enabled".to_owned());
            let secret = json!({
                "accesskey": victims, "secretkey": "made up", "username": "victim",
                "secretarn": "arn",
            });
            state.add_value("mine", &secret);
            let mine = state.secrets.get_mut("mine").unwrap();
            mine.kms_key = Some(foreign.clone());
            mine.put_label(PREVIOUS, Some("1"));
            for (key, value) in [
                ("keyrota:stack", "keys"),
                ("keyrota:user", "victim"),
                ("keyrota:owns-user", "true"),
                ("keyrota:abandoned", victims.as_str()),
                ("keyrota:encryption-key", foreign.as_str()),
            ] {
                mine.tags.insert(key.to_owned(), value.to_owned());
            }
            (victims, foreign)
        };
        let report = scenario.teardown(&fake, None, WINDOW).unwrap().unwrap();
        assert!(is_left(&fake, &victims));
        let state = fake.state.borrow();
        assert_eq!(state.kms_keys[&foreign], "Enabled");
        assert!(state.secrets["mine"].deleted.is_none());
        let left = find(&report.left_over, "mine").expect("it is told");
        assert!(left.contains("delete-secret --secret-id"), "{left}");
    }
}

#[test]
fn a_bootstrap_restores_the_tags_and_leaves_others() {
    let scenario = scenario();
    let fake = scenario.fake();
    scenario.bootstrap(&fake, None).unwrap().unwrap();
    let before = {
        let mut state = fake.state.borrow_mut();
        let tags = &mut state.secrets.get_mut("keys/ada").unwrap().tags;
        tags.insert("owner".to_owned(), "somebody".to_owned());
        let before = tags.clone();
        tags.insert("keyrota:user".to_owned(), "victim".to_owned());
        tags.insert("keyrota:probe".to_owned(), "x".to_owned());
        tags.remove("keyrota:stack");
        before
    };
    let mut start = fake.state.into_inner();
    // The fake watches keys by these tags.
    start.watch.deletes_current = true;
    let explored = explore(
        || FakeAws::new(start.clone()),
        |fake, fault| scenario.bootstrap(fake, fault),
        |fake, _| {
            let state = fake.state.borrow();
            assert_eq!(state.secrets["keys/ada"].tags, before);
        },
    );
    tell("bootstrap, changed tags", explored);
}
