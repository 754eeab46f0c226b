//! The environment of a command that runs with a credential.

use secrecy::SecretString;

use crate::model::{Credential, Engine, Login, Verification};

pub use keyrota_contract::tag::TLS as TLS_TAG;

/// Returns the TLS verification that the tag requires, or the strictest if there is no tag. A CA
/// file that the tag names is packed with the function and not available to clients.
pub fn tls_of(tag: Option<&str>) -> Verification {
    let word = tag.and_then(|tag| tag.split(' ').next());
    let named = Verification::ALL
        .into_iter()
        .find(|tls| Some(tls.name()) == word);
    named.unwrap_or(Verification::Full)
}

/// The difference between a command's environment and the caller's. `Debug` shows no secret.
#[derive(Clone, Debug, Default)]
pub struct Environment {
    /// Variables that are set.
    pub set: Vec<(&'static str, SecretString)>,
    /// Variables that are removed.
    pub removed: Vec<&'static str>,
    /// Option files for settings that no variable can express.
    pub option_files: Vec<OptionFile>,
}

/// A file `my.cnf`, and the variable that names its folder. It contains no secret.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OptionFile {
    /// The variable.
    pub variable: &'static str,
    /// Its content.
    pub text: String,
}

/// Variables of AWS's SDKs that would select credentials other than the key, or make the key part
/// of others ("Environment variables" in the AWS SDKs and Tools Reference Guide; older SDKs read
/// AWS_SECURITY_TOKEN).
const OTHER_CREDENTIALS: [&str; 13] = [
    "AWS_SESSION_TOKEN",
    "AWS_SECURITY_TOKEN",
    "AWS_CREDENTIAL_EXPIRATION",
    "AWS_PROFILE",
    "AWS_DEFAULT_PROFILE",
    "AWS_ROLE_ARN",
    "AWS_ROLE_SESSION_NAME",
    "AWS_WEB_IDENTITY_TOKEN_FILE",
    "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI",
    "AWS_CONTAINER_CREDENTIALS_FULL_URI",
    "AWS_CONTAINER_AUTHORIZATION_TOKEN",
    "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE",
    "AWS_ACCOUNT_ID",
];

/// Variables with which libpq would connect to another server or with other settings ("Environment
/// Variables" in libpq's documentation).
const OTHER_SERVERS: [&str; 4] = ["PGHOSTADDR", "PGSERVICE", "PGREQUIRESSL", "PGDATABASE"];

impl Environment {
    /// Returns the environment with an access key. `region` is given if the caller's environment
    /// names none.
    pub fn with_key(credential: &Credential, region: Option<&str>) -> Self {
        let mut set = vec![
            ("AWS_ACCESS_KEY_ID", credential.accesskey.as_str().into()),
            ("AWS_SECRET_ACCESS_KEY", credential.secretkey.clone()),
        ];
        // Some SDKs read one of them, some the other.
        let names = ["AWS_REGION", "AWS_DEFAULT_REGION"];
        let region = region.into_iter();
        set.extend(region.flat_map(|region| names.map(|name| (name, region.into()))));
        Self {
            set,
            removed: OTHER_CREDENTIALS.to_vec(),
            option_files: Vec::new(),
        }
    }

    /// Returns the environment with a database's login, in the variables that the engine's own
    /// clients read. `tls` is the minimum verification of the server.
    pub fn with_login(login: &Login, tls: Verification) -> Self {
        let text = |text: &str| SecretString::from(text);
        let port = text(&login.port().to_string());
        let mut option_files = Vec::new();
        let (mut set, mut removed, dbname) = match login.engine {
            Engine::Postgres => (
                vec![
                    ("PGHOST", text(&login.host)),
                    ("PGPORT", port),
                    ("PGUSER", text(&login.username)),
                    ("PGPASSWORD", login.password.clone()),
                    ("PGSSLMODE", text(tls.name())),
                ],
                OTHER_SERVERS.to_vec(),
                "PGDATABASE",
            ),
            Engine::MySql | Engine::MariaDb => {
                option_files.extend(mysql_option_files(tls));
                (
                    vec![
                        ("MYSQL_HOST", text(&login.host)),
                        ("MYSQL_TCP_PORT", port),
                        ("MYSQL_USER", text(&login.username)),
                        ("MYSQL_PWD", login.password.clone()),
                    ],
                    vec!["MYSQL_DATABASE"],
                    "MYSQL_DATABASE",
                )
            }
        };
        if let Some(name) = &login.dbname {
            removed.retain(|variable| *variable != dbname);
            set.push((dbname, text(name)));
        }
        Self {
            set,
            removed,
            option_files,
        }
    }
}

