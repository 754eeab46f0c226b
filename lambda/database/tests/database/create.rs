//! `createSecret`: the value that it stores, and when it stores nothing.

use keyrota_database_function::event::Step;
use keyrota_database_function::port::CallErrorKind;
use keyrota_database_function::stage::{CURRENT, PENDING, VersionId};
use keyrota_test_function::secrets::FakeSecrets as _;
use serde_json::{Value, json};

use crate::fake::AnyFault::Aws;
use crate::fake::{FakeServices, HOST, Mishap, Setting, TOKEN, USER, run};

const RANDOM: &str = "secretsmanager:GetRandomPassword";
const PUT: &str = "secretsmanager:PutSecretValue";

fn create(services: &FakeServices) -> &'static str {
    services.begin(TOKEN);
    run(services, Step::Create).name()
}

fn count(services: &FakeServices, action: &str) -> usize {
    let calls = services.calls.borrow();
    calls.iter().filter(|call| **call == action).count()
}

#[test]
fn only_the_password_is_replaced() {
    let services = FakeServices::new(Setting::ADMINISTRATOR);
    let before = services.fields(CURRENT);
    assert_eq!(create(&services), "done");
    let mut after = services.fields(PENDING);
    assert_ne!(after["password"], before["password"]);
    after["password"] = before["password"].clone();
    assert_eq!(after, before);
    assert_eq!(after["note"], "kept as it is");
    assert!(!services.calls.borrow().contains(&"authenticate"));
}

#[test]
fn a_retry_makes_no_second_password() {
    let services = FakeServices::new(Setting::POSTGRES);
    assert_eq!(create(&services), "done");
    let first = services.fields(PENDING);
    assert_eq!(run(&services, Step::Create).name(), "done");
    assert_eq!(services.fields(PENDING), first);
    assert_eq!((count(&services, RANDOM), count(&services, PUT)), (1, 1));
}

#[test]
fn a_put_whose_answer_was_lost_is_repeated_with_the_same_password() {
    for mishap in [
        Mishap::Before(Aws(CallErrorKind::Throttled)),
        Mishap::Before(Aws(CallErrorKind::Unclear)),
        Mishap::After(Aws(CallErrorKind::Unclear)),
    ] {
        let services = FakeServices::new(Setting::POSTGRES);
        // `DescribeSecret`, two reads, and `GetRandomPassword`, followed by `PutSecretValue`.
        services.inject(4, mishap);
        assert_eq!(create(&services), "done");
        assert_eq!((count(&services, RANDOM), count(&services, PUT)), (1, 2));
    }
    let services = FakeServices::new(Setting::POSTGRES);
    services.inject(4, Mishap::Before(Aws(CallErrorKind::NotAuthorised)));
    assert_eq!(create(&services), "NotStored");
    assert_eq!(count(&services, PUT), 1);
}

#[test]
fn a_password_that_another_try_stored_first_is_kept() {
    let services = FakeServices::new(Setting::POSTGRES);
    services.inject(4, Mishap::Before(Aws(CallErrorKind::Exists)));
    assert_eq!(create(&services), "done");
}

#[test]
fn what_was_made_is_looked_at() {
    for unfit in [
        "too short",
        "an excluded character, here: @ and so on",
        "0123456789abcdef0123456789abcde'",
        "0123456789abcdef0123456789abcde\0",
    ] {
        let services = FakeServices::new(Setting::POSTGRES);
        services.random.replace(Some(unfit.to_owned()));
        assert_eq!(create(&services), "PasswordUnfit", "{unfit}");
        assert_eq!(count(&services, PUT), 0);
    }
}

#[test]
fn exclusions_that_leave_nothing_are_an_error() {
    let services = FakeServices::new(Setting::POSTGRES);
    let all: String = (b'!'..=b'~').map(char::from).collect();
    let rule = serde_json::json!({ "length": 32, "exclude": all });
    services.pin("password", rule);
    assert_eq!(create(&services), "PasswordNotMade");
    assert!(services.output.said().contains("is anything left"));
}

