//! A proxy between the program and AWS that counts the requests which change
//! something, and stops at one of them: before AWS has seen it, or after AWS has
//! answered and before the program hears of it.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Notify;
use tokio::task::JoinHandle;

/// Where the proxy stops.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stop {
    /// Before the so-manieth change reaches AWS.
    Before(u32),
    /// After it did, and before its answer gets back.
    After(u32),
}

/// It ends when it is dropped.
pub struct Proxy {
    address: SocketAddr,
    state: Arc<State>,
    task: JoinHandle<()>,
}

struct State {
    upstream: String,
    stop: Stop,
    changes: AtomicU32,
    stopped: Notify,
}

impl Proxy {
    /// Listens, and passes on to an endpoint.
    pub async fn start(endpoint: &str, stop: Stop) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("an address");
        let state = Arc::new(State {
            upstream: endpoint.strip_prefix("http://").expect("http").to_owned(),
            stop,
            changes: AtomicU32::new(0),
            stopped: Notify::new(),
        });
        let shared = Arc::clone(&state);
        let task = tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                let state = Arc::clone(&shared);
                tokio::spawn(async move {
                    // A client that goes away in the middle is what this is for.
                    let _ = serve(client, &state).await;
                });
            }
        });
        Self {
            address,
            state,
            task,
        }
    }

    /// Returns where it answers.
    pub fn endpoint(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Returns once it has stopped.
    pub async fn stopped(&self) {
        self.state.stopped.notified().await;
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// Passes one request on. The connection is closed behind it, so that an answer
/// ends where it ends.
async fn serve(mut client: TcpStream, state: &State) -> io::Result<()> {
    let Some(request) = read_request(&mut client).await? else {
        return Ok(());
    };
    let (limit, after) = match state.stop {
        Stop::Before(number) => (number, false),
        Stop::After(number) => (number, true),
    };
    let number = match request.changes() {
        true => state.changes.fetch_add(1, Ordering::SeqCst) + 1,
        false => state.changes.load(Ordering::SeqCst),
    };
    let is_last = request.changes() && number == limit;
    if number > limit || (is_last && !after) {
        return state.stop().await;
    }
    let mut upstream = TcpStream::connect(&state.upstream).await?;
    upstream.write_all(&request.closing()).await?;
    let mut answer = Vec::new();
    upstream.read_to_end(&mut answer).await?;
    if is_last {
        return state.stop().await;
    }
    client.write_all(&answer).await?;
    client.shutdown().await
}

impl State {
    /// Says that it has stopped, and answers nothing more.
    async fn stop(&self) -> io::Result<()> {
        self.stopped.notify_one();
        std::future::pending().await
    }
}

struct Request {
    head: String,
    body: Vec<u8>,
}

async fn read_request(client: &mut TcpStream) -> io::Result<Option<Request>> {
    let mut bytes = Vec::new();
    let end = loop {
        if let Some(end) = bytes.windows(4).position(|four| four == b"\r\n\r\n") {
            break end + 4;
        }
        if client.read_buf(&mut bytes).await? == 0 {
            return Ok(None);
        }
    };
    let mut body = bytes.split_off(end);
    let head = String::from_utf8(bytes).expect("a request's head is text");
    let request = |body| Request { head, body };
    let empty = request(Vec::new());
    assert_eq!(empty.header("transfer-encoding"), None, "{}", empty.head);
    if empty.header("expect").is_some() {
        client.write_all(b"HTTP/1.1 100 Continue\r\n\r\n").await?;
    }
    let length = empty
        .header("content-length")
        .map_or(0, |length| length.parse().expect("a length is a number"));
    while body.len() < length {
        if client.read_buf(&mut body).await? == 0 {
            return Ok(None);
        }
    }
    Ok(Some(Request { body, ..empty }))
}

impl Request {
    fn header(&self, name: &str) -> Option<&str> {
        self.head.lines().skip(1).find_map(|line| {
            let (held, value) = line.split_once(':')?;
            held.eq_ignore_ascii_case(name).then(|| value.trim())
        })
    }

    /// Returns the name of the action; a method for services that have no names.
    fn action(&self) -> &str {
        if let Some(target) = self.header("x-amz-target") {
            return target.rsplit('.').next().unwrap_or(target);
        }
        let body = std::str::from_utf8(&self.body).unwrap_or_default();
        let action = body
            .split('&')
            .find_map(|pair| pair.strip_prefix("Action="));
        action.unwrap_or_else(|| self.head.split(' ').next().unwrap_or_default())
    }

    /// Returns whether it may change something.
    fn changes(&self) -> bool {
        const READS: [&str; 6] = ["Describe", "Filter", "Get", "GET", "HEAD", "List"];
        !READS.iter().any(|read| self.action().starts_with(read))
    }

    /// Returns it as it is sent on: signed as it was, and the last one.
    fn closing(&self) -> Vec<u8> {
        let dropped = ["connection:", "expect:"];
        let is_kept = |line: &&str| {
            let line = line.to_ascii_lowercase();
            !line.is_empty() && !dropped.iter().any(|name| line.starts_with(name))
        };
        let kept: Vec<&str> = self.head.lines().filter(is_kept).collect();
        let mut bytes = kept.join("\r\n").into_bytes();
        bytes.extend_from_slice(b"\r\nconnection: close\r\n\r\n");
        bytes.extend_from_slice(&self.body);
        bytes
    }
}
