//! Rotation itself, and what a run of looks comes to.

use super::super::super::{Diagnosis, DoctorReport, Fix};
use super::super::sample::{at, tags};
use super::{Changed, expect, found, found_of};

fn pend(it: &mut Changed) {
    let pending = ("three".to_owned(), vec!["AWSPENDING".to_owned()]);
    it.secret().versions.extend([pending]);
}

#[test]
fn a_rotation_was_left_unfinished() {
    let left = found(pend);
    let evidence = [
        "version three",
        "2026-11-01T09:00:00Z",
        "does not mention it",
    ];
    let remedy = "`keyrota rotate keys/ada`";
    let fix = Some(Fix::Resume);
    expect(&left, "rotation-unfinished", fix, &evidence, remedy);
    let told = found(|it| {
        pend(it);
        it.reported = Some("iam:CreateAccessKey: AccessDenied".to_owned());
        // It started before it was due, and must not be reported twice.
        it.secret().next_rotation = Some(at("2026-10-01T09:00:00Z"));
    });
    expect(&told, "rotation-unfinished", fix, &["AccessDenied"], remedy);
    let given_up = found(|it| {
        let tag = [("keyrota:abandoned", "AKIAABANDONED")];
        it.seen.user.as_mut().unwrap().tags = tags(&tag);
    });
    expect(
        &given_up,
        "rotation-unfinished",
        fix,
        &["AKIAABANDONED"],
        remedy,
    );
    // AWSPENDING beside AWSCURRENT is how a rotation ends.
    let ended = found(|it| {
        let labels = it.secret().versions.get_mut("two").unwrap();
        labels.push("AWSPENDING".to_owned());
    });
    assert_eq!(ended, []);
}

/// The manifest is compiled into the function's package, so a correction there needs a deployment.
#[test]
fn an_unfinished_rotation_is_completed_after_a_change_of_the_manifest() {
    let left = found(pend);
    assert!(
        left[0]
            .remedy
            .contains("`keyrota bootstrap` if you have changed the manifest"),
        "{left:#?}"
    );
}

#[test]
fn a_rotation_that_is_under_way_is_no_fault() {
    let pending = |it: &mut Changed| {
        pend(it);
        it.under_way = Some(at("2026-11-02T08:59:00Z"));
    };
    assert_eq!(found(pending), []);
    // Secrets Manager would refuse to change the schedule now.
    let off = found(|it| {
        pending(it);
        it.secret().rotation_enabled = false;
    });
    expect(&off, "rotation-off", None, &["RotationEnabled"], "--fix");
}

#[test]
fn rotation_is_switched_off() {
    let off = found(|it| it.secret().rotation_enabled = false);
    let evidence = ["RotationEnabled is false", "rate(30 days)", "keys-Function"];
    let fix = Some(Fix::Schedule);
    expect(&off, "rotation-off", fix, &evidence, "rate(30 days)");
    // Without a function there is nothing to switch on.
    let lost = found(|it| {
        it.secret().rotation_enabled = false;
        it.stack
            .outputs
            .retain(|name, _| name.starts_with("Secret"));
    });
    expect(&lost, "rotation-off", None, &[], "");
}

#[test]
fn rotation_is_other_than_the_manifest_says() {
    let fix = Some(Fix::Schedule);
    let schedule = |text: &str| {
        let text = text.to_owned();
        found(|it| it.secret().rotation.schedule = Some(text))
    };
    let other = schedule("rate(7 days)");
    let evidence = ["rate(7 days)", "rate(30 days)"];
    expect(
        &other,
        "rotation-differs",
        fix,
        &evidence,
        "`keyrota bootstrap`",
    );
    // Another way to write the same.
    assert_eq!(schedule("rate(30 day)"), []);
    let function = found(|it| it.secret().rotation.function = Some("arn:theirs".to_owned()));
    expect(&function, "rotation-differs", fix, &["arn:theirs"], "");
    let none = found(|it| it.secret().rotation.schedule = None);
    expect(&none, "rotation-differs", fix, &["on no schedule"], "");
    let window = |manifest: &str, held: &str| {
        let held = Some(held.to_owned());
        found_of(manifest, |it| it.secret().rotation.window = held)
    };
    assert_eq!(window(", window: 3h", "3h"), []);
    let other = window(", window: 3h", "4h");
    expect(&other, "rotation-differs", fix, &["4h", "3h"], "");
    // What Secrets Manager chose by itself is no difference.
    let late = ", schedule: cron(0 23 * * ? *)";
    let told = found_of(late, |it| {
        it.secret().rotation.schedule = Some("cron(0 23 * * ? *)".to_owned());
        it.secret().rotation.window = Some("1h".to_owned());
    });
    assert_eq!(told, []);
}

#[test]
fn a_rotation_is_overdue() {
    let due = |moment: &str| {
        let moment = Some(at(moment));
        found(|it| it.secret().next_rotation = moment)
    };
    // As `status` has it: seven days of grace.
    assert_eq!(due("2026-10-26T09:00:00Z"), []);
    let late = due("2026-10-26T08:59:59Z");
    let evidence = ["2026-10-26T08:59:59Z", "2026-11-01T09:00:00Z"];
    let remedy = "`keyrota rotate keys/ada`";
    expect(
        &late,
        "rotation-overdue",
        Some(Fix::Rotate),
        &evidence,
        remedy,
    );
    let never = found(|it| {
        it.secret().last_rotated = None;
        it.held().previous_key = None;
        it.seen.keys.truncate(1);
    });
    expect(&never, "never-rotated", None, &[], remedy);
}

#[test]
fn what_the_last_look_does_not_find_is_fixed() {
    let off = || found(|it| it.secret().rotation_enabled = false);
    let overdue = || found(|it| it.secret().next_rotation = Some(at("2026-10-01T09:00:00Z")));
    let told = |looks: &[Vec<Diagnosis>]| -> Vec<(&str, bool)> {
        let report = DoctorReport::of(looks);
        assert_eq!(report.is_well(), report.findings.iter().all(|it| it.fixed));
        report.findings.iter().map(|it| (it.id, it.fixed)).collect()
    };
    assert_eq!(told(&[Vec::new()]), []);
    assert_eq!(told(&[off()]), [("rotation-off", false)]);
    assert_eq!(told(&[off(), Vec::new()]), [("rotation-off", true)]);
    assert_eq!(told(&[off(), off()]), [("rotation-off", false)]);
    // A fault that appears meanwhile is reported too.
    let looks = [off(), overdue(), overdue()];
    let expected = [("rotation-off", true), ("rotation-overdue", false)];
    assert_eq!(told(&looks), expected);
    // What came back is not fixed.
    assert_eq!(told(&[off(), Vec::new(), off()]), [("rotation-off", false)]);
}
