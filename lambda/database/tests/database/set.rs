//! `setSecret`: which passwords it tries, and what it sends to which server.

use std::time::Duration;

use keyrota_database_function::event::Step;
use keyrota_database_function::mark::{RETAINED, SETTING};
use keyrota_database_function::port;
use keyrota_database_function::server::{Engine, FailureLimit, ServerFault};
use keyrota_database_function::stage::{CURRENT, PENDING, PREVIOUS};
use keyrota_test_function::secrets::FakeSecrets as _;
use serde_json::json;

use crate::fake::AnyFault::{Aws, Unsent};
use crate::fake::{
    ADMINISTRATOR_ARN, FakeServices, Mishap, Outcome, Setting, TOKEN, rotate, run, run_for,
};

/// Returns the state after `createSecret`.
pub(crate) fn created(setting: Setting) -> FakeServices {
    let services = FakeServices::new(setting);
    services.begin(TOKEN);
    assert!(run(&services, Step::Create).is_done());
    services.calls.borrow_mut().clear();
    services
}

/// Returns the requests to the server.
pub(crate) fn asked(services: &FakeServices) -> Vec<&'static str> {
    let calls = services.calls.borrow();
    let of_server = calls.iter().filter(|call| !call.contains(':'));
    of_server.copied().collect()
}

/// Returns the number of the call that changes the password, counted after `createSecret`.
pub(crate) fn change_call(setting: Setting) -> usize {
    5 + usize::from(setting.rotate_as != "self")
}

#[test]
fn the_password_becomes_the_pending_one() {
    for setting in [Setting::POSTGRES, Setting::MYSQL, Setting::ADMINISTRATOR] {
        let services = created(setting);
        assert_eq!(run(&services, Step::Set).name(), "done");
        assert!(services.works(PENDING));
        assert_eq!(services.works(CURRENT), setting.retains);
        assert_eq!(services.carrier(SETTING), services.carrier(PENDING));
        assert_eq!(services.carrier(RETAINED).is_some(), setting.retains);
        // A password that the server retains is not tried.
        let expected: &[&str] = match setting.retains {
            true => &["inspect", "change"],
            false => &["inspect", "change", "authenticate"],
        };
        assert_eq!(asked(&services), expected);
        services.calls.borrow_mut().clear();
        // The retry finds that the work is done.
        assert_eq!(run(&services, Step::Set).name(), "done");
        assert_eq!(asked(&services), ["authenticate"]);
    }
}

/// The login comes before the one with the new password, and only where the server tolerates it. After
/// a login that failed already, it tolerates one less.
#[test]
fn the_old_password_is_tried_once_where_the_server_tolerates_that() {
    for (limit, is_labelled, is_tried) in [
        (FailureLimit::Unlimited, false, true),
        (FailureLimit::Unlimited, true, true),
        (FailureLimit::After(2), false, true),
        (FailureLimit::After(2), true, false),
        (FailureLimit::After(1), false, false),
        (FailureLimit::Unknown, false, false),
    ] {
        let services = created(Setting::ADMINISTRATOR);
        services.tolerates.set(limit);
        if is_labelled {
            // An earlier run was about to send the password.
            services.inject(change_call(Setting::ADMINISTRATOR), Mishap::DieBefore);
            assert!(matches!(run(&services, Step::Set), Outcome::Died));
            services.calls.borrow_mut().clear();
        }
        assert_eq!(run(&services, Step::Set).name(), "done");
        let tried = asked(&services).last() == Some(&"authenticate");
        assert_eq!(tried, is_tried, "{limit:?}");
        let said = services.output.said();
        assert_eq!(
            said.contains("the server refuses the old password"),
            is_tried
        );
        assert_eq!(said.contains("the old password was not tried"), !is_tried);
    }
}

/// Members that have not learned the new password accept the old one, and that is no fault.
#[test]
fn the_old_password_is_not_tried_on_a_farm() {
    let services = FakeServices::new(Setting::POSTGRES);
    services.pin("propagation", json!("30s"));
    services.begin(TOKEN);
    for step in [Step::Create, Step::Set] {
        assert_eq!(run(&services, step).name(), "done");
    }
    assert_eq!(asked(&services), ["inspect", "change"]);
    assert!(services.output.said().contains("members of the farm"));
    let before = services.now.get();
    assert_eq!(run(&services, Step::Test).name(), "done");
    assert!(services.now.get() >= before + Duration::from_secs(30));
}

