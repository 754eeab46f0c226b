//! What the tests share: a server, drivers that trust it, and users.

use std::sync::atomic::{AtomicU32, Ordering};

use keyrota_database_function::engine::Engines;
use keyrota_database_function::server::{
    Change, ChangeError, Endpoint, Engine, Login, PreviousPassword, Server as _, ServerError,
    ServerFault, Verification,
};
use keyrota_test_servers::{self as servers, Certificate, Options, Server};
use secrecy::SecretString;

/// The name of each server's certificate authority file in the package.
pub const AUTHORITY: &str = "authority.pem";

/// A server, and drivers that trust its certificate authority.
pub struct TestServer {
    pub server: Server,
    pub engines: Engines,
    pub endpoint: Endpoint,
}

impl TestServer {
    /// Starts a server with its own settings.
    pub fn start(engine: servers::Engine, settings: &[&str]) -> Self {
        Self::showing(engine, Certificate::Valid, settings)
    }

    /// Starts a server with its own settings and another certificate.
    pub fn showing(engine: servers::Engine, certificate: Certificate, settings: &[&str]) -> Self {
        let settings = settings.iter().map(|&setting| setting.to_owned()).collect();
        let options = Options {
            certificate,
            settings,
        };
        let server = Server::start(engine, options).expect("a server");
        // Packaged as in the function's zip file. It is deleted with the server's folder.
        let folder = server.folder().join("tls");
        std::fs::create_dir(&folder).expect("a folder");
        std::fs::copy(server.authority(), folder.join(AUTHORITY)).expect("a copy");
        let endpoint = Endpoint {
            engine: match engine {
                servers::Engine::Postgres => Engine::Postgres,
                servers::Engine::MariaDb => Engine::MariaDb,
                servers::Engine::MySql => Engine::MySql,
            },
            host: "localhost".to_owned(),
            port: server.port(),
            dbname: None,
            any_database: false,
            verification: Verification::Full,
            authorities: Some(AUTHORITY.to_owned()),
        };
        Self {
            engines: Engines::new(server.folder()),
            server,
            endpoint,
        }
    }

    /// Runs statements as the superuser.
    pub fn sql(&self, statements: &str) -> String {
        self.server.sql(statements).expect("statements that work")
    }

    pub async fn authenticate(&self, login: &Login) -> Result<(), ServerError> {
        self.engines.authenticate(&self.endpoint, login).await
    }

    /// Changes the password of the session's user.
    pub async fn change(
        &self,
        login: &Login,
        new: &Login,
        retain: bool,
    ) -> Result<PreviousPassword, ServerError> {
        let change = Change {
            username: &new.username,
            password: &new.password,
            retain,
            every: false,
        };
        let changed = self.engines.change(&self.endpoint, login, &change).await;
        changed.map_err(|error| match error {
            ChangeError::Sent(error) | ChangeError::Unsent(error) => error,
        })
    }

    /// Changes a password, and checks that the new one works and the previous one does not.
    pub async fn check_change(&self, login: &Login, old: &Login, new: &Login) {
        assert_eq!(self.authenticate(old).await, Ok(()));
        assert_eq!(
            self.change(login, new, false).await,
            Ok(PreviousPassword::Void)
        );
        assert_eq!(self.authenticate(new).await, Ok(()));
        let before = self.authenticate(old).await;
        assert_eq!(
            before.map_err(|error| error.fault),
            Err(ServerFault::WrongCredentials)
        );
    }

    /// Asserts that the server wrote none of these passwords to its logs.
    pub fn check_log(&self, statement: &str, passwords: &[&str]) {
        let log = self.server.log();
        assert!(log.contains(statement), "the log lacks `{statement}`");
        for password in passwords {
            assert!(!log.contains(password), "the log has a password");
        }
    }
}

pub fn login(username: &str, password: &str) -> Login {
    Login {
        username: username.to_owned(),
        password: SecretString::from(password),
    }
}

/// Returns a unique name.
pub fn unique(purpose: &str) -> String {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    format!("{purpose}_{}", NEXT.fetch_add(1, Ordering::Relaxed))
}

/// Returns every printable ASCII character, and some others.
pub fn any_characters() -> String {
    let ascii: String = (' '..='~').collect();
    format!("{ascii} ü€𝄞 '' \\' \"\" $1 %s")
}

/// Returns the fault and the code that identify an error.
pub fn fault_and_code<T: PartialEq>(result: Result<T, ServerError>) -> (ServerFault, String) {
    match result {
        Ok(_) => panic!("it went well"),
        Err(error) => (error.fault, error.code.unwrap_or_default()),
    }
}

/// Asserts the fault and the code of an error.
pub fn check<T: PartialEq>(result: Result<T, ServerError>, fault: ServerFault, code: &str) {
    assert_eq!(fault_and_code(result), (fault, code.to_owned()));
}

pub use servers::Engine as Kind;
