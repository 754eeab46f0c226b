//! A stack that rotates database passwords, with other users and an administrator on the
//! server, and a server of the attacker.

use std::collections::BTreeSet;
use std::net::TcpListener;
use std::ops::Deref;

use serde_json::{Value, json};

use crate::database::function::{self, AUTHORITY};
use crate::database::rotation::rotate;
use crate::database::test_server::{self, Engine, FIRST, TestServer, User};
use crate::environment::{CommandOutput, TestEnvironment};
use crate::matrix::account::{Account, FOREIGN, OUTSIDER, Target, make_outsider};

pub const STACK: &str = "databases";
pub const ADMINISTRATOR: &str = "ops/administrator";
/// Another principal's secret, with the login of a user that is in no manifest.
const PASSER_BY: &str = "ops/passer-by";
const BOOTSTRAP: &str = "bootstrap --yes --database-function-zip database.zip --format json";

/// The secrets that an attacker may write, each with the server's user whose password it
/// contains.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TargetSecret {
    /// An entry that rotates itself.
    Orders,
    /// An entry that the administrator rotates.
    Reports,
    /// The administrator's own secret.
    Administrator,
}

impl TargetSecret {
    pub const fn secret(self) -> &'static str {
        match self {
            Self::Orders => "prod/orders",
            Self::Reports => "prod/reports",
            Self::Administrator => ADMINISTRATOR,
        }
    }

    pub const fn role(self) -> &'static str {
        match self {
            Self::Orders => "orders",
            Self::Reports => "reports",
            Self::Administrator => "administrator",
        }
    }

    /// Returns the secret whose rotation uses it.
    pub const fn rotated(self) -> &'static str {
        match self {
            Self::Administrator => "prod/reports",
            other => other.secret(),
        }
    }
}

/// The account with the deployed stack, and the servers.
pub struct Scene {
    account: Account,
    pub server: TestServer,
    pub attacked: TargetSecret,
    /// The database of all users.
    pub database: String,
    /// The attacker's server.
    pub theirs: TcpListener,
    healed: u32,
}

impl Deref for Scene {
    type Target = Account;

    fn deref(&self) -> &Account {
        &self.account
    }
}

impl Scene {
    pub async fn new(engine: Engine, attacked: TargetSecret) -> Self {
        let server = TestServer::from(test_server::shared(engine));
        let database = test_server::make_user(&server).dbname;
        let test = TestEnvironment::without_function().await;
        #[expect(clippy::disallowed_methods, reason = "a test's own file")]
        let pem = std::fs::read(server.authority()).expect("the authority");
        test.home.write(AUTHORITY, &pem);
        test.home.write("database.zip", function::zip(&pem));
        test.conceal(FIRST);
        let mut manifest = format!(
            "version: 1\nstack: {STACK}\naccount: '000000000000'\nregion: us-east-1\n\
             function: {{ architecture: {} }}\ndatabases:\n",
            function::architecture().as_str()
        );
        let theirs = TcpListener::bind("127.0.0.1:0").expect("a port");
        theirs.set_nonblocking(true).expect("it can be asked");
        let outsiders = make_outsider(&test).await;
        for role in ["orders", "billing", "reports"] {
            let user = user(&database, role);
            test_server::make_again(&server, &user, FIRST);
            let rotate_as = match role {
                "reports" => format!(", rotate_as: {ADMINISTRATOR}"),
                _ => String::new(),
            };
            manifest.push_str(&format!(
                "  - {{ secret: prod/{role}, engine: {}, host: localhost, port: {}, \
                 dbname: {database}, username: {}, initial_password: env:FIRST_PASSWORD, \
                 tls_ca: {AUTHORITY}, first_rotation: now{rotate_as} }}\n",
                test_server::name(engine),
                server.port(),
                json!(user.name),
            ));
        }
        for (role, secret) in [
            ("administrator", ADMINISTRATOR),
            ("foreign", FOREIGN),
            ("passer-by", PASSER_BY),
        ] {
            let user = user(&database, role);
            let password = format!("0f {role}, for nobody else");
            test_server::make_again(&server, &user, &password);
            if secret != PASSER_BY {
                let name = test_server::quoted(&server, &user.name);
                test_server::sql(&server, &rights(engine).replace("{0}", &name));
            }
            test.conceal(&password);
            let value = login(&server, &database, &user.name, &password);
            test.make_secret(secret, &value.to_string()).await;
        }
        test.manifest(&manifest);
        let target = Target {
            stack: STACK,
            secret: attacked.secret(),
            secrets: &[
                "prod/orders",
                "prod/billing",
                "prod/reports",
                ADMINISTRATOR,
                FOREIGN,
                PASSER_BY,
            ],
            users: &[OUTSIDER],
        };
        let bootstrap = async |test: &TestEnvironment| {
            bootstrap(test).await.exits(0);
        };
        Self {
            account: Account::deploy(test, target, outsiders, bootstrap).await,
            server,
            attacked,
            database,
            theirs,
            healed: 0,
        }
    }

    /// Returns the name of a user on the server.
    pub fn name_of(&self, role: &str) -> String {
        user(&self.database, role).name
    }

    /// Returns the port of the attacker's server.
    pub fn their_port(&self) -> u16 {
        self.theirs.local_addr().expect("an address").port()
    }

    /// Returns the value of the attacked secret with another password.
    pub fn value_with(&self, password: &str) -> Value {
        let name = self.name_of(self.attacked.role());
        let mut value = login(&self.server, &self.database, &name, password);
        if self.attacked == TargetSecret::Reports {
            value["masterarn"] = self.arns[ADMINISTRATOR].as_str().into();
        }
        value
    }

