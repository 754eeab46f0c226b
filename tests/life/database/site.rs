//! An account with a database in its manifest, on a server.

use serde_json::{Value, json};

use super::client::{Refused, log_in};
use super::function::{self, AUTHORITY};
use super::test_server::{self, FIRST, TestServer, User};
use crate::environment::{CommandOutput, TestEnvironment};

pub const SECRET: &str = "prod/orders-db";

/// How each command is given the function and the first password.
const BOOTSTRAP: &str = "bootstrap --yes --database-function-zip database.zip --format json";

/// An account, a server, and a user on it.
pub struct Site {
    pub test: TestEnvironment,
    pub server: TestServer,
    pub user: User,
}

impl Site {
    /// Makes a user, an empty account and a manifest for them.
    pub async fn new(server: impl Into<TestServer>) -> Self {
        let server = server.into();
        let test = TestEnvironment::without_function().await;
        #[expect(clippy::disallowed_methods, reason = "a test's own file")]
        let pem = std::fs::read(server.authority()).expect("the authority");
        test.home.write(AUTHORITY, &pem);
        test.home.write("database.zip", function::zip(&pem));
        test.conceal(FIRST);
        let site = Self {
            test,
            user: test_server::make_user(&server),
            server,
        };
        site.manifest("");
        site
    }

    /// The same, bootstrapped, with settings of the entry's own.
    pub async fn bootstrapped(server: impl Into<TestServer>, settings: &str) -> Self {
        let site = Self::new(server).await;
        site.manifest(settings);
        site.bootstrap().await.exits(0);
        site
    }

    /// Writes the manifest, with settings of the entry's own: lines as `name: value`.
    pub fn manifest(&self, settings: &str) {
        let settings: String = settings
            .lines()
            .map(|line| format!("    {}\n", line.trim()))
            .collect();
        self.test.manifest(&format!(
            "version: 1\nstack: orders\nfunction: {{ architecture: {} }}\ndatabases:\n\
             \x20 - secret: {SECRET}\n    engine: {}\n    host: localhost\n    port: {}\n    \
             dbname: {}\n    username: {}\n    initial_password: env:FIRST_PASSWORD\n    \
             tls_ca: {AUTHORITY}\n{settings}",
            function::architecture().as_str(),
            test_server::name(self.server.engine()),
            self.server.port(),
            self.user.dbname,
            json!(self.user.name),
        ));
    }

    /// Bootstraps with the password that the user was made with.
    pub async fn bootstrap(&self) -> CommandOutput {
        let mut command = self.test.program(BOOTSTRAP);
        command.env("FIRST_PASSWORD", FIRST);
        self.test.run(BOOTSTRAP, command).await
    }

    /// Allows the user of MySQL to keep its password before (*Dual Password Support*).
    pub fn may_retain(&self) {
        let name = test_server::quoted(&self.server, &self.user.name);
        let right = format!("GRANT APPLICATION_PASSWORD_ADMIN ON *.* TO {name}");
        test_server::sql(&self.server, &right);
    }

    /// Returns what a label's version holds.
    #[track_caller]
    pub fn value(&self, label: &'static str) -> impl Future<Output = Value> + '_ {
        let place = std::panic::Location::caller();
        async move {
            let value = self.test.value(SECRET, label).await;
            value.unwrap_or_else(|| panic!("nothing is {label} at {place}"))
        }
    }

    /// Tries what a label's version holds.
    pub async fn log_in(&self, label: &'static str) -> Result<(), Refused> {
        log_in(&self.server, &self.value(label).await).await
    }

    /// Has the program rotate, and expects that the new password works.
    pub async fn rotates(&self) -> CommandOutput {
        let before = self.value("AWSCURRENT").await;
        let ran = self.test.keyrota("rotate --format json").await.exits(0);
        assert_eq!(ran.json()["secrets"][0]["verified"], true, "{ran}");
        let after = self.value("AWSCURRENT").await;
        assert_ne!(after["password"], before["password"], "{ran}");
        assert_eq!(log_in(&self.server, &after).await, Ok(()), "{ran}");
        ran
    }

    /// Has the program rotate, and expects that it fails, and says each text.
    pub async fn fails_to_rotate(&self, texts: &[&str]) -> CommandOutput {
        let ran = self.test.keyrota("rotate --format json").await.exits(1);
        let error = ran.json()["secrets"][0]["error"].to_string();
        for text in texts {
            assert!(error.contains(text), "`{text}` is not told\n{ran}");
        }
        ran
    }

    /// Expects that the function logged an error of a type, and nothing secret.
    pub async fn logged_error(&self, name: &str) {
        let wanted = format!("\"errorType\":\"{name}\"");
        let lines = self.test.logged().await;
        let found = lines.iter().any(|line| line.contains(&wanted));
        assert!(found, "no {name} is logged: {lines:#?}");
        self.test.check_logs_for_secrets().await;
    }
}
