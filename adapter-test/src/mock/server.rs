//! The mock service's TLS and HTTP.

use std::io;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use http_body_util::{BodyExt, Full};
use hyper::body::{Bytes, Incoming};
use hyper::header::LOCATION;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair, KeyUsagePurpose,
};
use rustls::ServerConfig;
use rustls::crypto::ring;
use rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;
use tokio_rustls::TlsAcceptor;

use super::carried::Carried;
use super::{Answer, Mock, Shared, Twist};

/// Where redirects lead.
const ELSEWHERE: &str = "/redirected-by-the-mock-service";
/// The length of an endless answer, in bytes.
const ENDLESS: usize = 2 * 1024 * 1024;

/// Listens on a free port, and writes the file with the certificate authority into a folder.
pub async fn start(
    folder: &Path,
    shared: Arc<Mutex<Shared>>,
) -> io::Result<(SocketAddr, JoinSet<()>)> {
    let acceptor = TlsAcceptor::from(Arc::new(configuration(folder)?));
    let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
    let address = listener.local_addr()?;
    let mut serving = JoinSet::new();
    serving.spawn(async move {
        let mut connections = JoinSet::new();
        loop {
            tokio::select! {
                accepted = listener.accept() => {
                    let Ok((stream, _)) = accepted else { continue };
                    connections.spawn(converse(stream, acceptor.clone(), Arc::clone(&shared)));
                }
                Some(_) = connections.join_next() => {}
            }
        }
    });
    Ok((address, serving))
}

#[expect(
    clippy::disallowed_methods,
    reason = "clients read the certificate authority from a file"
)]
fn configuration(folder: &Path) -> io::Result<ServerConfig> {
    let mut parameters = CertificateParams::default();
    parameters.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    parameters.key_usages = vec![KeyUsagePurpose::KeyCertSign];
    // A name of its own, so that the service's certificate does not look signed by itself.
    let name = "keyrota's mock service: authority";
    parameters.distinguished_name.push(DnType::CommonName, name);
    let authority = KeyPair::generate()
        .and_then(|key| CertifiedIssuer::self_signed(parameters, key))
        .map_err(io::Error::other)?;
    let key = KeyPair::generate().map_err(io::Error::other)?;
    let names = vec!["localhost".to_owned(), "127.0.0.1".to_owned()];
    let mut parameters = CertificateParams::new(names).map_err(io::Error::other)?;
    parameters.use_authority_key_identifier_extension = true;
    let certificate = parameters
        .signed_by(&key, &authority)
        .map_err(io::Error::other)?;
    std::fs::write(folder.join(Mock::AUTHORITY), authority.pem())?;
    let key = PrivateKeyDer::from(PrivatePkcs8KeyDer::from(key.serialize_der()));
    ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .map_err(io::Error::other)?
        .with_no_client_auth()
        .with_single_cert(vec![certificate.der().clone()], key)
        .map_err(io::Error::other)
}

async fn converse(stream: TcpStream, acceptor: TlsAcceptor, shared: Arc<Mutex<Shared>>) {
    let Ok(stream) = acceptor.accept(stream).await else {
        return;
    };
    let shared = &shared;
    let respond = service_fn(async |request| answer(request, shared).await);
    // An error of the service closes the connection, as intended.
    let _ = http1::Builder::new()
        .serve_connection(TokioIo::new(stream), respond)
        .await;
}

/// Closes the connection.
#[derive(Debug, thiserror::Error)]
#[error("close the connection")]
struct Close;

async fn answer(
    request: Request<Incoming>,
    shared: &Mutex<Shared>,
) -> Result<Response<Full<Bytes>>, Close> {
    let (head, body) = request.into_parts();
    let body = body.collect().await.map_err(|_| Close)?.to_bytes();
    let mut shared = shared.lock().unwrap_or_else(PoisonError::into_inner);
    shared.requests += 1;
    let path = head.uri.path();
    if path == ELSEWHERE {
        shared.was_redirected = true;
    }
    let asks_for_change = shared.samples.asks_for_change(&head.method, path);
    let carried = Carried::read(
        path,
        head.uri.query(),
        &head.headers,
        &body,
        asks_for_change,
    );
    let twist = shared.twist.take().unwrap_or(Twist {
        carried_out: true,
        answer: Answer::Own,
    });
    if twist.answer == Answer::Later {
        shared.state.hold(&carried);
        return Err(Close);
    }
    let (asked, made) = shared.state.handle(&carried, twist.carried_out);
    let text = |status, text: String| {
        let mut response = Response::new(Full::from(text));
        *response.status_mut() = StatusCode::from_u16(status).unwrap_or(StatusCode::OK);
        response
    };
    Ok(match twist.answer {
        Answer::Own => {
            let sample = shared.samples.sample(asked, made);
            text(sample.status, sample.body)
        }
        Answer::Nothing | Answer::Later => return Err(Close),
        Answer::Status(status) => text(status, "the gateway has no answer".to_owned()),
        Answer::Page => text(200, "<html><body>Sign in</body></html>".to_owned()),
        Answer::Endless => text(200, "x".repeat(ENDLESS)),
        Answer::Redirect => {
            let mut response = text(307, String::new());
            let there = hyper::header::HeaderValue::from_static(ELSEWHERE);
            response.headers_mut().insert(LOCATION, there);
            response
        }
    })
}