/// Clients have the new password only after the promotion, so this does not stop it.
#[test]
fn an_old_password_that_still_works_is_reported() {
    let services = created(Setting::POSTGRES);
    services.keeps_old.set(true);
    assert_eq!(run(&services, Step::Set).name(), "done");
    assert!(services.output.said().contains("ReplacedWorks"));
    assert_eq!(run(&services, Step::Test).name(), "done");
    assert_eq!(run(&services, Step::Finish).name(), "done");
}

/// Somebody moved the label: the server has a password that no label leads to.
#[test]
fn the_pending_password_is_the_last_that_is_tried() {
    let services = created(Setting::POSTGRES);
    assert_eq!(run(&services, Step::Set).name(), "done");
    services.allow_breakage();
    services.relabel_by_hand(SETTING, None);
    services.calls.borrow_mut().clear();
    assert_eq!(run(&services, Step::Set).name(), "done");
    assert_eq!(asked(&services), ["inspect", "authenticate"]);
    assert_eq!(services.carrier(SETTING), services.carrier(PENDING));
}

#[test]
fn it_is_written_down_before_it_is_sent() {
    let services = created(Setting::POSTGRES);
    assert_eq!(run(&services, Step::Set).name(), "done");
    let calls = services.calls.borrow();
    let label = calls
        .iter()
        .position(|call| call.ends_with("UpdateSecretVersionStage"));
    let change = calls.iter().position(|call| *call == "change");
    assert!(label < change && label.is_some());
    drop(calls);

    let services = created(Setting::POSTGRES);
    services.inject(4, Mishap::Before(Aws(port::CallErrorKind::NotAuthorised)));
    assert_eq!(run(&services, Step::Set).name(), "NotRecorded");
    assert_eq!(asked(&services), ["inspect"]);
}

#[test]
fn the_previous_password_is_tried_where_the_current_one_is_wrong() {
    let services = created(Setting::POSTGRES);
    let wrong = services.make_password();
    services.store("by-hand", &[CURRENT], &services.value(&wrong));
    services.allow_breakage();
    assert_eq!(run(&services, Step::Set).name(), "done");
    // AWSCURRENT's, AWSPREVIOUS's, and AWSPREVIOUS's again after it was replaced.
    assert_eq!(
        asked(&services),
        ["inspect", "inspect", "change", "authenticate"]
    );
    assert!(services.works(PENDING));
}

#[test]
fn nor_is_it_tried_where_it_is_of_another_user_or_server() {
    for (field, value) in [
        ("host", json!("evil.example")),
        ("port", json!(5433)),
        ("dbname", json!("payroll")),
        ("username", json!("postgres")),
    ] {
        let services = created(Setting::POSTGRES);
        let mut previous = services.fields(CURRENT);
        previous[field] = value;
        services.store("before", &[CURRENT], &previous);
        let wrong = services.make_password();
        services.store("by-hand", &[CURRENT], &services.value(&wrong));
        services.allow_breakage();
        assert_eq!(run(&services, Step::Set).name(), "NoPasswordWorks");
        assert_eq!(asked(&services), ["inspect", "authenticate"], "{field}");
        assert!(
            services
                .output
                .said()
                .contains("tried: AWSCURRENT, AWSPENDING")
        );
    }
}

/// Every fault except a wrong password ends the step, at the first login and at the second, and
/// changes nothing.
#[test]
fn another_password_is_tried_only_after_a_wrong_one() {
    for fault in [
        ServerFault::LoginForbidden,
        ServerFault::NameUnknown,
        ServerFault::Unreachable,
        ServerFault::TimedOut,
        ServerFault::NoTls,
        ServerFault::Untrusted,
        ServerFault::Busy,
        ServerFault::Refused,
    ] {
        for call in [3, 5] {
            let services = created(Setting::POSTGRES);
            let previous = services.make_password();
            services.store("before", &[PREVIOUS], &services.value(&previous));
            services.inject(call, Mishap::Before(Unsent(fault)));
            assert_eq!(run(&services, Step::Set).name(), "NotChanged", "{fault:?}");
            assert_eq!(asked(&services).len(), if call == 3 { 1 } else { 2 });
            assert!(services.works(CURRENT));
            // After the fault ends, the retry succeeds.
            assert_eq!(run(&services, Step::Set).name(), "done");
        }
    }
}

