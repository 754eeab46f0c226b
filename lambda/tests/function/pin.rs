//! The pins, and the values that must agree with them.

use std::time::Duration;

use keyrota_function::arn::SecretArn;
use keyrota_function::error::NamedError;
use keyrota_function::permission::Permission;
use keyrota_function::pin::{EntryError, Pin, PinError, Pins, RotateAs};
use keyrota_function::pins::PinsError;
use keyrota_function::port::Description;
use keyrota_function::retire::{OldKeyPolicy, Timetable};
use proptest::prelude::*;
use serde_json::{Value, json};

use crate::fake::{SECRET, SECRET_ARN};

/// Returns the pins with one entry, which has these fields in addition to the required ones.
fn pins(fields: Value) -> Result<Pins, PinsError> {
    let mut entry = json!({ "user": "ci", "owns_user": false, "rotate_as": "self" });
    for (field, value) in fields.as_object().expect("an object") {
        match value {
            Value::Null => drop(entry.as_object_mut().expect("an object").remove(field)),
            value => entry[field] = value.clone(),
        }
    }
    let document = json!({ "version": 1, "secrets": { SECRET: entry } });
    Pins::parse(document.to_string().as_bytes())
}

fn read(fields: Value) -> Result<Pin, PinError> {
    described(fields, SECRET_ARN, SECRET_ARN)
}

fn described(fields: Value, asked: &str, arn: &str) -> Result<Pin, PinError> {
    let description = Description {
        arn: arn.to_owned(),
        ..Description::default()
    };
    let asked = SecretArn::parse(asked).expect("an ARN");
    Pin::read(&pins(fields).expect("pins"), &asked, &description)
}

#[test]
fn the_three_ways_to_rotate() {
    let pin = |way: Value| read(json!({ "rotate_as": way })).expect("a pin");
    assert_eq!(pin(json!("self")).rotate_as, RotateAs::Own);
    assert_eq!(pin(json!("role")).rotate_as, RotateAs::Role);
    assert_eq!(pin(json!("role")).administrator(), None);
    for administrator in [
        "ops/admin",
        "arn:aws:secretsmanager:eu-central-1:111122223333:secret:ops/admin-AbCdEf",
    ] {
        let pin = pin(json!({ "administrator": administrator }));
        let named = RotateAs::Administrator(administrator.to_owned());
        assert_eq!(pin.rotate_as, named);
        // The request uses the pinned name, whatever a value contains.
        let asked = pin.administrator().expect("an administrator");
        assert_eq!(asked.as_str(), administrator);
    }
}

#[test]
fn each_field_is_needed_and_no_other_is_taken() {
    for field in ["user", "owns_user", "rotate_as"] {
        let refused = pins(json!({ field: null })).expect_err("an error");
        assert_eq!(refused, PinsError::Unreadable, "{field}");
    }
    for fields in [
        json!({ "more": 1 }),
        json!({ "owns_user": "yes" }),
        json!({ "rotate_as": "another" }),
        json!({ "rotate_as": { "administrator": "a", "more": 1 } }),
        json!({ "old_key": "until_next_rotation" }),
        json!({ "old_key": { "deactivate_after": "1d" } }),
        json!({ "probe": { "action": "s3:ListBucket" } }),
    ] {
        let refused = pins(fields.clone()).expect_err("an error");
        assert_eq!(refused, PinsError::Unreadable, "{fields}");
    }
}

#[test]
fn an_administrator_that_is_none_is_refused() {
    for named in ["", SECRET, SECRET_ARN, "arn:aws:iam::111122223333:user/u"] {
        let error = read(json!({ "rotate_as": { "administrator": named } }));
        let field = "rotate_as";
        let secret = SECRET.to_owned();
        assert_eq!(
            error,
            Err(EntryError::PinInvalid { secret, field }.into()),
            "{named}"
        );
    }
}

/// The event names the secret by its full ARN, which is the pinned one.
#[test]
fn another_secret_is_not_served() {
    let prefix = "arn:aws:secretsmanager:eu-central-1:111122223333:secret";
    let other = format!("{prefix}:prod/other-AbCdEf");
    let error = described(json!({}), &other, &other).expect_err("an error");
    assert_eq!(error.name(), "NotPinned");
    // A partial ARN, and one that looks like another secret's full ARN.
    for asked in [
        format!("{prefix}:{SECRET}"),
        format!("{prefix}:{SECRET}-more42"),
    ] {
        let error = described(json!({}), &asked, SECRET_ARN).expect_err("an error");
        assert_eq!(error.name(), "AnotherSecret", "{asked}");
    }
}

#[test]
fn only_the_pinned_user_of_the_secrets_account_is_the_user() {
    let pin = read(json!({})).expect("a pin");
    assert!(pin.is_user_arn("arn:aws:iam::111122223333:user/ci"));
    let below = read(json!({ "path": "/a/b/" })).expect("a pin");
    assert!(below.is_user_arn("arn:aws:iam::111122223333:user/a/b/ci"));
    assert!(!below.is_user_arn("arn:aws:iam::111122223333:user/ci"));
    for arn in [
        "arn:aws:iam::111122223333:user/a/b/ci",
        "arn:aws:iam::111122223333:user/ci2",
        "arn:aws:iam::111122223333:user/x-ci",
        "arn:aws:iam::111122223333:user/CI",
        "arn:aws:iam::111122223333:user/ci/other",
        "arn:aws:iam::444455556666:user/ci",
        "arn:aws-cn:iam::111122223333:user/ci",
        "arn:aws:iam::111122223333:role/ci",
        "arn:aws:iam::111122223333:root",
        "arn:aws:sts::111122223333:assumed-role/user/ci",
        "",
    ] {
        assert!(!pin.is_user_arn(arn), "{arn}");
    }
}

