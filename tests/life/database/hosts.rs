//! A user name with accounts for several hosts: what counts is that every client logs in with
//! AWSCURRENT. The function connects from 127.0.0.1, and the application from 127.0.0.2.

use std::net::{Ipv4Addr, SocketAddr};

use serde_json::{Value, json};
use tokio::io::copy_bidirectional;
use tokio::net::{TcpListener, TcpSocket};

use super::client::{Refused, log_in};
use super::site::{SECRET, Site};
use super::test_server::{self, Engine, FIRST};

const ENGINES: [Engine; 2] = [Engine::MariaDb, Engine::MySql];

/// Returns a port from which connections reach the server as if they came from 127.0.0.2.
async fn from_another_host(server: u16) -> u16 {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await;
    let listener = listener.expect("a port");
    let port = listener.local_addr().expect("an address").port();
    tokio::spawn(async move {
        while let Ok((mut client, _)) = listener.accept().await {
            tokio::spawn(async move {
                let socket = TcpSocket::new_v4().expect("a socket");
                let other = SocketAddr::from((Ipv4Addr::new(127, 0, 0, 2), 0));
                socket.bind(other).expect("an address of this machine");
                let server = SocketAddr::from((Ipv4Addr::LOCALHOST, server));
                if let Ok(mut server) = socket.connect(server).await {
                    let _ = copy_bidirectional(&mut client, &mut server).await;
                }
            });
        }
    });
    port
}

/// Returns what becomes of a login from this host, and of one from 127.0.0.2.
async fn clients(site: &Site, value: &Value) -> [Result<(), Refused>; 2] {
    let mut elsewhere = value.clone();
    elsewhere["port"] = from_another_host(site.server.port()).await.into();
    [
        log_in(&site.server, value).await,
        log_in(&site.server, &elsewhere).await,
    ]
}

/// Returns the account of the site's user for this host, as statements name it.
fn here(site: &Site) -> String {
    let any = test_server::quoted(&site.server, &site.user.name);
    any.replace("@'%'", "@'127.0.0.1'")
}

/// Creates the account for this host with a password.
fn add_account(site: &Site, password: &str) {
    let (account, dbname) = (here(site), &site.user.dbname);
    let password = password.replace('\\', "\\\\").replace('\'', "''");
    let statement = format!(
        "CREATE USER {account} IDENTIFIED BY '{password}'; GRANT ALL ON {dbname}.* TO {account}"
    );
    test_server::sql(&site.server, &statement);
}

/// Returns the evidence and the remedy of `doctor`'s finding about the next rotation. A rotation that
/// was refused is another finding.
async fn finding(site: &Site) -> [String; 2] {
    let ran = site.test.changes_nothing("doctor --format json").await;
    let document = ran.exits(5).json();
    let findings = document["findings"].as_array().expect("findings");
    let mut findings = findings.iter();
    let Some(finding) = findings.find(|it| it["id"] == "rotation-rehearsal-failed") else {
        panic!("{document:#}");
    };
    ["evidence", "remedy"].map(|field| finding[field].as_str().expect("text").to_owned())
}

/// The first login of a user that rotates itself and may not read which accounts there are.
#[tokio::test]
async fn a_first_password_that_may_not_serve_all_clients_is_not_stored() {
    for engine in ENGINES {
        let site = Site::new(test_server::shared(engine)).await;
        add_account(&site, FIRST);
        let ran = site.bootstrap().await.exits(1);
        let columns = match engine {
            Engine::MySql => "GRANT SELECT (Host, User) ON mysql.user",
            _ => "GRANT SELECT (Host, User, is_role) ON mysql.user",
        };
        ran.fails("seed", &["@'127.0.0.1'", columns, "set `hosts: own`"]);
        // Nothing was changed, neither in the secret nor on the server.
        let value = site.value("AWSCURRENT").await;
        assert_eq!(value.get("password"), None);
        let first = json!({
            "host": "localhost", "port": site.server.port(), "username": site.user.name,
            "dbname": site.user.dbname, "password": FIRST,
        });
        assert_eq!(clients(&site, &first).await, [Ok(()), Ok(())]);

        // The function is allowed to look, and finds both.
        let grant = format!("{columns} TO {}", here(&site));
        test_server::sql(&site.server, &grant);
        let ran = site.bootstrap().await.exits(1);
        ran.fails("seed", &["@'127.0.0.1'", "@'%'", "set `hosts: all`"]);
        assert_eq!(clients(&site, &first).await, [Ok(()), Ok(())]);

        // Without the other account, it is the only one.
        test_server::drop_user(&site.server, &site.user);
        site.bootstrap().await.exits(0);
        site.rotates().await;
    }
}

