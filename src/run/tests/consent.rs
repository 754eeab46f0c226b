//! Drift is restored as far as a person was shown it, and one thing that cannot be restored does not
//! keep the rest from it.

use super::super::fake::{FakeAws, Fault, FaultKind, SecretRecord};
use super::super::{
    Artifact, Artifacts, DeploymentInputs, Error, bootstrap, fix, observe_drift, preflight,
};
use super::drift::{deployed, ids, look, scenario};
use super::scenario::Scenario;
use crate::bundle::{sha256_base64, sha256_hex};
use crate::plan::{Diagnosis, Drift, Fix, Preflight};
use crate::port::Event;
use crate::render::Strategy;
use crate::tool::testing::Recorder;

fn change(fake: &FakeAws, id: &str) {
    fake.state.borrow_mut().drift.changed.insert(id.to_owned());
}

fn is_changed(fake: &FakeAws, id: &str) -> bool {
    fake.state.borrow().drift.changed.contains(id)
}

fn of_secret(fake: &FakeAws, change: impl FnOnce(&mut SecretRecord)) {
    change(fake.state.borrow_mut().secrets.get_mut("keys/ada").unwrap());
}

fn repair(scenario: &Scenario, fake: &FakeAws, shown: &[Diagnosis]) -> Vec<(Fix, Error)> {
    let fixed = scenario.run(fake, None, async |context| {
        fix(context, &scenario.model, shown, shown).await
    });
    fixed.unwrap().unwrap()
}

#[track_caller]
fn expect_refusal(failures: &[(Fix, Error)], path: &str, text: &str) {
    let [(Fix::Revert, Error::Refused(findings))] = failures else {
        panic!("{failures:?}");
    };
    let found = findings
        .iter()
        .find(|finding| finding.path.starts_with(path));
    let message = &found.unwrap_or_else(|| panic!("{findings:?}")).message;
    assert!(message.contains(text), "{message}");
}

fn shown(scenario: &Scenario, fake: &FakeAws) -> Vec<Drift> {
    let drift = scenario.run(fake, None, async |context| {
        let stack = context.cloud.stack("keys").await?.unwrap();
        let resources = context.cloud.resources("keys").await?;
        observe_drift(context, &stack, &resources).await
    });
    drift.unwrap().unwrap().restored()
}

/// Somebody changes more after a person was asked.
#[test]
fn nothing_is_restored_that_nobody_was_shown() {
    let mut scenario = scenario();
    let fake = deployed(&scenario);
    change(&fake, "SweepRule");
    let found = look(&scenario, &fake);
    let told = shown(&scenario, &fake);
    assert_eq!(told.len(), 1, "{told:?}");
    change(&fake, "Function");
    let failures = repair(&scenario, &fake, &found);
    expect_refusal(&failures, "Function", "how it differs was not shown");
    assert!(!fake.names().contains(&"cloudformation:ExecuteChangeSet"));
    scenario.shown = Some(told);
    let ended = scenario.bootstrap(&fake, None).unwrap();
    assert!(matches!(ended, Err(Error::Refused(_))), "{ended:?}");
    scenario.shown = None;
    scenario.bootstrap(&fake, None).unwrap().unwrap();
    assert_eq!(ids(&look(&scenario, &fake)), [""; 0]);
}

/// What nobody could look at is part of the change set that restores something else.
#[test]
fn nothing_is_restored_that_nobody_could_see() {
    let scenario = scenario();
    let fake = deployed(&scenario);
    let detect = "cloudformation:DetectStackDrift";
    fake.state.borrow_mut().denied_calls.insert(detect);
    let condition = serde_json::json!({ "aws:SourceArn": "arn:another" });
    let permission = "keys-SecretsManagerPermission".to_owned();
    fake.state
        .borrow_mut()
        .drift
        .conditions
        .insert(permission, condition);
    let found = look(&scenario, &fake);
    change(&fake, "SweepRule");
    let failures = repair(&scenario, &fake, &found);
    expect_refusal(&failures, "SweepRule", "how it differs was not shown");
    assert!(is_changed(&fake, "SweepRule"));
}

/// A person agrees to everything but to enabling rotation.
#[test]
fn rotation_that_stays_disabled_is_the_reason() {
    let scenario = scenario();
    let fake = deployed(&scenario);
    of_secret(&fake, |secret| secret.rotates = false);
    change(&fake, "SweepRule");
    let found = look(&scenario, &fake);
    assert_eq!(ids(&found), ["rotation-off", "resource-changed"]);
    let failures = scenario.run(&fake, None, async |context| {
        fix(context, &scenario.model, &found[1..], &found).await
    });
    let failures = failures.unwrap().unwrap();
    expect_refusal(&failures, "ScheduleKeysAda", "would enable rotation");
}

