//! What is deployed is what was rendered and built, even if others write to the bucket.

use std::fmt::Write as _;

use super::super::fake::{ACCOUNT, AwsState, Bucket, FakeAws, REGION, Writer};
use super::super::{Error, preflight, preview};
use super::scenario::{Ended, Scenario, artifacts, explore, tell};
use crate::plan::{Preflight, TeardownOptions};
use crate::port::{Change, Deletion};
use crate::render;

const ENTRY: &str = "  - user: ada\n";
const EVIL: &str = "Resources:\n  Evil: { Type: 'AWS::IAM::ManagedPolicy' }\n";

fn small() -> Scenario {
    Scenario::new(ENTRY, |state| state.add_user("ada"))
}

/// A stack whose template is too long for a request.
fn large() -> Scenario {
    let mut entries = String::new();
    for user in 0..30 {
        writeln!(entries, "  - {{ user: u{user}, create_user: true }}").unwrap();
    }
    let scenario = Scenario::new(&entries, |_| {});
    assert!(scenario.template.len() > render::MAX_TEMPLATE_IN_REQUEST);
    scenario
}

fn named(prepare: impl FnOnce(&mut AwsState)) -> Scenario {
    let text = format!("function: {{ artifact_bucket: code }}\naccess_keys:\n{ENTRY}");
    Scenario::of(&text, |state| {
        state.add_user("ada");
        prepare(state);
    })
}

fn plan(scenario: &Scenario, fake: &FakeAws) -> Result<Vec<Change>, Error> {
    let artifacts = artifacts();
    let ended: Ended<Vec<Change>> = scenario.run(fake, None, async |context| {
        let intent = Preflight { rotates: false };
        let (model, template) = (&scenario.model, &scenario.template);
        let cleared = preflight(context, model, intent).await?;
        preview(context, model, &cleared, &artifacts, template).await
    });
    ended.unwrap()
}

fn own_bucket(scenario: &Scenario) -> String {
    render::artifact_bucket(&scenario.model, ACCOUNT, REGION)
}

fn deploys_ours(scenario: &Scenario, fake: &FakeAws) {
    let state = fake.state.borrow();
    assert_eq!(state.stacks[0].template, scenario.template);
    let code = crate::bundle::sha256_base64(b"the function");
    assert!(state.functions.values().all(|held| *held == code));
    assert!(!state.functions.is_empty());
}

#[test]
fn who_writes_to_the_bucket_deploys_nothing() {
    for below in ["template/", "function/", "plan/", "/"] {
        let scenario = large();
        let fake = scenario.fake();
        fake.state.borrow_mut().writer = Some(Writer {
            below,
            body: EVIL.as_bytes().to_vec(),
        });
        scenario.bootstrap(&fake, None).unwrap().unwrap();
        deploys_ours(&scenario, &fake);
        // What is in the bucket by now is no reason to change the stack.
        assert!(plan(&scenario, &fake).unwrap().is_empty());
        let again = scenario.bootstrap(&fake, None).unwrap().unwrap();
        assert_eq!(again.deployed.changes, 0);
    }
}

#[test]
fn who_writes_to_a_named_bucket_deploys_nothing() {
    let scenario = named(|state| {
        let bucket = Bucket {
            versioned: true,
            ..Bucket::new()
        };
        state.buckets.insert("code".to_owned(), bucket);
    });
    let fake = scenario.fake();
    fake.state.borrow_mut().writer = Some(Writer {
        below: "/",
        body: EVIL.as_bytes().to_vec(),
    });
    scenario.bootstrap(&fake, None).unwrap().unwrap();
    deploys_ours(&scenario, &fake);
}

#[test]
fn a_change_set_of_something_else_is_removed_and_never_executed() {
    // For a stack that does not exist yet, and for one that does.
    for deployed in [false, true] {
        let mut scenario = small();
        let fake = scenario.fake();
        if deployed {
            scenario.bootstrap(&fake, None).unwrap().unwrap();
            let template = scenario.template.replace("rate(30 days)", "rate(20 days)");
            assert_ne!(template, scenario.template);
            scenario.template = template;
        }
        let before = fake.state.borrow().stacks.clone();
        fake.state.borrow_mut().swapped_template = Some(EVIL.to_owned());
        let error = scenario.bootstrap(&fake, None).unwrap().unwrap_err();
        let Error::OtherChangeSet { difference, .. } = &error else {
            panic!("{error}");
        };
        assert!(difference.contains("line 1"), "{difference}");
        let calls = fake.log.borrow();
        assert!(!calls.contains(&"cloudformation:ExecuteChangeSet"));
        let state = fake.state.borrow();
        assert!(state.change_sets.is_empty());
        let live = state.stacks.iter().filter(|stack| !stack.is_deleted());
        assert_eq!(live.count(), before.len());
        if deployed {
            assert_eq!(state.stacks[0].template, before[0].template);
            assert_eq!(state.stacks[0].status, before[0].status);
        }
    }
}

