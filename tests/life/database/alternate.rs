//! Two users that alternate: clients without retry are never refused.

use std::cell::{Cell, RefCell};

use serde_json::{Value, json};

use super::client::{Refused, log_in};
use super::rotation::rotate;
use super::site::{SECRET, Site};
use super::test_server::{self, Engine, FIRST, User};

const ROTATIONS: usize = 6;
const ADMINISTRATOR: &str = "ops/dba";
const SETTINGS: &str = "users: alternate\nrotate_as: ops/dba";

/// Creates an administrator that may prepare the site's users, and is no superuser.
async fn administrator(site: &Site) {
    let (server, user) = (&site.server, &site.user);
    let administrator = test_server::make_user(server);
    let [name, of] = [&administrator.name, &user.name].map(|it| test_server::quoted(server, it));
    let rights = match server.engine() {
        Engine::Postgres => {
            format!("ALTER ROLE {name} CREATEROLE; GRANT {of} TO {name} WITH ADMIN OPTION")
        }
        Engine::MariaDb | Engine::MySql => format!(
            "GRANT CREATE USER ON *.* TO {name}; GRANT SELECT ON mysql.* TO {name};
             GRANT ALL ON {}.* TO {name} WITH GRANT OPTION",
            user.dbname
        ),
    };
    test_server::sql(server, &rights);
    let value = json!({ "username": administrator.name, "password": FIRST });
    site.test
        .make_secret(ADMINISTRATOR, &value.to_string())
        .await;
}

/// Returns the name of the second user.
fn clone(user: &User) -> String {
    format!("{}_clone", user.name)
}

/// A client without retry, and the value that it logs in with.
#[derive(Default)]
struct Client {
    value: RefCell<Value>,
    logins: Cell<u32>,
}

impl Client {
    async fn log_in(&self, site: &Site) {
        let value = self.value.borrow().clone();
        assert_eq!(
            log_in(&site.server, &value).await,
            Ok(()),
            "{}",
            value["username"]
        );
        self.logins.set(self.logins.get() + 1);
    }
}

async fn nobody_is_refused(engine: Engine) {
    let site = Site::new(test_server::shared(engine)).await;
    administrator(&site).await;
    site.manifest(SETTINGS);
    let ran = site.bootstrap().await.exits(0);
    let secret = &ran.json()["secrets"][0];
    assert_eq!(secret["rotated"], true, "{ran}");
    assert_eq!(secret["username"], clone(&site.user), "{ran}");
    // Those that have not moved to the secret still log in.
    assert_eq!(site.log_in("AWSPREVIOUS").await, Ok(()));

    // One client reads the secret before each login, and the other one right before each rotation.
    let (each, once) = (Client::default(), Client::default());
    let clients = async {
        loop {
            each.value.replace(site.value("AWSCURRENT").await);
            each.log_in(&site).await;
        }
    };
    let seldom = async {
        loop {
            once.log_in(&site).await;
        }
    };
    let rotations = async {
        for _ in 0..ROTATIONS {
            let before = site.value("AWSCURRENT").await;
            let logins = once.logins.get();
            let ended = rotate(&site.test, SECRET).await;
            assert!(ended.is_well(), "{ended:?}");
            let after = site.value("AWSCURRENT").await;
            assert_ne!(after["username"], before["username"]);
            assert_eq!(site.log_in("AWSPREVIOUS").await, Ok(()));
            // It logs in with what was read before this rotation, also after it.
            while once.logins.get() < logins + 2 {
                tokio::task::yield_now().await;
                tokio::time::sleep(std::time::Duration::from_millis(5)).await;
            }
            once.value.replace(after);
        }
    };
    once.value.replace(site.value("AWSCURRENT").await);
    tokio::select! {
        () = clients => {}
        () = seldom => {}
        () = rotations => {}
    }
    assert!(each.logins.get() > 0, "no client had a turn");

    // The commands show the user that is current, and know both.
    let current = site.value("AWSCURRENT").await;
    let ran = site
        .test
        .keyrota("status --check --format json")
        .await
        .exits(0);
    assert_eq!(
        ran.json()["secrets"][0]["username"],
        current["username"],
        "{ran}"
    );
    site.test.keyrota("doctor").await.exits(0);
    site.bootstrap().await.exits(0);
    let rotated = site.rotates().await;
    let other = site.value("AWSCURRENT").await;
    assert_ne!(other["username"], current["username"]);
    assert_eq!(rotated.json()["secrets"][0]["username"], other["username"]);
    let restored = site
        .test
        .keyrota("rotate --restore-previous prod/orders-db --format json")
        .await;
    let ran = restored.exits(0);
    assert_eq!(
        ran.json()["secrets"][0]["username"],
        current["username"],
        "{ran}"
    );
    site.rotates().await;
    let ran = site.test.keyrota("teardown --yes").await.exits(0);
    assert!(ran.stdout.contains("which alternates with it"), "{ran}");
    site.test.check_logs_for_secrets().await;
}

#[tokio::test]
async fn on_postgres() {
    nobody_is_refused(Engine::Postgres).await;
}

#[tokio::test]
async fn on_mariadb() {
    nobody_is_refused(Engine::MariaDb).await;
}

#[tokio::test]
async fn on_mysql() {
    nobody_is_refused(Engine::MySql).await;
}

/// A pair that exists is taken over, and a value that names anybody else is refused.
#[tokio::test]
async fn a_pair_is_adopted() {
    for engine in [Engine::Postgres, Engine::MySql] {
        let site = Site::new(test_server::shared(engine)).await;
        administrator(&site).await;
        let other = User {
            name: format!("{} second", site.user.name),
            dbname: site.user.dbname.clone(),
        };
        test_server::make_again(&site.server, &other, FIRST);
        if engine == Engine::Postgres {
            let administrator = site.test.value(ADMINISTRATOR, "AWSCURRENT").await;
            let administrator = administrator.expect("the administrator");
            let name = administrator["username"].as_str().expect("a name");
            let [name, of] = [name, &other.name].map(|it| test_server::quoted(&site.server, it));
            let grant = format!("GRANT {of} TO {name} WITH ADMIN OPTION");
            test_server::sql(&site.server, &grant);
        }
        let pair = json!([other.name, site.user.name]);
        site.manifest(&format!("users: {pair}\nrotate_as: {ADMINISTRATOR}"));
        let ran = site.bootstrap().await.exits(0);
        assert_eq!(ran.json()["secrets"][0]["username"], other.name, "{ran}");
        site.rotates().await;
        assert_eq!(site.value("AWSCURRENT").await["username"], site.user.name);

        let mut value = site.value("AWSCURRENT").await;
        value["username"] = json!("somebody");
        site.test.store(SECRET, &value).await;
        let ran = site
            .test
            .keyrota("status --check --format json")
            .await
            .exits(5);
        assert_eq!(ran.json()["secrets"][0]["state"], "broken", "{ran}");
        let untouched = site.log_in("AWSPREVIOUS").await;
        assert!(!matches!(untouched, Err(Refused::Wrong)), "{untouched:?}");
    }
}
