//! Which accounts of a name real servers let a session read, and that all of them change together.
//! The drivers connect from 127.0.0.1.

use keyrota_database_function::server::{
    Account, Accounts, Change, ChangeError, Login, PreviousPassword, Server as _, ServerFault,
};

use crate::test_server::{Kind, TestServer, check, login, unique};

/// Starts a server with accounts of a name for clients on this host, and for all others.
fn start(kind: Kind) -> (TestServer, String) {
    let test_server = TestServer::start(kind, &[]);
    let name = unique("shop");
    for host in ["127.0.0.1", "%"] {
        test_server.sql(&format!("CREATE USER {name}@'{host}' IDENTIFIED BY 'old'"));
    }
    (test_server, name)
}

/// Creates another user, with a privilege.
fn other(test_server: &TestServer, privileges: &[&str]) -> Login {
    let name = unique("other");
    test_server.sql(&format!("CREATE USER {name}@'%' IDENTIFIED BY 'old'"));
    for privilege in privileges {
        test_server.sql(&format!("GRANT {privilege} TO {name}@'%'"));
    }
    login(&name, "old")
}

async fn seen(test_server: &TestServer, login: &Login, name: &str) -> Accounts {
    let inspected = test_server
        .engines
        .inspect(&test_server.endpoint, login, name);
    inspected.await.expect("the login works").accounts
}

fn accounts(own: Option<&str>, all: Option<&[&str]>) -> Accounts {
    let all = all.map(|hosts| hosts.iter().map(|host| Account::new(*host)).collect());
    Accounts {
        own: own.map(Account::new),
        all,
    }
}

/// Returns accounts in the order of their hosts.
fn sorted(mut accounts: Accounts) -> Accounts {
    if let Some(all) = &mut accounts.all {
        all.sort_by_key(|account| account.shown(""));
    }
    accounts
}

const BOTH: &[&str] = &["%", "127.0.0.1"];

/// What lets a session read the accounts of MySQL and of MariaDB, as errors and the documentation
/// say.
async fn what_a_session_may_read(kind: Kind, column: &str, administrator: &[&str]) {
    let (test_server, name) = start(kind);
    let own = login(&name, "old");
    let unprivileged = accounts(Some("127.0.0.1"), None);
    assert_eq!(seen(&test_server, &own, &name).await, unprivileged);
    let stranger = other(&test_server, &[]);
    assert_eq!(
        seen(&test_server, &stranger, &name).await,
        accounts(None, None)
    );

    let administrator = other(&test_server, administrator);
    let all = sorted(seen(&test_server, &administrator, &name).await);
    assert_eq!(all, accounts(None, Some(BOTH)));
    let nobody = seen(&test_server, &administrator, "nobody_of_that_name").await;
    assert_eq!(nobody, accounts(None, Some(&[])));

    test_server.sql(&format!(
        "GRANT SELECT ({column}) ON mysql.user TO {name}@'127.0.0.1'"
    ));
    let all = sorted(seen(&test_server, &own, &name).await);
    assert_eq!(all, accounts(Some("127.0.0.1"), Some(BOTH)));

    // An only account is known to be the only one.
    test_server.sql(&format!("DROP USER {name}@'%'"));
    let only = accounts(Some("127.0.0.1"), Some(&["127.0.0.1"]));
    assert_eq!(seen(&test_server, &own, &name).await, only);
}

#[tokio::test]
async fn mysql_shows_a_session_its_own_account_until_it_is_allowed_more() {
    what_a_session_may_read(Kind::MySql, "Host, User", &["CREATE USER ON *.*"]).await;
}

#[tokio::test]
async fn mariadb_shows_a_session_its_own_account_until_it_is_allowed_more() {
    let administrator = ["CREATE USER ON *.*", "SELECT ON mysql.global_priv"];
    what_a_session_may_read(Kind::MariaDb, "Host, User, is_role", &administrator).await;
}

/// A role of MariaDB has no host and cannot log in.
#[tokio::test]
async fn a_role_of_mariadb_is_no_account() {
    let (test_server, name) = start(Kind::MariaDb);
    test_server.sql(&format!("CREATE ROLE {name}"));
    let administrator = other(&test_server, &["SELECT ON mysql.global_priv"]);
    let all = sorted(seen(&test_server, &administrator, &name).await);
    assert_eq!(all, accounts(None, Some(BOTH)));
}

