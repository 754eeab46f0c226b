//! Secrets with databases' logins.

mod next_rotation;

use std::collections::BTreeMap;

use keyrota_contract::check::{CallResult, CheckAnswer, CheckedCall, PasswordExpiry, Signer, call};

use super::super::super::{
    Administrator, Diagnosis, Examination, Fix, NextRotation, ObservedDatabase, ObservedEntry,
    ObservedLogin, Principals, Proof, Rehearsal, SecretContent,
};
use super::super::sample::{FUNCTION, NOW, at};
use super::{deployed, expect, expect_agreement, ids, is_fine, look};
use crate::model::{self, Content, Engine, Login, Place};
use crate::port::{Rotation, Secret};
use crate::render;

const STORE: &str = "put-secret-value --secret-id prod/orders";
const BACK: &str =
    "`keyrota doctor --fix`, which makes an earlier version current if the server accepts";
const ADMINISTRATOR: &str = "rotates the secret, in which the administrator sets a new password";
const RECOVER: Option<Fix> = Some(Fix::Recover);

struct Changed {
    seen: ObservedDatabase,
    proof: Proof,
    reported: Option<String>,
    rehearsal: Option<Rehearsal>,
}

impl Changed {
    fn secret(&mut self) -> &mut Secret {
        &mut self.held().secret
    }

    fn held(&mut self) -> &mut ObservedLogin {
        self.seen.secret.as_mut().unwrap()
    }

    fn label(&mut self, version: &str, label: &str) {
        let labels = self.secret().versions.entry(version.to_owned());
        labels.or_default().push(label.to_owned());
    }
}

fn login(engine: Engine, user: &str, host: &str) -> SecretContent<Login> {
    let place = Place {
        host,
        port: 5432,
        dbname: Some("orders"),
        masterarn: None,
    };
    let login = Login::new(engine, user.to_owned(), "hush".into(), place);
    SecretContent::Held(Content::Complete(login))
}

fn found_of(more: &str, change: impl FnOnce(&mut Changed)) -> Vec<Diagnosis> {
    let first = match more.contains("first_rotation") {
        true => "",
        false => ", first_rotation: now",
    };
    let text = format!(
        "version: 1\nstack: keys\naccount: '111122223333'\nregion: eu-west-1\n\
         network: {{ subnets: [subnet-0a1b2c3d], security_groups: [sg-0a1b2c3d] }}\n\
         databases:\n  - {{ secret: prod/orders, engine: postgres, host: db.internal, \
         port: 5432, dbname: orders, username: app{first}{more} }}\n"
    );
    let model = model::load(&text, None).unwrap().model;
    let labels = |label: &str| vec![label.to_owned()];
    let secret = Secret {
        arn: "arn:own".to_owned(),
        name: "prod/orders".to_owned(),
        rotation_enabled: true,
        rotation: Rotation {
            function: Some(FUNCTION.to_owned()),
            schedule: Some("rate(30 days)".to_owned()),
            window: Some("3h".to_owned()),
        },
        tags: render::secret_tags(&model, &model.entries[0], "eu-west-1"),
        last_rotated: Some(at("2026-11-01T09:00:00Z")),
        next_rotation: Some(at("2026-12-01T09:00:00Z")),
        versions: BTreeMap::from([
            ("one".to_owned(), labels("AWSPREVIOUS")),
            ("two".to_owned(), labels("AWSCURRENT")),
        ]),
        ..Secret::default()
    };
    let mut changed = Changed {
        seen: ObservedDatabase {
            secret: Some(ObservedLogin {
                secret,
                current: login(Engine::Postgres, "app", "db.internal"),
                pending_value: false,
                current_since: None,
                replaced: false,
            }),
            encryption_key: None,
            administrator: None,
        },
        proof: Proof::Accepted,
        reported: None,
        rehearsal: None,
    };
    change(&mut changed);
    let entry = model.entries[0].as_database().unwrap();
    let seen = ObservedEntry::Database(entry, Box::new(changed.seen));
    let next = NextRotation {
        rehearsal: changed.rehearsal.as_ref(),
        quarantine: None,
    };
    let is_fine = is_fine(&model, &seen, None, next);
    let database = Examination {
        seen,
        proof: changed.proof,
        under_way: None,
        reported: changed.reported,
        denied_sessions: None,
        rehearsal: changed.rehearsal,
        quarantine: None,
    };
    let stack = deployed(&model, "CREATE_COMPLETE");
    let found = look(&model, Some(stack), vec![database]);
    expect_agreement(is_fine, &found);
    found
}

