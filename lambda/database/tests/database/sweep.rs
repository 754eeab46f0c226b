//! The sweep: the rotations that it finishes, the passwords that it discards, and its metrics.

use std::time::Duration;

use keyrota_database_function::event::Step;
use keyrota_database_function::mark::{RETAINED, SETTING};
use keyrota_database_function::port;
use keyrota_database_function::server::ServerFault;
use keyrota_database_function::stage::{CURRENT, PREVIOUS};

use crate::fake::AnyFault::{Aws, Server};
use crate::fake::{Mishap, Setting, TOKEN, World, rotate, run, sweep};

const DAY: Duration = Duration::from_secs(86_400);

fn mysql(old_key: &'static str) -> Setting {
    Setting {
        old_key,
        ..Setting::MYSQL
    }
}

const IN_TIME: &str = "deactivate_after=1d delete_after=2d hold_if_used_within=1d";
const AT_ONCE: &str = "deactivate_after=0s delete_after=0s hold_if_used_within=1d";

/// Returns a world in which a rotation was cancelled after its password was set.
fn broken_off(setting: Setting) -> World {
    let world = World::new(setting);
    world.begin(TOKEN);
    assert!(run(&world, Step::Create).is_done());
    assert!(run(&world, Step::Set).is_done());
    world.cancel();
    world.calls.borrow_mut().clear();
    world
}

#[test]
fn a_rotation_that_was_broken_off_is_mended() {
    let world = broken_off(Setting::POSTGRES);
    assert!(!world.works(CURRENT));
    let version = world.carrier(SETTING);
    assert_eq!(sweep(&world).name(), "done");
    assert!(world.works(CURRENT));
    assert_eq!(world.carrier(CURRENT), version);
}

#[test]
fn not_where_both_passwords_work_nor_while_a_rotation_is_under_way() {
    let world = broken_off(Setting::MYSQL);
    assert_eq!(sweep(&world).name(), "done");
    assert!(world.works(CURRENT));
    assert!(world.carrier(SETTING).is_some());

    let world = broken_off(Setting::POSTGRES);
    world.begin("another-token");
    let before = world.stages();
    assert_eq!(sweep(&world).name(), "done");
    assert_eq!(world.stages(), before);
}

#[test]
fn a_password_that_never_came_to_the_server_is_forgotten() {
    let world = World::new(Setting::POSTGRES);
    let password = world.make_password();
    world.store("broken-off", &[SETTING], &world.value(&password));
    assert_eq!(sweep(&world).name(), "done");
    assert!(world.carrier(SETTING).is_none());
    assert!(world.works(CURRENT));
}

#[test]
fn it_is_said_where_no_password_works_and_where_the_server_is_down() {
    let world = broken_off(Setting::POSTGRES);
    world.change_by_hand("another");
    assert_eq!(sweep(&world).name(), "SweepFailed");
    assert!(world.said.borrow().contains("NoPasswordWorks"));
    assert!(world.said.borrow().contains("\"Failures\":1"));

    let world = broken_off(Setting::POSTGRES);
    world.down.set(Some(ServerFault::TimedOut));
    assert_eq!(sweep(&world).name(), "SweepFailed");
    assert!(world.carrier(SETTING).is_some());
}

#[test]
fn an_old_password_is_forgotten_when_its_time_has_come() {
    let administrator = Setting {
        rotate_as: "ops/db-admin",
        ..mysql(IN_TIME)
    };
    for setting in [mysql(IN_TIME), administrator] {
        let world = World::new(setting);
        assert_eq!(rotate(&world, TOKEN).name(), "done");
        world.pass(DAY - Duration::from_secs(1));
        assert_eq!(sweep(&world).name(), "done");
        assert!(world.works(PREVIOUS));
        world.pass(Duration::from_secs(1));
        assert_eq!(sweep(&world).name(), "done");
        assert!(!world.works(PREVIOUS) && world.works(CURRENT));
        assert!(world.carrier(RETAINED).is_none());
    }
}

#[test]
fn or_at_once_or_never() {
    let world = World::new(mysql(AT_ONCE));
    assert_eq!(rotate(&world, TOKEN).name(), "done");
    assert!(!world.works(PREVIOUS) && world.works(CURRENT));

    let world = World::new(mysql("until_next_rotation"));
    assert_eq!(rotate(&world, TOKEN).name(), "done");
    world.pass(DAY * 100);
    assert_eq!(sweep(&world).name(), "done");
    assert!(world.works(PREVIOUS));
}

/// The server's old password may be AWSCURRENT's.
#[test]
fn nothing_is_forgotten_while_another_password_was_sent() {
    let world = World::new(mysql(IN_TIME));
    assert_eq!(rotate(&world, TOKEN).name(), "done");
    world.begin("another-token");
    assert!(crate::fake::run_for(&world, Step::Create, "another-token").is_done());
    // The process dies after the change and before it sets the label RETAINED.
    world.befall(5, Mishap::DieAfter);
    assert_eq!(
        crate::fake::run_for(&world, Step::Set, "another-token").name(),
        "died"
    );
    world.pass(DAY * 2);
    assert_eq!(sweep(&world).name(), "done");
    world.cancel();
    assert_eq!(world.carrier(RETAINED), world.carrier(CURRENT));
    assert_eq!(sweep(&world).name(), "done");
    assert!(world.works(CURRENT));
}

#[test]
fn what_failed_is_done_by_the_next_sweep() {
    for mishap in [
        Mishap::Before(Server(ServerFault::Busy)),
        Mishap::After(Server(ServerFault::Unclear)),
    ] {
        let world = World::new(mysql(IN_TIME));
        assert_eq!(rotate(&world, TOKEN).name(), "done");
        world.pass(DAY);
        world.befall(3, mishap);
        assert_eq!(sweep(&world).name(), "SweepFailed");
        assert_eq!(sweep(&world).name(), "done");
        assert!(!world.works(PREVIOUS));
    }
}

#[test]
fn ages_and_lateness_are_measured() {
    let world = World::new(Setting::POSTGRES);
    let due = world.today();
    world.change_secret(|secret| secret.next_rotation = Some(due));
    world.pass(DAY * 7);
    assert_eq!(sweep(&world).name(), "done");
    assert!(world.said.borrow().contains("\"RotationsOverdue\":0"));
    assert!(world.said.borrow().contains("\"CredentialAge\":[604800]"));
    world.pass(DAY);
    assert_eq!(sweep(&world).name(), "done");
    assert!(world.said.borrow().contains("\"RotationsOverdue\":1"));
    // Normally, the sweep makes no calls to the server.
    assert!(!world.calls.borrow().contains(&"authenticate"));
}

#[test]
fn a_secret_without_a_password_yet_is_no_failure() {
    let world = World::new(Setting::POSTGRES);
    let seed = serde_json::json!({ "engine": "postgres" });
    world.store("seed", &[CURRENT], &seed);
    world.forgive();
    assert_eq!(sweep(&world).name(), "done");
    world.befall(0, Mishap::Before(Aws(port::CallErrorKind::Throttled)));
    assert_eq!(sweep(&world).name(), "SweepFailed");
}
