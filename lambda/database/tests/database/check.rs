//! The check.

use keyrota_database_function::check::CheckAnswer;
use keyrota_database_function::event::{EventError, Invocation};
use keyrota_database_function::port::CallErrorKind;
use keyrota_database_function::server::{PasswordExpiry, ServerFault};
use keyrota_database_function::stage::CURRENT;
use keyrota_function_base::check::{CallResult, CheckedCall, call};
use keyrota_test_function::secrets::FakeSecrets as _;
use serde_json::json;

use crate::fake::{AnyFault, FakeServices, Mishap, Outcome, SECRET_ARN, Setting, check, rehearse};

fn answer(services: &FakeServices, version: &str) -> serde_json::Value {
    match check(services, version) {
        Outcome::Done(answer) => serde_json::to_value(answer).expect("JSON"),
        other => panic!("{}", other.name()),
    }
}

#[test]
fn it_says_whether_a_versions_password_works() {
    let services = FakeServices::new(Setting::POSTGRES);
    let login = |result, code: Option<&str>, reason: Option<&str>| {
        let mut call = json!({ "call": "database:LogIn", "by": "user", "result": result });
        if let (Some(code), Some(reason)) = (code, reason) {
            (call["code"], call["reason"]) = (json!(code), json!(reason));
        }
        json!({ "calls": [call], "rotating": false })
    };
    assert_eq!(answer(&services, "first"), login("allowed", None, None));
    services.change_by_hand("another");
    let why = "the user name or the password is wrong (28P01); check that the user exists and that its \
               `VALID UNTIL` is not over, then give it AWSCURRENT's password by hand, or store the right \
               one as AWSCURRENT (enter it if it is the first), and rotate again";
    let wrong = login("failed", Some("wrong_credentials"), Some(why));
    assert_eq!(answer(&services, "first"), wrong);
    services.down.set(Some(ServerFault::NameUnknown));
    assert_eq!(
        answer(&services, "first")["calls"][0]["code"],
        "name_unknown"
    );
}

/// Returns each call with its result, such as `role secretsmanager:GetSecretValue failed`.
fn rehearsed(services: &FakeServices) -> (Vec<String>, CheckAnswer) {
    let before = services.fields(CURRENT);
    let versions = services.secrets.borrow()[SECRET_ARN].versions.len();
    let Outcome::Done(answer) = rehearse(services) else {
        panic!("an answer");
    };
    // Nothing was written.
    let harmless = [
        "secretsmanager:DescribeSecret",
        "secretsmanager:GetSecretValue",
        "secretsmanager:GetRandomPassword",
        "inspect",
    ];
    for call in services.calls.borrow().iter() {
        assert!(harmless.contains(call), "{call}");
    }
    assert_eq!(services.fields(CURRENT), before);
    assert_eq!(
        services.secrets.borrow()[SECRET_ARN].versions.len(),
        versions
    );
    let calls = serde_json::to_value(&answer.calls).expect("JSON");
    let text = |value: &serde_json::Value| value.as_str().unwrap_or_default().to_owned();
    let calls = calls.as_array().expect("a list").iter().map(|it| {
        let on = it
            .get("resource")
            .map_or(String::new(), |it| format!(" on {}", text(it)));
        format!(
            "{} {}{on}: {}",
            text(&it["by"]),
            text(&it["call"]),
            text(&it["result"])
        )
    });
    (calls.collect(), answer)
}

