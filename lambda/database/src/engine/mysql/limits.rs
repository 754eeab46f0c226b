//! What limits the logins of an account, in the statement that would create it again.
//!
//! MySQL writes `FAILED_LOGIN_ATTEMPTS n PASSWORD_LOCK_TIME n`, and locks an account only if both are
//! given and positive. Both servers write `WITH … MAX_USER_CONNECTIONS n` and `ACCOUNT LOCK`. MariaDB
//! has one limit for all accounts, `max_password_errors`, and writes several methods of an account with
//! `OR` between them; MySQL writes several factors with `AND` between them (*CREATE USER Statement* in the
//! MySQL Reference Manual, *CREATE USER* and *max_password_errors* in the MariaDB documentation).

use secrecy::ExposeSecret;

use crate::server::{Engine, FailureLimit, LoginLimits, ServerError};

use super::super::expiry::{Word, words};
use super::{Session, accounts, literal};

/// `max_password_errors` of a server that tolerates any number.
const ANY_NUMBER: u32 = u32::MAX;
/// The longest name of a method that is shown, in characters.
const LONGEST_METHOD: usize = 64;

/// Returns what limits the logins of a user: of the session's own account, or of every account of a
/// name. What the session may not read is unknown.
pub async fn read(
    session: &mut Session,
    engine: Engine,
    own: bool,
    username: &str,
    hosts: Option<&[String]>,
) -> Result<LoginLimits, ServerError> {
    let names = match (own, hosts) {
        (true, None) => vec!["CURRENT_USER()".to_owned()],
        (_, Some(hosts)) => {
            let user = literal(username);
            let named = hosts.iter().map(|host| format!("{user}@{}", literal(host)));
            named.collect()
        }
        (false, None) => return Ok(LoginLimits::default()),
    };
    let mut limits: Option<LoginLimits> = None;
    for name in names {
        let found = match accounts::statement(session, &name).await? {
            Some(statement) => of_statement(statement.expose_secret()),
            None => LoginLimits::default(),
        };
        limits = Some(match limits {
            Some(limits) => strictest(limits, found),
            None => found,
        });
    }
    let mut limits = limits.unwrap_or_default();
    if engine == Engine::MariaDb {
        limits.failures = of_server(session).await?;
    }
    Ok(limits)
}

/// Returns MariaDB's limit, which is one for all accounts.
async fn of_server(session: &mut Session) -> Result<FailureLimit, ServerError> {
    let read = accounts::column(session, "SELECT @@max_password_errors").await?;
    let errors = read.and_then(|rows| rows.first()?.parse().ok());
    Ok(match errors {
        None => FailureLimit::Unknown,
        Some(ANY_NUMBER) => FailureLimit::Unlimited,
        Some(errors) => FailureLimit::After(errors),
    })
}

fn strictest(one: LoginLimits, other: LoginLimits) -> LoginLimits {
    let mut methods = one.methods;
    for method in other.methods {
        if !methods.contains(&method) {
            methods.push(method);
        }
    }
    LoginLimits {
        failures: one.failures.min(other.failures),
        sessions: [one.sessions, other.sessions].into_iter().flatten().min(),
        methods,
    }
}

/// Returns what a statement says about an account.
fn of_statement(statement: &str) -> LoginLimits {
    let words = words(statement);
    let number = |keyword: &str| {
        let at = words.iter().position(|word| word.is(keyword))?;
        words.get(at + 1)?.plain()?.parse::<u32>().ok()
    };
    let locks = match words.iter().position(|word| word.is("PASSWORD_LOCK_TIME")) {
        None => false,
        Some(at) => words.get(at + 1).is_some_and(|time| !time.is("0")),
    };
    let failures = number("FAILED_LOGIN_ATTEMPTS").filter(|_| locks);
    LoginLimits {
        failures: FailureLimit::after(failures.unwrap_or_default()),
        sessions: number("MAX_USER_CONNECTIONS").filter(|sessions| *sessions > 0),
        methods: methods(&words),
    }
}