#[test]
fn only_the_change_set_that_was_made_is_executed() {
    let scenario = small();
    let fake = scenario.fake();
    // Somebody else's, for the same stack.
    let theirs = Scenario::new("  - { user: eve, create_user: true }\n", |_| {});
    let ended: Ended<()> = theirs.run(&fake, None, async |context| {
        let request = crate::port::ChangeSetRequest {
            stack: "keys".to_owned(),
            name: "theirs".to_owned(),
            create: true,
            template: crate::port::TemplateSource::Body(theirs.template.clone()),
            parameters: Default::default(),
            capability: "CAPABILITY_NAMED_IAM",
            tags: Default::default(),
            imports: Vec::new(),
            reverts_drift: false,
        };
        context.cloud.create_change_set(&request).await?;
        Ok(())
    });
    ended.unwrap().unwrap();
    scenario.bootstrap(&fake, None).unwrap().unwrap();
    deploys_ours(&scenario, &fake);
    assert!(!fake.state.borrow().users.contains_key("eve"));
}

#[test]
fn a_bucket_of_the_expected_name_gets_its_settings_whoever_made_it() {
    let scenario = small();
    let explored = explore(
        || {
            let fake = scenario.fake();
            let bucket = own_bucket(&scenario);
            let mut state = fake.state.borrow_mut();
            state.buckets.insert(bucket, Bucket::new());
            drop(state);
            fake
        },
        |fake, fault| scenario.bootstrap(fake, fault),
        |fake, _| {
            let state = fake.state.borrow();
            let bucket = &state.buckets[&own_bucket(&scenario)];
            assert!(bucket.closed && bucket.versioned);
        },
    );
    tell("bootstrap, bucket made by another", explored);
}

#[test]
fn a_bucket_of_another_account_gets_nothing_and_stops_no_teardown() {
    let scenario = small();
    let fake = scenario.fake();
    let theirs = Bucket {
        account: "999999999999".to_owned(),
        ..Bucket::new()
    };
    let name = own_bucket(&scenario);
    let taken = |fake: &FakeAws| {
        let mut state = fake.state.borrow_mut();
        state.buckets.insert(name.clone(), theirs.clone());
    };
    taken(&fake);
    let error = scenario.bootstrap(&fake, None).unwrap().unwrap_err();
    assert!(error.to_string().contains("s3:HeadBucket"), "{error}");
    let state = fake.state.borrow();
    assert!(state.buckets[&name].objects.is_empty() && state.stacks.is_empty());
    drop(state);

    let fake = scenario.fake();
    scenario.bootstrap(&fake, None).unwrap().unwrap();
    taken(&fake);
    let window = TeardownOptions {
        deletion: Deletion::Window(7),
        keep_keys: false,
        keep_users: false,
        delete_keys: false,
    };
    let report = scenario.teardown(&fake, None, window).unwrap().unwrap();
    let left = report.left_over.iter().any(|item| item.name == name);
    assert!(left, "{report:?}");
    assert!(fake.state.borrow().buckets.contains_key(&name));
}

#[test]
fn a_bucket_of_the_expected_name_elsewhere_is_refused() {
    let scenario = small();
    let fake = scenario.fake();
    let elsewhere = Bucket {
        region: "us-east-2".to_owned(),
        ..Bucket::new()
    };
    let mut state = fake.state.borrow_mut();
    state.buckets.insert(own_bucket(&scenario), elsewhere);
    drop(state);
    let error = scenario.bootstrap(&fake, None).unwrap().unwrap_err();
    let Error::Refused(findings) = error else {
        panic!("{error}");
    };
    assert_eq!(findings[0].path, "function.artifact_bucket");
}