    /// Returns the tags that an attacker writes.
    pub fn tags(&self) -> Vec<(String, String)> {
        let tags = [
            (
                "keyrota:user",
                // Without the characters that a tag must not have.
                self.name_of("billing")
                    .replace('\'', "=27")
                    .replace('"', "=22"),
            ),
            ("keyrota:stack", STACK.to_owned()),
            ("keyrota:kind", "access-key".to_owned()),
            (
                "keyrota:endpoint",
                format!("127.0.0.1:{}", self.their_port()),
            ),
            ("keyrota:dbname", "theirs".to_owned()),
            ("keyrota:tls", "require".to_owned()),
            ("keyrota:password", "length=1 exclude=".to_owned()),
            ("keyrota:rotate-as", self.arns[FOREIGN].clone()),
            ("keyrota:owns-user", "true".to_owned()),
            ("keyrota:abandoned", self.outsiders[0].id.clone()),
            ("keyrota:keys", self.outsiders[0].id.clone()),
            ("keyrota:encryption-key", self.kms_key.clone()),
        ];
        tags.map(|(key, value)| (key.to_owned(), value)).into()
    }

    /// Returns the current passwords in the attacked secret.
    pub async fn own_secrets(&self) -> BTreeSet<String> {
        let mut found = BTreeSet::new();
        let name = self.attacked.secret();
        let held = self.test.secret(name).await.unwrap_or_default();
        for label in held.labels.keys().filter(|_| !held.deleted) {
            let value = self.test.value(name, label).await.unwrap_or_default();
            found.extend(value["password"].as_str().map(str::to_owned));
        }
        found
    }

    /// Repairs the secret, as its owner would by hand. If it is not `whole`, the password in
    /// AWSCURRENT does not work.
    pub async fn heal(&mut self, whole: bool) {
        self.healed += 1;
        let secret = self.attacked.secret();
        let password = format!("h3aled {}", self.healed);
        self.test.conceal(&password);
        for name in [secret, self.attacked.rotated()] {
            let held = self.test.secret(name).await.expect("the secret");
            if held.deleted {
                let request = self.test.secretsmanager.restore_secret().secret_id(name);
                request.send().await.expect("the secret is restored");
            }
            for label in ["AWSPENDING", "KEYROTA_SETTING", "KEYROTA_RETAINED"] {
                if let Some(version) = held.labels.get(label) {
                    let request = self.test.secretsmanager.update_secret_version_stage();
                    let request = request.secret_id(name).version_stage(label);
                    let request = request.remove_from_version_id(version);
                    request.send().await.expect("the label is removed");
                }
            }
        }
        let request = self.test.secretsmanager.delete_resource_policy();
        let request = request.secret_id(secret);
        request.send().await.expect("there is no policy");
        self.test.store(secret, &self.value_with(&password)).await;
        let on_server = match whole {
            true => password,
            false => format!("an0ther {}", self.healed),
        };
        let user = user(&self.database, self.attacked.role());
        test_server::set_password(&self.server, &user, &on_server);
    }

    /// Calls RotateSecret, and sweeps all secrets, which may fail.
    pub async fn provoke(&self) {
        rotate(&self.test, self.attacked.rotated()).await;
        self.test.try_sweep().await;
    }

    /// Does the same with the administrator's commands, in any state of the secret.
    pub async fn provoke_by_command(&self) {
        let rotate = format!("rotate {}", self.attacked.rotated());
        self.test.keyrota(&rotate).await;
        self.test.try_sweep().await;
    }

    /// Bootstraps with the users' first passwords.
    pub async fn bootstrap(&self) -> CommandOutput {
        bootstrap(&self.test).await
    }

    /// Returns the entries that can rotate although the secret is attacked.
    pub fn others(&self) -> Vec<&'static str> {
        let entries = ["prod/orders", "prod/billing", "prod/reports"];
        let attacked = self.attacked.rotated();
        entries.into_iter().filter(|it| *it != attacked).collect()
    }

    /// Returns the secrets of the account that are not attacked.
    pub fn bystanders(&self) -> Vec<&'static str> {
        let secrets = self.target.secrets.iter().copied();
        let attacked = self.attacked.secret();
        secrets.filter(|it| *it != attacked).collect()
    }
}

async fn bootstrap(test: &TestEnvironment) -> CommandOutput {
    let mut command = test.program(BOOTSTRAP);
    command.env("FIRST_PASSWORD", FIRST);
    test.run(BOOTSTRAP, command).await
}

fn user(database: &str, role: &str) -> User {
    User {
        name: format!("{database}'\"{role}"),
        dbname: database.to_owned(),
    }
}

fn login(server: &TestServer, database: &str, username: &str, password: &str) -> Value {
    json!({
        "engine": test_server::name(server.engine()), "host": "localhost", "port": server.port(),
        "dbname": database, "username": username, "password": password,
    })
}

/// Returns the statement that lets a user change others' passwords.
fn rights(engine: Engine) -> &'static str {
    match engine {
        Engine::Postgres => "ALTER ROLE {0} CREATEROLE",
        Engine::MariaDb => {
            "GRANT CREATE USER ON *.* TO {0}; GRANT SELECT ON mysql.global_priv TO {0}"
        }
        Engine::MySql => "GRANT CREATE USER ON *.* TO {0}",
    }
}