#[test]
fn a_server_that_is_down_at_any_step_changes_nothing_and_is_waited_for() {
    for step in Step::ALL {
        let services = FakeServices::new(Setting::POSTGRES);
        services.begin(TOKEN);
        for each in Step::ALL {
            if each == step {
                services.down.set(Some(ServerFault::Unreachable));
                let needs_it = each != Step::Create;
                assert_eq!(run(&services, each).is_done(), !needs_it);
                services.down.set(None);
            }
            assert!(run(&services, each).is_done());
        }
        assert!(services.works(CURRENT));
    }
}

#[test]
fn a_password_that_the_server_refuses_is_given_up_and_another_is_made() {
    let services = FakeServices::new(Setting::POSTGRES);
    services.refuses.set(Some(ServerFault::PasswordRefused));
    assert_eq!(rotate(&services, TOKEN).name(), "GivenUp");
    assert!(
        services
            .output
            .said()
            .contains("the server's rules refuse the new password")
    );
    assert!(services.carrier(PENDING).is_none());
    assert!(services.works(CURRENT));
    services.refuses.set(None);
    assert_eq!(rotate(&services, "another-token").name(), "done");
    assert!(services.works(CURRENT));
}

#[test]
fn who_may_not_change_the_password_is_told_so() {
    for (setting, advice) in [
        (Setting::POSTGRES, "set `rotate_as` in the manifest"),
        (Setting::ADMINISTRATOR, "allow it to the administrator"),
    ] {
        let services = created(setting);
        services.refuses.set(Some(ServerFault::NotAllowed));
        assert_eq!(run(&services, Step::Set).name(), "NotChanged");
        assert!(services.output.said().contains(advice));
        assert!(services.works(CURRENT));
    }
}

#[test]
fn a_user_that_was_dropped_is_named() {
    let services = created(Setting::POSTGRES);
    services.user.replace(None);
    services.allow_breakage();
    assert_eq!(run(&services, Step::Set).name(), "NoPasswordWorks");
    assert!(
        services
            .output
            .said()
            .contains("check that the user exists")
    );

    let services = created(Setting::ADMINISTRATOR);
    services.user.replace(None);
    services.allow_breakage();
    assert_eq!(run(&services, Step::Set).name(), "NotChanged");
    assert!(
        services
            .output
            .said()
            .contains("the server does not know the user")
    );
}

/// A rotation is cancelled after its password was sent: the server has a password that none of
/// AWS's labels leads to. The next rotation finds it, and AWSCURRENT works again before another
/// password is sent.
#[test]
fn a_rotation_that_was_broken_off_is_resumed() {
    for setting in [Setting::POSTGRES, Setting::MYSQL, Setting::ADMINISTRATOR] {
        let services = created(setting);
        services.inject(change_call(setting), Mishap::DieAfter);
        assert!(matches!(run(&services, Step::Set), Outcome::Died));
        services.cancel();
        let broken_off = services.carrier(SETTING).expect("the label");
        services.begin("another-token");
        assert_eq!(
            run_for(&services, Step::Create, "another-token").name(),
            "done"
        );
        assert_eq!(
            run_for(&services, Step::Set, "another-token").name(),
            "done"
        );
        assert_eq!(services.carrier(CURRENT), Some(broken_off));
        assert!(services.works(PENDING));
        assert_eq!(services.carrier(SETTING), services.carrier(PENDING));
    }
}

