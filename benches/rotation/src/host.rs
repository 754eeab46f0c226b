//! The host of Lambda's Runtime API: it hands events to a function's process
//! and hears what became of them.
//!
//! Source: "Using the Lambda runtime API for custom runtimes" in the Lambda
//! Developer Guide.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use http_body_util::{BodyExt, Full};
use hyper::body::{Bytes, Incoming};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Method, Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinSet;

use crate::error::Error;
use crate::lambda;
use crate::moment::Moment;

const ROOT: &str = "/2018-06-01/runtime/";

/// How long a step may take: what the function's deadline says.
const STEP_TIMEOUT: Duration = Duration::from_secs(60);

/// A request for work that waits for an event.
pub struct IdleRequest {
    /// When it came.
    pub at: Instant,
    hand_over: oneshot::Sender<Invocation>,
}

impl IdleRequest {
    /// Hands an event over and returns when.
    pub fn give(self, request_id: String, event: String) -> Instant {
        let at = Instant::now();
        // Where the process is gone, the next thing heard of it says so.
        let _ = self.hand_over.send(Invocation { request_id, event });
        at
    }
}

struct Invocation {
    request_id: String,
    event: String,
}

/// What a process says.
pub enum HostMessage {
    /// It wants work.
    IdleRequest(IdleRequest),
    /// It has done what the event asked for.
    Done { at: Instant, request_id: String },
    /// It failed, with what it says about that.
    Failed(String),
}

/// The host of one process. It stops when it is dropped.
pub struct Host {
    address: SocketAddr,
    heard: mpsc::UnboundedReceiver<HostMessage>,
    /// Aborted when it is dropped.
    _serving: JoinSet<()>,
}

impl Host {
    /// Starts a host.
    ///
    /// # Errors
    ///
    /// Returns that nothing can be listened on.
    pub async fn start() -> Result<Self, Error> {
        let cannot = || Error::doing("listen on 127.0.0.1");
        let listener = TcpListener::bind(("127.0.0.1", 0))
            .await
            .map_err(cannot())?;
        let address = listener.local_addr().map_err(cannot())?;
        let (teller, heard) = mpsc::unbounded_channel();
        let mut serving = JoinSet::new();
        serving.spawn(serve(listener, teller));
        Ok(Self {
            address,
            heard,
            _serving: serving,
        })
    }

    /// Returns what `AWS_LAMBDA_RUNTIME_API` has to say.
    pub fn address(&self) -> String {
        self.address.to_string()
    }

    /// Returns what the process says next.
    pub async fn listen(&mut self) -> HostMessage {
        let gone = || HostMessage::Failed("the host stopped".to_owned());
        self.heard.recv().await.unwrap_or_else(gone)
    }
}

async fn serve(listener: TcpListener, teller: mpsc::UnboundedSender<HostMessage>) {
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            accepted = listener.accept() => {
                let Ok((stream, _)) = accepted else { continue };
                connections.spawn(converse(stream, teller.clone()));
            }
            Some(_) = connections.join_next() => {}
        }
    }
}

async fn converse(stream: TcpStream, teller: mpsc::UnboundedSender<HostMessage>) {
    let _ = stream.set_nodelay(true);
    let teller = &teller;
    let respond = service_fn(async |request| Ok::<_, Infallible>(answer(request, teller).await));
    // Ends with the process.
    let _ = http1::Builder::new()
        .serve_connection(TokioIo::new(stream), respond)
        .await;
}

