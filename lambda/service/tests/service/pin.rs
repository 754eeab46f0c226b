//! Tests the pin.

use keyrota_service_function::event::Step;
use keyrota_test_function::secrets::FakeSecrets as _;
use serde_json::{Value, json};

use crate::fake::{FakeServices, Setting, TOKEN, run};

fn create_with(field: &str, value: Value) -> String {
    let services = FakeServices::new(Setting::PLAIN);
    services.pin(field, value);
    services.begin(TOKEN);
    let ended = run(&services, Step::Create).name();
    let said = services.output.said().clone();
    assert!(services.calls.borrow().iter().all(|it| it.contains(':')));
    match said.contains(&format!("`{field}` of its pin")) {
        true => format!("{ended} {field}"),
        false => ended.to_owned(),
    }
}

fn http() -> Value {
    json!({
        "version": 1,
        "authenticate": {
            "method": "POST", "url": "https://portal.example.com/login",
            "json": { "user": "{{username}}", "password": "{{password}}" },
            "answers": [
                { "status": [200], "outcome": "success" },
                { "status": [401], "outcome": "refused" },
            ],
        },
        "change": {
            "method": "POST", "url": "https://portal.example.com/password",
            "json": { "old": "{{password}}", "new": "{{new_password}}" },
            "answers": [{ "status": [204], "outcome": "success" }],
        },
    })
}

#[test]
fn a_sound_pin_is_accepted() {
    let functions = [
        "arn:aws:lambda:eu-central-1:111122223333:function:portal",
        "arn:aws-cn:lambda:cn-north-1:444455556666:function:portal:live",
        "arn:aws:lambda:eu-central-1:111122223333:function:portal:$LATEST",
    ];
    for arn in functions {
        assert_eq!(create_with("adapter", json!({ "function": arn })), "done");
    }
    let mut http = http();
    http["tls_ca"] = json!("portal.pem");
    assert_eq!(create_with("adapter", json!({ "http": http })), "done");
}

#[test]
fn an_adapter_that_cannot_be_used_is_refused() {
    for arn in [
        "portal",
        "arn:aws:lambda:eu-central-1:111122223333:layer:portal",
        "arn:aws:sns:eu-central-1:111122223333:function:portal",
        "arn:aws:lambda:eu-central-1:1111:function:portal",
        "arn:aws:lambda::111122223333:function:portal",
        "arn:aws:lambda:evil.example/:111122223333:function:portal",
        "arn:aws:lambda:eu-central-1:111122223333:function:portal:a:b",
    ] {
        let ended = create_with("adapter", json!({ "function": arn }));
        assert_eq!(ended, "PinInvalid adapter", "{arn}");
    }
    for (pointer, value) in [
        ("/change/url", json!("http://portal.example.com/")),
        (
            "/change/url",
            json!("https://portal.example.com/{{settings.x}}"),
        ),
        ("/authenticate/answers", json!([])),
        ("/version", json!(2)),
    ] {
        let mut http = http();
        *http.pointer_mut(pointer).expect("a field") = value;
        let ended = create_with("adapter", json!({ "http": http }));
        assert_eq!(ended, "PinInvalid adapter", "{pointer}");
    }
    let mut http = http();
    http["tls_ca"] = json!("../portal.pem");
    let ended = create_with("adapter", json!({ "http": http }));
    assert_eq!(ended, "PinInvalid adapter");
}

#[test]
fn rules_that_no_password_can_follow_are_refused() {
    for password in [
        json!({ "length": 0, "exclude": "" }),
        json!({ "length": 32, "exclude": "0123456789", "require": ["digit"] }),
    ] {
        assert_eq!(create_with("password", password), "PinInvalid password");
    }
    assert_eq!(
        create_with("propagation", json!("soon")),
        "PinInvalid propagation"
    );
    assert_eq!(create_with("username", json!("")), "PinInvalid username");
}