fn found(change: impl FnOnce(&mut Changed)) -> Vec<Diagnosis> {
    found_of("", change)
}

#[test]
fn all_is_well() {
    assert_eq!(found(|_| {}), []);
}

#[test]
fn either_of_two_users_is_right_and_labels_say_nothing() {
    let two = ", users: alternate, rotate_as: ops/admin";
    let usable = |it: &mut Changed, user: &str| {
        let arn = "arn:admin".to_owned();
        it.seen.administrator = Some(Administrator::Usable { arn });
        let mut held = login(Engine::Postgres, user, "db.internal");
        if let SecretContent::Held(Content::Complete(login)) = &mut held {
            login.masterarn = Some("arn:admin".to_owned());
        }
        it.held().current = held;
        // Left behind by rotations of one user.
        it.label("three", "KEYROTA_SETTING");
        it.label("two", "KEYROTA_RETAINED");
    };
    for user in ["app", "app_clone"] {
        assert_eq!(found_of(two, |it| usable(it, user)), [], "{user}");
    }
    let other = found_of(two, |it| usable(it, "somebody"));
    expect(
        &other,
        "value-of-another-user",
        RECOVER,
        &["`app` or `app_clone`"],
        "rotates the secret, in which the administrator prepares the other user",
    );
    let refused = found_of(two, |it| {
        usable(it, "app_clone");
        it.proof = Proof::Refused("wrong".to_owned());
    });
    expect(
        &refused,
        "credential-refused",
        RECOVER,
        &["`app_clone` cannot log in"],
        "prepares the other user",
    );
}

#[test]
fn a_first_rotation_that_is_held_back_is_no_fault() {
    let ids =
        |found: &[Diagnosis]| -> Vec<&str> { ids(found).into_iter().map(|(id, _)| id).collect() };
    let never = |it: &mut Changed| it.secret().last_rotated = None;
    assert_eq!(ids(&found(never)), ["never-rotated"]);
    assert_eq!(found_of(", first_rotation: scheduled", never), []);
    let off = |it: &mut Changed| {
        never(it);
        it.secret().rotation_enabled = false;
    };
    let scheduled = found_of(", first_rotation: scheduled", off);
    assert_eq!(ids(&scheduled), ["rotation-off", "never-rotated"]);
    // A request attaches the function and the schedule.
    let unattached = |it: &mut Changed| {
        off(it);
        it.secret().rotation = Rotation::default();
    };
    let request = ", first_rotation: on_request";
    assert_eq!(found_of(request, unattached), []);
    assert_eq!(found_of(request, |_| {}), []);
    // From then on, its schedule is compared.
    let other = |it: &mut Changed| {
        it.secret().rotation.schedule = Some("rate(7 days)".to_owned());
    };
    assert_eq!(ids(&found_of(request, other)), ["rotation-differs"]);
    let disabled = |it: &mut Changed| it.secret().rotation_enabled = false;
    assert_eq!(ids(&found_of(request, disabled)), ["rotation-off"]);
    // The first window has passed without a rotation.
    let missed = |it: &mut Changed| {
        never(it);
        it.secret().next_rotation = Some(at("2026-10-01T09:00:00Z"));
    };
    let found = found_of(", first_rotation: scheduled", missed);
    assert_eq!(ids(&found), ["rotation-overdue"]);
    assert_eq!(found[0].fix, None);
}

