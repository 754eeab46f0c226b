//! Drift is found and reverted, and interrupted everywhere.

use std::collections::BTreeSet;
use std::time::Duration;

use super::super::fake::{AwsState, FakeAws, Fault, FaultKind};
use super::super::{Error, Pace, examine, fix};
use super::scenario::{Ended, Scenario, explore, tell};
use crate::plan::Diagnosis;
use crate::plan::drift::GoneSecret;
use crate::port::{CURRENT, Event};
use crate::tool::testing::Recorder;

const ENTRY: &str = "  - { user: ada, rotate_as: role, create_user: true }\n";

pub fn scenario() -> Scenario {
    with(ENTRY, |_| {})
}

fn with(entries: &str, prepare: impl FnOnce(&mut AwsState)) -> Scenario {
    let scenario = Scenario::new(entries, prepare);
    // Each look is a call, and each call is interrupted.
    let pace = Pace {
        poll: Duration::from_secs(5),
        ..Pace::AWS
    };
    Scenario { pace, ..scenario }
}

pub fn deployed(scenario: &Scenario) -> FakeAws {
    let fake = scenario.fake();
    scenario.bootstrap(&fake, None).unwrap().unwrap();
    fake.state.borrow_mut().next_day();
    fake
}

pub fn look(scenario: &Scenario, fake: &FakeAws) -> Vec<Diagnosis> {
    let ended = scenario.run(fake, None, async |context| {
        examine(context, &scenario.model).await.map(|it| it.faults)
    });
    ended.unwrap().unwrap()
}

pub fn ids(found: &[Diagnosis]) -> Vec<&'static str> {
    found.iter().map(|it| it.fault.id).collect()
}

fn repair(scenario: &Scenario, fake: &FakeAws, fault: Option<Fault>) -> Ended<Vec<Diagnosis>> {
    scenario.run(fake, fault, async |context| {
        let found = examine(context, &scenario.model).await?.faults;
        let failures = fix(context, &scenario.model, &found, &found).await?;
        match failures.into_iter().next() {
            Some((_, error)) => Err(error),
            None => examine(context, &scenario.model).await.map(|it| it.faults),
        }
    })
}

fn value(fake: &FakeAws) -> Option<String> {
    let state = fake.state.borrow();
    state.secrets["keys/ada"].field(CURRENT, "secretkey")
}

/// Returns whether the stack has a resource whose logical ID begins like this.
fn holds(scenario: &Scenario, fake: &FakeAws, logical_id: &str) -> bool {
    let listed = scenario.run(fake, None, async |context| {
        Ok(context.cloud.resources("keys").await?)
    });
    let listed = listed.unwrap().unwrap();
    listed
        .iter()
        .any(|it| it.logical_id.starts_with(logical_id))
}

/// Expects that this is found as a fault of these resources and reverted, whatever fails on the way,
/// by `doctor --fix` and by `bootstrap`, and that the secret keeps its value.
fn reverts(fault: &str, resources: &[&str], damage: impl Fn(&mut AwsState)) {
    reverts_in(&scenario(), fault, resources, damage);
}

fn reverts_in(
    scenario: &Scenario,
    fault: &str,
    resources: &[&str],
    damage: impl Fn(&mut AwsState),
) {
    let damaged = deployed(scenario);
    let before = value(&damaged);
    damage(&mut damaged.state.borrow_mut());
    let found = look(scenario, &damaged);
    for resource in resources {
        let is_it = |it: &&Diagnosis| it.fault.id == fault && it.evidence.contains(resource);
        assert!(found.iter().any(|it| is_it(&it)), "{resource}: {found:#?}");
    }
    assert_eq!(found.len(), resources.len(), "{found:#?}");
    assert!(!format!("{found:?}").contains("hush"));
    let start = damaged.state.into_inner();
    let has_all = |fake: &FakeAws| resources.iter().all(|id| holds(scenario, fake, id));
    let repaired = FakeAws::new(start.clone());
    repair(scenario, &repaired, None).unwrap().unwrap();
    assert!(has_all(&repaired));
    let explored = explore(
        || FakeAws::new(start.clone()),
        |fake, fault| repair(scenario, fake, fault),
        |fake, left| {
            // An interrupted run may have begun an operation that goes on.
            if ids(left).contains(&"stack-busy") {
                fake.state.borrow_mut().next_day();
                repair(scenario, fake, None).unwrap().unwrap();
            }
            // The deployed template of an interrupted replacement lacks the resource, so only a
            // deployment adds it again.
            if !has_all(fake) {
                scenario.bootstrap(fake, None).unwrap().unwrap();
                assert!(has_all(fake));
            }
            assert_eq!(ids(&look(scenario, fake)), [""; 0]);
            assert_eq!(value(fake), before);
        },
    );
    tell(fault, explored);
    let fake = FakeAws::new(start);
    scenario.bootstrap(&fake, None).unwrap().unwrap();
    assert_eq!(ids(&look(scenario, &fake)), [""; 0]);
    assert!(has_all(&fake));
    assert_eq!(value(&fake), before);
}

