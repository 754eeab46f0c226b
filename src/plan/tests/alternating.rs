//! Entries with two users that alternate.

use super::super::{
    ObservedDatabase, ObservedEntry, ObservedLogin, Preflight, SecretContent, State,
    next_first_rotation, report, report_without_values,
};
use super::sample::{NOW, at};
use crate::model::{self, Content, Engine, FirstRotation, Login, Model, Place};
use crate::port::Secret;

fn model(settings: &str) -> Model {
    let text = format!(
        "version: 1\nstack: keys\ndatabases:\n  - {{ secret: prod/orders, engine: postgres, \
         host: db, dbname: orders, rotate_as: ops/admin, {settings} }}\n"
    );
    model::load(&text, None).unwrap().model
}

fn secret() -> Secret {
    Secret {
        arn: "arn:own".to_owned(),
        name: "prod/orders".to_owned(),
        rotation_enabled: true,
        last_rotated: Some(at("2026-11-01T09:00:00Z")),
        next_rotation: Some(at("2026-12-01T09:00:00Z")),
        ..Secret::default()
    }
}

/// Returns what was seen of the entry with a user in its value.
fn seen<'model>(model: &'model Model, user: &str) -> ObservedEntry<'model> {
    let place = Place {
        host: "db",
        port: 5432,
        dbname: Some("orders"),
        masterarn: Some("arn:admin"),
    };
    let login = Login::new(Engine::Postgres, user.to_owned(), "hush".into(), place);
    let mut held = ObservedLogin::unread(secret());
    held.current = SecretContent::Held(Content::Complete(login));
    let entry = model.entries[0].as_database().unwrap();
    ObservedEntry::Database(entry, Box::new(ObservedDatabase::of(Some(held))))
}

#[test]
fn the_pair_has_a_first_user() {
    for (settings, expected) in [
        ("username: app, users: alternate", ["app", "app_clone"]),
        ("users: [one, two]", ["one", "two"]),
        ("username: two, users: [one, two]", ["two", "one"]),
        ("username: one, users: [one, two]", ["one", "two"]),
    ] {
        let model = model(settings);
        let database = model.entries[0].as_database().unwrap();
        assert_eq!(database.kind.users().collect::<Vec<_>>(), expected);
        assert_eq!(model.entries[0].first_rotation, FirstRotation::Now);
        assert!(expected.iter().all(|user| model.entries[0].has_user(user)));
    }
}

#[test]
fn the_user_in_the_value_is_shown() {
    let model = model("username: app, users: alternate");
    for user in ["app", "app_clone"] {
        let seen = seen(&model, user);
        let shown = report(&seen, at(NOW));
        assert_eq!((shown.username.as_str(), shown.state), (user, State::Ok));
    }
    // What others write into the value is not repeated.
    let shown = report(&seen(&model, "somebody"), at(NOW));
    assert_eq!(
        (shown.username.as_str(), shown.state),
        ("app", State::Broken)
    );
    let shown = report_without_values(&model.entries[0], Some(&secret()), &[], None, at(NOW));
    assert!(shown.unknown.contains(&"username"), "{:?}", shown.unknown);
}

#[test]
fn the_prompt_says_what_clients_must_do() {
    let model = model("username: app, users: alternate");
    let entry = model.entries[0].as_database().unwrap();
    let seen = ObservedEntry::Database(entry, Box::new(ObservedDatabase::of(None)));
    let preflight = Preflight { rotates: true };
    let first = next_first_rotation(&seen, preflight, false, at(NOW)).unwrap();
    assert_eq!(
        first.to_string(),
        "rotated now; clients of the current user are not refused, and must read the secret at least once per rotation: the rotation after that gives this user a new password"
    );
}