#[test]
fn the_secret_cannot_be_read() {
    let none = found(|it| it.seen.secret = None);
    expect(&none, "secret-missing", None, &["arn:own"], "asks whether");
    let deleted = found(|it| it.secret().deleted = Some(at(NOW)));
    expect(
        &deleted,
        "secret-deleted",
        Some(Fix::Restore),
        &[NOW],
        "prod/orders",
    );
    let sealed = found(|it| it.held().current = SecretContent::Sealed);
    expect(&sealed, "value-undecryptable", None, &[], "aws kms");
    let text = found(|it| it.held().current = SecretContent::Held(Content::Foreign));
    expect(&text, "value-unusable", RECOVER, &["JSON"], BACK);
    assert!(text[0].remedy.contains(STORE), "{text:#?}");
    let alone = found(|it| {
        it.held().current = SecretContent::Held(Content::Foreign);
        it.secret().versions.remove("one");
    });
    expect(&alone, "value-unusable", None, &["JSON"], STORE);
}

#[test]
fn there_is_no_password_yet() {
    let empty = |it: &mut Changed| {
        let missing = vec!["host", "password", "port"];
        it.held().current = SecretContent::Held(Content::Incomplete(missing));
        it.proof = Proof::Untried;
        it.secret().last_rotated = None;
    };
    expect(
        &found(empty),
        "no-credential",
        None,
        &[],
        "`keyrota bootstrap`",
    );
    let tried = found(|it| {
        empty(it);
        it.label("three", "KEYROTA_FIRST");
    });
    // A rotation has stored one before.
    let lost = found(|it| {
        empty(it);
        it.secret().last_rotated = Some(at("2026-11-01T09:00:00Z"));
    });
    expect(&lost, "no-credential", RECOVER, &[], BACK);
    // Nobody knows the password, and a rotation sets it.
    let set = ", rotate_as: ops/admin, initial_password: set";
    let never = found_of(set, empty);
    expect(&never, "no-credential", None, &[], "`keyrota bootstrap`");
    assert!(never[0].remedy.contains("the administrator sets"));
    let removed = found_of(set, |it| {
        empty(it);
        it.secret().last_rotated = Some(at("2026-11-01T09:00:00Z"));
    });
    expect(&removed, "no-credential", None, &[], "`keyrota rotate");
    let evidence = ["three", "never worked"];
    expect(
        &tried,
        "no-credential",
        None,
        &evidence,
        "`keyrota bootstrap`",
    );
}

#[test]
fn the_login_is_anothers_or_elsewhere() {
    let with = |content| found(|it| it.held().current = content);
    let user = with(login(Engine::Postgres, "wiki", "db.internal"));
    expect(
        &user,
        "value-of-another-user",
        RECOVER,
        &["another user", "`app`"],
        STORE,
    );
    let engine = with(login(Engine::MySql, "app", "db.internal"));
    expect(
        &engine,
        "value-of-another-user",
        RECOVER,
        &["mysql", "postgres"],
        STORE,
    );
    let host = with(login(Engine::Postgres, "app", "old.internal"));
    let evidence = ["old.internal:5432", "db.internal:5432"];
    expect(
        &host,
        "value-outdated",
        None,
        &evidence,
        "`keyrota bootstrap`",
    );
}

#[test]
fn the_login_does_not_work() {
    let refused = |it: &mut Changed| it.proof = Proof::Refused("wrong password".to_owned());
    let wrong = found(refused);
    let evidence = ["`app`", "db.internal:5432", "wrong password"];
    expect(&wrong, "credential-refused", RECOVER, &evidence, BACK);
    assert!(wrong[0].remedy.contains(STORE), "{wrong:#?}");
    // A server that cannot be reached does not say that the password is wrong.
    let failed = found(|it| it.proof = Proof::Failed("wrong password".to_owned()));
    let remedy = "`keyrota rotate prod/orders`";
    expect(&failed, "credential-refused", None, &evidence, remedy);
    // A rotation that did not end is completed first.
    let unfinished = found(|it| {
        refused(it);
        it.label("three", "AWSPENDING");
    });
    let expected = [
        ("credential-refused", None),
        ("rotation-unfinished", Some(Fix::Resume)),
    ];
    assert_eq!(ids(&unfinished), expected);
    // A rotation that is to begin would not get in either.
    let overdue = found(|it| {
        refused(it);
        it.secret().next_rotation = Some(at("2026-10-01T09:00:00Z"));
    });
    let expected = [("credential-refused", RECOVER), ("rotation-overdue", None)];
    assert_eq!(ids(&overdue), expected);
}

