//! Inspects a server's messages before the driver sees them. A driver sends the password in
//! clear text to any server that asks for it, and accepts messages of any length.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, ready};

use bytes::BytesMut;
use postgres_protocol::message::backend::{Header, Message};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio_postgres::tls::{ChannelBinding, TlsStream};

use crate::server::{ServerError, ServerFault};

use super::super::{broken, coded};

/// The maximum size in bytes. Neither a login nor this module's statements result in more.
const MOST: usize = 1024 * 1024;

/// A stream that passes on whole messages after inspecting each. Its errors contain a
/// [`ServerError`].
pub struct Watched<S> {
    stream: S,
    /// Whether the server has proven its identity.
    is_proven: bool,
    received: BytesMut,
    /// How many bytes of the buffer may be passed on.
    seen: usize,
    /// How many more bytes the server may send.
    left: usize,
    exchange: Exchange,
}

/// How far the exchange of the password has come. A driver does not report that with an error.
#[derive(Clone, Default)]
pub struct Exchange(Arc<AtomicBool>);

impl Exchange {
    /// Returns whether the server's next message is its verdict on the password: it has asked for
    /// the password, or for the proof of it, and has neither proven nor said anything since.
    pub fn awaits_verdict(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }

    /// Notes a message of the server. An error leaves the state as it was when it came.
    fn note(&self, message: Option<&Message>) {
        let awaits = match message {
            Some(
                Message::AuthenticationCleartextPassword
                | Message::AuthenticationMd5Password(_)
                | Message::AuthenticationSaslContinue(_),
            ) => true,
            None | Some(Message::ErrorResponse(_) | Message::NoticeResponse(_)) => return,
            Some(_) => false,
        };
        self.0.store(awaits, Ordering::Relaxed);
    }
}

impl<S> Watched<S> {
    /// Wraps a stream.
    pub fn new(stream: S, is_proven: bool) -> Self {
        Self {
            stream,
            is_proven,
            received: BytesMut::new(),
            seen: 0,
            left: MOST,
            exchange: Exchange::default(),
        }
    }

    /// Returns how far the exchange of the password has come, also after the stream is gone.
    pub fn exchange(&self) -> Exchange {
        self.exchange.clone()
    }

    /// Inspects the next message. Returns whether the message is complete.
    fn look(&mut self) -> Result<bool, ServerError> {
        let protocol = |_| coded(ServerFault::Refused, "protocol");
        let Some(header) = Header::parse(&self.received).map_err(protocol)? else {
            return Ok(false);
        };
        // The length does not include the type byte before it.
        let length = usize::try_from(header.len())
            .ok()
            .and_then(|length| length.checked_add(1))
            .filter(|&length| length <= MOST)
            .ok_or_else(|| coded(ServerFault::Refused, "protocol"))?;
        let Some(message) = self.received.get(..length) else {
            return Ok(false);
        };
        let message = Message::parse(&mut BytesMut::from(message)).map_err(protocol)?;
        // Not even encrypted, to a server that has proven nothing.
        if matches!(message, Some(Message::AuthenticationCleartextPassword)) && !self.is_proven {
            return Err(coded(ServerFault::Untrusted, "password in clear text"));
        }
        self.exchange.note(message.as_ref());
        self.seen = length;
        Ok(true)
    }
}

impl<S: AsyncRead + Unpin> Watched<S> {
    /// Reads the available data.
    fn poll_more(&mut self, context: &mut Context<'_>) -> Poll<Result<(), ServerError>> {
        let mut bytes = [0; 4096];
        let mut read = ReadBuf::new(&mut bytes);
        ready!(Pin::new(&mut self.stream).poll_read(context, &mut read))
            .map_err(|source| broken(&source))?;
        let read = read.filled();
        if read.is_empty() {
            return Poll::Ready(Err(broken(&io::ErrorKind::UnexpectedEof.into())));
        }
        self.left = self
            .left
            .checked_sub(read.len())
            .ok_or_else(|| coded(ServerFault::Refused, "protocol"))?;
        self.received.extend_from_slice(read);
        Poll::Ready(Ok(()))
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Watched<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        while self.seen == 0 && !self.look().map_err(io::Error::other)? {
            ready!(self.poll_more(context)).map_err(io::Error::other)?;
        }
        let count = self.seen.min(buffer.remaining());
        buffer.put_slice(&self.received.split_to(count));
        self.seen -= count;
        Poll::Ready(Ok(()))
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Watched<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write(context, bytes);
        written.map_err(|source| io::Error::other(broken(&source)))
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let flushed = Pin::new(&mut self.stream).poll_flush(context);
        flushed.map_err(|source| io::Error::other(broken(&source)))
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let shut = Pin::new(&mut self.stream).poll_shutdown(context);
        shut.map_err(|source| io::Error::other(broken(&source)))
    }
}

impl<S: TlsStream + Unpin> TlsStream for Watched<S> {
    fn channel_binding(&self) -> ChannelBinding {
        self.stream.channel_binding()
    }
}
