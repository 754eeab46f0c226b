//! A server of a service, and the shipped adapter that reaches it.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use keyrota_adapter_test::http::HttpSubject;
use keyrota_adapter_test::program::{Program, ProgramSubject};
use keyrota_adapter_test::subject::{Subject, User};
use keyrota_contract::adapter::Request;
use keyrota_service_function::service::{Previous, ServiceError};
use keyrota_test_servers::{Product, Python, Service};
use secrecy::SecretString;
use tokio::time::sleep;

use crate::files;

/// How often a rotation asks a service that fails. Keystone with SQLite answers 500 while another
/// request writes.
const MOST_ATTEMPTS: usize = 20;
const BETWEEN_ATTEMPTS: Duration = Duration::from_millis(100);

/// A server and two ways to its adapter, so that a client never waits for the rotation.
pub struct Member {
    pub rotating: Adapter,
    pub client: Adapter,
    user: User,
    /// Runs until this is dropped.
    _server: Service,
    /// Holds the adapter's program.
    _folder: tempfile::TempDir,
}

impl Member {
    /// Starts a server with the test user and its first password.
    pub async fn start(product: Product) -> Self {
        let server = Service::start(product).unwrap_or_else(|error| panic!("{error}"));
        let hosts = format!("127.0.0.1:{}", server.port());
        let mut settings = BTreeMap::from([
            ("tags".to_owned(), "administrator".to_owned()),
            ("domain_id".to_owned(), "default".to_owned()),
            (
                "tls_ca".to_owned(),
                server.authority().display().to_string(),
            ),
            ("hosts".to_owned(), hosts.clone()),
        ]);
        if let Ok(id) = server.user_id() {
            settings.insert("user_id".to_owned(), id);
        }
        let folder = tempfile::tempdir().expect("a folder");
        let [rotating, client] = match http(product) {
            None => {
                let adapter = files::text("redis", "adapter.py");
                let local = files::write_python("redis", &adapter, folder.path());
                [
                    Adapter::redis(local.clone()).await,
                    Adapter::redis(local).await,
                ]
            }
            Some(name) => [
                Adapter::http(name, &hosts, &server),
                Adapter::http(name, &hosts, &server),
            ],
        };
        let username = Service::USER.to_owned();
        Self {
            rotating,
            client,
            user: User { username, settings },
            _server: server,
            _folder: folder,
        }
    }

    /// Changes the password, as a rotation does: a change that failed may have taken effect.
    pub async fn change(&self, old: &SecretString, new: &SecretString) {
        let mut last = None;
        for _ in 0..MOST_ATTEMPTS {
            let changed = self.user.change(&self.rotating, old, new).await;
            if changed.is_ok() || self.logs_in(new).await {
                return;
            }
            last = changed.err();
            sleep(BETWEEN_ATTEMPTS).await;
        }
        panic!("the password cannot be changed: {last:?}");
    }

    /// Logs in, as a rotation does, which is repeated if the service fails.
    pub async fn test(&self, password: &SecretString) {
        for _ in 0..MOST_ATTEMPTS {
            if self.logs_in(password).await {
                return;
            }
            sleep(BETWEEN_ATTEMPTS).await;
        }
        panic!("the new password is refused");
    }

    async fn logs_in(&self, password: &SecretString) -> bool {
        let ended = self.user.authenticate(&self.rotating, password).await;
        ended.is_ok()
    }

    /// Returns whether a client can log in.
    pub async fn accepts(&self, password: &SecretString) -> bool {
        self.user.authenticate(&self.client, password).await.is_ok()
    }
}

/// Returns the folder of the HTTP adapter in `examples/adapters`, if it is not the Redis adapter.
const fn http(product: Product) -> Option<&'static str> {
    match product {
        Product::Redis | Product::Valkey => None,
        Product::RabbitMq => Some("rabbitmq"),
        Product::Keystone => Some("keystone"),
        Product::Devpi => Some("devpi"),
    }
}

/// An adapter of either kind.
pub enum Adapter {
    Program(Box<ProgramSubject>),
    Http(Box<HttpSubject>),
}

impl Adapter {
    async fn redis(local: PathBuf) -> Self {
        let requirements = files::text("redis", "requirements.txt");
        let python = Python::with("redis-adapter", &requirements);
        let program = Program {
            program: python.expect("an environment").program().into(),
            arguments: vec![local.into()],
            authorities: None,
        };
        Self::Program(Box::new(
            ProgramSubject::start(program).await.expect("a process"),
        ))
    }

    fn http(name: &str, hosts: &str, server: &Service) -> Self {
        let mut http = files::adapter(name, hosts);
        http.tls_ca = Some("authority.pem".to_owned());
        let authority = server.authority();
        let folder = authority.parent().expect("a folder");
        Self::Http(Box::new(HttpSubject::new(http, folder).expect("a subject")))
    }
}

impl Subject for Adapter {
    async fn send(&self, request: &Request<'_>) -> Result<Previous, ServiceError> {
        match self {
            Self::Program(subject) => subject.send(request).await,
            Self::Http(subject) => subject.send(request).await,
        }
    }

    async fn end_process(&self) {
        match self {
            Self::Program(subject) => subject.end_process().await,
            Self::Http(subject) => subject.end_process().await,
        }
    }

    fn has_process(&self) -> bool {
        match self {
            Self::Program(subject) => subject.has_process(),
            Self::Http(subject) => subject.has_process(),
        }
    }

    fn output(&self) -> String {
        match self {
            Self::Program(subject) => subject.output(),
            Self::Http(subject) => subject.output(),
        }
    }
}
