//! The names of the value's fields, and everything else in the value, over several rotations.

use keyrota_contract::value::names::Names;
use keyrota_contract::value::object::{Object, json as quoted};
use keyrota_function::decide::{CURRENT, PENDING, PREVIOUS, VersionId};
use keyrota_function::event::Step;
use keyrota_function::port::{CallErrorKind, NewKey, StoredValue};
use keyrota_function::secret::{Content, Owner};
use keyrota_test_function::secrets::FakeSecrets as _;
use proptest::prelude::*;
use secrecy::{ExposeSecret, SecretString};
use serde_json::{Value, json};

use crate::fake::{FakeAws, Mishap, SECRET_ARN, USER, key_id, rotate, run_for};

const OLD: [&str; 2] = ["accesskey", "secretkey"];
const NEW: [&str; 2] = ["AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"];

fn token(number: u32) -> String {
    format!("token-{number:0>32}")
}

/// Pins the present and the former names of the key's two fields.
fn rename(aws: &FakeAws, present: [&str; 2], former: &[[&str; 2]]) {
    let names = |index: usize| -> Vec<&str> {
        let all = [&present].into_iter().chain(former);
        all.map(|names| names[index]).collect()
    };
    let fields = json!({ "accesskey": names(0), "secretkey": names(1) });
    aws.pin("fields", fields);
}

fn succeeds(aws: &FakeAws, number: u32) {
    assert_eq!(rotate(aws, &token(number)).name(), "done");
    let works = aws.keys().iter().any(|key| key.id == aws.current_key());
    assert!(works);
}

/// Returns the key that a client reads from AWSCURRENT under these names, if it finds one.
fn client(aws: &FakeAws, names: [&str; 2]) -> Option<String> {
    let fields = aws.fields(CURRENT);
    let [id, secret] = names.map(|name| fields[name].as_str());
    let (_, key) = aws.find_key(id?).expect("a key of IAM");
    assert_eq!(
        Some(key.secret.as_str()),
        secret,
        "one credential under one pair of names"
    );
    Some(id?.to_owned())
}

/// Returns which of the two clients find AWSCURRENT's key.
fn clients(aws: &FakeAws) -> (bool, bool) {
    let current = aws.current_key().as_str().to_owned();
    let finds = |names| {
        let found = client(aws, names);
        assert!(found.is_none() || found.as_ref() == Some(&current));
        found.is_some()
    };
    (finds(OLD), finds(NEW))
}

#[test]
fn a_client_has_a_whole_rotation_to_change_over() {
    let aws = FakeAws::new("self", false);
    rename(&aws, NEW, &[OLD]);
    assert_eq!(clients(&aws), (true, false));
    succeeds(&aws, 1);
    assert_eq!(clients(&aws), (true, true));
    succeeds(&aws, 2);
    assert_eq!(clients(&aws), (false, true));
    succeeds(&aws, 3);
    assert_eq!(clients(&aws), (false, true));
    // And back.
    rename(&aws, OLD, &[NEW]);
    succeeds(&aws, 4);
    assert_eq!(clients(&aws), (true, true));
    succeeds(&aws, 5);
    assert_eq!(clients(&aws), (true, false));
}

#[test]
fn a_second_renaming_may_begin_before_the_first_has_ended() {
    let aws = FakeAws::new("self", false);
    rename(&aws, NEW, &[OLD]);
    succeeds(&aws, 1);
    rename(&aws, ["ID", "KEY"], &[NEW, OLD]);
    succeeds(&aws, 2);
    assert_eq!(clients(&aws), (true, true));
    assert!(client(&aws, ["ID", "KEY"]).is_some());
    let names = |aws: &FakeAws| -> Vec<String> {
        let fields = aws.fields(CURRENT);
        let names = fields.as_object().expect("an object").keys();
        names.cloned().collect()
    };
    assert_eq!(names(&aws).len(), 9);
    aws.pin(
        "fields",
        json!({ "accesskey": ["AWS_ACCESS_KEY_ID", "ID", "accesskey"] }),
    );
    // Only the ID is renamed back.
    succeeds(&aws, 3);
    assert_eq!(aws.fields(CURRENT)["ID"], Value::Null);
    assert!(aws.fields(CURRENT)["KEY"].is_string());
}

