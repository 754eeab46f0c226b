//! When a credential rotates for the first time.

use serde_json::json;

use super::super::{
    HeldSecret, LastRotation, ObservedDatabase, ObservedEntry, ObservedLogin, OutstandingRotation,
    Preflight, State, awaits_request, is_held_back, kept_rotation, next_first_rotation,
    report_without_values,
};
use super::sample::at;
use crate::model::{self, FirstRotation, Model};
use crate::port::{Rotation, Secret};

/// A Wednesday.
const NOW: &str = "2026-12-02T12:00:00Z";
const FUNCTION: &str = "arn:aws:lambda:eu-west-1:111122223333:function:own";

fn model(settings: &str) -> Model {
    let text = format!(
        "version: 1\nstack: keys\ndatabases:\n  - {{ secret: prod/orders, engine: postgres, \
         host: db, username: app, schedule: cron(0 2 ? * SUN *){settings} }}\n"
    );
    model::load(&text, None).unwrap().model
}

fn secret(enabled: bool) -> Secret {
    Secret {
        arn: "arn:own".to_owned(),
        name: "prod/orders".to_owned(),
        rotation_enabled: enabled,
        rotation: match enabled {
            true => Rotation {
                function: Some(FUNCTION.to_owned()),
                schedule: Some("cron(0 2 ? * SUN *)".to_owned()),
                window: Some("3h".to_owned()),
            },
            false => Rotation::default(),
        },
        // The end of the window.
        next_rotation: enabled.then(|| at("2026-12-13T05:00:00Z")),
        versions: [("one".to_owned(), vec!["AWSCURRENT".to_owned()])].into(),
        ..Secret::default()
    }
}

/// Returns the next rotation of an entry whose secret is in this state, if it is its first.
fn first(
    model: &Model,
    secret: Option<Secret>,
    rotates: bool,
    adopts: bool,
) -> Option<OutstandingRotation> {
    let entry = model.entries[0].as_database().unwrap();
    let seen = ObservedDatabase::of(secret.map(ObservedLogin::unread));
    let seen = ObservedEntry::Database(entry, Box::new(seen));
    next_first_rotation(&seen, Preflight { rotates }, adopts, at(NOW))
}

/// Returns what the prompt says about it.
fn next(model: &Model, secret: Option<Secret>, rotates: bool, adopts: bool) -> String {
    let first = first(model, secret, rotates, adopts);
    let first = first.map(|first| (first.when.name(), first.to_string()));
    first.map_or_else(
        || "nothing".to_owned(),
        |(when, text)| format!("{when}: {text}"),
    )
}

#[test]
fn the_prompt_says_what_happens_to_the_clients_and_when() {
    let sunday = "scheduled: first rotation in the window of Sun 2026-12-06 02:00 UTC; move its clients to the secret before then";
    let model = |first: &str| self::model(&format!(", first_rotation: {first}"));
    assert_eq!(next(&model("null"), None, true, false), sunday);
    assert_eq!(next(&model("scheduled"), None, false, false), sunday);
    let now = "now: rotated now; clients that do not read the secret cannot log in from then on, unless MySQL retains the password";
    assert_eq!(next(&model("now"), None, true, false), now);
    // With `--no-rotate`, the schedule rotates it.
    assert_eq!(next(&model("now"), None, false, false), sunday);
    let request = "on_request: no rotation until `keyrota rotate prod/orders`; move its clients to the secret before then";
    assert_eq!(next(&model("on_request"), None, true, false), request);
    assert_eq!(
        next(&model("on_request"), Some(secret(false)), true, false),
        request
    );
    // Secrets Manager knows the window of a secret that has a schedule.
    let reported = sunday.replace("2026-12-06", "2026-12-13");
    for first in ["scheduled", "on_request"] {
        let held = Some(secret(true));
        assert_eq!(next(&model(first), held, true, false), reported, "{first}");
    }
    // A window has passed without a rotation.
    let mut missed = secret(true);
    missed.next_rotation = Some(at("2026-11-29T05:00:00Z"));
    assert_eq!(next(&model("scheduled"), Some(missed), true, false), sunday);
    // It has rotated, so only a deployment that takes it over from another function rotates it.
    let mut rotated = secret(true);
    rotated.last_rotated = Some(at("2026-11-01T02:00:00Z"));
    let adopts = |first: &str, adopts| next(&model(first), Some(rotated.clone()), true, adopts);
    assert_eq!(adopts("now", false), "nothing");
    assert_eq!(adopts("now", true), now);
    assert_eq!(adopts("scheduled", true), "nothing");
}

#[test]
fn the_prompt_says_what_happens_to_a_user_whose_password_nobody_knows() {
    let set = model(", rotate_as: ops, initial_password: set");
    let said = next(&set, None, true, false);
    let expected = "now: rotated now; the administrator sets the password of app at db:5432, which voids the present one";
    assert_eq!(said, expected);
    assert_eq!(next(&set, Some(secret(true)), true, false), expected);
    let created = model(", rotate_as: ops, create_user: true, roles: [readers]");
    let said = next(&created, None, true, false);
    assert_eq!(
        said,
        "now: rotated now; the administrator creates the user app at db:5432"
    );
}

