//! A signed request to AWS, for services without an SDK client here.

use std::time::SystemTime;

use aws_sigv4::http_request::{SignableBody, SignableRequest, SigningSettings, sign};
use aws_sigv4::sign::v4;
use serde_json::Value;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use super::{Key, REGION, TestEnvironment, credentials};

/// A request before it is signed.
pub struct Signed<'a> {
    service: &'a str,
    method: &'a str,
    path: &'a str,
    headers: Vec<(&'a str, &'a str)>,
}

impl<'a> Signed<'a> {
    /// Returns a request of a service.
    pub fn new(service: &'a str, method: &'a str, path: &'a str) -> Self {
        Self {
            service,
            method,
            path,
            headers: Vec::new(),
        }
    }

    /// Adds a header.
    pub fn header(mut self, name: &'a str, value: &'a str) -> Self {
        self.headers.push((name, value));
        self
    }

    /// Sends it with a body, and returns the response's body. It must succeed.
    pub async fn send(self, endpoint: &str, key: &Key, body: &str) -> String {
        let answer = self.answer(endpoint, key, body).await;
        assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
        let (_, body) = answer.split_once("\r\n\r\n").expect("a body");
        // In chunked encoding, lengths surround the body.
        match (body.find('{'), body.rfind('}')) {
            (Some(from), Some(to)) => body[from..=to].to_owned(),
            _ => String::new(),
        }
    }

    /// Sends it with a body, and returns the whole response, including an error.
    pub async fn answer(mut self, endpoint: &str, key: &Key, body: &str) -> String {
        let address = endpoint.strip_prefix("http://").expect("http");
        self.headers.push(("host", address));
        let identity = credentials(key).into();
        #[expect(clippy::disallowed_methods, reason = "a signature has a date")]
        let now = SystemTime::now();
        let parameters = v4::SigningParams::builder()
            .identity(&identity)
            .region(REGION)
            .name(self.service)
            .time(now)
            .settings(SigningSettings::default())
            .build()
            .expect("every parameter");
        let url = format!("{endpoint}{}", self.path);
        let headers = self.headers.iter().copied();
        let bytes = SignableBody::Bytes(body.as_bytes());
        let request = SignableRequest::new(self.method, url, headers, bytes);
        let signed = sign(request.expect("a request"), &parameters.into());
        let (instructions, _) = signed.expect("a signature").into_parts();

        let mut text = format!("{} {} HTTP/1.1\r\n", self.method, self.path);
        for (name, value) in self.headers.into_iter().chain(instructions.headers()) {
            text.push_str(&format!("{name}: {value}\r\n"));
        }
        text.push_str(&format!(
            "connection: close\r\ncontent-length: {}\r\n\r\n{body}",
            body.len()
        ));
        let mut stream = TcpStream::connect(address).await.expect("a connection");
        let sent = stream.write_all(text.as_bytes()).await;
        sent.expect("it is sent");
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).await.expect("an answer");
        String::from_utf8_lossy(&answer).into_owned()
    }
}

impl TestEnvironment {
    /// Calls a service that speaks JSON as root, without an SDK client. The target names the
    /// service and the action.
    pub async fn call(&self, service: &str, target: &str, body: &Value) -> Value {
        let request = Signed::new(service, "POST", "/")
            .header("content-type", "application/x-amz-json-1.1")
            .header("x-amz-target", target);
        let (root, body) = (self.root(), body.to_string());
        let answer = request.send(self.endpoint(), &root, &body).await;
        serde_json::from_str(&answer).unwrap_or_else(|error| panic!("{error}: {answer}"))
    }
}
