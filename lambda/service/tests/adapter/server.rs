//! HTTPS servers on 127.0.0.1 that answer what a test says, and adapters that trust them.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpListener;
use std::sync::{Arc, Mutex};

use keyrota_contract::adapter::Previous;
use keyrota_function_base::aws::{Environment, http_client};
use keyrota_service_function::adapter::Adapters;
use keyrota_service_function::service::{Account, Adapter, Service, ServiceError};
use keyrota_test_servers::Certificate;
use rustls::crypto::ring;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ServerConfig, ServerConnection, StreamOwned};
use secrecy::SecretString;
use serde_json::{Value, json};
use tempfile::TempDir;

pub const USER: &str = "billing@example.com";
pub const OLD: &str = "old pass/word&=\"\\{{username}}";
pub const NEW: &str = "new?pass#word%20+";

/// What a server does after it has read a request.
#[derive(Clone)]
pub enum Reply {
    /// Sends bytes, and closes the connection.
    Bytes(Vec<u8>),
    /// Sends bytes, and then nothing.
    Hang(Vec<u8>),
    /// Sends the first bytes, and then the others again and again.
    Endless(Vec<u8>, Vec<u8>),
}

impl Reply {
    /// Returns an answer with a status, headers, and a body.
    pub fn with(status: u16, headers: &str, body: &str) -> Self {
        let length = body.len();
        let text =
            format!("HTTP/1.1 {status} X\r\n{headers}content-length: {length}\r\n\r\n{body}");
        Self::Bytes(text.into_bytes())
    }

    /// Returns an answer with a status.
    pub fn status(status: u16) -> Self {
        Self::with(status, "", "")
    }
}

/// A server. It handles one connection at a time, until the test process ends.
pub struct TestServer {
    pub port: u16,
    /// The function's package, with the authority of the server.
    package: TempDir,
    requests: Arc<Mutex<Vec<String>>>,
}

impl TestServer {
    /// Starts a server.
    pub fn start(reply: impl FnMut(&str) -> Reply + Send + 'static) -> Self {
        Self::showing(Certificate::Valid, reply)
    }

    /// Starts a server with another certificate, or without TLS.
    pub fn showing(
        certificate: Certificate,
        mut reply: impl FnMut(&str) -> Reply + Send + 'static,
    ) -> Self {
        let package = tempfile::tempdir().expect("a folder");
        let tls = package.path().join("tls");
        std::fs::create_dir(&tls).expect("a folder");
        certificate.write(&tls).expect("certificates");
        let configuration = configuration(&tls);
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let port = listener.local_addr().expect("an address").port();
        let requests = Arc::<Mutex<Vec<String>>>::default();
        let received = Arc::clone(&requests);
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let received = &received;
                let mut handle = |request: String| {
                    let reply = reply(&request);
                    received.lock().expect("a list").push(request);
                    reply
                };
                // A client that gives up ends its connection, not the server.
                let _ = match certificate {
                    Certificate::None => serve(stream, &mut handle),
                    _ => {
                        let connection = ServerConnection::new(Arc::clone(&configuration));
                        let connection = connection.expect("a connection");
                        serve(StreamOwned::new(connection, stream), &mut handle)
                    }
                };
            }
        });
        Self {
            port,
            package,
            requests,
        }
    }

    /// Returns the requests that the server has received.
    pub fn requests(&self) -> Vec<String> {
        self.requests.lock().expect("a list").clone()
    }

    /// Returns a URL of the server.
    pub fn url(&self, rest: &str) -> String {
        format!("https://localhost:{}{rest}", self.port)
    }

    /// Returns an account on the server, with a usual adapter that was changed.
    pub fn account(&self, change: impl FnOnce(&mut Value)) -> Account {
        let mut http = json!({
            "version": 1,
            "tls_ca": "authority.pem",
            "authenticate": {
                "method": "POST", "url": self.url("/login"), "timeout": 1,
                "json": { "user": "{{username}}", "password": "{{password}}" },
                "answers": [
                    { "status": [200], "outcome": "success" },
                    { "status": [401, 403], "outcome": "refused" },
                    { "status": [503], "outcome": "unreachable" },
                ],
            },
            "change": {
                "method": "POST", "url": self.url("/password"), "timeout": 1,
                "json": { "old": "{{password}}", "new": "{{new_password}}" },
                "answers": [
                    { "status": [200], "json": { "/kept": true }, "outcome": "success", "previous": "works" },
                    { "status": [200, 204], "outcome": "success" },
                    { "status": [401], "outcome": "refused" },
                    { "status": [422], "json": { "/error": "weak" }, "outcome": "password_rejected" },
                ],
            },
        });
        change(&mut http);
        let http = serde_json::from_value(http).expect("an adapter");
        account(Adapter::Http(Box::new(http)))
    }

    /// Returns adapters that trust the server.
    pub fn adapters(&self) -> Adapters {
        Adapters::new(environment(None), http_client(), self.package.path())
    }

    /// Logs in.
    pub async fn authenticate(&self, account: &Account) -> Result<(), ServiceError> {
        self.adapters()
            .authenticate(account, &SecretString::from(OLD))
            .await
    }

    /// Changes the password.
    pub async fn change(&self, account: &Account) -> Result<Previous, ServiceError> {
        let (old, new) = (SecretString::from(OLD), SecretString::from(NEW));
        self.adapters().change(account, &old, &new).await
    }
}

