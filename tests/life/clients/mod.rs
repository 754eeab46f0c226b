//! The examples of clients in `examples/clients`: each makes requests without a pause while its
//! credential rotates, and none fails after one retry with a refreshed credential.

mod example;

use example::{Change, Example, Language, Program};

use crate::database::site::{SECRET, Site};
use crate::database::test_server::{self, Engine};
use crate::environment::{ACCOUNT, Key, TestEnvironment};

/// After the first rotation, the key that a client holds still works. After that, at least every
/// second rotation deletes it.
const ROTATIONS_OF_A_KEY: usize = 7;
/// Each rotation makes the password that a client holds invalid.
const ROTATIONS_OF_A_PASSWORD: usize = 3;
/// Each client refreshes its credential at least as often.
const REFRESHED: usize = 3;

/// Creates the identity with which a client reads the secret, and returns its ARN and its key.
async fn reader(test: &TestEnvironment) -> (String, Key) {
    test.make_user("app").await;
    let key = test.make_key("app").await;
    test.conceal(&key.secret);
    (format!("arn:aws:iam::{ACCOUNT}:user/app"), key)
}

/// Deploys an access key, and starts a client of it.
async fn with_key(language: Language, change: Option<Change>) -> (TestEnvironment, Example) {
    let test = TestEnvironment::new().await;
    let reader = make_key(&test).await;
    test.keyrota(BOOTSTRAP).await.exits(0);
    let client = start_with_key(&test, language, change, &reader);
    (test, client)
}

const BOOTSTRAP: &str = "bootstrap --yes --function-zip function.zip";

/// Creates a user, the reader of its key, and the manifest.
async fn make_key(test: &TestEnvironment) -> Key {
    test.make_user("ci-deployer").await;
    let (arn, reader) = reader(test).await;
    test.manifest(&format!(
        "version: 1\nstack: keys\naccess_keys:\n\
         \x20 - {{ user: ci-deployer, secret: prod/ci-deployer, readers: ['{arn}'] }}\n"
    ));
    reader
}

fn start_with_key(
    test: &TestEnvironment,
    language: Language,
    change: Option<Change>,
    reader: &Key,
) -> Example {
    let program = Program {
        name: "access-key",
        secret: "prod/ci-deployer",
        change,
    };
    Example::start(test, language, program, reader, None)
}

/// Deploys a database, and starts a client of it.
async fn with_password(
    engine: Engine,
    language: Language,
    change: Option<Change>,
) -> (Site, Example) {
    let site = Site::new(test_server::shared(engine)).await;
    let (arn, reader) = reader(&site.test).await;
    site.manifest(&format!("readers: ['{arn}']"));
    site.bootstrap().await.exits(0);
    let program = Program {
        name: "password",
        secret: SECRET,
        change,
    };
    let authority = site.server.authority();
    let client = Example::start(&site.test, language, program, &reader, Some(authority));
    (site, client)
}

async fn keeps_its_key(language: Language) {
    let (test, mut client) = with_key(language, None).await;
    client.makes_requests().await;
    for _ in 0..ROTATIONS_OF_A_KEY {
        test.keyrota("rotate").await.exits(0);
        client.makes_requests().await;
    }
    assert_eq!(client.count("again: "), 0, "one retry is not enough");
    let user = format!("arn:aws:iam::{ACCOUNT}:user/ci-deployer");
    let refreshed = client.stop(&test, &user).await;
    assert!(refreshed >= REFRESHED, "{refreshed}");
}

async fn keeps_its_password(engine: Engine, language: Language) {
    let (site, mut client) = with_password(engine, language, None).await;
    client.makes_requests().await;
    for _ in 0..ROTATIONS_OF_A_PASSWORD {
        site.rotates().await;
        client.makes_requests().await;
    }
    let refreshed = client.stop(&site.test, &site.user.name).await;
    assert!(refreshed >= REFRESHED, "{refreshed}");
}

