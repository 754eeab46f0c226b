//! Resources that differ from what was deployed.

use super::super::super::drift::{DriftChange, DriftedResource, StackDrift, UncheckedResource};
use super::super::super::{Diagnosis, Examination, Examined, Fix, Proof, diagnose};
use super::super::sample::{NOW, at, entry, model, observed_of};
use super::{TWO_HOURS, deployed, expect, ids};
use crate::port::Secret;
use crate::render;

fn found(drift: StackDrift, change: impl FnOnce(&mut Secret)) -> Vec<Diagnosis> {
    let model = model(", create_user: true");
    let mut seen = entry();
    let secret = &mut seen.secret.as_mut().unwrap().secret;
    secret.tags = render::secret_tags(model, &model.entries[0], "eu-west-1");
    change(secret);
    let examined = Examined {
        region: "eu-west-1".to_owned(),
        stack: Some(deployed(model, "UPDATE_COMPLETE")),
        entries: vec![Examination {
            seen: observed_of(model, seen),
            proof: Proof::Accepted,
            under_way: None,
            reported: None,
            denied_sessions: None,
            rehearsal: None,
            quarantine: None,
        }],
        drift,
        targets: Vec::new(),
    };
    diagnose(model, &examined, at(NOW), TWO_HOURS)
}

fn drift(logical_id: &str, kind: &str, change: DriftChange) -> StackDrift {
    StackDrift {
        resources: vec![DriftedResource {
            logical_id: logical_id.to_owned(),
            kind: kind.to_owned(),
            physical_id: "its-name".to_owned(),
            change,
            purpose: None,
        }],
        ..StackDrift::default()
    }
}

#[test]
fn a_resource_is_gone_or_changed() {
    let gone = drift("FunctionLogGroup", "AWS::Logs::LogGroup", DriftChange::Gone);
    let found_gone = found(gone, |_| {});
    let evidence = ["FunctionLogGroup", "its-name", "does not exist"];
    let fix = Some(Fix::Revert);
    expect(&found_gone, "resource-gone", fix, &evidence, "--fix");
    assert!(found_gone[0].subject.contains("FunctionLogGroup"));
    let text = "`/State` is `DISABLED`, not `ENABLED`";
    let change = DriftChange::Changed(vec![text.to_owned()]);
    let changed = found(drift("SweepRule", "AWS::Events::Rule", change), |_| {});
    expect(&changed, "resource-changed", fix, &[text], "--fix");
    let refuses = DriftChange::Refuses("no statement".to_owned());
    let refuses = drift(
        "SecretsManagerPermission",
        "AWS::Lambda::Permission",
        refuses,
    );
    let refuses = found(refuses, |_| {});
    expect(&refuses, "resource-changed", fix, &["no statement"], "");
}

#[test]
fn what_is_not_known_is_told() {
    let unchecked = StackDrift {
        unchecked: vec![
            UncheckedResource {
                logical_id: "Function".to_owned(),
                kind: "AWS::Lambda::Function".to_owned(),
                reason: Some("AccessDenied: lambda:GetFunction".to_owned()),
            },
            UncheckedResource {
                logical_id: "Queue".to_owned(),
                kind: "AWS::SQS::Queue".to_owned(),
                reason: None,
            },
        ],
        ..StackDrift::default()
    };
    let told = found(unchecked, |_| {});
    expect(
        &told,
        "drift-unchecked",
        None,
        &["lambda:GetFunction"],
        "DetectDrift",
    );
    assert!(!told[0].evidence.contains("Queue"), "{told:#?}");
}

/// One fault has one finding.
#[test]
fn what_another_fault_tells_is_not_told_again() {
    let model = model("");
    let schedule = render::schedule_logical_id(&model.entries[0]);
    let of_schedule = |change| drift(&schedule, "AWS::SecretsManager::RotationSchedule", change);
    let off = found(of_schedule(DriftChange::RotationDisabled), |secret| {
        secret.rotation_enabled = false;
    });
    assert_eq!(ids(&off), [("rotation-off", Some(Fix::Schedule))]);
    let deleted = found(of_schedule(DriftChange::RotationDisabled), |secret| {
        secret.deleted = Some(at(NOW));
    });
    assert_eq!(ids(&deleted), [("secret-deleted", Some(Fix::Restore))]);
    // What no other fault tells is reported.
    let change = DriftChange::Changed(vec!["`/RotationRules/Duration` differs".to_owned()]);
    let told = found(of_schedule(change), |_| {});
    assert_eq!(ids(&told), [("resource-changed", Some(Fix::Revert))]);
    let secret = render::secret_logical_id(&model.entries[0]);
    let change = DriftChange::Changed(vec!["`/Description` differs".to_owned()]);
    let told = found(
        drift(&secret, "AWS::SecretsManager::Secret", change),
        |_| {},
    );
    assert_eq!(ids(&told), [("resource-changed", Some(Fix::Revert))]);
}