/// Returns the account of a user with an adapter.
pub fn account(adapter: Adapter) -> Account {
    Account {
        username: USER.to_owned(),
        adapter,
        settings: [("tenant".to_owned(), "4711".to_owned())].into(),
    }
}

/// Returns Lambda's environment, with an endpoint of AWS.
pub fn environment(endpoint: Option<&str>) -> Environment {
    let variables = [
        ("AWS_REGION", Some("eu-central-1")),
        ("AWS_ACCESS_KEY_ID", Some("ASIAIOSFODNN7EXAMPLE")),
        ("AWS_SECRET_ACCESS_KEY", Some("secret")),
        ("AWS_ENDPOINT_URL", endpoint),
    ];
    let variable = |name: &str| {
        let found = variables.iter().find(|(key, _)| *key == name);
        found.and_then(|(_, value)| value.map(str::to_owned))
    };
    Environment::read(variable).expect("an environment")
}

fn configuration(folder: &std::path::Path) -> Arc<ServerConfig> {
    let certificates = CertificateDer::pem_file_iter(folder.join("server.pem"))
        .expect("a file")
        .map(|found| found.expect("a certificate"))
        .collect();
    let key = PrivateKeyDer::from_pem_file(folder.join("server.key")).expect("a key");
    let configuration = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .expect("versions")
        .with_no_client_auth()
        .with_single_cert(certificates, key)
        .expect("a certificate and its key");
    Arc::new(configuration)
}

fn serve(
    stream: impl Read + Write,
    handle: &mut dyn FnMut(String) -> Reply,
) -> std::io::Result<()> {
    let mut reader = BufReader::new(stream);
    let mut request = String::new();
    let mut length = 0;
    while !request.ends_with("\r\n\r\n") {
        let start = request.len();
        if reader.read_line(&mut request)? == 0 {
            return Ok(());
        }
        if let Some(value) = request[start..].strip_prefix("content-length: ") {
            length = value.trim().parse().expect("a length");
        }
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body)?;
    request.push_str(&String::from_utf8_lossy(&body));
    let reply = handle(request);
    let mut stream = reader.into_inner();
    match reply {
        Reply::Bytes(bytes) => {
            stream.write_all(&bytes)?;
            stream.flush()
        }
        Reply::Hang(bytes) => {
            stream.write_all(&bytes)?;
            stream.flush()?;
            // Until the client gives up.
            stream.read(&mut [0]).map(drop)
        }
        Reply::Endless(first, more) => {
            stream.write_all(&first)?;
            loop {
                stream.write_all(&more)?;
                stream.flush()?;
            }
        }
    }
}

/// A listener that accepts connections and never says anything.
pub fn silent() -> (TcpListener, u16) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let port = listener.local_addr().expect("an address").port();
    (listener, port)
}

/// Returns a port on which nothing listens.
pub fn closed() -> u16 {
    silent().1
}

/// Serves AWS's answers over HTTP. Returns the address, and the requests.
pub fn endpoint(status: u16, headers: &str, body: &str) -> (String, Arc<Mutex<Vec<String>>>) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = format!("http://{}", listener.local_addr().expect("an address"));
    let requests = Arc::<Mutex<Vec<String>>>::default();
    let received = Arc::clone(&requests);
    let reply = Reply::with(status, &format!("connection: close\r\n{headers}"), body);
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let mut handle = |request: String| {
                received.lock().expect("a list").push(request);
                reply.clone()
            };
            let _ = serve(stream, &mut handle);
        }
    });
    (address, requests)
}
