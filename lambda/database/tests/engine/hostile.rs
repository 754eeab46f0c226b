//! Impostors: what an attacker on the network path can do if the manifest does not require the
//! server to prove its identity.

use std::sync::{Arc, OnceLock};

use keyrota_database_function::engine::Engines;
use keyrota_database_function::server::{
    Change, ChangeError, Endpoint, Engine, PreviousPassword, Server as _, ServerError, ServerFault,
    Verification,
};
use rustls::ServerConfig;
use rustls::crypto::ring;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;

use crate::test_server::{Kind, TestServer, check, login};

const PASSWORD: &str = "Tr0ub4dor-hostile";

/// Returns TLS with a certificate that nobody needs to trust.
fn tls() -> TlsAcceptor {
    static CONFIGURATION: OnceLock<Arc<ServerConfig>> = OnceLock::new();
    let configuration = CONFIGURATION.get_or_init(|| {
        let test_server = TestServer::start(Kind::Postgres, &[]);
        let file = |name: &str| test_server.server.folder().join(name);
        let certificate = CertificateDer::from_pem_file(file("server.pem")).expect("a certificate");
        let key = PrivateKeyDer::from_pem_file(file("server.key")).expect("a key");
        let configuration = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()
            .expect("versions")
            .with_no_client_auth()
            .with_single_cert(vec![certificate], key)
            .expect("a pair");
        Arc::new(configuration)
    });
    TlsAcceptor::from(Arc::clone(configuration))
}

/// What an impostor sends.
struct Impostor {
    engine: Engine,
    /// Before TLS, when it is the server's turn in the engine's protocol.
    plain: Vec<u8>,
    /// Within TLS, each in response to a message.
    said: Vec<Vec<u8>>,
}

impl Impostor {
    /// Logs in to the impostor. Returns the result, and what the impostor received.
    async fn log_in(self) -> (Result<(), ServerError>, Vec<u8>) {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let endpoint = self.endpoint(listener.local_addr().expect("an address").port());
        let package = tempfile::tempdir().expect("a folder");
        let engines = Engines::new(package.path());
        let login = login("app", PASSWORD);
        tokio::join!(
            engines.authenticate(&endpoint, &login),
            self.serve(&listener)
        )
    }

    /// Changes the password of a user at the impostor.
    async fn change(self) -> Result<PreviousPassword, ChangeError> {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let port = listener.local_addr().expect("an address").port();
        let endpoint = self.endpoint(port);
        let package = tempfile::tempdir().expect("a folder");
        let engines = Engines::new(package.path());
        let (login, new) = (login("app", PASSWORD), login("app", "Tr0ub4dor-new"));
        let change = Change {
            username: "app",
            password: &new.password,
            retain: false,
            every: false,
        };
        let changed = engines.change(&endpoint, &login, &change);
        let (changed, _) = tokio::join!(changed, self.serve(&listener));
        changed
    }

    fn endpoint(&self, port: u16) -> Endpoint {
        Endpoint {
            engine: self.engine,
            host: "127.0.0.1".to_owned(),
            port,
            dbname: None,
            any_database: false,
            verification: Verification::None,
            authorities: None,
        }
    }

    async fn serve(self, listener: &TcpListener) -> Vec<u8> {
        let (mut stream, _) = listener.accept().await.expect("a connection");
        let mut request = [0; 36];
        // PostgreSQL's client sends the first message.
        if self.engine == Engine::Postgres {
            stream
                .read_exact(&mut request[..8])
                .await
                .expect("a request");
        }
        stream.write_all(&self.plain).await.expect("it listens");
        if self.engine != Engine::Postgres && stream.read_exact(&mut request).await.is_err() {
            return Vec::new();
        }
        let Ok(mut stream) = tls().accept(stream).await else {
            return Vec::new();
        };
        // Enough for each message as a whole.
        let mut heard = Vec::with_capacity(4_096);
        for said in self.said {
            let spoken_to = stream.read_buf(&mut heard).await.is_ok();
            if !spoken_to || stream.write_all(&said).await.is_err() {
                break;
            }
        }
        let _ = stream.read_to_end(&mut heard).await;
        heard
    }
}

/// Asserts the error of a login, and that the impostor did not receive the password.
async fn refused(impostor: Impostor, fault: ServerFault, code: &str) {
    let (result, heard) = impostor.log_in().await;
    check(result, fault, code);
    let heard = String::from_utf8_lossy(&heard);
    assert!(!heard.contains(PASSWORD), "it heard the password");
}

fn postgres(said: &[&[u8]]) -> Impostor {
    Impostor {
        engine: Engine::Postgres,
        plain: b"S".to_vec(),
        said: said.iter().map(|said| said.to_vec()).collect(),
    }
}

/// Returns a PostgreSQL message.
fn message(kind: u8, body: &[u8]) -> Vec<u8> {
    let length = u32::try_from(body.len() + 4).expect("a short message");
    [&[kind], length.to_be_bytes().as_slice(), body].concat()
}

