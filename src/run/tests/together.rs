//! Several commands that begin at the same moment, in many orders of their calls: each ends
//! well, and the account is as after one.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context as TaskContext, Poll, Waker};
use std::time::Duration;

use serde_json::json;

use super::super::fake::{AwsState, FakeAws, Origin};
use super::super::{
    Context, Deployed, DeploymentInputs, Error, LogReader, bootstrap, current_version,
    observe_entry, observe_teardown, preflight, rotate_since, teardown, verify,
};
use super::scenario::{Scenario, artifacts};
use crate::plan::{KEYS_TAG, Preflight, SEEDING_TAG, TeardownOptions};
use crate::port::{CURRENT, Deletion, PENDING};
use crate::tool::testing::Recorder;

/// Orders of calls that are tried.
const ORDERS: u64 = 100;

/// How long all commands wait at a time.
const TICK: Duration = Duration::from_millis(50);

type Command<'a> = Pin<Box<dyn Future<Output = Result<(), Error>> + 'a>>;

/// Runs commands a call at a time, in each round in an order that follows from a seed.
fn run_together(
    fake: &FakeAws,
    mut commands: Vec<Command<'_>>,
    seed: u64,
) -> Vec<Result<(), Error>> {
    let mut context = TaskContext::from_waker(Waker::noop());
    let mut ended: Vec<Option<Result<(), Error>>> = commands.iter().map(|_| None).collect();
    let mut random = seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1;
    let mut order: Vec<usize> = (0..commands.len()).collect();
    while ended.iter().any(Option::is_none) {
        let calls = fake.calls();
        for place in 0..order.len() {
            random ^= random << 13;
            random ^= random >> 7;
            random ^= random << 17;
            let other = usize::try_from(random >> 33).unwrap() % (place + 1);
            order.swap(place, other);
        }
        for &chosen in &order {
            if ended[chosen].is_none()
                && let Poll::Ready(result) = commands[chosen].as_mut().poll(&mut context)
            {
                ended[chosen] = Some(result);
            }
        }
        if fake.calls() == calls {
            fake.state.borrow_mut().pass(TICK);
        }
    }
    ended.into_iter().flatten().collect()
}