#[test]
fn a_log_group_and_a_policy_that_are_gone_come_back() {
    reverts(
        "resource-gone",
        &["FunctionLogGroup", "FunctionRoleUsers"],
        |state| {
            state.logs.clear();
            state
                .drift
                .removed
                .insert("keys-FunctionRoleUsers".to_owned());
        },
    );
}

#[test]
fn what_somebody_changed_is_restored() {
    reverts(
        "resource-changed",
        &["SweepRule", "SecretKeysAda"],
        |state| {
            state.drift.changed.insert("SweepRule".to_owned());
            let secret = state.secrets.get_mut("keys/ada").unwrap();
            secret.description = "another".to_owned();
        },
    );
}

#[test]
fn a_permission_that_admits_nobody_is_made_anew() {
    reverts("resource-changed", &["SecretsManagerPermission"], |state| {
        let condition = serde_json::json!({ "aws:SourceArn": "arn:another" });
        let id = "keys-SecretsManagerPermission".to_owned();
        state.drift.conditions.insert(id, condition);
    });
}

/// CloudFormation does not compare it.
#[test]
fn the_code_of_a_function_is_restored() {
    reverts("resource-changed", &["Function"], |state| {
        for code in state.functions.values_mut() {
            *code = "another".to_owned();
        }
    });
}

/// The code and another property differ. Both are reported, and both are restored.
#[test]
fn a_resource_that_differs_twice_is_one_fault() {
    let damage = |state: &mut AwsState| {
        state.drift.changed.insert("Function".to_owned());
        for code in state.functions.values_mut() {
            *code = "another".to_owned();
        }
    };
    let scenario = scenario();
    let fake = deployed(&scenario);
    damage(&mut fake.state.borrow_mut());
    let found = look(&scenario, &fake);
    let evidence = &found[0].evidence;
    assert!(evidence.contains("`/Description`") && evidence.contains("SHA-256 another"));
    reverts("resource-changed", &["Function"], damage);
}

/// What the bucket holds under the name of the zip file is not it. `doctor --fix` gives the function
/// nothing, and a deployment uploads the zip file again.
#[test]
fn code_is_restored_from_nothing_but_its_zip_file() {
    let scenario = scenario();
    let fake = deployed(&scenario);
    let mut state = fake.state.borrow_mut();
    for code in state.functions.values_mut() {
        *code = "another".to_owned();
    }
    for bucket in state.buckets.values_mut() {
        for stored in bucket.objects.values_mut().flatten() {
            stored.body = b"theirs".to_vec();
        }
    }
    drop(state);
    let failed = repair(&scenario, &fake, None).unwrap();
    assert!(matches!(failed, Err(Error::ResourceNotRestored { .. })));
    assert!(!fake.names().contains(&"lambda:UpdateFunctionCode"));
    scenario.bootstrap(&fake, None).unwrap().unwrap();
    assert_eq!(ids(&look(&scenario, &fake)), [""; 0]);
}

/// CloudFormation does not compare it either.
#[test]
fn the_key_of_a_log_group_is_restored() {
    const KEY: &str = "arn:aws:kms:eu-west-1:111122223333:key/0a1b2c3d-4e5f-6789-abcd-ef0123456789";
    let entries = format!("{ENTRY}encrypt: {{ logs: '{KEY}' }}\n");
    let scenario = with(&entries, |state| {
        state.kms_keys.insert(KEY.to_owned(), "Enabled".to_owned());
    });
    reverts_in(
        &scenario,
        "resource-changed",
        &["FunctionLogGroup"],
        |state| {
            let group = state.logs.keys().next().unwrap().clone();
            let key = "arn:aws:kms:eu-west-1:111122223333:key/theirs".to_owned();
            state.log_keys.insert(group, key);
        },
    );
}