/// What a rotation writes follows from AWSCURRENT alone, so a retry writes the same.
#[test]
fn a_retry_and_a_restored_version_continue() {
    let aws = FakeAws::new("self", false);
    rename(&aws, NEW, &[OLD]);
    aws.begin(&token(1));
    aws.inject_into_action(
        "secretsmanager:PutSecretValue",
        &[Mishap::After(CallErrorKind::Unclear)],
    );
    for step in [Step::Create, Step::Set, Step::Test, Step::Create] {
        assert_eq!(run_for(&aws, step, &token(1)).name(), "done");
    }
    let pending = aws.fields(PENDING);
    assert_eq!(pending[OLD[0]], pending[NEW[0]]);
    assert_eq!(run_for(&aws, Step::Finish, &token(1)).name(), "done");
    aws.end();
    assert_eq!(clients(&aws), (true, true));
    // The previous version has the old names only, so the renaming begins again.
    aws.promote_by_hand(&VersionId::new("first"));
    assert_eq!(clients(&aws), (true, false));
    succeeds(&aws, 2);
    assert_eq!(clients(&aws), (true, true));
    succeeds(&aws, 3);
    assert_eq!(clients(&aws), (false, true));
    assert!(aws.fields(PREVIOUS)[OLD[0]].is_string());
}

/// A version that was stored before the manifest was changed keeps its names until it is
/// replaced.
#[test]
fn a_rotation_that_began_before_the_renaming_ends() {
    let aws = FakeAws::new("self", false);
    aws.begin(&token(1));
    assert_eq!(run_for(&aws, Step::Create, &token(1)).name(), "done");
    rename(&aws, NEW, &[OLD]);
    for step in Step::ALL {
        assert_eq!(run_for(&aws, step, &token(1)).name(), "done");
    }
    aws.end();
    assert_eq!(clients(&aws), (true, false));
    succeeds(&aws, 2);
    assert_eq!(clients(&aws), (true, true));
}

#[test]
fn two_credentials_in_one_value_are_never_chosen_from() {
    for (field, value) in [
        (NEW[0], json!(key_id(2).as_str())),
        (NEW[1], json!("of/another+key")),
        (NEW[0], json!(7)),
        (OLD[1], json!({ "my": "own" })),
    ] {
        let aws = FakeAws::new("self", false);
        rename(&aws, NEW, &[OLD]);
        let mut fields = aws.fields(CURRENT);
        if field == OLD[1] {
            fields[NEW[1]] = fields[OLD[1]].clone();
        }
        fields[field] = value;
        aws.guarded.set(false);
        aws.store("by hand", &[CURRENT], &fields.to_string());
        assert_eq!(rotate(&aws, &token(1)).name(), "ValueUnreadable", "{field}");
        assert_eq!(aws.fields(CURRENT), fields);
        assert_eq!(aws.ids(), [key_id(1)]);
    }
}

/// A field of the client's own may have a default name, if the manifest lists only other names.
#[test]
fn a_field_of_the_clients_own_is_left_alone() {
    let aws = FakeAws::new("self", false);
    let names = json!({ "accesskey": [NEW[0]], "secretkey": [NEW[1]], "username": ["user"] });
    aws.pin("fields", names);
    let key = aws.keys().remove(0);
    let value = json!({
        NEW[0]: key.id.as_str(), NEW[1]: key.secret, "username": "Ada", "secretkey": "mine",
    });
    aws.store("by hand", &[CURRENT], &value.to_string());
    for number in 1..4 {
        succeeds(&aws, number);
        let fields = aws.fields(CURRENT);
        assert_eq!(fields["username"], "Ada");
        assert_eq!(fields["secretkey"], "mine");
        assert_eq!(fields["user"], USER);
        assert_eq!(fields["secretarn"], SECRET_ARN);
    }
}