const SCRAM: &[u8] = b"\0\0\0\x0aSCRAM-SHA-256\0\0";

#[tokio::test]
async fn postgres_may_not_ask_for_the_password() {
    let asked = message(b'R', b"\0\0\0\x03");
    refused(
        postgres(&[&asked]),
        ServerFault::Untrusted,
        "password in clear text",
    )
    .await;
}

#[tokio::test]
async fn postgres_has_to_end_what_it_begins() {
    let (begun, done) = (message(b'R', SCRAM), message(b'R', b"\0\0\0\0"));
    let impostor = postgres(&[&begun, &done]);
    refused(impostor, ServerFault::Refused, "protocol").await;
}

/// PgBouncer has one code for most of its errors, so it means what was tested.
#[tokio::test]
async fn a_poolers_error_is_about_what_was_asked_before() {
    let error = message(b'E', b"SFATAL\0VFATAL\0C08P01\0Mno\0\0");
    let (md5, done) = (message(b'R', b"\0\0\0\x05salt"), message(b'R', b"\0\0\0\0"));
    for (said, expected) in [
        (vec![&error[..]], ServerFault::Pooler),
        (vec![&md5[..], &error], ServerFault::WrongCredentials),
        (
            vec![&md5[..], &[&done[..], &error].concat()],
            ServerFault::Pooler,
        ),
    ] {
        let (result, _) = postgres(&said).log_in().await;
        let error = result.expect_err("a refusal");
        assert_eq!(
            (error.fault, error.code.as_deref()),
            (expected, Some("08P01"))
        );
    }
}

#[tokio::test]
async fn postgres_hears_of_the_certificate_that_it_showed() {
    // This prevents an attacker in between from relaying a login to the server.
    let both = b"\0\0\0\x0aSCRAM-SHA-256-PLUS\0SCRAM-SHA-256\0\0";
    let both = message(b'R', both);
    let impostor = postgres(&[&both, &message(b'R', b"\0\0\0\0")]);
    let (_, heard) = impostor.log_in().await;
    let heard = String::from_utf8_lossy(&heard);
    assert!(heard.contains("p=tls-server-end-point"), "{heard}");
}

#[tokio::test]
async fn postgres_may_not_have_us_hash_for_good() {
    let first = b"\0\0\0\x0br=nonce,s=c2FsdA==,i=4294967295";
    let (begun, first) = (message(b'R', SCRAM), message(b'R', first));
    refused(postgres(&[&begun, &first]), ServerFault::Untrusted, "SCRAM").await;
}

#[tokio::test]
async fn postgres_may_not_have_us_take_memory() {
    refused(
        postgres(&[b"R\x7f\xff\xff\xff"]),
        ServerFault::Refused,
        "protocol",
    )
    .await;
}

#[tokio::test]
async fn what_is_said_before_tls_is_no_part_of_it() {
    // All messages of a login, appended to the response in clear text.
    let done = message(b'R', b"\0\0\0\0");
    let ready = message(b'Z', b"I");
    let impostor = Impostor {
        plain: [b"S".to_vec(), done, ready].concat(),
        ..postgres(&[])
    };
    let (result, _) = impostor.log_in().await;
    assert_eq!(result.expect_err("no TLS").fault, ServerFault::NoTls);

    let mut impostor = mysql(Engine::MySql, &[]);
    impostor.plain.extend(packet(3, &[0, 0, 0, 2, 0, 0, 0]));
    refused(impostor, ServerFault::Refused, "protocol").await;
}

/// Returns a MySQL packet.
fn packet(sequence: u8, body: &[u8]) -> Vec<u8> {
    let length = u8::try_from(body.len()).expect("a short packet");
    [&[length, 0, 0, sequence], body].concat()
}

fn mysql(engine: Engine, said: &[&[u8]]) -> Impostor {
    let version: &[u8] = match engine {
        Engine::MariaDb => b"\x0a10.11.0-MariaDB\0",
        _ => b"\x0a8.4.0\0",
    };
    let greeting = [
        version,
        b"\x01\0\0\0aaaaaaaa\0\x00\x88\x2d\x02\0\x08\0\x15",
        &[0; 10],
        b"bbbbbbbbbbbb\0mysql_native_password\0",
    ]
    .concat();
    Impostor {
        engine,
        plain: packet(0, &greeting),
        said: said.iter().map(|said| said.to_vec()).collect(),
    }
}

