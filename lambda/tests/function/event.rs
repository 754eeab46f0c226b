//! Parsing of the event.

use keyrota_function::event::{Event, EventError, Invocation, Payload, Step};
use proptest::prelude::*;
use secrecy::ExposeSecret;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::fake::{ADMINISTRATOR_ARN, SECRET, SECRET_ARN, TOKEN};

fn good() -> Value {
    json!({ "Step": "createSecret", "SecretId": SECRET_ARN, "ClientRequestToken": TOKEN })
}

fn refused(event: &Value) -> EventError {
    Event::parse(event).err().expect("an error")
}

#[test]
fn each_step_is_understood() {
    for step in Step::ALL {
        let mut event = good();
        event["Step"] = json!(step.name());
        let event = Event::parse(&event).expect("an event");
        assert_eq!(event.step, step);
        assert_eq!(event.secret.as_str(), SECRET_ARN);
        assert_eq!(event.secret.name(), SECRET);
        assert_eq!(event.token.as_str(), TOKEN);
        assert!(event.rotation_token.is_none());
    }
}

#[test]
fn a_rotation_token_and_new_fields_are_accepted() {
    let mut event = good();
    event["RotationToken"] = json!("a-token");
    event["Invented"] = json!({ "later": true });
    let event = Event::parse(&event).expect("an event");
    assert_eq!(
        event.rotation_token.expect("a token").expose_secret(),
        "a-token"
    );
}

#[test]
fn what_is_not_an_object_is_refused() {
    for (event, found) in [
        (json!(null), "null"),
        (json!(true), "a boolean"),
        (json!(1), "a number"),
        (json!("createSecret"), "a string"),
        (json!([good()]), "an array"),
    ] {
        assert_eq!(refused(&event), EventError::EventNotAnObject { found });
    }
}

#[test]
fn a_field_must_be_there_and_be_text() {
    for field in ["Step", "SecretId", "ClientRequestToken"] {
        let mut event = good();
        event.as_object_mut().expect("an object").remove(field);
        assert_eq!(refused(&event), EventError::EventFieldMissing { field });
        event[field] = json!("");
        assert_eq!(refused(&event), EventError::EventFieldMissing { field });
        event[field] = json!(7);
        assert_eq!(refused(&event), EventError::EventFieldNotText { field });
    }
    let mut event = good();
    event["RotationToken"] = json!(["secret"]);
    assert_eq!(
        refused(&event),
        EventError::EventFieldNotText {
            field: "RotationToken"
        }
    );
}

#[test]
fn an_unknown_step_is_refused() {
    for step in ["CreateSecret", "createSecret ", "deleteSecret"] {
        let mut event = good();
        event["Step"] = json!(step);
        assert_eq!(refused(&event), EventError::UnknownStep);
    }
}

#[test]
fn a_secret_is_named_by_its_arn() {
    for secret in [
        SECRET,
        "arn:aws:secretsmanager:eu-central-1:111122223333:secret:",
        "arn:aws:secretsmanager:eu-central-1:1111:secret:name-AbCdEf",
        "arn:aws:iam::111122223333:user/name",
        "arn:aws:secretsmanager:eu-central-1:111122223333:secret:na me-AbCdEf",
    ] {
        let mut event = good();
        event["SecretId"] = json!(secret);
        assert_eq!(refused(&event), EventError::SecretNotAnArn, "{secret}");
    }
}

#[test]
fn a_secrets_name_may_hold_hyphens() {
    for (tail, name) in [
        ("prod-ci-AbCdEf", "prod-ci"),
        ("prod/ci-deployer-AbCdEf", "prod/ci-deployer"),
        ("noSuffix", "noSuffix"),
        ("-AbCdEf", "-AbCdEf"),
    ] {
        let mut event = good();
        event["SecretId"] = json!(format!(
            "arn:aws-cn:secretsmanager:cn-north-1:111122223333:secret:{tail}"
        ));
        let event = Event::parse(&event).expect("an event");
        assert_eq!(event.secret.name(), name);
        assert_eq!(event.secret.partition(), "aws-cn");
        assert_eq!(event.secret.account(), "111122223333");
    }
}

fn sweep(secrets: Value) -> Value {
    json!({ "keyrota": "sweep", "secrets": secrets })
}

fn named(event: &Value) -> Vec<String> {
    match Invocation::parse(event).expect("an event") {
        Invocation::Sweep(secrets) => secrets.iter().map(ToString::to_string).collect(),
        _ => panic!("no sweep"),
    }
}