async fn change_every(
    test_server: &TestServer,
    by: &Login,
    new: &Login,
    retain: bool,
) -> Result<PreviousPassword, ChangeError> {
    let change = Change {
        username: &new.username,
        password: &new.password,
        retain,
        every: true,
    };
    test_server
        .engines
        .change(&test_server.endpoint, by, &change)
        .await
}

/// Checks that both accounts have a password: without the account for this host, a login uses the
/// one for all others.
async fn both_have(test_server: &TestServer, new: &Login) {
    let name = &new.username;
    assert_eq!(test_server.authenticate(new).await, Ok(()));
    test_server.sql(&format!(
        "RENAME USER {name}@'127.0.0.1' TO {name}@'10.0.0.1'"
    ));
    assert_eq!(test_server.authenticate(new).await, Ok(()));
    test_server.sql(&format!(
        "RENAME USER {name}@'10.0.0.1' TO {name}@'127.0.0.1'"
    ));
}

#[tokio::test]
async fn every_account_of_mysql_is_changed_together() {
    let (test_server, name) = start(Kind::MySql);
    let administrator = other(&test_server, &["CREATE USER ON *.*"]);
    let new = login(&name, "Tr0ub4dor-every");
    let changed = change_every(&test_server, &administrator, &new, true).await;
    assert_eq!(changed, Ok(PreviousPassword::Retained));
    both_have(&test_server, &new).await;
    both_have(&test_server, &login(&name, "old")).await;
    let engines = &test_server.engines;
    let discarded = engines.discard(&test_server.endpoint, &administrator, &name, true);
    assert_eq!(discarded.await, Ok(()));
    let old = test_server.authenticate(&login(&name, "old")).await;
    check(old, ServerFault::WrongCredentials, "1045");
    both_have(&test_server, &new).await;

    // A user that may not change others changes none.
    let newer = login(&name, "Tr0ub4dor-newer");
    let refused = change_every(&test_server, &new, &newer, true).await;
    assert!(
        matches!(refused, Err(ChangeError::Unsent(_))),
        "{refused:?}"
    );
    test_server.sql(&format!("GRANT SELECT ON mysql.user TO {name}@'127.0.0.1'"));
    let refused = change_every(&test_server, &new, &newer, true).await;
    let Err(ChangeError::Sent(error)) = refused else {
        panic!("{refused:?}");
    };
    assert_eq!(error.fault, ServerFault::NotAllowed);
    both_have(&test_server, &new).await;
    test_server.sql(&format!("GRANT CREATE USER ON *.* TO {name}@'127.0.0.1'"));
    let changed = change_every(&test_server, &new, &newer, false).await;
    assert_eq!(changed, Ok(PreviousPassword::Void));
    both_have(&test_server, &newer).await;
    test_server.check_log("IDENTIFIED BY <secret>", &["Tr0ub4dor"]);
}

#[tokio::test]
async fn every_account_of_mariadb_is_changed_with_its_own_plugin() {
    let (test_server, name) = start(Kind::MariaDb);
    test_server.sql("INSTALL SONAME 'auth_ed25519'");
    test_server.sql(&format!(
        "ALTER USER {name}@'%' IDENTIFIED VIA ed25519 USING PASSWORD('old')"
    ));
    let privileges = ["CREATE USER ON *.*", "SELECT ON mysql.global_priv"];
    let administrator = other(&test_server, &privileges);
    let new = login(&name, "Tr0ub4dor-every");
    let changed = change_every(&test_server, &administrator, &new, false).await;
    assert_eq!(changed, Ok(PreviousPassword::Void));
    both_have(&test_server, &new).await;
    let plugins = test_server.sql(&format!(
        "SELECT plugin FROM mysql.user WHERE User = '{name}' ORDER BY Host"
    ));
    let plugins: Vec<&str> = plugins.lines().collect();
    assert_eq!(plugins, ["ed25519", "mysql_native_password"]);
    test_server.check_log("IDENTIFIED VIA ed25519 USING", &["Tr0ub4dor"]);
}
