//! A connection whose other end is an input.

use std::io;
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio_postgres::tls::{ChannelBinding, TlsStream};

/// How many bytes a reader takes at most of a server that never ends. Each reader has a limit, and
/// the largest of them is far below this.
const ENDLESS: usize = 8 * 1024 * 1024;

/// What a server sends next, when the client waits for it.
pub trait Script: Send + Unpin {
    /// Returns the next bytes, or `None` at the end. `written` is what the client has sent so far.
    fn next(&mut self, written: &[u8]) -> Option<Vec<u8>>;
}

/// Parts of an input, one after the other.
pub struct Parts {
    parts: Vec<Vec<u8>>,
    at: usize,
    /// Whether it begins again at the end.
    endless: bool,
}

impl Parts {
    /// Cuts an input into parts after each of the bytes `0xfe 0xfd`, which are not part of it.
    pub fn of(input: &[u8], endless: bool) -> Self {
        let mut parts = vec![Vec::new()];
        let mut rest = input;
        while let Some(first) = rest.first() {
            if rest.starts_with(&[0xfe, 0xfd]) {
                parts.push(Vec::new());
                rest = &rest[2..];
            } else {
                let last = parts.len() - 1;
                parts[last].push(*first);
                rest = &rest[1..];
            }
        }
        parts.retain(|part| !part.is_empty());
        Self {
            parts,
            at: 0,
            endless,
        }
    }
}

impl Parts {
    /// Returns all parts together.
    pub fn concat(&self) -> Vec<u8> {
        self.parts.concat()
    }
}

impl Script for Parts {
    fn next(&mut self, _: &[u8]) -> Option<Vec<u8>> {
        if self.endless && self.at == self.parts.len() {
            self.at = 0;
        }
        let part = self.parts.get(self.at)?.clone();
        self.at += 1;
        Some(part)
    }
}

/// A connection to a script.
pub struct Played<S> {
    script: S,
    unread: Vec<u8>,
    sent: usize,
    written: Arc<Mutex<Vec<u8>>>,
}

impl<S: Script> Played<S> {
    /// Returns the connection, and what the client writes to it.
    pub fn new(script: S) -> (Self, Arc<Mutex<Vec<u8>>>) {
        let written = Arc::default();
        let played = Self {
            script,
            unread: Vec::new(),
            sent: 0,
            written: Arc::clone(&written),
        };
        (played, written)
    }
}

impl<S: Script> AsyncRead for Played<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if self.unread.is_empty() {
            let written = self.written.lock().expect("no panic").clone();
            match self.script.next(&written) {
                Some(next) => self.unread = next,
                None => return Poll::Ready(Ok(())),
            }
        }
        let count = self.unread.len().min(buffer.remaining());
        let read: Vec<u8> = self.unread.drain(..count).collect();
        buffer.put_slice(&read);
        self.sent += count;
        assert!(self.sent <= ENDLESS, "the client reads without a limit");
        Poll::Ready(Ok(()))
    }
}

impl<S: Script> AsyncWrite for Played<S> {
    fn poll_write(
        self: Pin<&mut Self>,
        _: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.written
            .lock()
            .expect("no panic")
            .extend_from_slice(bytes);
        Poll::Ready(Ok(bytes.len()))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}

impl<S: Script> TlsStream for Played<S> {
    fn channel_binding(&self) -> ChannelBinding {
        ChannelBinding::none()
    }
}

/// Returns whether bytes contain other bytes.
pub fn contains(bytes: &[u8], other: &[u8]) -> bool {
    bytes.windows(other.len()).any(|part| part == other)
}