#[test]
fn the_document_says_what_the_prompt_says() {
    for (settings, password, creates) in [
        ("", json!(null), false),
        (", rotate_as: ops, users: alternate", json!(null), false),
        (
            ", rotate_as: ops, initial_password: set",
            json!("set"),
            false,
        ),
        (
            ", rotate_as: ops, create_user: true, roles: [readers]",
            json!("set"),
            true,
        ),
    ] {
        let found = json!(first(&model(settings), None, true, false).unwrap());
        let fields = found.as_object().unwrap();
        assert_eq!(fields.len(), 4, "{found}");
        assert!(fields.contains_key("when") && fields.contains_key("window"));
        assert_eq!(fields["initial_password"], password, "{settings}");
        assert_eq!(fields["create_user"], creates, "{settings}");
    }
}

#[test]
fn a_key_stays_valid_and_says_so() {
    let said = |settings: &str| {
        let text = format!("version: 1\nstack: keys\naccess_keys: [{{ user: ada{settings} }}]\n");
        let model = model::load(&text, None).unwrap().model;
        let entry = &model.entries[0];
        let held = secret(true);
        let never = LastRotation::Never;
        let first = super::super::outstanding_rotation(entry, &held, never, at(NOW));
        let first: OutstandingRotation = first.unwrap();
        (first.to_string(), first.is_held_back())
    };
    let (text, is_held_back) = said("");
    assert!(
        text.ends_with("; the replaced key works until the next rotation"),
        "{text}"
    );
    assert!(!is_held_back);
    let (text, is_held_back) =
        said(", first_rotation: scheduled, old_key: { deactivate_after: 2d }");
    assert!(
        text.ends_with("; the replaced key works for 2d more"),
        "{text}"
    );
    assert!(is_held_back);
}

fn held(secret: &Secret, rotation: LastRotation) -> HeldSecret<'_> {
    HeldSecret {
        secret,
        is_complete: true,
        is_sealed: false,
        is_unused: false,
        has_pending_value: false,
        rotation,
    }
}

#[test]
fn only_a_name_requests_the_first_rotation() {
    let rotated = LastRotation::At(at(NOW));
    for (first, enabled, rotation, is_held, awaits) in [
        ("now", true, LastRotation::Never, false, false),
        ("scheduled", true, LastRotation::Never, true, false),
        ("scheduled", true, rotated, false, false),
        ("on_request", false, LastRotation::Never, true, true),
        // The first rotation was requested, and failed.
        ("on_request", true, LastRotation::Never, true, false),
        ("on_request", true, rotated, false, false),
        ("on_request", false, LastRotation::Undated, false, false),
    ] {
        let model = model(&format!(", first_rotation: {first}"));
        let secret = secret(enabled);
        let held = held(&secret, rotation);
        let found = (
            is_held_back(&model.entries[0], held),
            awaits_request(&model.entries[0], held),
        );
        assert_eq!(found, (is_held, awaits), "{first} {enabled} {rotation:?}");
    }
}

#[test]
fn a_schedule_outside_of_the_stack_follows_the_manifest() {
    let model = model(", first_rotation: on_request");
    let entry = &model.entries[0];
    let rotated = LastRotation::At(at(NOW));
    let kept = |before: Option<&Secret>, now: &Secret, rotation| {
        kept_rotation(entry, before, held(now, rotation), Some(FUNCTION)).is_some()
    };
    let (on, off) = (secret(true), secret(false));
    assert!(!kept(Some(&on), &on, rotated), "it is as the manifest says");
    let mut other = secret(true);
    other.rotation.schedule = Some("rate(7 days)".to_owned());
    assert!(
        kept(Some(&other), &other, rotated),
        "the manifest has changed"
    );
    // The deployment has removed the schedule.
    assert!(kept(Some(&on), &off, rotated));
    assert!(
        !kept(Some(&on), &off, LastRotation::Never),
        "it is held back"
    );
    assert!(!kept(Some(&off), &off, rotated), "someone has disabled it");
    assert!(!kept(None, &off, LastRotation::Never));
    // Another function has rotated an adopted secret.
    let mut foreign = secret(true);
    foreign.rotation.function = Some("arn:other".to_owned());
    assert!(!kept(Some(&foreign), &off, rotated));
    // The stack has the schedule of the others.
    let scheduled = self::model("");
    let differs = held(&other, rotated);
    assert_eq!(
        kept_rotation(&scheduled.entries[0], Some(&other), differs, Some(FUNCTION)),
        None
    );
}

#[test]
fn without_values_a_secret_without_a_function_has_never_rotated() {
    let state = |first: &str, secret: &Secret| {
        let model = model(&format!(", first_rotation: {first}"));
        let report = report_without_values(&model.entries[0], Some(secret), &[], None, at(NOW));
        (report.state, report.is_fine())
    };
    assert_eq!(
        state("scheduled", &secret(true)),
        (State::NeverRotated, true)
    );
    assert_eq!(state("now", &secret(true)), (State::NeverRotated, false));
    assert_eq!(
        state("on_request", &secret(false)),
        (State::NeverRotated, true)
    );
    // Nothing will rotate it, although the manifest says so.
    assert_eq!(state("scheduled", &secret(false)), (State::Overdue, false));
    // Its first window has passed without a rotation.
    let mut missed = secret(true);
    missed.next_rotation = Some(at("2026-11-22T05:00:00Z"));
    assert_eq!(state("scheduled", &missed), (State::Overdue, false));
    assert_eq!(
        FirstRotation::ALL.map(FirstRotation::name),
        ["now", "scheduled", "on_request"]
    );
}
