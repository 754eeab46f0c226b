//! `setSecret`: which passwords it tries, and what it sends to which server.

use keyrota_database_function::event::Step;
use keyrota_database_function::mark::{RETAINED, SETTING};
use keyrota_database_function::port;
use keyrota_database_function::server::{Engine, ServerFault};
use keyrota_database_function::stage::{CURRENT, PENDING, PREVIOUS};
use serde_json::json;

use crate::fake::AnyFault::{Aws, Server};
use crate::fake::{ADMINISTRATOR_ARN, Ended, Mishap, Setting, TOKEN, World, rotate, run, run_for};

/// Returns a world after `createSecret`.
fn created(setting: Setting) -> World {
    let world = World::new(setting);
    world.begin(TOKEN);
    assert!(run(&world, Step::Create).is_done());
    world.calls.borrow_mut().clear();
    world
}

/// Returns the requests to the server.
fn asked(world: &World) -> Vec<&'static str> {
    let calls = world.calls.borrow();
    let of_server = calls.iter().filter(|call| !call.contains(':'));
    of_server.copied().collect()
}

#[test]
fn the_password_becomes_the_pending_one() {
    for setting in [Setting::POSTGRES, Setting::MYSQL, Setting::ADMINISTRATOR] {
        let world = created(setting);
        assert_eq!(run(&world, Step::Set).name(), "done");
        assert!(world.works(PENDING));
        assert_eq!(world.works(CURRENT), setting.retains);
        assert_eq!(world.carrier(SETTING), world.carrier(PENDING));
        assert_eq!(world.carrier(RETAINED).is_some(), setting.retains);
        assert_eq!(asked(&world), ["authenticate", "change"]);
        world.calls.borrow_mut().clear();
        // The retry finds that the work is done.
        assert_eq!(run(&world, Step::Set).name(), "done");
        assert_eq!(asked(&world), ["authenticate"]);
    }
}

#[test]
fn it_is_written_down_before_it_is_sent() {
    let world = created(Setting::POSTGRES);
    assert_eq!(run(&world, Step::Set).name(), "done");
    let calls = world.calls.borrow();
    let label = calls
        .iter()
        .position(|call| call.ends_with("UpdateSecretVersionStage"));
    let change = calls.iter().position(|call| *call == "change");
    assert!(label < change && label.is_some());
    drop(calls);

    let world = created(Setting::POSTGRES);
    world.befall(4, Mishap::Before(Aws(port::CallErrorKind::NotAuthorised)));
    assert_eq!(run(&world, Step::Set).name(), "NotWrittenDown");
    assert_eq!(asked(&world), ["authenticate"]);
}

#[test]
fn the_previous_password_is_tried_where_the_current_one_is_wrong() {
    let world = created(Setting::POSTGRES);
    let wrong = world.make_password();
    world.store("by-hand", &[CURRENT], &world.value(&wrong));
    world.forgive();
    assert_eq!(run(&world, Step::Set).name(), "done");
    assert_eq!(asked(&world), ["authenticate", "change", "change"]);
    assert!(world.works(PENDING));
}

#[test]
fn nor_is_it_tried_where_it_is_of_another_user_or_server() {
    for (field, value) in [
        ("host", json!("evil.example")),
        ("port", json!(5433)),
        ("dbname", json!("payroll")),
        ("username", json!("postgres")),
    ] {
        let world = created(Setting::POSTGRES);
        let mut previous = world.fields(CURRENT);
        previous[field] = value;
        world.store("before", &[CURRENT], &previous);
        let wrong = world.make_password();
        world.store("by-hand", &[CURRENT], &world.value(&wrong));
        world.forgive();
        assert_eq!(run(&world, Step::Set).name(), "NoPasswordWorks");
        assert_eq!(asked(&world), ["authenticate", "change"], "{field}");
        assert!(
            world
                .said
                .borrow()
                .contains("tried: AWSPENDING, AWSCURRENT")
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
            let world = created(Setting::POSTGRES);
            let previous = world.make_password();
            world.store("before", &[PREVIOUS], &world.value(&previous));
            world.befall(call, Mishap::Before(Server(fault)));
            let expected = if call == 3 { "NoLogin" } else { "NotChanged" };
            assert_eq!(run(&world, Step::Set).name(), expected, "{fault:?}");
            assert_eq!(asked(&world).len(), if call == 3 { 1 } else { 2 });
            assert!(world.works(CURRENT));
            // After the fault ends, the retry succeeds.
            assert_eq!(run(&world, Step::Set).name(), "done");
        }
    }
}

