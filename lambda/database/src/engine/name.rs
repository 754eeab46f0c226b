//! Connects to a host by its name.

use std::io::{self, ErrorKind};
use std::net::SocketAddr;

use tokio::net::{TcpStream, lookup_host};
use tokio::time::timeout;

use crate::server::{Endpoint, ServerError, ServerFault};

use super::{budget, coded, fault, timed};

/// Connects to the first of a host's addresses that answers, in their order.
pub async fn reach(endpoint: &Endpoint) -> Result<TcpStream, ServerError> {
    let looked_up = lookup_host((endpoint.host.as_str(), endpoint.port));
    let addresses = match timeout(budget::NAME, looked_up).await {
        Ok(Ok(addresses)) => addresses.collect::<Vec<_>>(),
        Ok(Err(_)) => return Err(fault(ServerFault::NameUnknown)),
        Err(_) => return Err(coded(ServerFault::TimedOut, "DNS")),
    };
    timed(budget::CONNECT, first(&addresses)).await
}

/// Connects to the first of several addresses that accepts the connection.
async fn first(addresses: &[SocketAddr]) -> Result<TcpStream, ServerError> {
    let mut last = fault(ServerFault::NameUnknown);
    let share = budget::CONNECT / u32::try_from(addresses.len().max(1)).unwrap_or(1);
    for address in addresses {
        match timeout(share, TcpStream::connect(address)).await {
            Ok(Ok(stream)) => {
                // Requests are small, and each waits for its response.
                let _ = stream.set_nodelay(true);
                return Ok(stream);
            }
            Ok(Err(source)) => last = coded(unreached(&source), code(&source)),
            Err(_) => last = fault(ServerFault::TimedOut),
        }
    }
    Err(last)
}

fn unreached(source: &io::Error) -> ServerFault {
    match source.kind() {
        ErrorKind::TimedOut => ServerFault::TimedOut,
        _ => ServerFault::Unreachable,
    }
}

/// Returns the operating system's name for an error.
pub fn code(source: &io::Error) -> &'static str {
    match source.kind() {
        ErrorKind::ConnectionRefused => "ECONNREFUSED",
        ErrorKind::ConnectionReset => "ECONNRESET",
        ErrorKind::ConnectionAborted => "ECONNABORTED",
        ErrorKind::HostUnreachable => "EHOSTUNREACH",
        ErrorKind::NetworkUnreachable => "ENETUNREACH",
        ErrorKind::NetworkDown => "ENETDOWN",
        ErrorKind::BrokenPipe => "EPIPE",
        ErrorKind::TimedOut => "ETIMEDOUT",
        ErrorKind::UnexpectedEof => "connection closed",
        ErrorKind::InvalidData => "protocol",
        _ => "",
    }
}
