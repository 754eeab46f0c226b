//! What is compared after an attack on a database's secret: the account, the users of the
//! server and their logins, and who called where.

use std::time::Duration;

use super::scene::{Scene, TargetSecret};
use crate::database::client::log_in;
use crate::database::test_server::{self, Engine};

/// How long a login may take.
const PATIENCE: Duration = Duration::from_secs(60);

impl Scene {
    /// Returns what must be as it was: everything but the one secret and the password
    /// that it holds, and, of an attacked administrator, of the entry that it rotates.
    pub async fn outside(&self) -> Vec<String> {
        let own = [self.attacked.secret(), self.attacked.rotated()];
        let mut lines = self.test.everything().await;
        lines.retain(|line| !line.split(' ').any(|word| own.contains(&word)));
        lines.extend(self.roles());
        lines
    }

    /// Returns the users of the server that are not the attacked secret's, with what the
    /// server keeps of their passwords, and what they may do.
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

    /// Expects that nobody has connected to the attacker's server.
    pub fn expect_no_caller(&self, what: &str) {
        match self.theirs.accept() {
            Err(error) => assert_eq!(error.kind(), std::io::ErrorKind::WouldBlock, "{what}"),
            Ok((_, caller)) => panic!("{what}: {caller} called at the attacker's server"),
        }
    }

    /// Returns how often a client logged in to the server as a user that no rotation of the
    /// attacked secret concerns, or was refused with a password for another user.
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
            // That secret says whom to log in as, where its password is right.
            TargetSecret::Administrator => &["billing", "orders"],
        };
        let log = self.server.log();
        let count = |roles: &[&str], before: &str, after: &str| -> usize {
            let marks = roles.iter().map(|role| self.name_of(role));
            let marks = marks.map(|name| format!("{before}{name}{after}"));
            marks.map(|mark| log.matches(&mark).count()).sum()
        };
        match self.server.engine() {
            Engine::Postgres => {
                count(&accepted, "authorized: user=", " ")
                    + count(refused, "failed for user \"", "\"")
            }
            Engine::MariaDb | Engine::MySql => {
                count(&accepted, "Connect\t", "@") + count(refused, "Access denied for user '", "'")
            }
        }
    }

    /// Expects that the logins in the secrets that nobody attacks work.
    pub async fn expect_logins(&self, secrets: &[&str], what: &str) {
        for secret in secrets {
            let value = self.test.value(secret, "AWSCURRENT").await;
            let value = value.unwrap_or_else(|| panic!("{what}: nothing is in {secret}"));
            let answer = tokio::time::timeout(PATIENCE, log_in(&self.server, &value)).await;
            assert_eq!(answer, Ok(Ok(())), "{what}: {secret}");
        }
    }
}