/// Returns the names of the methods after `IDENTIFIED WITH` or `IDENTIFIED VIA`.
fn methods(words: &[Word]) -> Vec<String> {
    let Some(at) = words.iter().position(|word| word.is("IDENTIFIED")) else {
        return Vec::new();
    };
    let mut methods = Vec::new();
    let mut is_name = false;
    for word in &words[at + 1..] {
        match word {
            _ if is_name => {
                methods.push(shown(word.text()));
                is_name = false;
            }
            _ if ["WITH", "VIA", "OR", "AND"].iter().any(|it| word.is(it)) => is_name = true,
            // The options of the account follow.
            _ if ["REQUIRE", "PASSWORD", "ACCOUNT", "DEFAULT"]
                .iter()
                .any(|it| word.is(it)) =>
            {
                break;
            }
            _ => {}
        }
    }
    methods
}

/// Returns the name of a method as it is shown. A server could send any text.
fn shown(name: &str) -> String {
    let plain = |one: &char| one.is_ascii_alphanumeric() || *one == '_';
    let name = name.chars().filter(plain).take(LONGEST_METHOD);
    name.collect::<String>().to_ascii_lowercase()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(options: &str) -> LoginLimits {
        of_statement(&format!(
            "CREATE USER `app`@`%` IDENTIFIED WITH 'caching_sha2_password' AS '$A$OR' REQUIRE NONE {options} ACCOUNT UNLOCK"
        ))
    }

    #[test]
    fn failures_count_only_if_they_lock_the_account() {
        for (options, expected) in [
            ("", FailureLimit::Unlimited),
            (
                "FAILED_LOGIN_ATTEMPTS 3 PASSWORD_LOCK_TIME 2",
                FailureLimit::After(3),
            ),
            (
                "FAILED_LOGIN_ATTEMPTS 1 PASSWORD_LOCK_TIME UNBOUNDED",
                FailureLimit::After(1),
            ),
            (
                "FAILED_LOGIN_ATTEMPTS 3 PASSWORD_LOCK_TIME 0",
                FailureLimit::Unlimited,
            ),
            ("FAILED_LOGIN_ATTEMPTS 3", FailureLimit::Unlimited),
            (
                "COMMENT 'FAILED_LOGIN_ATTEMPTS 3 PASSWORD_LOCK_TIME 2'",
                FailureLimit::Unlimited,
            ),
        ] {
            assert_eq!(of(options).failures, expected, "{options}");
        }
    }

    #[test]
    fn sessions_are_limited_by_a_positive_number() {
        assert_eq!(of("WITH MAX_USER_CONNECTIONS 4").sessions, Some(4));
        assert_eq!(of("WITH MAX_USER_CONNECTIONS 0").sessions, None);
        assert_eq!(of("").sessions, None);
    }

    #[test]
    fn each_method_is_named() {
        assert_eq!(of("").methods, ["caching_sha2_password"]);
        let either = "CREATE USER `root`@`localhost` IDENTIFIED VIA mysql_native_password USING '*AB' OR unix_socket";
        assert_eq!(
            of_statement(either).methods,
            ["mysql_native_password", "unix_socket"]
        );
        assert!(
            of_statement("CREATE USER `app`@`%` IDENTIFIED BY PASSWORD '*AB'")
                .methods
                .is_empty()
        );
    }

    #[test]
    fn the_strictest_limit_applies_to_several_accounts() {
        let limits = |failures, sessions| LoginLimits {
            failures,
            sessions,
            methods: vec!["a".to_owned()],
        };
        let both = strictest(
            limits(FailureLimit::After(3), None),
            limits(FailureLimit::Unlimited, Some(2)),
        );
        assert_eq!(both, limits(FailureLimit::After(3), Some(2)));
        let unknown = strictest(limits(FailureLimit::After(3), None), LoginLimits::default());
        assert_eq!(unknown.failures, FailureLimit::Unknown);
    }
}