#[test]
fn an_administrators_password_goes_to_its_own_server_only() {
    let good = json!({
        "engine": "postgres", "host": "orders.internal", "port": 5432,
        "username": "admin", "password": "administrator's password, of thirty-two",
    });
    let other = |field: &str, value: serde_json::Value| {
        let mut fields = good.clone();
        fields[field] = value;
        fields.to_string()
    };
    for value in [
        other("host", json!("evil.example")),
        other("port", json!(5433)),
        other("engine", json!("mysql")),
        other("username", json!("")),
        other("password", serde_json::Value::Null),
        "not JSON".to_owned(),
    ] {
        let services = created(Setting::ADMINISTRATOR);
        services.store_in(ADMINISTRATOR_ARN, "only", &[CURRENT], Some(value.clone()));
        assert_eq!(
            run(&services, Step::Set).name(),
            "AdministratorUnfit",
            "{value}"
        );
        assert!(asked(&services).is_empty());
        assert!(services.carrier(SETTING).is_none());
    }
    // The manifest names the server, so the value need not, as AWS and others write it.
    let mut short = good.clone();
    for field in ["engine", "host", "port"] {
        short[field] = serde_json::Value::Null;
    }
    for value in [
        short.to_string(),
        other("engine", json!("aurora-postgresql")),
        other("port", serde_json::Value::Null),
        other("port", json!("5432")),
        other("dbname", json!("none of that name")),
    ] {
        let services = created(Setting::ADMINISTRATOR);
        services.store_in(ADMINISTRATOR_ARN, "only", &[CURRENT], Some(value));
        assert_eq!(run(&services, Step::Set).name(), "done");
    }
    let services = created(Setting::ADMINISTRATOR);
    services.store_in(ADMINISTRATOR_ARN, "only", &[CURRENT], None);
    assert_eq!(run(&services, Step::Set).name(), "AdministratorUnfit");
    services.secrets.borrow_mut().remove(ADMINISTRATOR_ARN);
    assert_eq!(run(&services, Step::Set).name(), "AdministratorUnfit");
}

#[test]
fn a_wrong_administrators_password_is_an_error() {
    let services = created(Setting::ADMINISTRATOR);
    let value = json!({
        "engine": "postgres", "host": "orders.internal", "port": 5432,
        "username": "admin", "password": "wrong",
    });
    services.store_in(
        ADMINISTRATOR_ARN,
        "only",
        &[CURRENT],
        Some(value.to_string()),
    );
    assert_eq!(run(&services, Step::Set).name(), "NoAdministratorLogin");
    assert!(services.output.said().contains("as the administrator in "));
    assert_eq!(asked(&services), ["inspect"]);
}

#[test]
fn without_a_database_or_with_another_engine_it_is_the_same() {
    for engine in [Engine::Postgres, Engine::MySql, Engine::MariaDb] {
        let services = FakeServices::new(Setting {
            engine,
            ..Setting::POSTGRES
        });
        services.pin("dbname", json!(null));
        let mut value = services.fields(CURRENT);
        value["dbname"] = serde_json::Value::Null;
        services.store("first", &[CURRENT], &value);
        services.allow_breakage();
        let password = value["password"].as_str().expect("text").to_owned();
        assert!(services.knows(&password));
        assert_eq!(rotate(&services, TOKEN).name(), "done");
        assert!(!services.knows(&password));
    }
}

/// The manifest changes during a rotation: its version belongs to a server that is no longer
/// pinned, and contains the only password that works. The password is neither used nor lost.
#[test]
fn what_was_sent_before_the_pins_changed_is_kept_for_when_they_are_put_right() {
    let services = created(Setting::POSTGRES);
    assert_eq!(run(&services, Step::Set).name(), "done");
    let sent = services.carrier(SETTING);
    let mut moved = services.fields(CURRENT);
    moved["dbname"] = json!("moved");
    services.pin("dbname", json!("moved"));
    services.store("corrected", &[CURRENT], &moved);
    assert_eq!(run(&services, Step::Test).name(), "Stray");
    assert_eq!(run(&services, Step::Create).name(), "GivenUp");
    for token in ["second-token", "third-token"] {
        assert_eq!(rotate(&services, token).name(), "NoPasswordWorks");
        assert_eq!(services.carrier(SETTING), sent);
    }
    services.pin("dbname", json!("orders"));
    let mut back = services.fields(CURRENT);
    back["dbname"] = json!("orders");
    services.store("put-right", &[CURRENT], &back);
    assert_eq!(rotate(&services, "fourth-token").name(), "done");
    assert!(services.works(CURRENT));
}