/// The value of a secret that was created without keyrota.
#[test]
fn the_user_comes_from_the_pins() {
    for rotate_as in ["self", "role", "ops/key-admin"] {
        let aws = FakeAws::new(rotate_as, false);
        let key = aws.keys().remove(0);
        let value = json!({ "accesskey": key.id.as_str(), "secretkey": key.secret });
        aws.store("by hand", &[CURRENT], &value.to_string());
        succeeds(&aws, 1);
        // The key of the version without a user is replaced like any other.
        succeeds(&aws, 2);
        assert_eq!(aws.ids().len(), 2);
        let fields = aws.fields(CURRENT);
        assert_eq!(fields["username"], USER);
        // Only its name is pinned.
        let is_known = rotate_as != "ops/key-admin";
        assert_eq!(fields["secretarn"].is_string(), is_known);
    }
}

#[test]
fn names_that_do_not_fit_are_refused() {
    for fields in [
        json!({ "accesskey": [] }),
        json!({ "accesskey": [""] }),
        json!({ "accesskey": ["secretkey"] }),
        json!({ "accesskey": ["same"], "secretkey": ["same"] }),
        json!({ "password": ["PASSWORD"] }),
    ] {
        let aws = FakeAws::new("self", false);
        aws.pin("fields", fields);
        assert_eq!(rotate(&aws, &token(1)).name(), "PinInvalid");
        assert_eq!(aws.ids(), [key_id(1)]);
    }
}

/// The function would overwrite the field with an SMTP password, or remove it as the password for
/// another Region.
#[test]
fn a_name_that_belongs_to_the_smtp_passwords_is_refused() {
    for (name, is_refused) in [
        ("smtp_username", true),
        ("smtp_password", true),
        ("smtp_password_eu_west_1", true),
        ("smtp_password_us_east_1", true),
        ("smtp_password_raw", false),
    ] {
        for regions in [json!([]), json!(["eu-west-1"])] {
            let aws = FakeAws::new("self", false);
            let has_regions = regions != json!([]);
            aws.pin("fields", json!({ "secretkey": [name, "secretkey"] }));
            aws.pin("smtp", regions);
            match is_refused && has_regions {
                true => assert_eq!(rotate(&aws, &token(1)).name(), "PinInvalid", "{name}"),
                false => succeeds(&aws, 1),
            }
        }
    }
}

/// Numbers that no type holds, names that occur twice, escapes, and white space.
const ODD: &str = "{\n  \"z\" : 1e400 ,\"big\": 123456789012345678901234567890,\n\t\"one\":1.0, \
                   \"twice\":1,\"twice\":{ \"a\" : [] },\"\\u00e9\\ud83d\\ude00\":\"\\/é\\u0000\"";

#[test]
fn other_fields_stay_byte_for_byte() {
    let aws = FakeAws::new("self", false);
    rename(&aws, NEW, &[OLD]);
    let fields = aws.fields(CURRENT);
    let value = fields.to_string();
    aws.store("by hand", &[CURRENT], &format!("{ODD}, {}", &value[1..]));
    for number in 1..4 {
        succeeds(&aws, number);
        let stored = aws
            .version(CURRENT)
            .expect("a version")
            .value
            .expect("a value");
        assert!(stored.starts_with(ODD), "{stored}");
        aws.never_say(fields["secretkey"].as_str().expect("text"));
    }
}

/// Any JSON that may be the value of a field, as text.
fn any_value() -> impl Strategy<Value = String> {
    let leaf = prop_oneof![
        "-?(0|[1-9][0-9]{0,40})(\\.[0-9]{1,4})?([eE][+-]?[0-9]{1,4})?",
        any::<String>().prop_map(|text| quoted(&text)),
        Just("\"\\ud800\"".to_owned()),
        prop::sample::select(vec!["null", "true", "false", "[]", "{}", "\"\""])
            .prop_map(str::to_owned),
    ];
    leaf.prop_recursive(3, 8, 3, |inner| {
        let object = prop::collection::vec(("[a-c]{1,2}", inner.clone()), 0..3);
        prop_oneof![
            prop::collection::vec(inner, 0..3)
                .prop_map(|items| format!("[ {} ]", items.join(" ,"))),
            object.prop_map(|members| {
                let members = members
                    .iter()
                    .map(|(name, value)| format!("\"{name}\" :{value}"));
                format!("{{{}}}", members.collect::<Vec<_>>().join(","))
            }),
        ]
    })
}

