//! The sweep: the rotations that it finishes, the passwords that it discards, and its metrics.

use std::time::Duration;

use keyrota_database_function::event::Step;
use keyrota_database_function::mark::{RETAINED, SETTING};
use keyrota_database_function::port;
use keyrota_database_function::server::ServerFault;
use keyrota_database_function::stage::{CURRENT, PREVIOUS, VersionId};
use keyrota_test_function::secrets::FakeSecrets as _;

use crate::fake::AnyFault::{Aws, Server};
use crate::fake::{FakeServices, Mishap, Setting, TOKEN, rotate, run, sweep};

const DAY: Duration = Duration::from_secs(86_400);

fn mysql(old_key: &'static str) -> Setting {
    Setting {
        old_key,
        ..Setting::MYSQL
    }
}

const IN_TIME: &str = "deactivate_after=1d delete_after=2d hold_if_used_within=1d";
const AT_ONCE: &str = "deactivate_after=0s delete_after=0s hold_if_used_within=1d";

/// Returns the state after a rotation was cancelled after its password was set.
fn broken_off(setting: Setting) -> FakeServices {
    let services = FakeServices::new(setting);
    services.begin(TOKEN);
    assert!(run(&services, Step::Create).is_done());
    assert!(run(&services, Step::Set).is_done());
    services.cancel();
    services.calls.borrow_mut().clear();
    services
}

#[test]
fn a_rotation_that_was_broken_off_is_repaired() {
    let services = broken_off(Setting::POSTGRES);
    assert!(!services.works(CURRENT));
    let version = services.carrier(SETTING);
    assert_eq!(sweep(&services).name(), "done");
    assert!(services.works(CURRENT));
    assert_eq!(services.carrier(CURRENT), version);
}

#[test]
fn not_where_both_passwords_work_nor_while_a_rotation_is_under_way() {
    let services = broken_off(Setting::MYSQL);
    assert_eq!(sweep(&services).name(), "done");
    assert!(services.works(CURRENT));
    assert!(services.carrier(SETTING).is_some());

    let services = broken_off(Setting::POSTGRES);
    services.begin("another-token");
    let before = services.stages();
    assert_eq!(sweep(&services).name(), "done");
    assert_eq!(services.stages(), before);
}

#[test]
fn a_password_that_never_came_to_the_server_is_forgotten() {
    let services = FakeServices::new(Setting::POSTGRES);
    let password = services.make_password();
    services.store("broken-off", &[SETTING], &services.value(&password));
    assert_eq!(sweep(&services).name(), "done");
    assert!(services.carrier(SETTING).is_none());
    assert!(services.works(CURRENT));
}

#[test]
fn it_is_said_where_no_password_works_and_where_the_server_is_down() {
    let services = broken_off(Setting::POSTGRES);
    services.change_by_hand("another");
    assert_eq!(sweep(&services).name(), "SweepFailed");
    assert!(services.output.said().contains("NoPasswordWorks"));
    assert!(services.output.said().contains("\"Failures\":1"));

    let services = broken_off(Setting::POSTGRES);
    services.down.set(Some(ServerFault::TimedOut));
    assert_eq!(sweep(&services).name(), "SweepFailed");
    assert!(services.carrier(SETTING).is_some());
}

/// The version may contain the only password that works, so nothing may look as if all were well.
#[test]
fn a_version_that_cannot_be_decrypted_fails_the_sweep() {
    let services = broken_off(Setting::POSTGRES);
    services.change_secret(|secret| {
        let version = secret.versions.get_mut(&VersionId::new(TOKEN));
        version.expect("a version").details.undecryptable = true;
    });
    services.output.clear();
    assert_eq!(sweep(&services).name(), "SweepFailed");
    let said = services.output.said().clone();
    assert!(said.contains("ValueUnreadable"), "{said}");
    assert!(said.contains("the KEYROTA_SETTING of"), "{said}");
    assert!(services.carrier(SETTING).is_some());
}

#[test]
fn an_old_password_is_forgotten_when_its_time_has_come() {
    let administrator = Setting {
        rotate_as: "ops/db-admin",
        ..mysql(IN_TIME)
    };
    for setting in [mysql(IN_TIME), administrator] {
        let services = FakeServices::new(setting);
        assert_eq!(rotate(&services, TOKEN).name(), "done");
        services.pass(DAY - Duration::from_secs(1));
        assert_eq!(sweep(&services).name(), "done");
        assert!(services.works(PREVIOUS));
        services.pass(Duration::from_secs(1));
        assert_eq!(sweep(&services).name(), "done");
        assert!(!services.works(PREVIOUS) && services.works(CURRENT));
        assert!(services.carrier(RETAINED).is_none());
    }
}