#[test]
fn a_server_that_is_down_at_any_step_changes_nothing_and_is_waited_for() {
    for step in Step::ALL {
        let world = World::new(Setting::POSTGRES);
        world.begin(TOKEN);
        for each in Step::ALL {
            if each == step {
                world.down.set(Some(ServerFault::Unreachable));
                let needs_it = each != Step::Create;
                assert_eq!(run(&world, each).is_done(), !needs_it);
                world.down.set(None);
            }
            assert!(run(&world, each).is_done());
        }
        assert!(world.works(CURRENT));
    }
}

#[test]
fn a_password_that_the_server_refuses_is_given_up_and_another_is_made() {
    let world = World::new(Setting::POSTGRES);
    world.refuses.set(Some(ServerFault::PasswordRefused));
    assert_eq!(rotate(&world, TOKEN).name(), "GivenUp");
    assert!(
        world
            .said
            .borrow()
            .contains("the server's rules refuse the new password")
    );
    assert!(world.carrier(PENDING).is_none());
    assert!(world.works(CURRENT));
    world.refuses.set(None);
    assert_eq!(rotate(&world, "another-token").name(), "done");
    assert!(world.works(CURRENT));
}

#[test]
fn who_may_not_change_the_password_is_told_so() {
    for (setting, advice) in [
        (Setting::POSTGRES, "set `rotate_as` in the manifest"),
        (Setting::ADMINISTRATOR, "allow it to the administrator"),
    ] {
        let world = created(setting);
        world.refuses.set(Some(ServerFault::NotAllowed));
        assert_eq!(run(&world, Step::Set).name(), "NotChanged");
        assert!(world.said.borrow().contains(advice));
        assert!(world.works(CURRENT));
    }
}

#[test]
fn a_user_that_was_dropped_is_named() {
    let world = created(Setting::POSTGRES);
    world.user.replace(None);
    world.forgive();
    assert_eq!(run(&world, Step::Set).name(), "NoPasswordWorks");
    assert!(world.said.borrow().contains("see that the user exists"));

    let world = created(Setting::ADMINISTRATOR);
    world.user.replace(None);
    world.forgive();
    assert_eq!(run(&world, Step::Set).name(), "NotChanged");
    assert!(
        world
            .said
            .borrow()
            .contains("the server does not know the user")
    );
}

#[test]
fn a_change_whose_answer_was_lost_is_looked_for() {
    for (mishap, ended) in [
        (Mishap::Before(Server(ServerFault::Unclear)), "NotChanged"),
        (Mishap::After(Server(ServerFault::Unclear)), "done"),
    ] {
        for setting in [Setting::POSTGRES, Setting::MYSQL] {
            let world = created(setting);
            world.befall(5, mishap);
            assert_eq!(run(&world, Step::Set).name(), ended);
            // It is unknown whether the old password was retained, so that is recorded.
            let retained = setting.retains && ended == "done";
            assert_eq!(world.carrier(RETAINED).is_some(), retained);
            assert_eq!(run(&world, Step::Set).name(), "done");
            assert!(world.works(PENDING));
        }
    }
}

