//! Replicas over the whole life of a stack, with a fault at every call.

use super::super::fake::{AwsState, FakeAws, Watch};
use super::super::{Error, TeardownReport, Values, examine, fix, status};
use super::scenario::{Scenario, explore, tell};
use crate::plan::{ReplicaFault, TeardownOptions};
use crate::port::{Deletion, Event, ReplicaState};
use crate::tool::testing::Recorder;

const KEY: &str = "arn:aws:kms:eu-central-1:111122223333:key/0a1b2c3d-4e5f-6789-abcd-ef0123456789";
const WINDOW: TeardownOptions = TeardownOptions {
    deletion: Deletion::Window(7),
    keep_keys: false,
    keep_users: false,
    delete_keys: false,
};

fn scenario_with(replicas: &str, prepare: impl FnOnce(&mut AwsState)) -> Scenario {
    let entries = format!("  - {{ user: ada, rotate_as: role, replicas: [{replicas}] }}\n");
    Scenario::new(&entries, |state| {
        state.add_user("ada");
        state.kms_keys.insert(KEY.to_owned(), "Enabled".to_owned());
        prepare(state);
    })
}

/// Two replicas, one of them with a key of its own.
fn scenario() -> Scenario {
    let replicas = format!("us-west-2, {{ region: eu-central-1, kms_key: '{KEY}' }}");
    scenario_with(&replicas, |_| {})
}

fn place(region: &str) -> (String, String) {
    (region.to_owned(), "keys/ada".to_owned())
}

fn regions(fake: &FakeAws) -> Vec<(String, ReplicaState)> {
    let state = fake.state.borrow();
    let replicas = state.secrets["keys/ada"].replicas.iter();
    let mut regions: Vec<_> = replicas
        .map(|one| (one.region.clone(), one.state))
        .collect();
    regions.sort_by(|one, other| one.0.cmp(&other.0));
    regions
}

fn in_sync(regions: &[&str]) -> Vec<(String, ReplicaState)> {
    let one = |region: &&str| ((*region).to_owned(), ReplicaState::InSync);
    regions.iter().map(one).collect()
}

/// Returns the kinds of findings with which a bootstrap is refused.
fn refusal(scenario: &Scenario) -> Vec<&'static str> {
    let Some(Err(Error::Refused(findings))) = scenario.bootstrap(&scenario.fake(), None) else {
        panic!("it was not refused");
    };
    findings.iter().map(|finding| finding.kind).collect()
}

#[test]
fn the_stack_makes_replicas_whatever_fails_on_the_way() {
    let scenario = scenario();
    let explored = explore(
        || scenario.fake(),
        |fake, fault| scenario.bootstrap(fake, fault),
        |fake, _| assert_eq!(regions(fake), in_sync(&["eu-central-1", "us-west-2"])),
    );
    tell("bootstrap, with replicas", explored);
}

#[test]
fn what_is_in_the_way_of_a_replica_is_refused_before_anything_changes() {
    let taken = scenario_with("us-west-2", |state| {
        let other = state.add_secret("other").clone();
        state.elsewhere.insert(place("us-west-2"), other);
    });
    assert_eq!(refusal(&taken), ["replica-name-taken"]);
    let closed = scenario_with("us-west-2", |state| {
        state.closed_regions.insert("us-west-2".to_owned());
    });
    assert_eq!(refusal(&closed), ["replica"]);
    let own = scenario_with("eu-west-1", |_| {});
    assert_eq!(refusal(&own), ["replica"]);
    let key = format!("{{ region: eu-central-1, kms_key: '{KEY}' }}");
    let disabled = scenario_with(&key, |state| {
        state.kms_keys.insert(KEY.to_owned(), "Disabled".to_owned());
    });
    assert_eq!(refusal(&disabled), ["replica-key"]);
    let replica = scenario_with("us-west-2", |state| {
        state.add_secret("keys/ada").primary_region = Some("us-east-1".to_owned());
    });
    assert!(refusal(&replica).contains(&"secret-is-replica"));
}

#[test]
fn a_denied_look_up_is_a_warning_that_names_the_action() {
    let scenario = scenario();
    let fake = scenario.fake();
    fake.state
        .borrow_mut()
        .denied_calls
        .insert("kms:DescribeKey");
    let recorder = Recorder::default();
    let ended = scenario.run_with(&fake, None, &recorder, async |context| {
        let intent = crate::plan::Preflight { rotates: false };
        super::super::preflight(context, &scenario.model, intent)
            .await
            .map(drop)
    });
    ended.unwrap().unwrap();
    let events = recorder.events();
    let warned = events.iter().any(|event| {
        matches!(event, Event::Warning(text) if text.contains("kms:DescribeKey") && text.contains(KEY))
    });
    assert!(warned, "{events:?}");
}

#[test]
fn a_changed_list_adds_and_removes_replicas_and_leaves_the_value() {
    let before = scenario();
    let fake = before.fake();
    before.bootstrap(&fake, None).unwrap().unwrap();
    let value = fake.state.borrow().secrets["keys/ada"].versions.clone();
    let after = scenario_with("us-west-2, us-east-1", |_| {});
    after.bootstrap_with(&fake, None, false).unwrap().unwrap();
    assert_eq!(regions(&fake), in_sync(&["us-east-1", "us-west-2"]));
    assert_eq!(fake.state.borrow().secrets["keys/ada"].versions, value);
    assert!(
        !fake
            .state
            .borrow()
            .elsewhere
            .contains_key(&place("eu-central-1"))
    );
}

