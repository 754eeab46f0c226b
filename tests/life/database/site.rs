//! An account with a database in its manifest, and a server.

use serde_json::{Value, json};

use super::client::{Refused, log_in};
use super::function::{self, AUTHORITY};
use super::test_server::{self, FIRST, TestServer, User};
use crate::environment::{CommandOutput, TestEnvironment};

pub const SECRET: &str = "prod/orders-db";

/// Each command gets the function and the first password in this way.
const BOOTSTRAP: &str = "bootstrap --yes --database-function-zip database.zip --format json";

/// An account, a server, and a user on it.
pub struct Site {
    pub test: TestEnvironment,
    pub server: TestServer,
    pub user: User,
}

impl Site {
    /// Creates a user, an empty account, and a manifest for them.
    pub async fn new(server: impl Into<TestServer>) -> Self {
        Self::in_account(TestEnvironment::without_function().await, server.into())
    }

    /// Does the same in an account.
    pub fn in_account(test: TestEnvironment, server: TestServer) -> Self {
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

    /// Does the same and bootstraps, with additional settings of the entry.
    pub async fn bootstrapped(server: impl Into<TestServer>, settings: &str) -> Self {
        let site = Self::new(server).await;
        site.manifest(settings);
        site.bootstrap().await.exits(0);
        site
    }

    /// Writes the manifest, with additional settings of the entry: lines like `name: value`.
    pub fn manifest(&self, settings: &str) {
        self.manifest_with("", settings);
    }

    /// Writes the manifest, with additional settings of the stack and of the entry.
    pub fn manifest_with(&self, stack: &str, settings: &str) {
        // Most tests are about a password that has rotated.
        let first = match settings.contains("first_rotation:") {
            true => "",
            false => "first_rotation: now",
        };
        let is_set = settings.contains("initial_password:") || settings.contains("create_user:");
        let password = match is_set {
            true => "",
            false => "initial_password: env:FIRST_PASSWORD",
        };
        let settings: String = first
            .lines()
            .chain(password.lines())
            .chain(settings.lines())
            .map(|line| format!("    {}\n", line.trim()))
            .collect();
        self.test.manifest(&format!(
            "version: 1\nstack: orders\n{stack}function: {{ architecture: {} }}\ndatabases:\n\
             \x20 - secret: {SECRET}\n    engine: {}\n    host: localhost\n    port: {}\n    \
             dbname: {}\n    username: {}\n    \
             tls_ca: {AUTHORITY}\n{settings}",
            function::architecture().as_str(),
            test_server::name(self.server.engine()),
            self.server.port(),
            self.user.dbname,
            json!(self.user.name),
        ));
    }

    /// Bootstraps with the user's first password.
    pub async fn bootstrap(&self) -> CommandOutput {
        let mut command = self.test.program(BOOTSTRAP);
        command.env("FIRST_PASSWORD", FIRST);
        self.test.run(BOOTSTRAP, command).await
    }

    /// Allows the MySQL user to retain its previous password (*Dual Password Support*).
    pub fn may_retain(&self) {
        let name = test_server::quoted(&self.server, &self.user.name);
        let right = format!("GRANT APPLICATION_PASSWORD_ADMIN ON *.* TO {name}");
        test_server::sql(&self.server, &right);
    }

    /// Returns the value of a label's version.
    #[track_caller]
    pub fn value(&self, label: &'static str) -> impl Future<Output = Value> + '_ {
        let place = std::panic::Location::caller();
        async move {
            let value = self.test.value(SECRET, label).await;
            value.unwrap_or_else(|| panic!("nothing is {label} at {place}"))
        }
    }

    /// Logs in with the value of a label's version.
    pub async fn log_in(&self, label: &'static str) -> Result<(), Refused> {
        log_in(&self.server, &self.value(label).await).await
    }

    /// Rotates with the program, and expects that the new password works.
    pub async fn rotates(&self) -> CommandOutput {
        let before = self.value("AWSCURRENT").await;
        let ran = self.test.keyrota("rotate --format json").await.exits(0);
        assert_eq!(ran.json()["secrets"][0]["verified"], true, "{ran}");
        let after = self.value("AWSCURRENT").await;
        assert_ne!(after["password"], before["password"], "{ran}");
        assert_eq!(log_in(&self.server, &after).await, Ok(()), "{ran}");
        ran
    }

    /// Rotates with the program, and expects a failure whose message contains each text.
    pub async fn fails_to_rotate(&self, texts: &[&str]) -> CommandOutput {
        let ran = self.test.keyrota("rotate --format json").await.exits(1);
        let error = ran.json()["secrets"][0]["error"].to_string();
        for text in texts {
            assert!(error.contains(text), "`{text}` is not told\n{ran}");
        }
        ran
    }

    /// Expects that the function logged an error of a type, and no secret.
    pub async fn logged_error(&self, name: &str) {
        let wanted = format!("\"errorType\":\"{name}\"");
        let lines = self.test.logged().await;
        let found = lines.iter().any(|line| line.contains(&wanted));
        assert!(found, "no {name} is logged: {lines:#?}");
        self.test.check_logs_for_secrets().await;
    }
}