#[test]
fn an_administrator_sets_a_new_password() {
    let of = |administrator: Administrator, change: fn(&mut Changed)| {
        found_of(", rotate_as: ops/admin", |it| {
            it.seen.administrator = Some(administrator);
            it.proof = Proof::Refused("wrong password".to_owned());
            change(it);
        })
    };
    let usable = || Administrator::Usable {
        arn: "arn:admin".to_owned(),
    };
    let refused = of(usable(), |_| {});
    assert_eq!(refused[0].fault.id, "credential-refused");
    assert_eq!(refused[0].fix, RECOVER);
    assert!(refused[0].remedy.contains(ADMINISTRATOR), "{refused:#?}");
    let damaged = of(usable(), |it| {
        it.held().current = SecretContent::Held(Content::Foreign);
        it.secret().versions.remove("one");
    });
    expect(&damaged, "value-unusable", RECOVER, &[], ADMINISTRATOR);
    // Nobody can set one.
    let unusable = Administrator::Unusable("is gone".to_owned());
    let without = of(unusable, |it| {
        it.held().current = SecretContent::Held(Content::Foreign);
        it.secret().versions.remove("one");
    });
    let expected = [("administrator-unusable", None), ("value-unusable", None)];
    assert_eq!(ids(&without), expected);
}

#[test]
fn a_rotation_was_broken_off_after_its_password_was_sent() {
    let cancelled = found(|it| {
        it.proof = Proof::Refused("wrong password".to_owned());
        it.label("three", "KEYROTA_SETTING");
    });
    let expected = [
        ("credential-refused", RECOVER),
        ("password-broken-off", Some(Fix::Sweep)),
    ];
    assert_eq!(ids(&cancelled), expected);
    assert!(cancelled[1].evidence.contains("version three"));
    assert!(cancelled[1].remedy.contains("`keyrota rotate prod/orders`"));
    // Pending, it is unfinished, and no more: taken up, it goes on from there.
    let pending = found(|it| {
        it.proof = Proof::Refused("wrong password".to_owned());
        it.label("three", "KEYROTA_SETTING");
        it.label("three", "AWSPENDING");
        it.reported = Some("the server went away".to_owned());
    });
    let expected = [
        ("credential-refused", None),
        ("rotation-unfinished", Some(Fix::Resume)),
    ];
    assert_eq!(ids(&pending), expected);
    assert!(pending[1].evidence.contains("the server went away"));
    // It may trail on the version that has become current.
    assert_eq!(found(|it| it.label("two", "KEYROTA_SETTING")), []);
}

#[test]
fn a_password_that_the_server_still_takes_is_not_made_void() {
    let overdue = |retains: bool| {
        found(|it| {
            it.secret().next_rotation = Some(at("2026-10-01T09:00:00Z"));
            if retains {
                it.label("two", "KEYROTA_RETAINED");
            }
        })
    };
    let remedy = "`keyrota rotate prod/orders`";
    let fix = Some(Fix::Rotate);
    expect(&overdue(false), "rotation-overdue", fix, &[], remedy);
    let evidence = ["the previous password"];
    expect(&overdue(true), "rotation-overdue", None, &evidence, remedy);
    let unfinished = |sent: bool| {
        found(|it| {
            it.label("two", "KEYROTA_RETAINED");
            it.label("three", "AWSPENDING");
            if sent {
                it.label("three", "KEYROTA_SETTING");
            }
        })
    };
    let id = "rotation-unfinished";
    expect(&unfinished(false), id, None, &evidence, remedy);
    expect(&unfinished(true), id, Some(Fix::Resume), &[], remedy);
}

#[test]
fn rotation_is_off() {
    let off = found(|it| it.secret().rotation_enabled = false);
    expect(
        &off,
        "rotation-off",
        Some(Fix::Schedule),
        &[],
        "rate(30 days)",
    );
}

#[test]
fn the_administrator_cannot_serve() {
    let found = found_of(", rotate_as: ops/administrator", |it| {
        let why = "does not exist".to_owned();
        it.seen.administrator = Some(Administrator::Unusable(why));
    });
    let evidence = ["ops/administrator", "does not exist"];
    expect(
        &found,
        "administrator-unusable",
        None,
        &evidence,
        "db.internal:5432",
    );
}
