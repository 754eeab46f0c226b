//! Which accounts of the user's name a rotation changes, and when it does not begin.

use keyrota_database_function::event::Step;
use keyrota_database_function::mark::SETTING;
use keyrota_database_function::server::{Engine, ServerFault};
use keyrota_test_function::secrets::FakeSecrets as _;
use serde_json::json;

use crate::fake::AnyFault::Server;
use crate::fake::{FakeServices, Mishap, Setting, run};
use crate::set::{asked, change_call, created};

/// Returns a setting in which the function logs in as one of two accounts, or as the only one.
fn with_hosts(setting: Setting, hosts: &[&'static str], sees: bool) -> FakeServices {
    let services = created(setting);
    services.hosts.replace(hosts.to_vec());
    services.sees.set(Some(sees));
    services
}

#[test]
fn several_accounts_are_refused_before_anything_changes() {
    let mariadb = Setting {
        engine: Engine::MariaDb,
        ..Setting::POSTGRES
    };
    let administrator = Setting {
        rotate_as: Setting::ADMINISTRATOR.rotate_as,
        ..Setting::MYSQL
    };
    for setting in [Setting::MYSQL, mariadb, administrator] {
        for (sees, pinned, ended) in [
            (true, None, "SeveralAccounts"),
            (true, Some("own"), "SeveralAccounts"),
            (false, None, "AccountsUnseen"),
            (false, Some("all"), "AccountsUnseen"),
        ] {
            let services = with_hosts(setting, &["127.0.0.1", "%"], sees);
            services.pin("hosts", json!(pinned));
            assert_eq!(run(&services, Step::Set).name(), ended, "{setting:?}");
            assert_eq!(asked(&services), ["inspect"]);
            assert!(services.carrier(SETTING).is_none());
            let said = services.output.said();
            let is_named = setting.rotate_as == "self" || sees;
            assert_eq!(said.contains("'@'127.0.0.1'"), is_named, "{said}");
            assert_eq!(said.contains("'@'%'"), sees, "{said}");
        }
        let services = with_hosts(setting, &["127.0.0.1", "%"], true);
        services.pin("hosts", json!("all"));
        assert_eq!(run(&services, Step::Set).name(), "done");
        assert!(services.every.get());
    }
}

#[test]
fn one_account_is_changed_and_what_was_not_checked_is_told() {
    for (host, sees, pinned, is_checked) in [
        ("%", false, None, false),
        ("%", true, None, true),
        ("localhost", true, None, true),
        ("localhost", false, Some("own"), true),
    ] {
        let services = with_hosts(Setting::MYSQL, &[host], sees);
        services.pin("hosts", json!(pinned));
        assert_eq!(run(&services, Step::Set).name(), "done", "{host}");
        assert!(!services.every.get());
        let said = services.output.said();
        assert_eq!(!said.contains("not checked"), is_checked, "{said}");
    }
}

/// MariaDB may change some accounts and not others, and a login shows the password of one.
#[test]
fn on_mariadb_every_account_is_changed_again_until_the_server_says_so() {
    let mariadb = Setting {
        engine: Engine::MariaDb,
        ..Setting::POSTGRES
    };
    let services = with_hosts(mariadb, &["127.0.0.1", "%"], true);
    services.pin("hosts", json!("all"));
    services.inject(
        change_call(mariadb),
        Mishap::After(Server(ServerFault::NotAllowed)),
    );
    assert_eq!(run(&services, Step::Set).name(), "ChangeUnknown");
    services.calls.borrow_mut().clear();
    assert_eq!(run(&services, Step::Set).name(), "done");
    // At the end, AWSCURRENT's password is tried, and not the one that made the change.
    assert_eq!(
        asked(&services),
        ["authenticate", "inspect", "change", "authenticate"]
    );
    assert!(!services.output.said().contains("ReplacedWorks"));
}