#[test]
fn status_reports_a_replica_that_is_missing() {
    let scenario = scenario();
    let fake = scenario.fake();
    scenario.bootstrap(&fake, None).unwrap().unwrap();
    fake.state
        .borrow_mut()
        .remove_replica("keys/ada", "us-west-2")
        .unwrap();
    for values in [Values::Read, Values::Unread] {
        let report = scenario.run(&fake, None, async |context| {
            status(context, &scenario.model, values).await
        });
        let secret = report.unwrap().unwrap().secrets.remove(0);
        assert!(!secret.is_fine());
        let told: Vec<_> = secret
            .replicas
            .iter()
            .map(|one| (one.region.as_str(), one.status, one.fault))
            .collect();
        assert_eq!(
            told,
            [
                ("eu-central-1", Some(ReplicaState::InSync), None),
                ("us-west-2", None, Some(ReplicaFault::Missing)),
            ]
        );
    }
}

#[test]
fn doctor_replicates_again_whatever_fails_on_the_way() {
    let scenario = scenario();
    let fake = scenario.fake();
    scenario.bootstrap(&fake, None).unwrap().unwrap();
    {
        let mut state = fake.state.borrow_mut();
        state.next_day();
        state.remove_replica("keys/ada", "us-west-2").unwrap();
        state.remove_replica("keys/ada", "eu-central-1").unwrap();
        state.kms_keys.insert(KEY.to_owned(), "Disabled".to_owned());
        state
            .replicate("keys/ada", "eu-central-1", Some(KEY))
            .unwrap();
        state.kms_keys.insert(KEY.to_owned(), "Enabled".to_owned());
    }
    assert_eq!(regions(&fake)[0].1, ReplicaState::Failed);
    let start = fake.state.into_inner();
    let explored = explore(
        || FakeAws::new(start.clone()),
        |fake, fault| {
            scenario.run(fake, fault, async |context| {
                let found = examine(context, &scenario.model).await?.faults;
                match fix(context, &scenario.model, &found, &found)
                    .await?
                    .into_iter()
                    .next()
                {
                    Some((_, error)) => Err(error),
                    None => examine(context, &scenario.model).await.map(|it| it.faults),
                }
            })
        },
        |fake, left| {
            assert_eq!(left, &[]);
            assert_eq!(regions(fake), in_sync(&["eu-central-1", "us-west-2"]));
        },
    );
    tell("doctor --fix, with replicas", explored);
}

fn deployed(scenario: &Scenario, options: TeardownOptions) -> FakeAws {
    let fake = scenario.fake();
    scenario.bootstrap(&fake, None).unwrap().unwrap();
    let mut state = fake.state.borrow_mut();
    state.next_day();
    state.watch = Watch {
        teardown: true,
        forced: options.deletion == Deletion::Forced,
        ..Watch::default()
    };
    drop(state);
    fake
}

fn names(report: &TeardownReport) -> Vec<&str> {
    let replicas = report.deleted.iter().filter(|item| item.kind == "replica");
    replicas.map(|item| item.name.as_str()).collect()
}

#[test]
fn a_teardown_removes_the_replicas_before_the_secret() {
    let forced = TeardownOptions {
        deletion: Deletion::Forced,
        ..WINDOW
    };
    for options in [WINDOW, forced] {
        let scenario = scenario();
        let start = deployed(&scenario, options).state.into_inner();
        let explored = explore(
            || FakeAws::new(start.clone()),
            |fake, fault| scenario.teardown(fake, fault, options),
            |fake, report| {
                let state = fake.state.borrow();
                assert!(state.elsewhere.is_empty());
                // A previous key may have been tried, which looks as a client's use.
                let mut left = report.left_over.iter();
                assert!(left.all(|item| item.kind == "access key"), "{report:?}");
                let secret = state.secrets.get("keys/ada");
                assert_eq!(secret.is_some(), options.deletion != Deletion::Forced);
                assert!(secret.is_none_or(|secret| secret.deleted.is_some()));
            },
        );
        tell("teardown, with replicas", explored);
        let fake = FakeAws::new(start.clone());
        let report = scenario.teardown(&fake, None, options).unwrap().unwrap();
        assert_eq!(
            names(&report),
            ["keys/ada in eu-central-1", "keys/ada in us-west-2"]
        );
    }
}

#[test]
fn a_replica_that_was_promoted_is_left_over() {
    let scenario = scenario();
    let fake = deployed(&scenario, WINDOW);
    fake.state.borrow_mut().promote("keys/ada", "us-west-2");
    let report = scenario.teardown(&fake, None, WINDOW).unwrap().unwrap();
    assert_eq!(names(&report), ["keys/ada in eu-central-1"]);
    let left = report.left_over.iter().find(|item| item.kind == "replica");
    let left = left.unwrap();
    assert_eq!(
        (left.kind, left.name.as_str()),
        ("replica", "keys/ada in us-west-2")
    );
    assert!(left.note.as_ref().unwrap().contains("--region us-west-2"));
    let state = fake.state.borrow();
    assert!(state.elsewhere.contains_key(&place("us-west-2")));
    assert!(state.secrets["keys/ada"].deleted.is_some());
}

#[test]
fn a_secret_whose_replicas_may_not_be_removed_stays_and_is_told() {
    let scenario = scenario();
    let fake = deployed(&scenario, WINDOW);
    let call = "secretsmanager:RemoveRegionsFromReplication";
    fake.state.borrow_mut().denied_calls.insert(call);
    let report = scenario.teardown(&fake, None, WINDOW).unwrap().unwrap();
    let told = report.left_over.iter().map(|item| item.kind);
    let told: Vec<_> = told.filter(|kind| *kind != "access key").collect();
    assert_eq!(told, ["replica", "replica", "secret"]);
    assert!(fake.state.borrow().secrets["keys/ada"].deleted.is_none());
}
