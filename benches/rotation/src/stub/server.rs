//! An endpoint: TLS, HTTP, and the delayed response.

use std::convert::Infallible;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use http_body_util::{BodyExt, Full};
use hyper::body::{Bytes, Incoming};
use hyper::header::CONTENT_TYPE;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;
use tokio_rustls::TlsAcceptor;

use super::account::Account;
use super::calls::Call;
use super::service::Service;

/// What the endpoints of an account share.
pub struct Shared {
    pub account: Mutex<Account>,
    pub calls: Mutex<Vec<Call>>,
    /// How long each call takes.
    pub delay: Duration,
}

/// Serves all clients until it is dropped.
pub async fn serve(listener: TcpListener, tls: TlsAcceptor, service: Service, shared: Arc<Shared>) {
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            accepted = listener.accept() => {
                // A connection that was closed again is ignored.
                let Ok((stream, _)) = accepted else { continue };
                let (tls, shared) = (tls.clone(), Arc::clone(&shared));
                connections.spawn(converse(stream, tls, service, shared));
            }
            Some(_) = connections.join_next() => {}
        }
    }
}

/// Serves one connection. Errors are ignored, because processes are killed after they have been
/// measured.
async fn converse(stream: TcpStream, tls: TlsAcceptor, service: Service, shared: Arc<Shared>) {
    let _ = stream.set_nodelay(true);
    let Ok(stream) = tls.accept(stream).await else {
        return;
    };
    let is_first = AtomicBool::new(true);
    let (is_first, shared) = (&is_first, &shared);
    let respond = service_fn(async |request: Request<Incoming>| {
        let connects = is_first.swap(false, Ordering::Relaxed);
        Ok::<_, Infallible>(answer(service, shared, request, connects).await)
    });
    let _ = http1::Builder::new()
        .serve_connection(TokioIo::new(stream), respond)
        .await;
}

async fn answer(
    service: Service,
    shared: &Shared,
    request: Request<Incoming>,
    connects: bool,
) -> Response<Full<Bytes>> {
    let began = Instant::now();
    let (head, body) = request.into_parts();
    let body = match body.collect().await {
        Ok(body) => body.to_bytes(),
        Err(_) => Bytes::new(),
    };
    let answer = {
        let mut account = shared
            .account
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        service.answer(&mut account, &head.headers, &body)
    };
    let mut response = Response::new(Full::from(answer.body));
    *response.status_mut() =
        StatusCode::from_u16(answer.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let headers = response.headers_mut();
    headers.insert(
        CONTENT_TYPE,
        hyper::header::HeaderValue::from_static(answer.content_type),
    );
    wait_until(began + shared.delay).await;
    let call = Call {
        action: answer.action,
        refused: answer.refused,
        connects,
        began,
        ended: Instant::now(),
    };
    shared
        .calls
        .lock()
        .unwrap_or_else(PoisonError::into_inner)
        .push(call);
    response
}

/// Waits more precisely than the runtime's timer, which has milliseconds.
async fn wait_until(moment: Instant) {
    if moment <= Instant::now() {
        return;
    }
    let sleep = move || std::thread::sleep(moment.saturating_duration_since(Instant::now()));
    // Fails only if the runtime shuts down.
    let _ = tokio::task::spawn_blocking(sleep).await;
}
