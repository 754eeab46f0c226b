//! Secrets with services' logins.

use std::collections::BTreeMap;

use keyrota_contract::check::{CallResult, CheckAnswer, CheckedCall, Signer, call};

use super::super::super::{
    Diagnosis, Examination, Fix, ObservedEntry, ObservedLogin, ObservedService, Principals, Proof,
    Rehearsal, SecretContent,
};
use super::super::sample::{FUNCTION, at};
use super::{deployed, expect, look};
use crate::model::{self, Content, Names, ServiceLogin};
use crate::port::{Rotation, Secret};
use crate::render;

const ADAPTER: &str = "arn:aws:lambda:eu-west-1:111122223333:function:portal";

struct Changed {
    held: ObservedLogin<ServiceLogin>,
    proof: Proof,
    rehearsal: Option<Rehearsal>,
}

fn login(user: &str) -> SecretContent<ServiceLogin> {
    let names = Names::default_names();
    let login = ServiceLogin::first(user.to_owned(), "hush".into(), None, names);
    SecretContent::Held(Content::Complete(login))
}

fn found(change: impl FnOnce(&mut Changed)) -> Vec<Diagnosis> {
    let text = format!(
        "version: 1\nstack: keys\naccount: '111122223333'\nregion: eu-west-1\nservices:\n  \
         - {{ secret: prod/portal, username: app, adapter: {{ function: '{ADAPTER}' }} }}\n"
    );
    let model = model::load(&text, None).unwrap().model;
    let labels = |label: &str| vec![label.to_owned()];
    let secret = Secret {
        arn: "arn:own".to_owned(),
        name: "prod/portal".to_owned(),
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
        held: ObservedLogin {
            secret,
            current: login("app"),
            pending_value: false,
            current_since: None,
            replaced: false,
        },
        proof: Proof::Accepted,
        rehearsal: None,
    };
    change(&mut changed);
    let entry = model.entries[0].as_service().unwrap();
    let seen = ObservedService::of(Some(changed.held));
    let examination = Examination {
        seen: ObservedEntry::Service(entry, Box::new(seen)),
        proof: changed.proof,
        under_way: None,
        reported: None,
        denied_sessions: None,
        rehearsal: changed.rehearsal,
        quarantine: None,
    };
    let stack = deployed(&model, "CREATE_COMPLETE");
    look(&model, Some(stack), vec![examination])
}

#[test]
fn all_is_well() {
    assert_eq!(found(|_| {}), []);
}

#[test]
fn the_password_of_another_user_or_none_is_found() {
    expect(
        &found(|it| it.held.current = login("somebody")),
        "value-of-another-user",
        Some(Fix::Recover),
        &["another user", "`app`"],
        "makes an earlier version current if the service accepts its password",
    );
    let lacks = |it: &mut Changed| {
        it.held.current = SecretContent::Held(Content::Incomplete(vec!["password"]));
    };
    expect(
        &found(|it| {
            lacks(it);
            it.held.secret.last_rotated = None;
        }),
        "no-credential",
        None,
        &["no password"],
        "run `keyrota bootstrap`",
    );
}

#[test]
fn a_refused_login_goes_back_or_names_what_a_person_does() {
    let refused = |it: &mut Changed| it.proof = Proof::Refused("wrong".to_owned());
    expect(
        &found(refused),
        "credential-refused",
        Some(Fix::Recover),
        &["`app` cannot log in at the adapter portal"],
        "makes an earlier version current if the service accepts its password",
    );
    // Without an earlier version, nothing but a person knows the password.
    expect(
        &found(|it| {
            refused(it);
            it.held.secret.versions.remove("one");
        }),
        "credential-refused",
        None,
        &["`app` cannot log in"],
        "store a JSON object with the fields `username` and `password`, the current password",
    );
    // A service that does not answer says nothing about the password.
    expect(
        &found(|it| it.proof = Proof::Failed("locked".to_owned())),
        "credential-refused",
        None,
        &["locked"],
        "run `keyrota rotate prod/portal`",
    );
}

#[test]
fn a_rotation_that_was_broken_off_is_completed_by_the_sweep() {
    let labels = vec!["KEYROTA_SETTING".to_owned()];
    expect(
        &found(|it| drop(it.held.secret.versions.insert("three".to_owned(), labels))),
        "password-broken-off",
        Some(Fix::Sweep),
        &["KEYROTA_SETTING is on version three"],
        "run `keyrota rotate prod/portal`",
    );
}

#[test]
fn a_rehearsal_names_the_adapter_and_what_to_do() {
    let with = |code: &str| {
        let answer = CheckAnswer {
            calls: vec![CheckedCall {
                result: CallResult::Failed,
                code: Some(code.to_owned()),
                reason: Some("no".to_owned()),
                ..CheckedCall::untried(call::AUTHENTICATE, Signer::User)
            }],
            ..CheckAnswer::default()
        };
        Rehearsal::of("prod/portal", answer, &Principals::default(), &[])
    };
    for (code, remedy) in [
        ("no_function", "deploy the function arn:aws:lambda:"),
        (
            "denied",
            "let the role of the service function invoke arn:aws:lambda:",
        ),
        ("timed_out", "let the function reach the adapter portal"),
        ("unclear", "read the adapter's log"),
    ] {
        let rehearsal = with(code);
        assert_eq!(Proof::of_login(&rehearsal), Proof::Untried, "{code}");
        expect(
            &found(|it| it.rehearsal = Some(rehearsal)),
            "rotation-rehearsal-failed",
            None,
            &["adapter:Authenticate by the user `app`", code],
            remedy,
        );
    }
    assert_eq!(
        Proof::of_login(&with("wrong_credentials")),
        Proof::Refused("no".to_owned())
    );
}