#[tokio::test]
async fn python_keeps_its_access_key() {
    keeps_its_key(Language::Python).await;
}

#[tokio::test]
async fn nodejs_keeps_its_access_key() {
    keeps_its_key(Language::NodeJs).await;
}

#[tokio::test]
async fn rust_keeps_its_access_key() {
    keeps_its_key(Language::Rust).await;
}

/// For some time, some of IAM's servers do not know a new key, or still know a deleted one.
#[tokio::test]
async fn nodejs_keeps_its_access_key_while_iam_lags() {
    let test = TestEnvironment::strict("iam-lag", 1).await.with_function();
    let _passing = test.let_time_pass(8.0);
    let reader = make_key(&test).await;
    // The users are known everywhere.
    test.advance(15.0).await;
    let patiently = async |arguments: &str| {
        let mut command = test.program(arguments);
        command.env("KEYROTA_LIKE_AWS", "1");
        test.run(arguments, command).await.exits(0);
    };
    patiently(BOOTSTRAP).await;
    let mut client = start_with_key(&test, Language::NodeJs, None, &reader);
    client.makes_requests().await;
    for _ in 0..ROTATIONS_OF_A_KEY {
        patiently("rotate").await;
        client.makes_requests().await;
        // A deleted key is refused everywhere.
        test.advance(15.0).await;
        client.makes_requests().await;
    }
    let user = format!("arn:aws:iam::{ACCOUNT}:user/ci-deployer");
    let refreshed = client.stop(&test, &user).await;
    assert!(refreshed >= REFRESHED, "{refreshed}");
}

#[tokio::test]
async fn python_keeps_its_password_on_postgres() {
    keeps_its_password(Engine::Postgres, Language::Python).await;
}

#[tokio::test]
async fn rust_keeps_its_password_on_postgres() {
    keeps_its_password(Engine::Postgres, Language::Rust).await;
}

#[tokio::test]
async fn nodejs_keeps_its_password_on_mysql() {
    keeps_its_password(Engine::MySql, Language::NodeJs).await;
}

#[tokio::test]
async fn nodejs_keeps_its_password_on_mariadb() {
    keeps_its_password(Engine::MariaDb, Language::NodeJs).await;
}

/// The same clients without the refresh. They must fail, or the tests above would show nothing.
const WITHOUT_REFRESH: [(Language, Change); 2] = [
    (
        Language::Python,
        Change {
            file: "rotating_secret.py",
            from: "self._cache.refresh_secret_now(self._secret_id)",
            to: "pass",
        },
    ),
    (
        Language::NodeJs,
        Change {
            file: "rotating-secret.mjs",
            from: "this.#get(true)",
            to: "this.#get(false)",
        },
    ),
];

#[tokio::test]
async fn a_client_that_does_not_refresh_loses_its_access_key() {
    for (language, change) in WITHOUT_REFRESH {
        let (test, mut client) = with_key(language, Some(change)).await;
        client.makes_requests().await;
        for _ in 0..ROTATIONS_OF_A_KEY {
            if client.is_running() {
                test.keyrota("rotate").await.exits(0);
                client.makes_requests_or_ends().await;
            }
        }
        client.failed_with(&test, "InvalidClientTokenId").await;
    }
}

#[tokio::test]
async fn a_client_that_does_not_refresh_loses_its_password() {
    let [python, nodejs] = WITHOUT_REFRESH;
    let postgres = "password authentication failed";
    for (engine, (language, change), message) in [
        (Engine::Postgres, python, postgres),
        (Engine::MySql, nodejs, "ER_ACCESS_DENIED_ERROR"),
    ] {
        let (site, mut client) = with_password(engine, language, Some(change)).await;
        client.makes_requests().await;
        site.rotates().await;
        client.makes_requests_or_ends().await;
        client.failed_with(&site.test, message).await;
    }
}
