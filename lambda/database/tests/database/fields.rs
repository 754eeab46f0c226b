//! The names of the value's fields, and everything else in the value, over several rotations.

use keyrota_contract::value::object::Object;
use keyrota_database_function::event::Step;
use keyrota_database_function::stage::{CURRENT, PENDING, VersionId};
use keyrota_test_function::secrets::FakeSecrets as _;
use serde_json::{Value, json};

use crate::fake::{FakeServices, SECRET_ARN, Setting, USER, rotate, run_for};

fn token(number: u32) -> String {
    format!("token-{number:0>32}")
}

fn renamed(setting: Setting) -> FakeServices {
    let services = FakeServices::new(setting);
    let names = json!({
        "password": ["PGPASSWORD", "password"],
        "port": ["PGPORT", "port"],
        "engine": ["kind", "engine"],
    });
    services.pin("fields", names);
    services
}

fn succeeds(services: &FakeServices, number: u32) {
    assert_eq!(rotate(services, &token(number)).name(), "done");
}

/// Returns which of two clients find a password in AWSCURRENT. It must be the server's.
fn clients(services: &FakeServices) -> (bool, bool) {
    let fields = services.fields(CURRENT);
    let finds = |name: &str| {
        let found = fields[name].as_str();
        assert!(
            found.is_none_or(|password| services.knows(password)),
            "{name}"
        );
        found.is_some()
    };
    (finds("password"), finds("PGPASSWORD"))
}

#[test]
fn a_client_has_a_whole_rotation_to_change_over() {
    for setting in [Setting::POSTGRES, Setting::MYSQL, Setting::ADMINISTRATOR] {
        let services = renamed(setting);
        let before = services.fields(CURRENT);
        succeeds(&services, 1);
        assert_eq!(clients(&services), (true, true));
        let both = services.fields(CURRENT);
        assert_eq!(
            (&both["port"], &both["PGPORT"]),
            (&json!(5432), &json!(5432))
        );
        succeeds(&services, 2);
        assert_eq!(clients(&services), (false, true));
        succeeds(&services, 3);
        let mut after = services.fields(CURRENT);
        let password = after["PGPASSWORD"].take();
        assert!(services.knows(password.as_str().expect("text")));
        assert_eq!(
            (&after["kind"], &after["PGPORT"]),
            (&before["engine"], &before["port"])
        );
        for field in ["host", "dbname", "username", "masterarn", "note"] {
            assert_eq!(after[field], before[field], "{field}");
        }
        for field in ["password", "port", "engine"] {
            assert_eq!(after[field], Value::Null, "{field}");
        }
    }
}

/// A password that was sent under one set of names is found under the next.
#[test]
fn a_rotation_that_was_broken_off_before_the_renaming_is_resumed() {
    for setting in [Setting::POSTGRES, Setting::MYSQL] {
        let services = FakeServices::new(setting);
        services.begin(&token(1));
        for step in [Step::Create, Step::Set] {
            assert_eq!(run_for(&services, step, &token(1)).name(), "done");
        }
        services.cancel();
        let names = json!({ "password": ["PGPASSWORD", "password"] });
        services.pin("fields", names);
        succeeds(&services, 2);
        assert_eq!(clients(&services), (true, true));
        // The previous version has the former name only.
        services.relabel_by_hand(CURRENT, Some(&VersionId::new(token(1))));
        let before = services.fields(CURRENT);
        services.change_by_hand(before["password"].as_str().expect("text"));
        succeeds(&services, 3);
        assert_eq!(clients(&services), (true, true));
        succeeds(&services, 4);
        assert_eq!(clients(&services), (false, true));
    }
}

#[test]
fn two_passwords_in_one_value_are_never_chosen_from() {
    let services = renamed(Setting::POSTGRES);
    let mut fields = services.fields(CURRENT);
    fields["PGPASSWORD"] = json!("by hand");
    services.allow_breakage();
    services.store("by hand", &[CURRENT], &fields);
    assert_eq!(rotate(&services, &token(1)).name(), "ValueUnreadable");
    assert!(
        services
            .output
            .said()
            .contains("two different values for `password`")
    );
    assert_eq!(services.fields(CURRENT), fields);
    assert_eq!(services.carrier(PENDING), Some(VersionId::new(token(1))));
}

/// The values that AWS documents, that Amazon RDS writes, and that people write by hand.
#[test]
fn a_value_as_others_write_it_is_rotated_and_kept() {
    let common = format!(
        r#""host":"orders.internal","username":{},"password":"it","#,
        json!(USER)
    );
    for (rest, dbname) in [
        (
            r#""engine":"postgres","port":"5432","dbname":"orders""#,
            true,
        ),
        (
            r#""dbname":"orders","engine":"aurora-postgresql","port":5432.0"#,
            true,
        ),
        (
            r#""engine":"postgres","port":5432,"dbInstanceIdentifier":"orders","dbname":"","#,
            false,
        ),
        (
            r#""engine":"postgres","dbClusterIdentifier":"orders","x":1e400"#,
            false,
        ),
    ] {
        let services = FakeServices::new(Setting::POSTGRES);
        if !dbname {
            services.pin("dbname", Value::Null);
        }
        services.change_by_hand("it");
        let rest = rest.trim_end_matches(',');
        let value = format!("{{{common}{rest}}}");
        services.store_in(SECRET_ARN, "by hand", &[CURRENT], Some(value.clone()));
        // A port with a decimal point is not what AWS writes.
        if rest.contains("5432.0") {
            assert_eq!(rotate(&services, &token(1)).name(), "ValueUnreadable");
            continue;
        }
        for number in 1..3 {
            succeeds(&services, number);
            let stored = services.version(CURRENT).expect("a version").value;
            let stored = stored.expect("a value");
            let object = Object::parse(&stored).expect("an object");
            let password = object.values("password").next().expect("a password");
            let again = stored.replace(password, "\"it\"");
            assert_eq!(again, value);
        }
    }
}