#[test]
fn a_topics_policy_is_replaced() {
    reverts("resource-gone", &["AlarmTopicPolicy"], |state| {
        let topic = "arn:aws:sns:eu-west-1:111122223333:keys-AlarmTopic".to_owned();
        state.drift.topic_policies.insert(topic, "{}".to_owned());
    });
}

/// The second operation of a replacement fails. No drift is found afterwards, so the failure says what
/// is missing, and a deployment adds it.
#[test]
fn an_interrupted_replacement_says_what_is_missing() {
    let scenario = scenario();
    let damaged = deployed(&scenario);
    let topic = "arn:aws:sns:eu-west-1:111122223333:keys-AlarmTopic".to_owned();
    let mut state = damaged.state.into_inner();
    state.drift.topic_policies.insert(topic, "{}".to_owned());
    let fake = FakeAws::new(state.clone());
    repair(&scenario, &fake, None).unwrap().unwrap();
    let names = fake.names();
    let mut executed = names.iter().enumerate();
    let mut next = || executed.find(|(_, name)| **name == "cloudformation:ExecuteChangeSet");
    next().unwrap();
    let (index, _) = next().unwrap();
    let fault = Fault {
        call: index + 1,
        kind: FaultKind::Throttled,
    };
    let fake = FakeAws::new(state);
    let recorder = Recorder::default();
    let failures = scenario.run_with(&fake, Some(fault), &recorder, async |context| {
        let found = examine(context, &scenario.model).await?.faults;
        fix(context, &scenario.model, &found, &found).await
    });
    assert_eq!(failures.unwrap().unwrap().len(), 1);
    let events = recorder.events();
    let is_told = events.iter().any(|event| {
        matches!(event, Event::Warning(text)
            if text.contains("AlarmTopicPolicy is missing") && text.contains("`keyrota bootstrap`"))
    });
    assert!(is_told, "{events:?}");
    assert!(!holds(&scenario, &fake, "AlarmTopicPolicy"));
    assert_eq!(ids(&look(&scenario, &fake)), [""; 0]);
    scenario.bootstrap(&fake, None).unwrap().unwrap();
    assert!(holds(&scenario, &fake, "AlarmTopicPolicy"));
}

/// A statement that still admits Secrets Manager is not removed before it is certain that the change
/// set which restores it may be executed.
#[test]
fn a_refused_change_set_removes_no_permission() {
    let scenario = scenario();
    let fake = deployed(&scenario);
    let rotates = |rotates: bool| {
        let mut state = fake.state.borrow_mut();
        state.secrets.get_mut("keys/ada").unwrap().rotates = rotates;
    };
    rotates(false);
    let changed = "SecretsManagerPermission".to_owned();
    fake.state.borrow_mut().drift.changed.insert(changed);
    let refused = scenario.bootstrap(&fake, None).unwrap();
    let Err(Error::Refused(findings)) = refused else {
        panic!("{refused:?}");
    };
    assert!(
        findings[0].message.contains("enable rotation"),
        "{findings:?}"
    );
    assert!(!fake.names().contains(&"lambda:RemovePermission"));
    rotates(true);
    scenario.bootstrap(&fake, None).unwrap().unwrap();
    assert!(fake.names().contains(&"lambda:RemovePermission"));
    assert_eq!(ids(&look(&scenario, &fake)), [""; 0]);
    assert!(holds(&scenario, &fake, "SecretsManagerPermission"));
}

#[test]
fn a_stack_that_cannot_be_compared_is_told() {
    let scenario = scenario();
    let fake = deployed(&scenario);
    fake.state.borrow_mut().stacks[0].set_status("DELETE_FAILED");
    let found = look(&scenario, &fake);
    assert_eq!(ids(&found), ["stack-failed", "drift-unchecked"]);
    let evidence = &found[1].evidence;
    assert!(
        evidence.contains("not compared while the stack is DELETE_FAILED"),
        "{evidence}"
    );
    assert!(found[1].remedy.contains("wait until"), "{found:#?}");
    assert!(!fake.names().contains(&"cloudformation:DetectStackDrift"));
}

