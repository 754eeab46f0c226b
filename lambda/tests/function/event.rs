//! The event.

use keyrota_function::event::{Event, EventError, Step};
use proptest::prelude::*;
use secrecy::ExposeSecret;
use serde_json::{Value, json};

use crate::fake::{SECRET, SECRET_ARN, TOKEN};

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

fn any_json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        ".*".prop_map(Value::from),
    ];
    leaf.prop_recursive(3, 16, 4, |inner| {
        let field = prop_oneof![Just("Step"), Just("SecretId"), Just("ClientRequestToken")];
        let field = prop_oneof![field.prop_map(str::to_owned), ".*"];
        prop_oneof![
            proptest::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            proptest::collection::btree_map(field, inner, 0..4)
                .prop_map(|fields| fields.into_iter().collect()),
        ]
    })
}

proptest! {
    /// No event is answered by a panic, nor is what it says repeated.
    #[test]
    fn any_event_is_answered(event in any_json()) {
        if let Err(error) = Event::parse(&event) {
            prop_assert!(error.to_string().starts_with("read the event: "));
        }
    }
}
