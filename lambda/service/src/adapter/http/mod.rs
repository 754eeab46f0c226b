//! Sends the requests that an HTTP adapter's file describes: one request on one new connection, over
//! TLS, to the pinned host and port and nowhere else. It follows no redirects, uses no proxy, and keeps
//! no cookies.
//!
//! | module | content |
//! | --- | --- |
//! | [`build`] | puts values into a request, escaped; pure |
//! | [`connect`] | opens the connection |
//! | [`answers`] | what an answer means; pure |

pub mod answers;
pub mod build;
mod connect;

use std::cell::Cell;
use std::path::Path;
use std::pin::pin;
use std::time::Duration;

use http_body_util::{BodyExt, Full, Limited};
use hyper::body::{Bytes, Incoming};
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use keyrota_contract::adapter::{LONGEST_RESPONSE, Operation, Previous, Request};
use keyrota_contract::pins::service::Http;
use tokio::io::{AsyncRead, AsyncWrite};

use self::answers::HttpAnswer;
use self::connect::Connector;
use crate::service::{Cause, ServiceError};

/// The longest head of an answer, in bytes. It is the least that the client allows to set.
const LONGEST_HEAD: usize = 8 * 1024;
/// How many headers an answer may have.
const MOST_HEADERS: usize = 100;

/// Sends the requests of HTTP adapters.
pub struct HttpAdapter {
    connector: Connector,
}

impl HttpAdapter {
    /// Returns an adapter. `package` is the folder that contains the function's package, which has the
    /// files of certificate authorities in its folder `tls`.
    pub fn new(package: &Path) -> Self {
        Self {
            connector: Connector::new(&package.join("tls")),
        }
    }

    /// Sends a request, once.
    ///
    /// # Errors
    ///
    /// Fails unless the answer means `success`.
    pub async fn send(&self, http: &Http, request: &Request<'_>) -> Result<Previous, ServiceError> {
        let described = match request.request {
            Operation::Authenticate => &http.authenticate,
            Operation::Change => &http.change,
        };
        let unbuilt = || ServiceError::not_sent(Cause::Unbuilt);
        let built = build::build(described, request).ok_or_else(unbuilt)?;
        let timeout = Duration::from_secs(described.timeout.into());
        // Until the request is sent, nothing can have happened.
        let sent = Cell::new(false);
        let exchange = async {
            let stream = self.connector.connect(&built, http.tls_ca.as_deref());
            let stream = stream.await?;
            sent.set(true);
            exchange(stream, built.request).await
        };
        let answer = match tokio::time::timeout(timeout, exchange).await {
            Ok(answer) => answer?,
            Err(_) if sent.get() => return Err(ServiceError::unclear(Cause::TimedOut)),
            Err(_) => return Err(ServiceError::not_sent(Cause::ConnectTimedOut)),
        };
        answers::meaning(request.request, &described.answers, &answer)
    }
}

/// Sends a request on a new connection, and reads its answer.
///
/// # Errors
///
/// Fails if there is no complete answer within the limits.
pub async fn exchange<S>(
    stream: S,
    request: hyper::Request<Full<Bytes>>,
) -> Result<HttpAnswer, ServiceError>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let handshake = http1::Builder::new()
        .max_buf_size(LONGEST_HEAD)
        .max_headers(MOST_HEADERS)
        .handshake(TokioIo::new(stream))
        .await;
    let (sender, connection) = handshake.map_err(|_| ServiceError::not_sent(Cause::Broken))?;
    let mut answer = pin!(answer_to(sender, request));
    let mut connection = pin!(connection);
    tokio::select! {
        answer = &mut answer => answer,
        // What the connection has received is still to be read.
        _ = &mut connection => answer.await,
    }
}

async fn answer_to(
    mut sender: http1::SendRequest<Full<Bytes>>,
    request: hyper::Request<Full<Bytes>>,
) -> Result<HttpAnswer, ServiceError> {
    let broken = |_| ServiceError::unclear(Cause::Broken);
    let answer = sender.send_request(request).await.map_err(broken)?;
    let status = answer.status().as_u16();
    let body = read(answer.into_body()).await?;
    Ok(HttpAnswer { status, body })
}

async fn read(body: Incoming) -> Result<Vec<u8>, ServiceError> {
    match Limited::new(body, LONGEST_RESPONSE).collect().await {
        Ok(collected) => Ok(collected.to_bytes().to_vec()),
        Err(error) if error.is::<http_body_util::LengthLimitError>() => {
            Err(ServiceError::unclear(Cause::TooLong))
        }
        Err(_) => Err(ServiceError::unclear(Cause::Broken)),
    }
}