fn old_key(times: [&str; 3], force_after: Option<&str>) -> Result<OldKeyPolicy, PinError> {
    let [deactivate_after, delete_after, hold_if_used_within] = times;
    let mut old_key = json!({
        "deactivate_after": deactivate_after,
        "delete_after": delete_after,
        "hold_if_used_within": hold_if_used_within,
    });
    if let Some(force_after) = force_after {
        old_key["force_after"] = json!(force_after);
    }
    read(json!({ "old_key": old_key })).map(|pin| pin.old_key)
}

#[test]
fn the_times_of_an_old_key() {
    let timed = |seconds: [u64; 3], force_after: Option<u64>| {
        let [deactivate_after, delete_after, hold_if_used_within] =
            seconds.map(Duration::from_secs);
        Ok(OldKeyPolicy::Timed(Timetable {
            deactivate_after,
            delete_after,
            hold_if_used_within,
            force_after: force_after.map(Duration::from_secs),
        }))
    };
    let pin = read(json!({})).expect("a pin");
    assert_eq!(pin.old_key, OldKeyPolicy::UntilNextRotation);
    assert_eq!(
        old_key(["1d", "7d", "1d"], None),
        timed([86_400, 604_800, 86_400], None)
    );
    assert_eq!(old_key(["0s", "0s", "0s"], None), timed([0, 0, 0], None));
    assert_eq!(
        old_key(["90s", "15m", "4h"], Some("30d")),
        timed([90, 900, 14_400], Some(2_592_000))
    );
    for (times, force_after) in [
        (["", "7d", "1d"], None),
        (["-1d", "7d", "1d"], None),
        (["1w", "7d", "1d"], None),
        (["é", "7d", "1d"], None),
        (["99999999999999999999d", "7d", "1d"], None),
        (["9999999999999999999d", "7d", "1d"], None),
        // Contradictions.
        (["7d", "1d", "1d"], None),
        (["7d", "7d", "1d"], Some("6d")),
    ] {
        let error = old_key(times, force_after).expect_err("an error");
        assert!(
            error.to_string().contains("`old_key`"),
            "{times:?}: {error}"
        );
    }
}

fn probe(action: &str, resource: &str, region: Option<&str>) -> Result<Permission, PinError> {
    let mut probe = json!({ "action": action, "resource": resource });
    if let Some(region) = region {
        probe["region"] = json!(region);
    }
    read(json!({ "probe": probe })).map(|pin| pin.probe.expect("a probe"))
}

#[test]
fn a_probe_is_one_of_two() {
    assert_eq!(read(json!({})).expect("a pin").probe, None);
    for bucket in ["artifacts", "my.artifacts-2", "abc"] {
        let arn = format!("arn:aws:s3:::{bucket}");
        for (given, region) in [(Some("eu-west-1"), "eu-west-1"), (None, "eu-central-1")] {
            let permission = probe("s3:ListBucket", &arn, given).expect("a probe");
            assert_eq!(permission.to_string(), format!("s3:ListBucket on {arn}"));
            let expected = Permission::ListBucket {
                partition: "aws".to_owned(),
                bucket: bucket.to_owned(),
                region: region.to_owned(),
            };
            assert_eq!(permission, expected);
        }
    }
    for role in [
        "arn:aws:iam::111122223333:role/deploy",
        "arn:aws:iam::444455556666:role/a/b/de-ploy_1",
    ] {
        let permission = probe("sts:AssumeRole", role, None);
        let role = role.to_owned();
        assert_eq!(permission, Ok(Permission::AssumeRole { role }));
    }
}

#[test]
fn a_probe_that_makes_no_sense_is_refused() {
    for (action, resource, region) in [
        ("s3:ListBucket", "", None),
        ("s3:ListBucket", "arn:aws:s3:::artifacts", Some("")),
        ("s3:ListBucket", "arn:aws:s3:::artifacts/*", None),
        ("s3:ListBucket", "arn:aws:s3:::evil.example/", None),
        ("s3:ListBucket", "arn:aws:s3:::user@evil", None),
        ("s3:ListBucket", "arn:aws:s3:::-artifacts", None),
        ("s3:ListBucket", "arn:aws:s3:::a..b", None),
        ("s3:ListBucket", "arn:aws:s3:::ab", None),
        ("s3:ListBucket", "arn:aws:s3:::Artifacts", None),
        (
            "s3:ListBucket",
            "arn:aws:s3:::artifacts",
            Some("eu-west-1.evil.example"),
        ),
        ("s3:ListBucket", "artifacts", None),
        ("s3:GetObject", "arn:aws:s3:::artifacts", None),
        ("sts:AssumeRole", "arn:aws:iam::111122223333:role/", None),
        ("sts:AssumeRole", "arn:aws:iam::1111:role/deploy", None),
        (
            "sts:AssumeRole",
            "arn:aws:iam::111122223333:user/deploy",
            None,
        ),
        ("sts:AssumeRole", "deploy", None),
    ] {
        let error = probe(action, resource, region).expect_err("an error");
        assert!(error.to_string().contains("`probe`"), "{resource}: {error}");
    }
}

proptest! {
    #[test]
    fn any_text_is_answered(text in ".*") {
        let _ = (old_key([&text, "7d", "1d"], None), probe("s3:ListBucket", &text, None));
        let _ = Pins::parse(text.as_bytes());
    }
}
