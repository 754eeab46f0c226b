//! What the function finds out after a change that failed, before it reports anything.

use keyrota_database_function::event::Step;
use keyrota_database_function::mark::{RETAINED, SETTING};
use keyrota_database_function::server::{Engine, FailureLimit, ServerFault};
use keyrota_database_function::stage::{CURRENT, PENDING};
use keyrota_test_function::secrets::FakeSecrets as _;

use crate::fake::AnyFault::Server;
use crate::fake::{Mishap, Setting, run};
use crate::set::{asked, change_call, created};

/// A server, or a proxy before it, may carry out a change and then answer with any error.
#[test]
fn a_change_that_failed_is_looked_for() {
    let faults = [
        ServerFault::Unclear,
        ServerFault::WrongCredentials,
        ServerFault::NotAllowed,
        ServerFault::UserUnknown,
        ServerFault::Busy,
        ServerFault::LoginForbidden,
        ServerFault::Refused,
    ];
    let mariadb = Setting {
        engine: Engine::MariaDb,
        ..Setting::POSTGRES
    };
    for fault in faults {
        for setting in [
            Setting::POSTGRES,
            Setting::MYSQL,
            mariadb,
            Setting::ADMINISTRATOR,
        ] {
            let services = created(setting);
            services.inject(change_call(setting), Mishap::Before(Server(fault)));
            assert_eq!(run(&services, Step::Set).name(), "NotChanged", "{fault:?}");
            let said = services.output.said().to_string();
            let tested = match setting.rotate_as {
                "self" => "failed with the new password and succeeded with the old one",
                _ => "a login right after that failed with the new password",
            };
            assert!(said.contains(tested), "{said}");
            assert!(services.works(CURRENT));
            assert_eq!(run(&services, Step::Set).name(), "done");

            let services = created(setting);
            services.inject(change_call(setting), Mishap::After(Server(fault)));
            assert_eq!(run(&services, Step::Set).name(), "done", "{fault:?}");
            // It is unknown whether the old password was retained, so that is recorded.
            let retained = setting.engine == Engine::MySql;
            assert_eq!(services.carrier(RETAINED).is_some(), retained);
            assert_eq!(asked(&services).last(), Some(&"authenticate"));
            assert!(services.works(PENDING));
        }
    }
}

/// A login that fails would lock the account, so none is tried that is likely to.
#[test]
fn on_a_server_that_tolerates_no_failed_login_the_old_password_is_tried_first() {
    let mariadb = Setting {
        engine: Engine::MariaDb,
        ..Setting::POSTGRES
    };
    for (setting, said, asks) in [
        (mariadb, "succeeded with the old password", true),
        (Setting::MYSQL, "no login was tried", false),
        (Setting::ADMINISTRATOR, "no login was tried", false),
    ] {
        let services = created(setting);
        services.tolerates.set(FailureLimit::After(1));
        services.inject(
            change_call(setting),
            Mishap::Before(Server(ServerFault::Busy)),
        );
        let ended = run(&services, Step::Set);
        let expected = if asks { "NotChanged" } else { "ChangeUnknown" };
        assert_eq!(ended.name(), expected);
        assert!(services.output.said().contains(said));
        let logins = asked(&services);
        let tried = logins.iter().filter(|&&call| call == "authenticate");
        assert_eq!(tried.count(), usize::from(asks));
        assert!(services.works(CURRENT));
    }
    // The answer was no error of the change.
    let services = created(mariadb);
    services.tolerates.set(FailureLimit::After(1));
    services.inject(
        change_call(mariadb),
        Mishap::After(Server(ServerFault::Busy)),
    );
    assert_eq!(run(&services, Step::Set).name(), "done");
    assert!(services.works(PENDING));
}

/// No claim about the password is made where no login could test it, and no other password is sent
/// to a server that may be another one now.
#[test]
fn what_could_not_be_tested_is_not_claimed() {
    for mishap in [Mishap::Before, Mishap::After] {
        for fault in [ServerFault::Refused, ServerFault::PasswordRefused] {
            let services = created(Setting::POSTGRES);
            services.inject(5, mishap(Server(fault)));
            services.inject(6, Mishap::Before(Server(ServerFault::Unreachable)));
            assert_eq!(run(&services, Step::Set).name(), "ChangeUnknown");
            assert_eq!(asked(&services), ["inspect", "change", "authenticate"]);
            assert!(
                services
                    .output
                    .said()
                    .contains("the password may have changed")
            );
            assert!(services.carrier(PENDING).is_some());
            assert_eq!(run(&services, Step::Set).name(), "done");
            assert!(services.works(PENDING));
        }
    }
}

/// A password that the server set and then refused is the one that works.
#[test]
fn a_refused_password_that_was_set_is_not_given_up() {
    let services = created(Setting::POSTGRES);
    services.inject(5, Mishap::After(Server(ServerFault::PasswordRefused)));
    assert_eq!(run(&services, Step::Set).name(), "done");
    assert!(services.works(PENDING));
    assert_eq!(services.carrier(SETTING), services.carrier(PENDING));
}
