//! What is compared after an attack on a database's secret: the account, the server's users and
//! their logins, and connections to the attacker's server.

use std::time::Duration;

use super::scene::{Scene, TargetSecret};
use crate::database::client::log_in;
use crate::database::test_server::{self, Engine};

/// The maximum duration of a login.
const PATIENCE: Duration = Duration::from_secs(60);

impl Scene {
    /// Returns what must not change: everything except the attacked secret and its password,
    /// and, if the administrator is attacked, those of the entry that it rotates.
    pub async fn outside(&self) -> Vec<String> {
        let own = [self.attacked.secret(), self.attacked.rotated()];
        let mut lines = self.test.everything().await;
        lines.retain(|line| !line.split(' ').any(|word| own.contains(&word)));
        lines.extend(self.roles());
        lines
    }

    /// Returns the server's users except those of the attacked secret, with their stored
    /// passwords and their permissions.
    pub fn roles(&self) -> Vec<String> {
        let rows = match self.server.engine() {
            Engine::Postgres => {
                "SELECT rolname, rolpassword, rolsuper, rolcreaterole, rolcreatedb, \
                 rolcanlogin, rolvaliduntil FROM pg_authid"
            }
            Engine::MariaDb | Engine::MySql => {
                "SELECT CONCAT_WS('|', user, host, priv) FROM mysql.global_priv"
            }
        };
        let mut own = vec![self.attacked.role()];
        if self.attacked == TargetSecret::Administrator {
            own.push(TargetSecret::Reports.role());
        }
        let own: Vec<String> = own
            .into_iter()
            .map(|role| format!("{}|", self.name_of(role)))
            .collect();
        let is_own = |line: &str| own.iter().any(|own| line.starts_with(own.as_str()));
        let of_this_test = format!("{}'", self.database);
        test_server::sql(&self.server, rows)
            .lines()
            .filter(|line| line.starts_with(&of_this_test) && !is_own(line))
            .map(|line| format!("role {line}"))
            .collect()
    }

    /// Expects that nothing has connected to the attacker's server.
    pub fn expect_no_caller(&self, what: &str) {
        match self.theirs.accept() {
            Err(error) => assert_eq!(error.kind(), std::io::ErrorKind::WouldBlock, "{what}"),
            Ok((_, caller)) => panic!("{what}: {caller} called at the attacker's server"),
        }
    }

    /// Returns how often a client logged in as a user that no rotation of the attacked secret
    /// concerns, or was refused as a user with another's password.
    pub fn strangers(&self) -> usize {
        let mut accepted = vec!["passer-by", "foreign"];
        let refused: &[&str] = match self.attacked {
            TargetSecret::Orders => {
                accepted.push("administrator");
                &[
                    "passer-by",
                    "foreign",
                    "billing",
                    "administrator",
                    "reports",
                ]
            }
            TargetSecret::Reports => &["passer-by", "foreign", "billing", "orders"],
            // That secret determines the user to log in as, if its password is right.
            TargetSecret::Administrator => &["billing", "orders"],
        };
        self.logins(&accepted, refused)
    }

    /// Returns how often the administrator logged in, if a rotation of the attacked secret does
    /// not concern it.
    pub fn administrators(&self) -> usize {
        match self.attacked {
            TargetSecret::Orders => self.logins(&["administrator"], &[]),
            TargetSecret::Reports | TargetSecret::Administrator => 0,
        }
    }

    /// Returns how often these users were accepted or refused.
    fn logins(&self, accepted: &[&str], refused: &[&str]) -> usize {
        let log = self.server.log();
        let count = |roles: &[&str], before: &str, after: &str| -> usize {
            let marks = roles.iter().map(|role| self.name_of(role));
            let marks = marks.map(|name| format!("{before}{name}{after}"));
            marks.map(|mark| log.matches(&mark).count()).sum()
        };
        match self.server.engine() {
            Engine::Postgres => {
                count(accepted, "authorized: user=", " ")
                    + count(refused, "failed for user \"", "\"")
            }
            Engine::MariaDb | Engine::MySql => {
                count(accepted, "Connect\t", "@") + count(refused, "Access denied for user '", "'")
            }
        }
    }

    /// Expects that the logins in the other secrets work.
    pub async fn expect_logins(&self, secrets: &[&str], what: &str) {
        for secret in secrets {
            let value = self.test.value(secret, "AWSCURRENT").await;
            let value = value.unwrap_or_else(|| panic!("{what}: nothing is in {secret}"));
            let answer = tokio::time::timeout(PATIENCE, log_in(&self.server, &value)).await;
            assert_eq!(answer, Ok(Ok(())), "{what}: {secret}");
        }
    }
}
