//! The environment of a command that is run with a credential.

use secrecy::SecretString;

use crate::model::{Credential, Engine, Login, Verification};

pub use keyrota_contract::tag::TLS as TLS_TAG;

/// Returns what the tag asks for; the most where there is none. A file that it
/// names as well is packed with the function, and not a client's.
pub fn tls_of(tag: Option<&str>) -> Verification {
    let word = tag.and_then(|tag| tag.split(' ').next());
    let named = Verification::ALL
        .into_iter()
        .find(|tls| Some(tls.name()) == word);
    named.unwrap_or(Verification::Full)
}

/// What a command's environment differs in from the caller's. `Debug` shows no
/// secret.
#[derive(Clone, Debug, Default)]
pub struct Environment {
    /// Variables that are set.
    pub set: Vec<(&'static str, SecretString)>,
    /// Variables that are removed.
    pub removed: Vec<&'static str>,
    /// Files with what no variable can say.
    pub option_files: Vec<OptionFile>,
}

/// A file `my.cnf`, and the variable that names the folder it is in. It holds
/// nothing secret.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OptionFile {
    /// The variable.
    pub variable: &'static str,
    /// What the file says.
    pub text: String,
}

/// Variables of AWS's SDKs that would lead to other credentials than the key, or
/// make it a part of others ("Environment variables" in the AWS SDKs and Tools
/// Reference Guide; AWS_SECURITY_TOKEN is what older SDKs read).
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

/// Variables with which libpq would connect elsewhere, or with other settings than these
/// ("Environment Variables" in libpq's documentation).
const OTHER_SERVERS: [&str; 4] = ["PGHOSTADDR", "PGSERVICE", "PGREQUIRESSL", "PGDATABASE"];

impl Environment {
    /// Returns the environment with an access key. `region` is given where the
    /// caller's environment names none.
    pub fn with_key(credential: &Credential, region: Option<&str>) -> Self {
        let mut set = vec![
            ("AWS_ACCESS_KEY_ID", credential.accesskey.as_str().into()),
            ("AWS_SECRET_ACCESS_KEY", credential.secretkey.clone()),
        ];
        // Some SDKs read the one and some the other.
        let names = ["AWS_REGION", "AWS_DEFAULT_REGION"];
        let region = region.into_iter();
        set.extend(region.flat_map(|region| names.map(|name| (name, region.into()))));
        Self {
            set,
            removed: OTHER_CREDENTIALS.to_vec(),
            option_files: Vec::new(),
        }
    }

    /// Returns the environment with a database's login, by the variables that the
    /// engine's own clients read. `tls` is what is asked of the server at least.
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

/// Returns the option files that make the clients of MySQL and MariaDB ask no less
/// of the server. Either client may be used with either server.
///
/// Neither has a variable for TLS. MySQL's reads `my.cnf` in the folder that
/// MYSQL_HOME names; so does MariaDB's, unless MARIADB_HOME names another one. A
/// MariaDB too old to know that variable reads MySQL's file: it warns of the option
/// that is not its own (`loose`), and takes its own from `client-mariadb`, a group
/// that MySQL does not read.
///
/// MariaDB's client can encrypt without insisting on it, or insist and verify the
/// certificate and the host's name. Nothing lies between, so that it verifies
/// whatever is asked.
///
/// Sources: "Using Option Files" and "Command Options for Encrypted Connections" in
/// the MySQL Reference Manual; "Configuring MariaDB with Option Files" and "Secure
/// Connections Overview" in the MariaDB documentation.
fn mysql_option_files(tls: Verification) -> [OptionFile; 2] {
    const MARIADB: &str = "[client-mariadb]\nssl-verify-server-cert\n";
    let mode = match tls {
        Verification::Full => "VERIFY_IDENTITY",
        Verification::Authority => "VERIFY_CA",
        Verification::None => "REQUIRED",
    };
    [
        OptionFile {
            variable: "MYSQL_HOME",
            text: format!("[client]\nloose-ssl-mode={mode}\n{MARIADB}"),
        },
        OptionFile {
            variable: "MARIADB_HOME",
            text: MARIADB.to_owned(),
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
        MYSQL_HOME/my.cnf: "[client]\nloose-ssl-mode=VERIFY_IDENTITY\n[client-mariadb]\nssl-verify-server-cert\n"
        MARIADB_HOME/my.cnf: "[client-mariadb]\nssl-verify-server-cert\n"
        "#);
        // The variable of another engine must have no effect.
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