/// Runs three of a command in every order, and checks the account.
fn three(
    scenario: &Scenario,
    start: impl Fn() -> FakeAws,
    command: impl AsyncFn(&Context<'_>) -> Result<(), Error>,
    check: impl Fn(&AwsState),
) {
    for seed in 0..ORDERS {
        let fake = start();
        fake.begin_several();
        fake.state.borrow_mut().watch.several = true;
        let listener = Recorder::default();
        let logs = LogReader::default();
        let context = scenario.context(&fake, &listener, &logs);
        let commands = (0..3).map(|_| Box::pin(command(&context)) as Command<'_>);
        for ended in run_together(&fake, commands.collect(), seed) {
            ended.unwrap_or_else(|error| panic!("in order {seed}: {error}"));
        }
        check(&fake.state.borrow());
    }
}

fn existing() -> Scenario {
    Scenario::new("  - user: ada\n", |state| state.add_user("ada"))
}

/// A user that has a key of somebody else's, one that the stack creates, and an administrator.
fn several() -> Scenario {
    let entries = "  - { user: ada }\n  - { user: bob, create_user: true }\n  - { user: eve, rotate_as: role }\n";
    Scenario::new(entries, |state| {
        state.add_user("ada");
        state.add_user("eve");
    })
}

async fn deploy(scenario: &Scenario, context: &Context<'_>, rotates: bool) -> Result<(), Error> {
    let artifacts = artifacts();
    let model = &scenario.model;
    let cleared = preflight(context, model, Preflight { rotates }).await?;
    let inputs = DeploymentInputs {
        artifacts: &artifacts,
        template: &scenario.template,
        passwords: &scenario.passwords,
        rotates,
        recreated: &scenario.recreated,
        shown: None,
    };
    bootstrap(context, model, &cleared, inputs).await.map(drop)
}

fn deployed(scenario: &Scenario) -> AwsState {
    let fake = scenario.fake();
    scenario.bootstrap(&fake, None).unwrap().unwrap();
    fake.state.borrow_mut().next_day();
    fake.state.into_inner()
}

#[test]
fn three_bootstraps_are_as_one() {
    for scenario in [existing(), several()] {
        let one = deployed(&scenario);
        three(
            &scenario,
            || scenario.fake(),
            async |context| deploy(&scenario, context, true).await,
            |state| {
                assert_eq!(state.stacks.len(), 1);
                assert_eq!(state.stacks[0].status, "CREATE_COMPLETE");
                let ours = state.keys.values();
                assert!(ours.clone().all(|key| key.origin != Origin::Somebody));
                assert_eq!(state.keys.len(), one.keys.len());
                assert!(state.orphans().is_empty());
                for (name, secret) in &state.secrets {
                    assert!(secret.last_rotated.is_some() && !secret.in_rotation());
                    assert!(secret.labelled(PENDING).is_none());
                    assert!(secret.field(CURRENT, "accesskey").is_some());
                    let stored = |state: &AwsState| {
                        let held = state.secrets[name].versions.values();
                        held.filter(|version| version.value.is_some()).count()
                    };
                    assert_eq!(stored(state), stored(&one), "{name}");
                }
                for tags in state.user_tags.values() {
                    assert!(!tags.contains_key(SEEDING_TAG));
                }
            },
        );
    }
}

#[test]
fn three_bootstraps_import_a_secret_once() {
    let entries = "  - { user: ada, adopt: true }\n  - user: bob\n";
    let scenario = Scenario::new(entries, |state| {
        state.add_user("ada");
        state.add_user("bob");
        let key = state.add_key("ada", Origin::Somebody);
        let value = json!({
            "accesskey": key, "secretkey": state.keys[&key].secret, "username": "ada", "secretarn": "arn:aws:none",
        });
        state.add_value("keys/ada", &value);
    });
    let arn = scenario.state.secrets["keys/ada"].arn.clone();
    three(
        &scenario,
        || scenario.fake(),
        async |context| deploy(&scenario, context, true).await,
        |state| {
            assert_eq!(state.stacks.len(), 1);
            assert_eq!(state.secrets["keys/ada"].arn, arn);
            let resources = &state.stacks[0].resources;
            let held = resources.iter().filter(|held| {
                held.physical_id == arn && held.resource.kind == "AWS::SecretsManager::Secret"
            });
            assert_eq!(held.count(), 1);
            assert!(state.orphans().is_empty());
            for secret in state.secrets.values() {
                assert!(secret.rotates && !secret.in_rotation());
            }
        },
    );
}

/// Makes a bootstrap wait for another one that makes ada's first key, and meanwhile stores a
/// value in the secret that names a key of ada's.
async fn forge(fake: &FakeAws, secret: &str, key: &str) -> Result<(), Error> {
    let mut began = None;
    std::future::poll_fn(|_| {
        let mut state = fake.state.borrow_mut();
        if !state.secrets.contains_key(secret) {
            return Poll::Pending;
        }
        let began = *began.get_or_insert(state.now);
        let tags = state.user_tags.entry("ada".to_owned()).or_default();
        tags.insert(SEEDING_TAG.to_owned(), format!("{began:.0}"));
        match state.now.duration_since(began).as_secs() >= 10 {
            true => Poll::Ready(()),
            false => Poll::Pending,
        }
    })
    .await;
    let mut state = fake.state.borrow_mut();
    let value = json!({
        "accesskey": key,
        "secretkey": "made up",
        "username": "ada",
        "secretarn": state.secrets[secret].arn,
    });
    state.add_value(secret, &value);
    let secret = state.secrets.get_mut(secret).unwrap();
    secret.put_label(CURRENT, Some("1"));
    Ok(())
}

/// A record of the key would let the function delete it.
#[test]
fn a_value_that_others_store_meanwhile_makes_no_key_ours() {
    let scenario = existing();
    for seed in 0..ORDERS {
        let fake = scenario.fake();
        let reserve = fake.state.borrow_mut().add_key("ada", Origin::Somebody);
        fake.state.borrow_mut().next_day();
        fake.begin_several();
        fake.state.borrow_mut().watch.several = true;
        let listener = Recorder::default();
        let logs = LogReader::default();
        let context = scenario.context(&fake, &listener, &logs);
        let commands: Vec<Command<'_>> = vec![
            Box::pin(deploy(&scenario, &context, false)),
            Box::pin(forge(&fake, "keys/ada", &reserve)),
        ];
        // The bootstrap fails: the secret has no key that works.
        run_together(&fake, commands, seed);
        let state = fake.state.borrow();
        let recorded = state
            .user_tags
            .get("ada")
            .and_then(|tags| tags.get(KEYS_TAG));
        let recorded = recorded.map_or("", String::as_str);
        assert!(!recorded.contains(&reserve), "in order {seed}: {recorded}");
        assert!(state.keys[&reserve].active, "in order {seed}");
    }
}

#[test]
fn three_rotations_are_as_one() {
    let scenario = several();
    let start = deployed(&scenario);
    let before = start.secrets.clone();
    three(
        &scenario,
        || FakeAws::new(start.clone()),
        async |context| {
            let deployed = Deployed::observe(context, &scenario.model).await?;
            let mut since = Vec::new();
            for entry in &scenario.model.entries {
                since.push(current_version(context, entry.secret.as_str()).await?);
            }
            for (entry, since) in scenario.model.entries.iter().zip(since) {
                let seen = observe_entry(context, entry).await?;
                let model = &scenario.model;
                let rotated =
                    rotate_since(context, model, &deployed, &seen, since.as_deref()).await?;
                verify(context, &deployed, entry, Some(&rotated)).await?;
            }
            Ok(())
        },
        |state| {
            assert!(state.orphans().is_empty());
            for (name, secret) in &state.secrets {
                assert!(!secret.in_rotation());
                let (old, new) = (&before[name], secret);
                assert_ne!(old.labelled(CURRENT), new.labelled(CURRENT));
                // One rotation, and no more: the old key is still there for its clients.
                assert_eq!(old.labelled(CURRENT), new.labelled("AWSPREVIOUS"));
            }
        },
    );
}

#[test]
fn three_teardowns_are_as_one() {
    let scenario = several();
    let mut start = deployed(&scenario);
    start.watch.teardown = true;
    let options = TeardownOptions {
        deletion: Deletion::Window(7),
        keep_keys: false,
        keep_users: false,
        delete_keys: false,
    };
    let fake = FakeAws::new(start.clone());
    scenario.teardown(&fake, None, options).unwrap().unwrap();
    let one = fake.state.into_inner();
    three(
        &scenario,
        || FakeAws::new(start.clone()),
        async |context| {
            let model = &scenario.model;
            let plan = observe_teardown(context, model, options).await?;
            let report = teardown(context, model, plan, options).await?;
            assert!(report.left_over.is_empty(), "{:?}", report.left_over);
            Ok(())
        },
        |state| {
            assert_eq!(state.stacks[0].status, "DELETE_COMPLETE");
            assert!(state.buckets.is_empty());
            let keys = |state: &AwsState| state.keys.keys().cloned().collect::<Vec<_>>();
            assert_eq!(keys(state), keys(&one));
            assert!(state.secrets.values().all(|it| it.deleted.is_some()));
            assert_eq!(state.user_tags, one.user_tags);
        },
    );
}