/// What Lambda refuses is a fault of the next rotation. What it refuses the caller is an error.
#[test]
fn a_function_that_cannot_be_invoked_is_a_fault() {
    let scenario = scenario();
    let start = deployed(&scenario).state.into_inner();
    let fake = FakeAws::new(start.clone());
    assert_eq!(ids(&look(&scenario, &fake)), [""; 0]);
    let (call, _) = fake.first("lambda:InvokeFunction").unwrap();
    let examined = |kind| {
        let fake = FakeAws::new(start.clone());
        let ended = scenario.run(&fake, Some(Fault { call, kind }), async |context| {
            examine(context, &scenario.model).await.map(|it| it.faults)
        });
        ended.unwrap()
    };
    let found = examined(FaultKind::Throttled).unwrap();
    assert_eq!(ids(&found), ["rotation-rehearsal-failed"]);
    assert!(found[0].evidence.contains("slow down"), "{found:#?}");
    assert!(examined(FaultKind::SignedOut).is_err());
    assert!(examined(FaultKind::Lost).is_err());
    let fake = FakeAws::new(start.clone());
    fake.state
        .borrow_mut()
        .denied_calls
        .insert("lambda:InvokeFunction");
    let denied = scenario.run(&fake, None, async |context| {
        examine(context, &scenario.model).await.map(|it| it.faults)
    });
    assert!(denied.unwrap().is_err());
}

/// Rotation that somebody has disabled is reported, and bootstrap leaves it so. A change set that would
/// enable it is not executed.
#[test]
fn bootstrap_leaves_rotation_disabled() {
    let scenario = scenario();
    let fake = deployed(&scenario);
    fake.state
        .borrow_mut()
        .secrets
        .get_mut("keys/ada")
        .unwrap()
        .rotates = false;
    scenario.bootstrap(&fake, None).unwrap().unwrap();
    assert!(!fake.state.borrow().secrets["keys/ada"].rotates);
    fake.state.borrow_mut().logs.clear();
    let refused = scenario.bootstrap(&fake, None).unwrap();
    let Err(Error::Refused(findings)) = refused else {
        panic!("{refused:?}");
    };
    assert!(
        findings[0].message.contains("enable rotation"),
        "{findings:?}"
    );
    assert!(fake.state.borrow().logs.is_empty());
    // A person who asks for both gets both.
    let left = repair(&scenario, &fake, None);
    let left = left.unwrap();
    if left.is_err() || !left.as_ref().unwrap().is_empty() {
        assert_eq!(
            ids(&repair(&scenario, &fake, None).unwrap().unwrap()),
            [""; 0]
        );
    }
}

/// A secret that is gone for good comes back only if a person asks for it.
#[test]
fn a_secret_that_is_gone_is_created_again_on_request_only() {
    let mut scenario = scenario();
    let fake = deployed(&scenario);
    {
        let mut state = fake.state.borrow_mut();
        state.secrets.remove("keys/ada");
        // A person has deleted the keys of the lost secret, which fill the user's slots.
        state.keys.clear();
        // Nothing names its keys any more.
        state.watch.several = true;
    }
    assert_eq!(ids(&look(&scenario, &fake)), ["secret-missing"]);
    let id = crate::render::secret_logical_id(&scenario.model.entries[0]);
    let gone = scenario.run(&fake, None, async |context| {
        let observed = super::super::observe(context, &scenario.model).await?;
        Ok(crate::plan::gone_secrets(&observed))
    });
    let gone: Vec<GoneSecret> = gone.unwrap().unwrap();
    assert_eq!(gone.len(), 1);
    assert_eq!(gone[0].logical_id, id);
    assert!(scenario.bootstrap(&fake, None).unwrap().is_err());
    assert!(!fake.state.borrow().secrets.contains_key("keys/ada"));
    scenario.recreated = BTreeSet::from([id]);
    scenario.bootstrap(&fake, None).unwrap().unwrap();
    assert!(value(&fake).is_some());
}

#[test]
fn a_resource_that_cannot_be_read_is_no_resource_that_is_fine() {
    let scenario = scenario();
    let fake = deployed(&scenario);
    let reason = "AccessDenied: events:DescribeRule".to_owned();
    let mut state = fake.state.borrow_mut();
    state
        .drift
        .unreadable
        .insert("SweepRule".to_owned(), reason);
    drop(state);
    let found = look(&scenario, &fake);
    assert_eq!(ids(&found), ["drift-unchecked"]);
    assert!(found[0].evidence.contains("SweepRule"), "{found:#?}");
    let denied = "cloudformation:DetectStackDrift";
    fake.state.borrow_mut().denied_calls.insert(denied);
    let found = look(&scenario, &fake);
    assert_eq!(ids(&found), ["drift-unchecked"]);
    assert!(found[0].evidence.contains(denied), "{found:#?}");
}