#[test]
fn a_named_bucket_has_to_be_fit_and_stays_as_it_is() {
    let versioned = Bucket {
        versioned: true,
        ..Bucket::new()
    };
    let elsewhere = Bucket {
        region: "us-east-2".to_owned(),
        ..versioned.clone()
    };
    let theirs = Bucket {
        account: "999999999999".to_owned(),
        ..versioned.clone()
    };
    for (bucket, says) in [
        (None, "does not exist"),
        (Some(Bucket::new()), "versioning is not enabled"),
        (Some(elsewhere), "is in us-east-2"),
        (Some(theirs), "cannot be used"),
    ] {
        let scenario = named(|state| {
            state
                .buckets
                .extend(bucket.map(|it| ("code".to_owned(), it)));
        });
        let fake = scenario.fake();
        let bootstrapped = scenario.bootstrap(&fake, None).unwrap().map(|_| ());
        for refused in [bootstrapped, plan(&scenario, &fake).map(|_| ())] {
            let Err(Error::Refused(findings)) = refused else {
                panic!("{refused:?}");
            };
            assert_eq!(findings[0].path, "function.artifact_bucket");
            let message = &findings[0].message;
            assert!(message.contains(says), "{message}");
        }
        assert!(fake.state.borrow().stacks.is_empty());
    }
    let scenario = named(|state| {
        state.buckets.insert("code".to_owned(), versioned);
    });
    let fake = scenario.fake();
    scenario.bootstrap(&fake, None).unwrap().unwrap();
    let calls = fake.log.borrow().clone();
    for call in [
        "s3:CreateBucket",
        "s3:PutBucketPolicy",
        "s3:PutBucketVersioning",
    ] {
        assert!(!calls.contains(&call), "{call}");
    }
    assert!(!fake.state.borrow().buckets["code"].closed);
}

#[test]
fn a_plan_of_a_new_stack_changes_nothing_and_needs_no_bucket() {
    for scenario in [small(), large()] {
        for review in [false, true] {
            let fake = scenario.fake();
            if review {
                let ended: Ended<()> = scenario.run(&fake, None, async |context| {
                    let request = crate::port::ChangeSetRequest {
                        stack: "keys".to_owned(),
                        name: "theirs".to_owned(),
                        create: true,
                        template: crate::port::TemplateSource::Body(EVIL.to_owned()),
                        parameters: Default::default(),
                        capability: "CAPABILITY_IAM",
                        tags: Default::default(),
                        imports: Vec::new(),
                        reverts_drift: false,
                    };
                    context.cloud.create_change_set(&request).await?;
                    Ok(())
                });
                ended.unwrap().unwrap();
            }
            let changes = plan(&scenario, &fake).unwrap();
            assert!(changes.iter().all(|change| change.action == "Add"));
            let added = |id: &str| changes.iter().any(|change| change.logical_id == id);
            assert!(added("Function") && !added("Evil"));
            assert!(changes.is_sorted_by_key(|change| &change.logical_id));
            let reads = ["Get", "List", "Describe", "Head"];
            for call in fake.log.borrow().iter() {
                let action = call.split(':').next_back().unwrap();
                assert!(reads.iter().any(|it| action.starts_with(it)), "{call}");
            }
            assert_eq!(fake.state.borrow().stacks.len(), usize::from(review));
        }
    }
}

#[test]
fn a_plan_of_a_large_stack_writes_below_its_own_prefix_alone() {
    let mut scenario = large();
    let fake = scenario.fake();
    scenario.bootstrap(&fake, None).unwrap().unwrap();
    let held = |fake: &FakeAws| {
        let state = fake.state.borrow();
        let objects = state.buckets[&own_bucket(&scenario)].objects.keys();
        objects.cloned().collect::<Vec<_>>()
    };
    let before = held(&fake);
    let changed = scenario.template.replace("rate(30 days)", "rate(20 days)");
    // What others wrote there meanwhile is neither shown nor removed.
    fake.state.borrow_mut().writer = Some(Writer {
        below: "plan/",
        body: EVIL.as_bytes().to_vec(),
    });
    let unchanged = std::mem::replace(&mut scenario.template, changed);
    let changes = plan(&scenario, &fake).unwrap();
    assert!(!changes.is_empty() && changes.iter().all(|it| it.action == "Modify"));
    let state = fake.state.borrow();
    let objects = &state.buckets[&own_bucket(&scenario)].objects;
    let others: Vec<&String> = objects.keys().filter(|key| !before.contains(key)).collect();
    assert_eq!(others.len(), 1);
    assert!(others[0].starts_with("keys/plan/"), "{others:?}");
    let left = &objects[others[0]];
    assert!(left.iter().all(|held| held.body == EVIL.as_bytes()));
    assert_eq!(state.stacks[0].template, unchanged);
}

#[test]
fn a_plan_of_a_large_stack_says_that_the_bucket_is_gone() {
    let scenario = large();
    let fake = scenario.fake();
    scenario.bootstrap(&fake, None).unwrap().unwrap();
    fake.state.borrow_mut().buckets.clear();
    let error = plan(&scenario, &fake).unwrap_err();
    assert!(matches!(error, Error::TemplateTooLong { .. }), "{error}");
}