/// A rotation is cancelled after its password was sent: the server has a password that none of
/// AWS's labels leads to. The next rotation finds it, and AWSCURRENT works again before another
/// password is sent.
#[test]
fn a_rotation_that_was_broken_off_is_resumed() {
    for setting in [Setting::POSTGRES, Setting::MYSQL, Setting::ADMINISTRATOR] {
        let world = created(setting);
        world.befall(5, Mishap::DieAfter);
        if setting.rotate_as != "self" {
            world.mishaps.borrow_mut().clear();
            world.befall(6, Mishap::DieAfter);
        }
        assert!(matches!(run(&world, Step::Set), Ended::Died));
        world.cancel();
        let broken_off = world.carrier(SETTING).expect("the label");
        world.begin("another-token");
        assert_eq!(
            run_for(&world, Step::Create, "another-token").name(),
            "done"
        );
        assert_eq!(run_for(&world, Step::Set, "another-token").name(), "done");
        assert_eq!(world.carrier(CURRENT), Some(broken_off));
        assert!(world.works(PENDING));
        assert_eq!(world.carrier(SETTING), world.carrier(PENDING));
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
        other("port", serde_json::Value::Null),
        other("engine", json!("mysql")),
        other("username", json!("")),
        other("password", serde_json::Value::Null),
        "not JSON".to_owned(),
    ] {
        let world = created(Setting::ADMINISTRATOR);
        world.store_in(ADMINISTRATOR_ARN, "only", &[CURRENT], Some(value.clone()));
        assert_eq!(
            run(&world, Step::Set).name(),
            "AdministratorUnfit",
            "{value}"
        );
        assert_eq!(asked(&world), ["authenticate"]);
        assert!(world.carrier(SETTING).is_none());
    }
    let world = created(Setting::ADMINISTRATOR);
    world.store_in(ADMINISTRATOR_ARN, "only", &[CURRENT], None);
    assert_eq!(run(&world, Step::Set).name(), "AdministratorUnfit");
    world.secrets.borrow_mut().remove(ADMINISTRATOR_ARN);
    assert_eq!(run(&world, Step::Set).name(), "AdministratorUnfit");
}

#[test]
fn a_wrong_administrators_password_is_an_error() {
    let world = created(Setting::ADMINISTRATOR);
    let value = json!({
        "engine": "postgres", "host": "orders.internal", "port": 5432,
        "username": "admin", "password": "wrong",
    });
    world.store_in(
        ADMINISTRATOR_ARN,
        "only",
        &[CURRENT],
        Some(value.to_string()),
    );
    assert_eq!(run(&world, Step::Set).name(), "NotChanged");
    assert_eq!(asked(&world), ["authenticate", "change"]);
}

#[test]
fn without_a_database_or_with_another_engine_it_is_the_same() {
    for engine in [Engine::Postgres, Engine::MySql, Engine::MariaDb] {
        let world = World::new(Setting {
            engine,
            ..Setting::POSTGRES
        });
        world.pin("dbname", json!(null));
        let mut value = world.fields(CURRENT);
        value["dbname"] = serde_json::Value::Null;
        world.store("first", &[CURRENT], &value);
        world.forgive();
        let password = value["password"].as_str().expect("text").to_owned();
        assert!(world.knows(&password));
        assert_eq!(rotate(&world, TOKEN).name(), "done");
        assert!(!world.knows(&password));
    }
}

/// The manifest changes during a rotation: its version belongs to a server that is no longer
/// pinned, and contains the only password that works. The password is neither used nor lost.
#[test]
fn what_was_sent_before_the_pins_changed_is_kept_for_when_they_are_put_right() {
    let world = created(Setting::POSTGRES);
    assert_eq!(run(&world, Step::Set).name(), "done");
    let sent = world.carrier(SETTING);
    let mut moved = world.fields(CURRENT);
    moved["dbname"] = json!("moved");
    world.pin("dbname", json!("moved"));
    world.store("corrected", &[CURRENT], &moved);
    assert_eq!(run(&world, Step::Test).name(), "Stray");
    assert_eq!(run(&world, Step::Create).name(), "GivenUp");
    for token in ["second-token", "third-token"] {
        assert_eq!(rotate(&world, token).name(), "NoPasswordWorks");
        assert_eq!(world.carrier(SETTING), sent);
    }
    world.pin("dbname", json!("orders"));
    let mut back = world.fields(CURRENT);
    back["dbname"] = json!("orders");
    world.store("put-right", &[CURRENT], &back);
    assert_eq!(rotate(&world, "fourth-token").name(), "done");
    assert!(world.works(CURRENT));
}
