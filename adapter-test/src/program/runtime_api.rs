//! A host of Lambda's Runtime API for one process.

use std::convert::Infallible;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use http_body_util::{BodyExt, Full};
use hyper::body::{Bytes, Incoming};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Method, Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Mutex, mpsc};
use tokio::task::JoinSet;

const ROOT: &str = "/2018-06-01/runtime/";
/// The time that an invocation may take, as the adapter sees it.
const DEADLINE: Duration = Duration::from_secs(20);
const ARN: &str = "arn:aws:lambda:us-east-1:111122223333:function:adapter-under-test";

/// How an invocation ended.
pub enum Ended {
    /// With an answer.
    Answered(Vec<u8>),
    /// With an error of the adapter.
    Failed,
}

/// The host. It stops when this is dropped.
pub struct RuntimeApi {
    address: SocketAddr,
    events: mpsc::UnboundedSender<Vec<u8>>,
    ends: mpsc::UnboundedReceiver<Ended>,
    /// Aborted when dropped.
    _serving: JoinSet<()>,
}

struct Channels {
    events: Mutex<mpsc::UnboundedReceiver<Vec<u8>>>,
    ends: mpsc::UnboundedSender<Ended>,
}

impl RuntimeApi {
    /// Listens on a free port of 127.0.0.1.
    pub async fn start() -> io::Result<Self> {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
        let address = listener.local_addr()?;
        let (event_sender, event_receiver) = mpsc::unbounded_channel();
        let (end_sender, end_receiver) = mpsc::unbounded_channel();
        let channels = Arc::new(Channels {
            events: Mutex::new(event_receiver),
            ends: end_sender,
        });
        let mut serving = JoinSet::new();
        serving.spawn(serve(listener, channels));
        Ok(Self {
            address,
            events: event_sender,
            ends: end_receiver,
            _serving: serving,
        })
    }

    /// Returns the value of `AWS_LAMBDA_RUNTIME_API`.
    pub fn address(&self) -> String {
        self.address.to_string()
    }

    /// Passes an event to the process when it asks for one, and waits for the end.
    pub async fn invoke(&mut self, event: Vec<u8>) -> Ended {
        if self.events.send(event).is_err() {
            return Ended::Failed;
        }
        self.ends.recv().await.unwrap_or(Ended::Failed)
    }
}

async fn serve(listener: TcpListener, channels: Arc<Channels>) {
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            accepted = listener.accept() => {
                let Ok((stream, _)) = accepted else { continue };
                connections.spawn(converse(stream, Arc::clone(&channels)));
            }
            Some(_) = connections.join_next() => {}
        }
    }
}

async fn converse(stream: TcpStream, channels: Arc<Channels>) {
    let channels = &channels;
    let respond = service_fn(async |request| Ok::<_, Infallible>(answer(request, channels).await));
    // Ends with the process.
    let _ = http1::Builder::new()
        .serve_connection(TokioIo::new(stream), respond)
        .await;
}

async fn answer(request: Request<Incoming>, channels: &Channels) -> Response<Full<Bytes>> {
    let (head, body) = request.into_parts();
    let body = match body.collect().await {
        Ok(body) => body.to_bytes(),
        Err(_) => Bytes::new(),
    };
    let path = head.uri.path().strip_prefix(ROOT).unwrap_or_default();
    let path: Vec<&str> = path.split('/').collect();
    let ended = match (head.method, path.as_slice()) {
        (Method::GET, ["invocation", "next"]) => {
            return match channels.events.lock().await.recv().await {
                Some(event) => next(event),
                None => status(StatusCode::GONE),
            };
        }
        (Method::POST, ["invocation", _, "response"]) => Ended::Answered(body.to_vec()),
        (Method::POST, ["invocation", _, "error"] | ["init", "error"]) => Ended::Failed,
        _ => return status(StatusCode::NOT_FOUND),
    };
    // Without a receiver, the process is about to be ended.
    let _ = channels.ends.send(ended);
    status(StatusCode::ACCEPTED)
}

fn next(event: Vec<u8>) -> Response<Full<Bytes>> {
    let headers = [
        ("Lambda-Runtime-Aws-Request-Id", "adapter-test".to_owned()),
        ("Lambda-Runtime-Deadline-Ms", deadline().to_string()),
        ("Lambda-Runtime-Invoked-Function-Arn", ARN.to_owned()),
        (
            "Lambda-Runtime-Trace-Id",
            "Root=1-5bef4de7-ad49b0e87f6ef6c87fc2e700;Parent=9a9197af755a6419;Sampled=0".to_owned(),
        ),
        ("Content-Type", "application/json".to_owned()),
    ];
    let mut response = Response::builder();
    for (name, value) in headers {
        response = response.header(name, value);
    }
    response
        .body(Full::from(event))
        .unwrap_or_else(|_| status(StatusCode::INTERNAL_SERVER_ERROR))
}

/// Returns when the adapter's time ends, in milliseconds since 1970.
#[expect(
    clippy::disallowed_methods,
    reason = "a host of the Runtime API tells the time"
)]
fn deadline() -> u128 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH);
    (now.unwrap_or_default() + DEADLINE).as_millis()
}

fn status(status: StatusCode) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::default());
    *response.status_mut() = status;
    response
}