/// Returns the option files that make the clients of MySQL and MariaDB verify the server at least
/// this strictly. Either client may be used with either server.
///
/// Neither has a variable for TLS. MySQL's client reads `my.cnf` in the folder that MYSQL_HOME
/// names. So does MariaDB's client, unless MARIADB_HOME names another folder. A MariaDB client that
/// is too old to know MARIADB_HOME reads MySQL's file: it warns about the option that it does not
/// know (`loose`), and reads its own options from `client-mariadb`, a group that MySQL's client
/// ignores.
///
/// MariaDB's client can either encrypt without requiring it, or require encryption and verify the
/// certificate and the host name. It has no level between these, so it always verifies.
///
/// Sources: "Using Option Files" and "Command Options for Encrypted Connections" in the MySQL
/// Reference Manual; "Configuring MariaDB with Option Files" and "Secure Connections Overview" in
/// the MariaDB documentation.
fn mysql_option_files(tls: Verification) -> [OptionFile; 2] {
    // Otherwise the locale decides in which character set the name of the user is sent.
    const CHARACTERS: &str = "loose-default-character-set=utf8mb4";
    let mariadb = format!("[client-mariadb]\n{CHARACTERS}\nssl-verify-server-cert\n");
    let mode = match tls {
        Verification::Full => "VERIFY_IDENTITY",
        Verification::Authority => "VERIFY_CA",
        Verification::None => "REQUIRED",
    };
    [
        OptionFile {
            variable: "MYSQL_HOME",
            text: format!("[client]\n{CHARACTERS}\nloose-ssl-mode={mode}\n{mariadb}"),
        },
        OptionFile {
            variable: "MARIADB_HOME",
            text: mariadb,
        },
    ]
}

#[cfg(test)]
mod tests {
    use secrecy::ExposeSecret;

    use super::*;
    use crate::model::{AccessKeyId, Place};

    fn shown(environment: &Environment) -> String {
        let debug = format!("{environment:?}");
        assert!(!debug.contains("hush"), "{debug}");
        let set = environment.set.iter();
        let set = set.map(|(name, value)| format!("{name}={}", value.expose_secret()));
        let removed = environment.removed.iter().map(|name| format!("-{name}"));
        let files = environment.option_files.iter();
        let files = files.map(|file| format!("{}/my.cnf: {:?}", file.variable, file.text));
        let lines = set.chain(removed).chain(files);
        lines.collect::<Vec<_>>().join("\n")
    }

    fn login(engine: Engine, dbname: Option<&str>) -> Login {
        let place = Place {
            host: "db.internal",
            port: 6543,
            dbname,
            masterarn: None,
        };
        Login::new(engine, "app".to_owned(), "hush".into(), place)
    }

    #[test]
    fn a_key_and_nothing_that_leads_to_others() {
        let credential = Credential::new(
            AccessKeyId::of_iam("AKIA"),
            "hush".into(),
            "ada".into(),
            "arn".into(),
        );
        let with = Environment::with_key(&credential, Some("eu-west-1"));
        insta::assert_snapshot!(shown(&with), @"
        AWS_ACCESS_KEY_ID=AKIA
        AWS_SECRET_ACCESS_KEY=hush
        AWS_REGION=eu-west-1
        AWS_DEFAULT_REGION=eu-west-1
        -AWS_SESSION_TOKEN
        -AWS_SECURITY_TOKEN
        -AWS_CREDENTIAL_EXPIRATION
        -AWS_PROFILE
        -AWS_DEFAULT_PROFILE
        -AWS_ROLE_ARN
        -AWS_ROLE_SESSION_NAME
        -AWS_WEB_IDENTITY_TOKEN_FILE
        -AWS_CONTAINER_CREDENTIALS_RELATIVE_URI
        -AWS_CONTAINER_CREDENTIALS_FULL_URI
        -AWS_CONTAINER_AUTHORIZATION_TOKEN
        -AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE
        -AWS_ACCOUNT_ID
        ");
        let without = Environment::with_key(&credential, None);
        assert_eq!(without.set.len(), 2);
    }

    #[test]
    fn a_login_for_each_engine() {
        let postgres = login(Engine::Postgres, Some("orders"));
        insta::assert_snapshot!(shown(&Environment::with_login(&postgres, Verification::Authority)), @"
        PGHOST=db.internal
        PGPORT=6543
        PGUSER=app
        PGPASSWORD=hush
        PGSSLMODE=verify-ca
        PGDATABASE=orders
        -PGHOSTADDR
        -PGSERVICE
        -PGREQUIRESSL
        ");
        let mysql = login(Engine::MySql, Some("orders"));
        insta::assert_snapshot!(shown(&Environment::with_login(&mysql, Verification::Full)), @r#"
        MYSQL_HOST=db.internal
        MYSQL_TCP_PORT=6543
        MYSQL_USER=app
        MYSQL_PWD=hush
        MYSQL_DATABASE=orders
        MYSQL_HOME/my.cnf: "[client]\nloose-default-character-set=utf8mb4\nloose-ssl-mode=VERIFY_IDENTITY\n[client-mariadb]\nloose-default-character-set=utf8mb4\nssl-verify-server-cert\n"
        MARIADB_HOME/my.cnf: "[client-mariadb]\nloose-default-character-set=utf8mb4\nssl-verify-server-cert\n"
        "#);
        // The other engine's variables must have no effect.
        for (engine, name) in [
            (Engine::Postgres, "PGDATABASE"),
            (Engine::MariaDb, "MYSQL_DATABASE"),
        ] {
            let without = Environment::with_login(&login(engine, None), Verification::None);
            assert!(without.removed.contains(&name));
        }
    }

    #[test]
    fn the_tag_says_what_is_asked_and_nothing_less_is_guessed() {
        let shown = [
            None,
            Some("require"),
            Some("verify-ca"),
            Some("verify-full 0123456789abcdef.pem"),
            Some("prefer"),
        ]
        .map(|tag| tls_of(tag).name());
        let full = Verification::Full.name();
        assert_eq!(shown, [full, "require", "verify-ca", full, full]);
    }
}