async fn answer(
    request: Request<Incoming>,
    teller: &mpsc::UnboundedSender<HostMessage>,
) -> Response<Full<Bytes>> {
    let at = Instant::now();
    let (head, body) = request.into_parts();
    // An answer's body is none of the host's business, but a connection is used
    // again only when it was read.
    let body = match body.collect().await {
        Ok(body) => body.to_bytes(),
        Err(_) => Bytes::new(),
    };
    let path = head.uri.path().strip_prefix(ROOT).unwrap_or_default();
    let path: Vec<&str> = path.split('/').collect();
    let heard = match (head.method, path.as_slice()) {
        (Method::GET, ["invocation", "next"]) => {
            let (hand_over, handed) = oneshot::channel();
            tell(
                teller,
                HostMessage::IdleRequest(IdleRequest { at, hand_over }),
            );
            return match handed.await {
                Ok(invocation) => event(invocation),
                Err(_) => status(StatusCode::GONE),
            };
        }
        (Method::POST, ["invocation", request_id, "response"]) => HostMessage::Done {
            at,
            request_id: (*request_id).to_owned(),
        },
        (Method::POST, ["invocation", _, "error"] | ["init", "error"]) => {
            HostMessage::Failed(String::from_utf8_lossy(&body).into_owned())
        }
        _ => return status(StatusCode::NOT_FOUND),
    };
    tell(teller, heard);
    status(StatusCode::ACCEPTED)
}

/// Passes on what a process says. Where nobody listens, it is about to be ended.
fn tell(teller: &mpsc::UnboundedSender<HostMessage>, heard: HostMessage) {
    let _ = teller.send(heard);
}

fn event(invocation: Invocation) -> Response<Full<Bytes>> {
    let deadline = Moment::now().after(STEP_TIMEOUT);
    let headers = [
        ("Lambda-Runtime-Aws-Request-Id", invocation.request_id),
        (
            "Lambda-Runtime-Deadline-Ms",
            deadline.milliseconds_since_1970().to_string(),
        ),
        (
            "Lambda-Runtime-Invoked-Function-Arn",
            lambda::FUNCTION_ARN.to_owned(),
        ),
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
        .body(Full::from(invocation.event))
        .unwrap_or_else(|_| status(StatusCode::INTERNAL_SERVER_ERROR))
}

fn status(status: StatusCode) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::default());
    *response.status_mut() = status;
    response
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    use super::*;

    /// Says something as a process does, and returns the answer.
    async fn say(host: &str, request: String) -> String {
        let mut stream = TcpStream::connect(host).await.unwrap();
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.unwrap();
        answer
    }

    fn get(path: &str) -> String {
        format!("GET {ROOT}{path} HTTP/1.1\r\nhost: host\r\nconnection: close\r\n\r\n")
    }

    fn post(path: &str, body: &str) -> String {
        let length = body.len();
        format!(
            "POST {ROOT}{path} HTTP/1.1\r\nhost: host\r\nconnection: close\r\n\
             content-length: {length}\r\n\r\n{body}"
        )
    }

    #[tokio::test]
    async fn an_event_goes_out_and_its_answer_comes_back() {
        let mut host = Host::start().await.unwrap();
        let address = host.address();
        let asking = tokio::spawn({
            let address = address.clone();
            async move { say(&address, get("invocation/next")).await }
        });
        let HostMessage::IdleRequest(idle) = host.listen().await else {
            panic!("it asked for work");
        };
        let asked = idle.at;
        let given = idle.give("1".to_owned(), "{\"Step\":\"createSecret\"}".to_owned());
        let event = asking.await.unwrap();
        assert!(event.contains("lambda-runtime-aws-request-id: 1\r\n"));
        assert!(event.contains("lambda-runtime-deadline-ms: "));
        assert!(event.ends_with("\r\n\r\n{\"Step\":\"createSecret\"}"));

        let answer = say(&address, post("invocation/1/response", "null")).await;
        assert!(answer.starts_with("HTTP/1.1 202 "));
        let HostMessage::Done { at, request_id } = host.listen().await else {
            panic!("it answered");
        };
        assert_eq!(request_id, "1");
        assert!(asked < given && given < at);
    }

    #[tokio::test]
    async fn failures_are_heard() {
        let mut host = Host::start().await.unwrap();
        for path in ["invocation/1/error", "init/error"] {
            say(&host.address(), post(path, "why")).await;
            assert!(matches!(host.listen().await, HostMessage::Failed(why) if why == "why"));
        }
        let answer = say(&host.address(), get("elsewhere")).await;
        assert!(answer.starts_with("HTTP/1.1 404 "));
    }
}