#[test]
fn a_sweep_names_its_secrets_once() {
    assert_eq!(named(&sweep(json!([SECRET_ARN]))), [SECRET_ARN]);
    let twice = sweep(json!([SECRET_ARN, ADMINISTRATOR_ARN, SECRET_ARN]));
    assert_eq!(named(&twice), [SECRET_ARN, ADMINISTRATOR_ARN]);
    let mut later = sweep(json!([SECRET_ARN]));
    later["invented"] = json!(7);
    assert_eq!(named(&later), [SECRET_ARN]);
    assert!(matches!(
        Invocation::parse(&good()),
        Ok(Invocation::Step(event)) if event.step == Step::Create
    ));
}

#[test]
fn a_sweep_that_makes_no_sense_is_refused() {
    let name = "hunter2/AKIAIOSFODNN7EXAMPLE";
    for (event, expected) in [
        (sweep(json!(null)), EventError::SweepNamesNone),
        (sweep(json!([])), EventError::SweepNamesNone),
        (json!({ "keyrota": "sweep" }), EventError::SweepNamesNone),
        (sweep(json!(name)), EventError::SweepNotAList),
        (sweep(json!({ name: name })), EventError::SweepNotAList),
        (sweep(json!([name])), EventError::SweepNotAnArn),
        (sweep(json!([SECRET_ARN, 7])), EventError::SweepNotAnArn),
        (sweep(json!([SECRET_ARN, null])), EventError::SweepNotAnArn),
        (json!({ "keyrota": name }), EventError::UnknownWork),
        (json!({ "keyrota": null }), EventError::UnknownWork),
        (
            json!({ "keyrota": ["sweep"], "secrets": [SECRET_ARN] }),
            EventError::UnknownWork,
        ),
        // An event of neither kind is parsed as a step.
        (
            json!({ "secrets": [SECRET_ARN] }),
            EventError::EventFieldMissing { field: "Step" },
        ),
        (
            json!([sweep(json!([SECRET_ARN]))]),
            EventError::EventNotAnObject { found: "an array" },
        ),
    ] {
        let error = Invocation::parse(&event).err().expect("an error");
        assert_eq!(error, expected);
        let said = error.to_string();
        assert!(!said.contains("hunter2"), "{said}");
        // The message names the next step.
        assert!(said.contains("`keyrota "), "{said}");
    }
}

/// Deserializes bytes as the Lambda runtime does.
fn read(bytes: &[u8]) -> Result<Invocation, EventError> {
    let mut deserializer = serde_json::Deserializer::from_slice(bytes);
    let payload = Payload::deserialize(&mut deserializer).expect("a payload");
    Invocation::read(&payload)
}

#[test]
fn what_cannot_be_read_at_all_is_refused() {
    let deep = "[".repeat(100_000);
    let deep_object = r#"{"Step":"#.repeat(10_000);
    for bytes in [
        &b""[..],
        b"hunter2",
        b"{\"Step\":",
        b"\xff\xfe",
        deep.as_bytes(),
        deep_object.as_bytes(),
    ] {
        assert_eq!(read(bytes).err(), Some(EventError::EventNotJson));
    }
    assert!(read(good().to_string().as_bytes()).is_ok());
}

fn any_json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        ".*".prop_map(Value::from),
    ];
    leaf.prop_recursive(3, 16, 4, |inner| {
        let field = prop_oneof![
            Just("Step"),
            Just("SecretId"),
            Just("ClientRequestToken"),
            Just("keyrota"),
            Just("secrets"),
        ];
        let field = prop_oneof![field.prop_map(str::to_owned), ".*"];
        prop_oneof![
            proptest::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            proptest::collection::btree_map(field, inner, 0..4)
                .prop_map(|fields| fields.into_iter().collect()),
        ]
    })
}

proptest! {
    /// No event causes a panic, and no error repeats an event's content.
    #[test]
    fn any_event_is_answered(event in any_json()) {
        if let Err(error) = Invocation::parse(&event) {
            prop_assert!(error.to_string().starts_with("read the event: "));
        }
    }
}

#[test]
fn a_request_to_drop_a_user_names_a_secret() {
    let event = |secret: Value| json!({ "keyrota": "drop_user", "secret": secret });
    match Invocation::parse(&event(json!(SECRET_ARN))) {
        Ok(Invocation::DropUser(secret)) => assert_eq!(secret.as_str(), SECRET_ARN),
        _ => panic!("another event"),
    }
    let error = |secret: Value| Invocation::parse(&event(secret)).err();
    assert_eq!(error(json!("prod/orders")), Some(EventError::DropNotAnArn));
    let missing = EventError::EventFieldMissing { field: "secret" };
    assert_eq!(error(Value::Null), Some(missing));
}