/// Nobody saw the settings of a secret that was scheduled for deletion.
#[test]
fn a_secret_that_comes_back_is_looked_at_before_it_is_changed() {
    let scenario = scenario();
    let fake = deployed(&scenario);
    change(&fake, "SweepRule");
    let now = fake.state.borrow().now;
    of_secret(&fake, |secret| secret.deleted = Some(now));
    let found = look(&scenario, &fake);
    of_secret(&fake, |secret| secret.description = "another".to_owned());
    let description = || fake.state.borrow().secrets["keys/ada"].description.clone();
    repair(&scenario, &fake, &found);
    assert_eq!(description(), "another");
    let found = look(&scenario, &fake);
    assert!(ids(&found).contains(&"resource-changed"), "{found:?}");
    repair(&scenario, &fake, &found);
    assert_ne!(description(), "another");
}

/// Two deployments overlap. The second has looked at the stack before the first has changed it.
#[test]
fn code_that_another_deployment_brought_is_not_replaced() {
    let scenario = scenario();
    let fake = deployed(&scenario);
    let zip = b"another function";
    let mut newer = Artifacts::default();
    let artifact = Artifact {
        sha256: sha256_hex(zip),
        code_sha256: sha256_base64(zip),
        executable_sha256: sha256_hex(zip),
        zip: zip.to_vec(),
    };
    newer.add(Strategy::AccessKeys, artifact);
    let inputs = DeploymentInputs {
        artifacts: &newer,
        template: &scenario.template,
        passwords: &scenario.passwords,
        rotates: true,
        recreated: &scenario.recreated,
        shown: None,
    };
    let recorder = Recorder::default();
    let ended = scenario.run_with(&fake, None, &recorder, async |context| {
        let model = &scenario.model;
        let cleared = preflight(context, model, Preflight { rotates: true }).await?;
        bootstrap(context, model, &cleared, inputs).await?;
        bootstrap(context, model, &cleared, inputs).await
    });
    ended.unwrap().unwrap();
    assert!(!fake.names().contains(&"lambda:UpdateFunctionCode"));
    // It is no drift, either: the comparison is with the stack as it is now.
    let is_restored =
        |event: &Event| matches!(event, Event::Warning(text) if text.contains("restored"));
    assert!(!recorder.events().iter().any(is_restored));
    let codes = fake.state.borrow().functions.clone();
    assert_eq!(
        codes.into_values().collect::<Vec<_>>(),
        [sha256_base64(zip)]
    );
}

/// The template says nothing about it, and an organisation's rules may.
#[test]
fn a_log_group_that_others_encrypt_is_no_fault() {
    let scenario = scenario();
    let fake = deployed(&scenario);
    let group = fake.state.borrow().logs.keys().next().unwrap().clone();
    let key = "arn:aws:kms:eu-west-1:111122223333:key/theirs".to_owned();
    fake.state
        .borrow_mut()
        .log_keys
        .insert(group.clone(), key.clone());
    assert_eq!(ids(&look(&scenario, &fake)), [""; 0]);
    scenario.bootstrap(&fake, None).unwrap().unwrap();
    assert_eq!(fake.state.borrow().log_keys[&group], key);
}

#[test]
fn code_that_cannot_be_restored_keeps_nothing_else_from_it() {
    let scenario = scenario();
    let fake = deployed(&scenario);
    change(&fake, "SweepRule");
    for code in fake.state.borrow_mut().functions.values_mut() {
        *code = "another".to_owned();
    }
    let update = "lambda:UpdateFunctionCode";
    fake.state.borrow_mut().denied_calls.insert(update);
    let found = look(&scenario, &fake);
    let failures = repair(&scenario, &fake, &found);
    let [(Fix::Revert, Error::ResourceNotRestored { reason, .. })] = &failures[..] else {
        panic!("{failures:?}");
    };
    assert!(reason.contains(update), "{reason}");
    assert!(!is_changed(&fake, "SweepRule"));
}

/// CloudFormation refuses to execute the change set that removes a resource.
#[test]
fn a_replacement_that_did_not_begin_leaves_nothing_out() {
    let scenario = scenario();
    let damaged = deployed(&scenario);
    let topic = "arn:aws:sns:eu-west-1:111122223333:keys-AlarmTopic".to_owned();
    let mut state = damaged.state.into_inner();
    state.drift.topic_policies.insert(topic, "{}".to_owned());
    let fake = FakeAws::new(state.clone());
    let found = look(&scenario, &fake);
    repair(&scenario, &fake, &found);
    let names = fake.names();
    let first = names
        .iter()
        .position(|name| *name == "cloudformation:ExecuteChangeSet");
    let fake = FakeAws::new(state);
    let fault = Fault {
        call: first.unwrap() + 1,
        kind: FaultKind::Throttled,
    };
    let recorder = Recorder::default();
    let failures = scenario.run_with(&fake, Some(fault), &recorder, async |context| {
        fix(context, &scenario.model, &found, &found).await
    });
    let failures = failures.unwrap().unwrap();
    assert!(
        matches!(failures[..], [(Fix::Revert, Error::Aws(_))]),
        "{failures:?}"
    );
    let is_missing =
        |event: &Event| matches!(event, Event::Warning(text) if text.contains("missing"));
    assert!(!recorder.events().iter().any(is_missing));
}