/// Somebody adds an account for the function's host to a stack that has rotated before.
#[tokio::test]
async fn an_account_that_is_added_later_stops_the_next_rotation_and_is_found() {
    for engine in ENGINES {
        let site = Site::bootstrapped(test_server::shared(engine), "").await;
        let value = site.value("AWSCURRENT").await;
        add_account(&site, value["password"].as_str().expect("a password"));
        assert_eq!(clients(&site, &value).await, [Ok(()), Ok(())]);

        let ran = site
            .fails_to_rotate(&["@'127.0.0.1'", "on other hosts"])
            .await;
        drop(ran);
        site.logged_error("AccountsUnseen").await;
        assert_eq!(clients(&site, &value).await, [Ok(()), Ok(())]);
        let [evidence, remedy] = finding(&site).await;
        assert!(
            evidence.contains("database:ReadAccounts by the user"),
            "{evidence}"
        );
        assert!(evidence.contains("@'127.0.0.1'"), "{evidence}");
        assert!(remedy.contains("set `hosts` in the manifest"), "{remedy}");

        let columns = match engine {
            Engine::MySql => "Host, User",
            _ => "Host, User, is_role",
        };
        let grant = format!("GRANT SELECT ({columns}) ON mysql.user TO {}", here(&site));
        test_server::sql(&site.server, &grant);
        site.fails_to_rotate(&["@'127.0.0.1'", "@'%'", "hosts: all"])
            .await;
        site.logged_error("SeveralAccounts").await;
        let [evidence, remedy] = finding(&site).await;
        assert!(
            evidence.contains("@'127.0.0.1'") && evidence.contains("@'%'"),
            "{evidence}"
        );
        assert!(remedy.contains("hosts: all"), "{remedy}");
        assert_eq!(site.value("AWSCURRENT").await, value);
        assert_eq!(clients(&site, &value).await, [Ok(()), Ok(())]);
    }
}

#[tokio::test]
async fn all_accounts_of_the_name_are_changed_where_the_manifest_says_so() {
    for engine in ENGINES {
        let server = test_server::shared(engine);
        let administrator = test_server::make_user(server);
        let quoted = test_server::quoted(server, &administrator.name);
        test_server::sql(server, &format!("GRANT CREATE USER ON *.* TO {quoted}"));
        if engine == Engine::MariaDb {
            test_server::sql(
                server,
                &format!("GRANT SELECT ON mysql.global_priv TO {quoted}"),
            );
        }
        let site = Site::new(server).await;
        add_account(&site, FIRST);
        let secret = json!({
            "engine": test_server::name(engine), "host": "localhost", "port": server.port(),
            "username": administrator.name, "password": FIRST,
        });
        site.test.make_secret("ops/dba", &secret.to_string()).await;
        site.manifest("rotate_as: ops/dba");
        let ran = site.bootstrap().await.exits(1);
        ran.fails("seed", &["@'127.0.0.1'", "@'%'", "set `hosts: all`"]);

        site.manifest("rotate_as: ops/dba\nhosts: all");
        site.bootstrap().await.exits(0);
        let value = site.value("AWSCURRENT").await;
        assert_eq!(clients(&site, &value).await, [Ok(()), Ok(())]);
        site.rotates().await;
        let after = site.value("AWSCURRENT").await;
        assert_eq!(clients(&site, &after).await, [Ok(()), Ok(())]);
        site.test.keyrota("doctor --format json").await.exits(0);
        site.test
            .keyrota("status --check --format json")
            .await
            .exits(0);
        let log = server.log();
        let password = after["password"].as_str().expect("a password");
        assert!(!log.contains(password), "the server logged a password");
        site.test.check_logs_for_secrets().await;
        assert!(site.test.secret(SECRET).await.is_some());
    }
}

/// The manifest says that clients use only the account that the function's login uses.
#[tokio::test]
async fn an_account_for_some_hosts_is_rotated_where_the_manifest_says_that_it_is_the_only_one() {
    for engine in ENGINES {
        let site = Site::new(test_server::shared(engine)).await;
        add_account(&site, FIRST);
        test_server::drop_user(&site.server, &site.user);
        site.bootstrap().await.exits(1);
        site.manifest("hosts: own");
        site.bootstrap().await.exits(0);
        site.rotates().await;
        site.test.keyrota("doctor --format json").await.exits(0);
    }
}