#[test]
fn a_version_that_can_never_be_promoted_is_given_up() {
    let other = |field: &str, value: Value| {
        let mut fields = FakeServices::new(Setting::POSTGRES).value("another password");
        fields[field] = value;
        fields
    };
    let cases = [
        ("not an object", json!("text")),
        ("no password", other("password", json!(""))),
        ("another type", other("password", json!(7))),
        ("host", other("host", json!("evil.example"))),
        ("port", other("port", json!(5433))),
        ("dbname", other("dbname", json!("payroll"))),
        ("no dbname", other("dbname", Value::Null)),
        ("username", other("username", json!("postgres"))),
        ("engine", other("engine", json!("mysql"))),
        (
            "masterarn",
            other(
                "masterarn",
                json!("arn:aws:secretsmanager:eu-central-1:1:secret:x"),
            ),
        ),
    ];
    for (case, value) in cases {
        for step in [Step::Create, Step::Set] {
            let services = FakeServices::new(Setting::POSTGRES);
            services.store(TOKEN, &[PENDING], &value);
            let ended = run(&services, step).name();
            let harmless = step == Step::Set && case == "no password";
            let unread = step == Step::Set && ["not an object", "another type"].contains(&case);
            let expected = match (harmless, unread) {
                (true, _) => "done",
                (_, true) => "ValueUnreadable",
                _ => "GivenUp",
            };
            assert_eq!(ended, expected, "{case}");
            assert_eq!(services.carrier(PENDING).is_none(), expected == "GivenUp");
            // Nothing was sent to any server.
            let calls = services.calls.borrow();
            assert!(calls.iter().all(|call| call.starts_with("secretsmanager:")));
        }
    }
}

#[test]
fn a_port_may_be_written_in_digits_and_a_host_in_capitals() {
    let services = FakeServices::new(Setting::POSTGRES);
    let mut value = services.fields(CURRENT);
    value["port"] = json!("5432");
    value["host"] = json!(HOST.to_uppercase());
    services.store("by-hand", &[CURRENT], &value);
    assert_eq!(create(&services), "done");
    assert_eq!(services.fields(PENDING)["port"], "5432");
}

#[test]
fn the_current_password_once_more_is_given_up() {
    let services = FakeServices::new(Setting::POSTGRES);
    services.store(TOKEN, &[PENDING], &services.fields(CURRENT));
    assert_eq!(run(&services, Step::Create).name(), "GivenUp");
}

#[test]
fn a_value_that_no_key_decrypts_is_not_given_up() {
    let services = FakeServices::new(Setting::POSTGRES);
    services.store(TOKEN, &[PENDING], &services.value("another password"));
    services.change_secret(|secret| {
        let version = secret.versions.get_mut(&VersionId::new(TOKEN));
        version.expect("a version").details.undecryptable = true;
    });
    assert_eq!(run(&services, Step::Create).name(), "ValueUnreadable");
    assert!(services.carrier(PENDING).is_some());
}

#[test]
fn without_a_first_password_nothing_is_made() {
    let services = FakeServices::new(Setting::POSTGRES);
    services.store(
        "seed",
        &[CURRENT],
        &json!({ "engine": "postgres", "username": USER }),
    );
    services.allow_breakage();
    assert_eq!(create(&services), "NotBootstrapped");
    assert!(services.output.said().contains("host, password missing"));
}

#[test]
fn a_version_that_stands_elsewhere_is_left_alone() {
    for step in Step::ALL {
        let services = FakeServices::new(Setting::POSTGRES);
        let expected = if step == Step::Test {
            "done"
        } else {
            "UnknownVersion"
        };
        assert_eq!(run(&services, step).name(), expected);

        services.begin("another-token");
        assert_eq!(run(&services, step).name(), "UnknownVersion");

        services.store(TOKEN, &["SOMETHING"], &services.value("another password"));
        assert_eq!(run(&services, step).name(), "VersionNotPending");

        services.store(TOKEN, &[CURRENT], &services.fields(CURRENT));
        assert_eq!(run(&services, step).name(), "done");
    }
}
