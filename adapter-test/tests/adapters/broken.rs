//! Each guarantee is found to be broken, or weak, where an adapter breaks it.

use std::cell::RefCell;
use std::collections::BTreeSet;

use keyrota_adapter_test::guarantee::Guarantee;
use keyrota_adapter_test::http::HttpSubject;
use keyrota_adapter_test::mock::Mock;
use keyrota_adapter_test::mock::samples::Samples;
use keyrota_adapter_test::report::State;
use keyrota_adapter_test::run::Test;
use keyrota_adapter_test::subject::Subject;
use keyrota_adapter_test::{Previous, ServiceError, passwords};
use keyrota_contract::adapter::Request;
use keyrota_contract::pins::service::{Adapter, Http};
use secrecy::ExposeSecret;
use serde_json::{Value, json};

use crate::programs;
use crate::trial::{exceptions, on_mock, user};

fn portal() -> Value {
    json!({
        "version": 1,
        "authenticate": {
            "method": "POST",
            "url": "https://portal.example.com/login",
            "headers": { "x-tenant": "{{settings.tenant}}" },
            "json": { "user": "{{username}}", "password": "{{password}}" },
            "answers": [
                { "status": [200], "json": { "/ok": true }, "outcome": "success" },
                { "status": [401], "outcome": "refused" },
                { "status": [503], "outcome": "unreachable" },
            ],
        },
        "change": {
            "method": "POST",
            "url": "https://portal.example.com/password",
            "basic": { "username": "{{username}}", "password": "{{password}}" },
            "form": { "new": "{{new_password}}" },
            "answers": [
                { "status": [200], "json": { "/changed": 1 }, "outcome": "success" },
                { "status": [401], "outcome": "refused" },
                { "status": [503], "outcome": "unreachable" },
            ],
        },
    })
}

async fn report(portal: Value) -> keyrota_adapter_test::report::Report {
    let http: Http = serde_json::from_value(portal).expect("an adapter");
    on_mock(&http, &[("tenant", "4711")]).await
}

#[tokio::test]
async fn a_sound_adapter_keeps_every_guarantee() {
    let report = report(portal()).await;
    let found = exceptions(&report);
    // An HTTP adapter has no output of its own.
    assert_eq!(found.len(), 1, "{found:#?}");
    assert!(
        found[0].starts_with("output-has-no-secret NotTested"),
        "{found:#?}"
    );
    let searched = report.verdict(Guarantee::RotationRecovers);
    assert!(searched.cases > 40, "{}", searched.cases);
}

#[tokio::test]
async fn an_adapter_that_keeps_both_passwords_is_sound() {
    let mut portal = portal();
    portal["change"]["answers"][0]["previous"] = json!("works");
    let report = report(portal).await;
    let found = exceptions(&report);
    assert_eq!(found.len(), 1, "{found:#?}");
}

/// A part of the adapter, what replaces it, and what that breaks.
type Mistake = (&'static str, Value, Guarantee, State);

fn mistakes() -> Vec<Mistake> {
    vec![
        // The login does not send the password.
        (
            "/authenticate/json/password",
            json!("{{username}}"),
            Guarantee::LoginTellsPasswordsApart,
            State::Broken,
        ),
        // A wrong password looks like an outage.
        (
            "/authenticate/answers/1/outcome",
            json!("unreachable"),
            Guarantee::LoginTellsPasswordsApart,
            State::Broken,
        ),
        // The change does not send the new password.
        (
            "/change/form/new",
            json!("{{username}}"),
            Guarantee::ChangeTakesEffect,
            State::Broken,
        ),
        // A change with a wrong password is unclear.
        (
            "/change/answers/1/outcome",
            json!("unclear"),
            Guarantee::ChangeNeedsThePassword,
            State::Weak,
        ),
        // An outage looks like a wrong password.
        (
            "/authenticate/answers/2/outcome",
            json!("refused"),
            Guarantee::OutageIsNoAnswer,
            State::Broken,
        ),
        // An error of a gateway, after which the password may have been changed, counts as none.
        (
            "/change/answers/2/status",
            json!([502, 503, 504]),
            Guarantee::UnchangedIsTrue,
            State::Weak,
        ),
        // A page of a proxy counts as a success.
        (
            "/authenticate/answers/0/json",
            json!({}),
            Guarantee::GarbageIsUnclear,
            State::Weak,
        ),
        // A redirect counts as a success.
        (
            "/change/answers/0",
            json!({ "status": [200, 307], "outcome": "success" }),
            Guarantee::RedirectIsNotFollowed,
            State::Broken,
        ),
    ]
}

#[tokio::test]
async fn each_mistake_breaks_its_guarantee() {
    for (pointer, value, guarantee, state) in mistakes() {
        let mut portal = portal();
        *portal.pointer_mut(pointer).expect("a place") = value;
        let report = report(portal).await;
        let found = exceptions(&report);
        assert_eq!(
            report.verdict(guarantee).state,
            state,
            "{pointer}: {found:#?}"
        );
    }
}

/// What [`Forgetful`] breaks.
const OF_FORGETFUL: [Guarantee; 3] = [
    Guarantee::RepeatIsHarmless,
    Guarantee::ChangeNeedsThePassword,
    Guarantee::PasswordIsKept,
];

/// An adapter that sets a password of its own when it gets the same change twice in a row.
struct Forgetful<'mock> {
    adapter: HttpSubject,
    mock: &'mock Mock,
    last: RefCell<String>,
}

impl Subject for Forgetful<'_> {
    async fn send(&self, request: &Request<'_>) -> Result<Previous, ServiceError> {
        let ended = self.adapter.send(request).await;
        if let Some(new) = request.new_password {
            let new = new.expose_secret().to_owned();
            if self.last.replace(new.clone()) == new {
                self.mock.set(&"a password of its own".into());
            }
        }
        ended
    }

    async fn end_process(&self) {}

    fn has_process(&self) -> bool {
        false
    }

    fn output(&self) -> String {
        String::new()
    }
}

#[tokio::test]
async fn a_repetition_that_sets_another_password_is_found() {
    let http: Http = serde_json::from_value(portal()).expect("an adapter");
    let rule = passwords::usual_rule();
    let password = passwords::random(&rule).expect("a password");
    let samples = Samples::Described(Box::new(http.clone()));
    let mock = Mock::start(samples, &password).await.expect("a service");
    let subject = Forgetful {
        adapter: HttpSubject::on_mock(http.clone(), &mock).expect("a subject"),
        mock: &mock,
        last: RefCell::default(),
    };
    let test = Test {
        subject: &subject,
        user: &user(&[("tenant", "4711")]),
        adapter: &Adapter::Http(Box::new(http)),
        rule: &rule,
    };
    let report = test.on_mock(&mock, password).await.expect("a report");
    for guarantee in OF_FORGETFUL {
        let state = report.verdict(guarantee).state;
        assert_eq!(state, State::Broken, "{:#?}", exceptions(&report));
    }
}

#[test]
fn every_guarantee_is_broken_by_something() {
    let of_files = mistakes().into_iter().map(|(_, _, guarantee, _)| guarantee);
    let of_programs = programs::MISTAKES
        .iter()
        .flat_map(|mistake| mistake.found)
        .map(|(guarantee, _)| *guarantee);
    let seen: BTreeSet<_> = of_files.chain(of_programs).chain(OF_FORGETFUL).collect();
    assert_eq!(seen, BTreeSet::from(Guarantee::ALL));
}