#[tokio::test]
async fn mysql_may_not_ask_for_the_password_by_other_plugins() {
    for engine in [Engine::MySql, Engine::MariaDb] {
        let asked = packet(3, b"\xfemysql_clear_password\0");
        let impostor = mysql(engine, &[&asked]);
        refused(
            impostor,
            ServerFault::PluginUnsupported,
            "mysql_clear_password",
        )
        .await;
    }
    for plugin in ["sha256_password", "caching_sha2_password"] {
        let challenge = b"\0aaaaaaaaaaaaaaaaaaaa\0";
        let asked = packet(3, &[b"\xfe", plugin.as_bytes(), challenge].concat());
        refused(
            mysql(Engine::MariaDb, &[&asked]),
            ServerFault::Untrusted,
            plugin,
        )
        .await;
    }
}

#[tokio::test]
async fn mysql_may_not_ask_for_files() {
    let (done, file) = (
        packet(3, &[0, 0, 0, 2, 0, 0, 0]),
        packet(1, b"\xfb/etc/passwd"),
    );
    let impostor = mysql(Engine::MySql, &[&done, &file]);
    refused(impostor, ServerFault::Refused, "protocol").await;
}

#[tokio::test]
async fn mysql_may_not_have_us_go_round_for_good() {
    let again = b"\xfemysql_native_password\0aaaaaaaaaaaaaaaaaaaa\0";
    let again: Vec<_> = (0..20).map(|round| packet(3 + 2 * round, again)).collect();
    let again: Vec<_> = again.iter().map(Vec::as_slice).collect();
    refused(
        mysql(Engine::MySql, &again),
        ServerFault::Refused,
        "protocol",
    )
    .await;
}

#[tokio::test]
async fn mysql_may_not_have_us_take_memory() {
    let impostor = mysql(Engine::MySql, &[b"\xff\xff\xff\x03"]);
    refused(impostor, ServerFault::Refused, "protocol").await;
}

#[tokio::test]
async fn a_refusal_that_anybody_could_have_said_is_not_the_passwords() {
    let impostor = Impostor {
        plain: packet(0, b"\xff\x15\x04Access denied"),
        ..mysql(Engine::MySql, &[])
    };
    refused(impostor, ServerFault::Refused, "1045").await;
}

/// Returns what an impostor of PostgreSQL says that lets anyone in and answers a change with an
/// error, after it may have carried it out.
fn changing_postgres(severity: &str, state: &str) -> Impostor {
    let ready = message(b'Z', b"I");
    let let_in = [message(b'R', b"\0\0\0\0"), ready.clone()].concat();
    let column = |name: &str| {
        let kind = b"\0\0\0\0\0\0\0\0\0\x19\xff\xff\xff\xff\xff\xff\0\0";
        [name.as_bytes(), b"\0", kind].concat()
    };
    let columns = [b"\0\x02".to_vec(), column("a"), column("b")].concat();
    let row = b"\0\x02\0\0\0\x0dscram-sha-256\0\0\0\x01f";
    let encryption = [
        message(b'T', &columns),
        message(b'D', row),
        message(b'C', b"SELECT 1\0"),
        ready.clone(),
    ];
    let error = format!("S{severity}\0V{severity}\0C{state}\0Mno\0\0");
    let answer = [message(b'E', error.as_bytes()), ready].concat();
    postgres(&[&let_in, &encryption.concat(), &answer])
}

/// Returns the same for MySQL and MariaDB.
fn changing_mysql(engine: Engine, number: u16) -> Impostor {
    let fine = |sequence| packet(sequence, &[0, 0, 0, 2, 0, 0, 0]);
    let [low, high] = number.to_le_bytes();
    let answer = packet(1, &[&[0xff, low, high], b"#HY000no".as_slice()].concat());
    mysql(engine, &[&fine(3), &fine(1), &answer])
}

/// Whatever a server answers to a change, the change was sent, and only a login can show what came
/// of it.
#[tokio::test]
async fn an_error_in_answer_to_a_change_does_not_mean_that_nothing_changed() {
    let mut cases = Vec::new();
    for (severity, state, fault) in [
        ("ERROR", "28P01", ServerFault::WrongCredentials),
        ("ERROR", "42501", ServerFault::NotAllowed),
        ("ERROR", "22023", ServerFault::PasswordRefused),
        ("ERROR", "08P01", ServerFault::Refused),
        ("FATAL", "57P01", ServerFault::Unclear),
    ] {
        cases.push((changing_postgres(severity, state), fault));
    }
    for engine in [Engine::MySql, Engine::MariaDb] {
        for (number, fault) in [
            (1045, ServerFault::NotAllowed),
            (1227, ServerFault::NotAllowed),
            (1396, ServerFault::UserUnknown),
            (1819, ServerFault::PasswordRefused),
            (1205, ServerFault::Busy),
            (1105, ServerFault::Refused),
            (1317, ServerFault::Unclear),
        ] {
            cases.push((changing_mysql(engine, number), fault));
        }
    }
    for (impostor, fault) in cases {
        let changed = impostor.change().await;
        let Err(ChangeError::Sent(error)) = changed else {
            panic!("{fault:?}: {changed:?}");
        };
        assert_eq!(error.fault, fault, "{error}");
    }
}