#[test]
fn or_at_once_or_never() {
    let services = FakeServices::new(mysql(AT_ONCE));
    assert_eq!(rotate(&services, TOKEN).name(), "done");
    assert!(!services.works(PREVIOUS) && services.works(CURRENT));

    let services = FakeServices::new(mysql("until_next_rotation"));
    assert_eq!(rotate(&services, TOKEN).name(), "done");
    services.pass(DAY * 100);
    assert_eq!(sweep(&services).name(), "done");
    assert!(services.works(PREVIOUS));
}

/// The server's old password may be AWSCURRENT's.
#[test]
fn nothing_is_forgotten_while_another_password_was_sent() {
    let services = FakeServices::new(mysql(IN_TIME));
    assert_eq!(rotate(&services, TOKEN).name(), "done");
    services.begin("another-token");
    assert!(crate::fake::run_for(&services, Step::Create, "another-token").is_done());
    // The process dies after the change and before it sets the label RETAINED.
    services.inject(5, Mishap::DieAfter);
    assert_eq!(
        crate::fake::run_for(&services, Step::Set, "another-token").name(),
        "died"
    );
    services.pass(DAY * 2);
    assert_eq!(sweep(&services).name(), "done");
    services.cancel();
    assert_eq!(services.carrier(RETAINED), services.carrier(CURRENT));
    assert_eq!(sweep(&services).name(), "done");
    assert!(services.works(CURRENT));
}

#[test]
fn what_failed_is_done_by_the_next_sweep() {
    for mishap in [
        Mishap::Before(Server(ServerFault::Busy)),
        Mishap::After(Server(ServerFault::Unclear)),
    ] {
        let services = FakeServices::new(mysql(IN_TIME));
        assert_eq!(rotate(&services, TOKEN).name(), "done");
        services.pass(DAY);
        services.inject(3, mishap);
        assert_eq!(sweep(&services).name(), "SweepFailed");
        assert_eq!(sweep(&services).name(), "done");
        assert!(!services.works(PREVIOUS));
    }
}

#[test]
fn ages_and_lateness_are_measured() {
    let services = FakeServices::new(Setting::POSTGRES);
    let due = services.today();
    services.change_secret(|secret| secret.next_rotation = Some(due));
    services.pass(DAY * 7);
    assert_eq!(sweep(&services).name(), "done");
    assert!(services.output.said().contains("\"RotationsOverdue\":0"));
    assert!(
        services
            .output
            .said()
            .contains("\"CredentialAge\":[604800]")
    );
    services.pass(DAY);
    assert_eq!(sweep(&services).name(), "done");
    assert!(services.output.said().contains("\"RotationsOverdue\":1"));
    // Normally, the sweep makes no calls to the server.
    assert!(!services.calls.borrow().contains(&"authenticate"));
}

#[test]
fn a_secret_without_a_password_yet_is_no_failure() {
    let services = FakeServices::new(Setting::POSTGRES);
    let seed = serde_json::json!({ "engine": "postgres" });
    services.store("seed", &[CURRENT], &seed);
    services.allow_breakage();
    assert_eq!(sweep(&services).name(), "done");
    services.inject(0, Mishap::Before(Aws(port::CallErrorKind::Throttled)));
    assert_eq!(sweep(&services).name(), "SweepFailed");
}

/// Secrets Manager no longer retries the rotation, or cannot invoke the function, so that no step runs.
#[test]
fn a_rotation_that_does_not_end_is_measured() {
    let services = FakeServices::new(Setting::POSTGRES);
    let stuck = |count: usize| {
        services.output.clear();
        assert_eq!(sweep(&services).name(), "done");
        let said = services.output.said();
        assert!(said.contains(&format!("\"RotationsStuck\":{count}")));
        assert_eq!(said.contains("\"decision\":\"stuck\""), count > 0);
    };
    stuck(0);
    services.begin(TOKEN);
    assert!(run(&services, Step::Create).is_done());
    services.pass(Duration::from_secs(3_600));
    stuck(0);
    services.pass(Duration::from_secs(1));
    stuck(1);
    // Something that tags secrets every hour does not hide it.
    let today = services.today();
    services.change_secret(|secret| secret.changed = Some(today));
    stuck(1);
    services.cancel();
    stuck(0);
}

#[test]
fn a_pending_version_that_cannot_be_read_fails_the_sweep() {
    let services = FakeServices::new(Setting::POSTGRES);
    services.begin(TOKEN);
    services.inject(1, Mishap::Before(Aws(port::CallErrorKind::Throttled)));
    assert_eq!(sweep(&services).name(), "SweepFailed");
}