#[test]
fn a_rehearsal_makes_the_calls_that_read_and_lists_the_others() {
    let (calls, answer) = rehearsed(&FakeServices::new(Setting::POSTGRES));
    let expected = [
        "role secretsmanager:DescribeSecret: allowed",
        "role secretsmanager:GetSecretValue: allowed",
        "role secretsmanager:GetRandomPassword: allowed",
        "role secretsmanager:PutSecretValue: untried",
        "user database:LogIn: allowed",
        "role secretsmanager:UpdateSecretVersionStage: untried",
        "user database:ChangePassword: untried",
    ];
    assert_eq!(calls, expected);
    assert_eq!(answer.expiry, None);
    let (calls, _) = rehearsed(&FakeServices::new(Setting::ADMINISTRATOR));
    for call in [
        "role secretsmanager:GetSecretValue on ops/db-admin: allowed",
        "administrator database:LogIn: allowed",
        "administrator database:ChangePassword: untried",
    ] {
        assert!(calls.contains(&call.to_owned()), "{call}: {calls:#?}");
    }
}

#[test]
fn a_rehearsal_says_what_is_refused() {
    let services = FakeServices::new(Setting::ADMINISTRATOR);
    // DescribeSecret, GetSecretValue, GetRandomPassword, the login, the administrator's secret.
    let denied = |call| {
        let services = services.fork();
        let refusal = Mishap::Before(AnyFault::Aws(CallErrorKind::NotAuthorised));
        services.mishaps.borrow_mut().insert(call, refusal);
        rehearsed(&services).0
    };
    let expected = [
        (0, "role secretsmanager:DescribeSecret: failed"),
        (1, "role secretsmanager:GetSecretValue: failed"),
        (2, "role secretsmanager:GetRandomPassword: failed"),
        (
            4,
            "role secretsmanager:GetSecretValue on ops/db-admin: failed",
        ),
    ];
    for (call, failed) in expected {
        let calls = denied(call);
        assert!(calls.contains(&failed.to_owned()), "{failed}: {calls:#?}");
        let count = calls.iter().filter(|it| it.ends_with("failed")).count();
        assert_eq!(count, 1, "{calls:#?}");
    }
}

/// An impostor may answer instead of the server. Then it receives no second password.
#[test]
fn after_a_login_that_was_broken_off_no_other_password_is_sent() {
    let services = FakeServices::new(Setting::ADMINISTRATOR);
    services.down.set(Some(ServerFault::Unreachable));
    let (calls, answer) = rehearsed(&services);
    assert!(calls.contains(&"user database:LogIn: failed".to_owned()));
    assert!(calls.contains(&"administrator database:LogIn: untried".to_owned()));
    let codes: Vec<_> = answer
        .calls
        .iter()
        .filter_map(|it| it.code.as_deref())
        .collect();
    assert_eq!(codes, ["unreachable"]);
}

/// Clients could do nothing with such a login but change its password.
#[test]
fn a_password_that_has_expired_does_not_work() {
    let services = FakeServices::new(Setting::MYSQL);
    services.expiry.set(Some(PasswordExpiry::Expired));
    let call = &answer(&services, "first")["calls"][0];
    assert_eq!(call["result"], "failed");
    assert_eq!(call["code"], "password_expired");
    let reason = call["reason"].as_str().expect("a reason");
    assert!(
        reason.contains("set a new password of the user"),
        "{reason}"
    );
}

#[test]
fn a_rehearsal_tells_when_the_password_expires() {
    let services = FakeServices::new(Setting::MYSQL);
    services
        .expiry
        .set(Some(PasswordExpiry::DaysAfterChange(90)));
    let (_, answer) = rehearsed(&services);
    assert_eq!(answer.expiry, Some(PasswordExpiry::DaysAfterChange(90)));
}

/// Returns the result, the code, and the reason of the call that reads the accounts.
fn told(calls: &[CheckedCall]) -> (CallResult, &str, &str) {
    let told = calls.iter().find(|it| it.call == call::READ_ACCOUNTS);
    let told = told.expect("the call");
    let code = told.code.as_deref().unwrap_or_default();
    (
        told.result,
        code,
        told.reason.as_deref().unwrap_or_default(),
    )
}