/// Fields that keyrota does not know, in any order, with names that may occur twice.
fn unknown_fields() -> impl Strategy<Value = Vec<(String, String)>> {
    prop::collection::vec(("[a-e\\\\\"é😀]{1,3}", any_value()), 0..6)
}

/// Returns the members of a value with other names than these, as text.
fn others(value: &str, known: &[&str]) -> Vec<(String, Vec<String>)> {
    let object = Object::parse(value).expect("an object");
    let names = object.names().filter(|name| !known.contains(name));
    names
        .map(|name| {
            (
                name.to_owned(),
                object.values(name).map(str::to_owned).collect(),
            )
        })
        .collect()
}

/// Returns names that a manifest may give the fields, one after the other.
fn all_names() -> [Names; 3] {
    let names = |names: Value| serde_json::from_value(names).expect("names");
    [
        names(json!({
            "accesskey": ["accesskey", "A1", "A2"],
            "secretkey": ["secretkey", "S1", "S2"],
        })),
        names(json!({
            "accesskey": ["A1", "A2", "accesskey"],
            "secretkey": ["S1", "S2", "secretkey"],
        })),
        names(json!({
            "accesskey": ["A2", "A1", "accesskey"],
            "secretkey": ["S2", "S1", "secretkey"],
            "username": ["U", "username"],
        })),
    ]
}

/// Every name of a field that keyrota knows.
const KNOWN: [&str; 9] = [
    "accesskey",
    "secretkey",
    "username",
    "secretarn",
    "A1",
    "A2",
    "S1",
    "S2",
    "U",
];

/// Returns a value with unknown fields, and with the known ones in these places.
fn value_with(unknown: Vec<(String, String)>, places: &[usize], space: &str) -> String {
    let mut members = unknown;
    let key = key_id(1);
    let known = ["accesskey", "secretkey", "username", "secretarn"];
    for (place, (name, text)) in places
        .iter()
        .zip(known.iter().zip([key.as_str(), "s", "u", "a"]))
    {
        let member = ((*name).to_owned(), quoted(text));
        members.insert((*place).min(members.len()), member);
    }
    let members = members.iter();
    let members = members.map(|(name, value)| format!("{space}{}:{space}{value}", quoted(name)));
    format!("{{{}{space}}}", members.collect::<Vec<_>>().join(","))
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn every_rotation_keeps_what_it_does_not_know(
        unknown in unknown_fields(),
        places in prop::collection::vec(0_usize..7, 4),
        renamings in prop::collection::vec(0_usize..3, 1..6),
        space in "[ \n\t]{0,2}",
    ) {
        let all = all_names();
        let mut value = value_with(unknown, &places, &space);
        let before = others(&value, &KNOWN);
        let owner = Owner { user: "u", secret_arn: Some("a"), smtp: &[] };
        let mut names_before = vec!["accesskey"];
        for (number, renaming) in (2..).zip(renamings) {
            let names = &all[renaming];
            let stored = StoredValue::Text(SecretString::from(value.as_str()));
            let Content::Complete(credential) = Content::parse(&stored, names) else {
                return Err(TestCaseError::fail(format!("not complete: {value}")));
            };
            let secret = SecretString::from(format!("s/{number}"));
            let key = NewKey { id: key_id(number), secret };
            let stored = credential.rekeyed(&key, names, owner);
            value = stored.expose_secret().to_owned();
            prop_assert_eq!(&others(&value, &KNOWN), &before);
            let object = Object::parse(&value).expect("an object");
            let held = names.held(&object, "accesskey");
            prop_assert!(held.contains(&names.of("accesskey")));
            // A client that found the key before finds it now, or has seen the new name.
            prop_assert!(names_before.iter().any(|name| held.contains(name)), "{value}");
            for name in &held {
                let keys: Vec<&str> = object.values(name).collect();
                prop_assert_eq!(keys, [quoted(key.id.as_str())]);
            }
            let found = ["accesskey", "A1", "A2"].into_iter();
            names_before = found.filter(|name| held.contains(name)).collect();
        }
    }
}
