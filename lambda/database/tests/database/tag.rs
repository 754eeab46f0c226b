//! What tags pin.

use keyrota_database_function::event::Step;
use keyrota_database_function::port::PasswordRule;
use keyrota_database_function::server::Verification;
use keyrota_database_function::tag;
use std::time::Duration;

use crate::fake::{Setting, TOKEN, World, run};

#[test]
fn what_the_stack_escapes_is_read_again() {
    for (written, read) in [
        ("orders", Some("orders")),
        ("=22a=3Db=22", Some("\"a=b\"")),
        ("=EA=B0=80", Some("가")),
        ("=22 ", Some("\" ")),
        ("=2", None),
        ("=", None),
        ("=zz", None),
        ("=+1", None),
        ("=FF", None),
    ] {
        assert_eq!(tag::unescape(written).as_deref(), read, "{written}");
    }
}

#[test]
fn an_endpoint_is_a_host_and_a_port() {
    for (written, read) in [
        ("db.internal:5432", Some(("db.internal", 5432))),
        ("[2001:db8::1]:3306", Some(("2001:db8::1", 3306))),
        ("2001:db8::1:3306", None),
        ("[2001:db8::1:3306", None),
        ("db.internal", None),
        (":5432", None),
        ("db:0", None),
        ("db:65536", None),
        ("db:+5432", None),
    ] {
        assert_eq!(tag::endpoint(written), read, "{written}");
    }
}

#[test]
fn a_file_with_authorities_stays_in_its_folder() {
    let file = Some("0123456789abcdef.pem".to_owned());
    assert_eq!(
        tag::tls("verify-ca 0123456789abcdef.pem"),
        Some((Verification::Authority, file))
    );
    assert_eq!(tag::tls("require"), Some((Verification::None, None)));
    for refused in [
        "verify",
        "",
        "verify-full ",
        "verify-full ../x",
        "verify-full .x",
        "require a b",
    ] {
        assert_eq!(tag::tls(refused), None, "{refused}");
    }
}

#[test]
fn a_rule_for_passwords_has_a_length_and_exclusions() {
    let rule = |length, exclude: &str| {
        Some(PasswordRule {
            length,
            exclude: exclude.to_owned(),
        })
    };
    assert_eq!(
        tag::password("length=32 exclude=/@=22'=5C"),
        rule(32, "/@\"'\\")
    );
    assert_eq!(tag::password("length=8 exclude="), rule(8, ""));
    for refused in [
        "length=0 exclude=",
        "length=+8 exclude=",
        "length=8",
        "exclude=",
        "",
    ] {
        assert_eq!(tag::password(refused), None, "{refused}");
    }
}

#[test]
fn an_old_password_goes_when_an_old_key_is_deactivated() {
    let day = Duration::from_secs(86_400);
    assert_eq!(tag::old_key("until_next_rotation"), Some(None));
    assert_eq!(
        tag::old_key("deactivate_after=1d delete_after=7d hold_if_used_within=1d"),
        Some(Some(day))
    );
    for refused in ["", "1d", "delete_after=1d", "deactivate_after=soon"] {
        assert_eq!(tag::old_key(refused), None, "{refused}");
    }
}

#[test]
fn a_tag_that_is_absent_or_makes_no_sense_stops_each_step() {
    let cases = [
        ("keyrota:kind", None, "TagMissing"),
        ("keyrota:kind", Some("access_key"), "TagInvalid"),
        ("keyrota:user", None, "TagMissing"),
        ("keyrota:user", Some("=2"), "TagInvalid"),
        ("keyrota:engine", Some("oracle"), "TagInvalid"),
        ("keyrota:endpoint", None, "TagMissing"),
        ("keyrota:endpoint", Some("db"), "TagInvalid"),
        ("keyrota:dbname", Some("=2"), "TagInvalid"),
        ("keyrota:tls", None, "TagMissing"),
        ("keyrota:tls", Some("disable"), "TagInvalid"),
        ("keyrota:password", Some("32"), "TagInvalid"),
        ("keyrota:rotate-as", None, "TagMissing"),
        ("keyrota:rotate-as", Some("prod/orders-db"), "TagInvalid"),
        (
            "keyrota:rotate-as",
            Some("arn:aws:iam::1:role/x"),
            "TagInvalid",
        ),
        ("keyrota:old-key", Some("soon"), "TagInvalid"),
    ];
    for (key, value, expected) in cases {
        for step in Step::ALL {
            let world = World::new(Setting::POSTGRES);
            world.tag(key, value);
            world.begin(TOKEN);
            assert_eq!(run(&world, step).name(), expected, "{key} {value:?}");
            let calls = world.calls.borrow();
            assert!(calls.iter().all(|call| call.starts_with("secretsmanager:")));
        }
    }
}