#[test]
fn both_checks_say_whether_one_secret_serves_all_accounts() {
    let administrator = Setting {
        rotate_as: Setting::ADMINISTRATOR.rotate_as,
        ..Setting::MYSQL
    };
    for (setting, sees, hosts, pinned, expected) in [
        (Setting::MYSQL, None, vec!["%"], None, "not_checked"),
        (
            Setting::MYSQL,
            None,
            vec!["127.0.0.1", "%"],
            None,
            "accounts_unseen",
        ),
        (Setting::MYSQL, None, vec!["127.0.0.1"], Some("own"), ""),
        (Setting::MYSQL, Some(true), vec!["127.0.0.1"], None, ""),
        (
            Setting::MYSQL,
            Some(true),
            vec!["127.0.0.1", "%"],
            None,
            "several_accounts",
        ),
        (
            Setting::MYSQL,
            Some(true),
            vec!["127.0.0.1", "%"],
            Some("own"),
            "several_accounts",
        ),
        (
            Setting::MYSQL,
            Some(true),
            vec!["127.0.0.1", "%"],
            Some("all"),
            "",
        ),
        (
            administrator,
            None,
            vec!["127.0.0.1", "%"],
            None,
            "several_accounts",
        ),
        (administrator, None, vec!["127.0.0.1", "%"], Some("all"), ""),
        (
            administrator,
            Some(false),
            vec!["%"],
            None,
            "accounts_unseen",
        ),
    ] {
        let services = FakeServices::new(setting);
        services.sees.set(sees);
        services.hosts.replace(hosts.clone());
        services.pin("hosts", json!(pinned));
        let (_, rehearsed) = rehearsed(&services);
        let Outcome::Done(checked) = check(&services, "first") else {
            panic!("an answer");
        };
        for answer in [&rehearsed, &checked] {
            let (result, code, reason) = told(&answer.calls);
            assert_eq!(code, expected, "{setting:?} {hosts:?} {pinned:?}");
            let refused = !["", "not_checked"].contains(&code);
            assert_eq!(result == CallResult::Failed, refused);
            assert_eq!(result == CallResult::Allowed, code.is_empty());
            assert_eq!(answer.accounts_refusal().is_some(), refused);
            if code == "several_accounts" {
                for host in &hosts {
                    let account = format!("'orders \"app\"'@'{host}'");
                    assert!(reason.contains(&account), "{reason}");
                }
            }
            if code == "accounts_unseen" {
                assert!(
                    reason.contains("GRANT SELECT (Host, User) ON mysql.user"),
                    "{reason}"
                );
            }
        }
    }
}

#[test]
fn a_secret_that_is_at_fault_is_an_error() {
    let services = FakeServices::new(Setting::POSTGRES);
    assert_eq!(check(&services, "absent").name(), "NothingToCheck");
    let mut value = services.fields(CURRENT);
    value["host"] = json!("evil.example");
    services.store("stray", &["SOMETHING"], &value);
    assert_eq!(check(&services, "stray").name(), "Stray");
    services.unpin();
    assert_eq!(check(&services, "first").name(), "NotPinned");
    assert_eq!(
        services
            .calls
            .borrow()
            .iter()
            .filter(|call| **call == "inspect")
            .count(),
        0
    );
}

#[test]
fn an_event_that_is_none_is_refused() {
    let cases = [
        (
            json!({ "keyrota": "check", "version": "v" }),
            EventError::EventFieldMissing { field: "secret" },
        ),
        (
            json!({ "keyrota": "check", "secret": "x", "version": "v" }),
            EventError::CheckNotAnArn,
        ),
        (
            json!({ "keyrota": "check", "secret": SECRET_ARN, "version": 7 }),
            EventError::EventFieldNotText { field: "version" },
        ),
        (json!({ "keyrota": "cheque" }), EventError::UnknownWork),
        (
            json!({ "Step": "dropSecret", "SecretId": SECRET_ARN, "ClientRequestToken": "t" }),
            EventError::UnknownStep,
        ),
    ];
    for (event, expected) in cases {
        assert_eq!(Invocation::parse(&event).err(), Some(expected), "{event}");
    }
}
