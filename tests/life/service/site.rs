//! An account with a service in its manifest, and the service.

use super::function::{self, AUTHORITY};
use super::portal::{FIRST, Portal, USER};
use crate::environment::{CommandOutput, TestEnvironment};

pub const SECRET: &str = "partner/portal";

/// Each command gets the function and the first password in this way.
pub const BOOTSTRAP: &str = "bootstrap --yes --service-function-zip service.zip --format json";

/// An account, and a service over HTTPS.
pub struct Site {
    pub test: TestEnvironment,
    pub portal: Portal,
}

impl Site {
    /// Starts a service, and creates an empty account and a manifest for it.
    pub async fn new() -> Self {
        let portal = Portal::start();
        let test = TestEnvironment::without_function().await;
        let pem = portal.authority();
        test.home.write(AUTHORITY, &pem);
        test.home.write("service.zip", function::zip(Some(pem)));
        test.conceal(FIRST);
        let site = Self { test, portal };
        site.adapter();
        site.manifest("first_rotation: now");
        site
    }

    /// Writes the adapter's file.
    fn adapter(&self) {
        let login = r#"user: "{{username}}", password: "{{password}}""#;
        let (port, headers) = (self.portal.port, r#"{ x-tenant: "{{settings.tenant}}" }"#);
        self.test.home.write(
            "portal.yaml",
            format!(
                "version: 1\n\
                 tls_ca: {AUTHORITY}\n\
                 authenticate:\n  \
                   method: POST\n  \
                   url: https://localhost:{port}/api/login\n  \
                   headers: {headers}\n  \
                   json: {{ {login} }}\n  \
                   answers:\n    \
                     - {{ status: 200, json: {{ /active: true }}, outcome: success }}\n    \
                     - {{ status: 401, outcome: refused }}\n\
                 change:\n  \
                   method: POST\n  \
                   url: https://localhost:{port}/api/password\n  \
                   headers: {headers}\n  \
                   json: {{ {login}, new_password: \"{{{{new_password}}}}\" }}\n  \
                   answers:\n    \
                     - {{ status: 204, outcome: success }}\n    \
                     - {{ status: 401, outcome: refused }}\n    \
                     - {{ status: 422, json: {{ /error: weak_password }}, outcome: password_rejected }}\n",
            ),
        );
    }

    /// Writes the manifest, with additional settings of the entry: lines like `name: value`.
    pub fn manifest(&self, settings: &str) {
        let settings: String = settings
            .lines()
            .map(|line| format!("    {}\n", line.trim()))
            .collect();
        self.test.manifest(&format!(
            "version: 1\nstack: partners\nfunction: {{ architecture: {} }}\nservices:\n\
             \x20 - secret: {SECRET}\n    username: {USER}\n    \
             adapter: {{ http: portal.yaml }}\n    settings: {{ tenant: \"4711\" }}\n    \
             password: {{ length: 24, require: [upper, lower, digit, symbol] }}\n    \
             initial_password: env:FIRST_PASSWORD\n{settings}",
            function::architecture().as_str(),
        ));
    }

    /// Bootstraps with the user's first password.
    pub async fn bootstrap(&self) -> CommandOutput {
        let mut command = self.test.program(BOOTSTRAP);
        command.env("FIRST_PASSWORD", FIRST);
        self.test.run(BOOTSTRAP, command).await
    }

    /// Returns the password in AWSCURRENT.
    pub async fn current_password(&self) -> String {
        let value = self.test.value(SECRET, "AWSCURRENT").await;
        let value = value.expect("a current value");
        value["password"].as_str().unwrap_or_default().to_owned()
    }

    /// Expects that the service has the password in AWSCURRENT.
    pub async fn agrees(&self) {
        assert_eq!(self.current_password().await, self.portal.password());
    }
}
