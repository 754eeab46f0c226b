//! Each guarantee is found to be broken, or weak, where an adapter breaks it.

use keyrota_adapter_test::guarantee::Guarantee;
use keyrota_adapter_test::report::State;
use keyrota_contract::pins::service::Http;
use serde_json::{Value, json};

use crate::trial::{exceptions, on_mock};

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

#[tokio::test]
async fn each_mistake_breaks_its_guarantee() {
    for (pointer, value, guarantee, state) in [
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
        // The answer promises that the old password works, and the mock service believes the file. So
        // the mistake is in the login here: the old password's refusal is unclear.
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
    ] {
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
