//! The secret's value.

use keyrota_contract::value::names::Names;
use keyrota_contract::value::smtp;
use keyrota_function::port::{NewKey, StoredValue};
use keyrota_function::secret::{Content, Owner, Unreadable, administrator_key};
use keyrota_function_base::secret::Partial as _;
use secrecy::{ExposeSecret, SecretString};
use serde_json::{Value, json};

use crate::fake::key_id;

fn parse(value: &Value) -> Content {
    parse_text(&value.to_string())
}

fn parse_text(text: &str) -> Content {
    Content::parse(
        &StoredValue::Text(SecretString::from(text)),
        Names::default_names(),
    )
}

fn complete() -> Value {
    json!({
        "accesskey": key_id(1).as_str(),
        "secretkey": "s",
        "username": "u",
        "secretarn": "a",
        "team": { "name": "payments", "pager": [1, 2] },
        "zeta": null,
    })
}

const OWNER: Owner<'_> = Owner {
    user: "pinned",
    secret_arn: Some("arn:pinned"),
    smtp: &[],
};

fn problem(content: Content) -> Unreadable {
    match content {
        Content::Unreadable(problem) => problem,
        _ => panic!("it was readable"),
    }
}

#[test]
fn another_key_changes_nothing_else() {
    let Content::Complete(credential) = parse(&complete()) else {
        panic!("it is complete");
    };
    let key = NewKey {
        id: key_id(2),
        secret: SecretString::from("new"),
    };
    let value = credential.rekeyed(&key, Names::default_names(), OWNER);
    let mut expected = complete();
    expected["accesskey"] = json!(key_id(2).as_str());
    expected["secretkey"] = json!("new");
    let stored: Value = serde_json::from_str(value.expose_secret()).expect("JSON");
    assert_eq!(stored, expected);
    assert_eq!(
        credential
            .rekeyed(&key, Names::default_names(), OWNER)
            .expose_secret(),
        value.expose_secret()
    );
}

#[test]
fn a_field_that_is_absent_or_empty_is_missing() {
    for field in ["accesskey", "secretkey"] {
        for empty in [None, Some(json!("")), Some(json!(null))] {
            let mut value = complete();
            match empty {
                Some(empty) => value[field] = empty,
                None => drop(value.as_object_mut().expect("an object").remove(field)),
            }
            let Content::Partial(partial) = parse(&value) else {
                panic!("it is partial");
            };
            assert_eq!(partial.missing(), field);
        }
    }
}

/// A secret that was created without keyrota may lack both.
#[test]
fn a_user_and_an_arn_that_are_missing_are_filled_in() {
    for empty in [None, Some(json!("")), Some(json!(null))] {
        let mut value = complete();
        for field in ["username", "secretarn"] {
            match &empty {
                Some(empty) => value[field] = empty.clone(),
                None => drop(value.as_object_mut().expect("an object").remove(field)),
            }
        }
        let Content::Complete(credential) = parse(&value) else {
            panic!("it is complete");
        };
        assert_eq!(credential.username, None);
        let key = NewKey {
            id: key_id(2),
            secret: SecretString::from("new"),
        };
        let stored = |owner| {
            let value = credential.rekeyed(&key, Names::default_names(), owner);
            serde_json::from_str::<Value>(value.expose_secret()).expect("JSON")
        };
        assert_eq!(stored(OWNER)["username"], "pinned");
        assert_eq!(stored(OWNER)["secretarn"], "arn:pinned");
        let without = Owner {
            secret_arn: None,
            ..OWNER
        };
        assert_eq!(stored(without)["secretarn"], value["secretarn"]);
    }
}

/// The passwords are those of the new key, for the Regions of the pin.
#[test]
fn the_smtp_passwords_follow_the_key() {
    let regions = ["eu-west-1".to_owned()];
    let text = r#"{"accesskey":"AKIA0123456789ABCDEF","secretkey":"old","smtp_password":"old"}"#;
    let Content::Complete(credential) = parse_text(text) else {
        panic!("it is complete");
    };
    let key = NewKey {
        id: key_id(2),
        secret: SecretString::from("new"),
    };
    let owner = Owner {
        smtp: &regions,
        ..OWNER
    };
    let value = credential.rekeyed(&key, Names::default_names(), owner);
    let value: Value = serde_json::from_str(value.expose_secret()).expect("JSON");
    assert_eq!(value["smtp_username"], key.id.as_str());
    let expected = smtp::password(&key.secret, "eu-west-1");
    assert_eq!(value["smtp_password"], expected.expose_secret());
    assert_eq!(value["smtp_password_eu_west_1"], value["smtp_password"]);
    let value = credential.rekeyed(&key, Names::default_names(), OWNER);
    assert!(value.expose_secret().contains(r#""smtp_password":"old""#));
}

#[test]
fn what_is_not_a_credential_is_told_apart() {
    assert_eq!(
        problem(Content::parse(&StoredValue::Binary, Names::default_names())),
        Unreadable::Binary
    );
    assert_eq!(problem(parse_text("hunter2")), Unreadable::NotJson);
    assert_eq!(problem(parse_text("[]")), Unreadable::NotAnObject);
    let mut value = complete();
    value["username"] = json!(7);
    assert_eq!(
        problem(parse(&value)),
        Unreadable::Malformed {
            field: "username",
            expected: "a string"
        }
    );
}

/// A secret key in the field of the ID would be displayed like an ID.
#[test]
fn a_secret_key_is_not_taken_for_an_id() {
    let mut value = complete();
    value["accesskey"] = json!("wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY");
    assert_eq!(
        problem(parse(&value)),
        Unreadable::Malformed {
            field: "accesskey",
            expected: "an access key's ID"
        }
    );
}

#[test]
fn an_administrators_secret_needs_the_key_only() {
    let read = |value: &str| {
        administrator_key(
            &StoredValue::Text(SecretString::from(value)),
            Names::default_names(),
        )
    };
    let pair = read(r#"{"accesskey":"test","secretkey":"s"}"#).expect("a key");
    assert_eq!(
        (pair.id.as_str(), pair.secret.expose_secret()),
        ("test", "s")
    );
    for value in [
        r#"{"accesskey":"test"}"#,
        r#"{"accesskey":"test","secretkey":""}"#,
        "[]",
        "x",
    ] {
        assert!(read(value).is_none(), "{value}");
    }
    assert!(administrator_key(&StoredValue::Binary, Names::default_names()).is_none());
}
