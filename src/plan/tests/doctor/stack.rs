//! The stack's own faults.

use super::super::super::{Examination, Examined, Proof, diagnose};
use super::super::sample::{NOW, at, entry, model, observed_of, untouched};
use super::{TWO_HOURS, deployed, expect, found, look};
use crate::port::StackStatus;

#[test]
fn there_is_no_stack() {
    let model = model("");
    let key = |seen| Examination {
        seen: observed_of(model, seen),
        proof: Proof::Untried,
        under_way: None,
        reported: None,
        denied_sessions: None,
        rehearsal: None,
        quarantine: None,
    };
    let found = look(model, None, vec![key(untouched())]);
    expect(
        &found,
        "stack-missing",
        None,
        &["eu-west-1"],
        "run `keyrota bootstrap` to deploy it",
    );
    // What an earlier one left is in the way of the next.
    let found = look(model, None, vec![key(entry())]);
    expect(
        &found,
        "stack-missing",
        None,
        &["keys/ada"],
        "keyrota teardown",
    );
    // A change set that was never executed has made nothing.
    let review = deployed(model, "REVIEW_IN_PROGRESS");
    let found = look(model, Some(review), vec![key(untouched())]);
    expect(&found, "stack-missing", None, &[], "keyrota bootstrap");
}

#[test]
fn the_stack_is_somebody_elses() {
    let found = found(|it| {
        it.stack.tags.clear();
        it.seen.secret = None;
    });
    expect(
        &found,
        "stack-not-ours",
        None,
        &["arn:aws:cloudformation"],
        "`stack:`",
    );
}

#[test]
fn the_stack_is_in_a_bad_state() {
    let of = |status: &str| {
        found(|it| {
            it.stack.status = StackStatus(status.to_owned());
            it.stack.reason = Some("no room".to_owned());
        })
    };
    let seen = |status| [status, "2026-11-01T08:00:00Z", "no room"];
    for status in ["ROLLBACK_COMPLETE", "CREATE_FAILED", "DELETE_FAILED"] {
        let found = of(status);
        expect(
            &found,
            "stack-failed",
            None,
            &seen(status),
            "keyrota teardown",
        );
    }
    let status = "UPDATE_ROLLBACK_FAILED";
    let remedy = "continue-update-rollback --stack-name keys";
    expect(&of(status), "stack-failed", None, &seen(status), remedy);
    let status = "UPDATE_ROLLBACK_COMPLETE";
    expect(
        &of(status),
        "stack-rolled-back",
        None,
        &seen(status),
        "keyrota bootstrap",
    );
    for status in ["CREATE_COMPLETE", "UPDATE_COMPLETE", "IMPORT_COMPLETE"] {
        assert_eq!(of(status), [], "{status}");
    }
}

#[test]
fn the_stack_is_busy_for_long() {
    let since = |moment: &str, outputs: bool| {
        found(|it| {
            it.stack.status = StackStatus("UPDATE_IN_PROGRESS".to_owned());
            it.stack.since = Some(at(moment));
            if !outputs {
                it.stack.outputs.clear();
            }
        })
    };
    assert_eq!(since("2026-11-02T08:00:00Z", true), []);
    let found_late = since("2026-11-02T07:59:59Z", true);
    expect(
        &found_late,
        "stack-busy",
        None,
        &["UPDATE_IN_PROGRESS", "2026-11-02T07:59:59Z"],
        "describe-stack-events --stack-name keys",
    );
    // Nothing else can be said of a stack that is being made.
    let found_new = since("2026-11-02T08:59:00Z", false);
    expect(&found_new, "stack-busy", None, &[], "describe-stack-events");
    // Nothing is fixed while CloudFormation updates the stack.
    let found = found(|it| {
        it.stack.status = StackStatus("UPDATE_IN_PROGRESS".to_owned());
        it.stack.since = Some(at(NOW));
        it.secret().rotation_enabled = false;
    });
    expect(&found, "rotation-off", None, &[], "");
}

#[test]
fn what_a_failed_stack_still_has_is_looked_at() {
    let model = model("");
    let mut seen = entry();
    seen.keys[0].active = false;
    let key = Examination {
        seen: observed_of(model, seen),
        proof: Proof::Untried,
        under_way: None,
        reported: None,
        denied_sessions: None,
        rehearsal: None,
        quarantine: None,
    };
    let examined = Examined {
        region: String::new(),
        stack: Some(deployed(model, "UPDATE_ROLLBACK_FAILED")),
        entries: vec![key],
        drift: Default::default(),
        targets: Vec::new(),
    };
    let found = diagnose(model, &examined, at(NOW), TWO_HOURS);
    let ids: Vec<&str> = found.iter().map(|it| it.fault.id).collect();
    assert_eq!(ids, ["stack-failed", "current-key-inactive"]);
}
