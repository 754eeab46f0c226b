//! A request to AWS as it stands on the wire.

use std::io;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// A request, its body included.
pub struct Request {
    head: String,
    body: Vec<u8>,
}

impl Request {
    /// Reads one; nothing where the client goes away before its end.
    pub async fn read(client: &mut TcpStream) -> io::Result<Option<Self>> {
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
        let request = |body| Self { head, body };
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
        Ok(Some(Self { body, ..empty }))
    }

    /// Returns a header's value.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.head.lines().skip(1).find_map(|line| {
            let (held, value) = line.split_once(':')?;
            held.eq_ignore_ascii_case(name).then(|| value.trim())
        })
    }

    /// Returns the body.
    pub fn body(&self) -> &[u8] {
        &self.body
    }

    /// Returns the name of the action; a method for services that have no names.
    pub fn action(&self) -> &str {
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
    pub fn changes(&self) -> bool {
        const READS: [&str; 6] = ["Describe", "Filter", "Get", "GET", "HEAD", "List"];
        !READS.iter().any(|read| self.action().starts_with(read))
    }

    /// Returns whether it asks that AWSCURRENT be moved.
    pub fn promotes(&self) -> bool {
        let body = String::from_utf8_lossy(&self.body);
        self.action() == "UpdateSecretVersionStage" && body.contains("\"AWSCURRENT\"")
    }

    /// Returns it as it is sent on: signed as it was, and the last one.
    pub fn closing(&self) -> Vec<u8> {
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

    /// Returns what AWS answers where there are too many of them, in the protocol
    /// that it was made in ("Common errors" in the services' API references,
    /// "Error responses" in that of S3).
    pub fn throttled(&self) -> Vec<u8> {
        let status = "400 Bad Request";
        let (status, kind, body) = if self.header("x-amz-target").is_some() {
            let body = r#"{"__type":"ThrottlingException","Message":"Rate exceeded"}"#;
            (status, "application/x-amz-json-1.1", body)
        } else if self.body.is_empty() {
            let body = "<Error><Code>SlowDown</Code><Message>Rate exceeded</Message></Error>";
            ("503 Slow Down", "application/xml", body)
        } else {
            let body = "<ErrorResponse><Error><Type>Sender</Type><Code>Throttling</Code>\
                 <Message>Rate exceeded</Message></Error>\
                 <RequestId>00000000-0000-0000-0000-000000000000</RequestId></ErrorResponse>";
            (status, "text/xml", body)
        };
        let length = body.len();
        format!(
            "HTTP/1.1 {status}\r\ncontent-type: {kind}\r\ncontent-length: {length}\r\n\
             connection: close\r\n\r\n{body}"
        )
        .into_bytes()
    }
}
