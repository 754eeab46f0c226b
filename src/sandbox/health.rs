//! Checks whether the emulator answers, with a minimal HTTP client.

use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// The timeout of one request.
const PATIENCE: Duration = Duration::from_secs(2);

/// Sends one request, and returns whether the response is a 200.
pub async fn answers(port: u16) -> bool {
    let status = tokio::time::timeout(PATIENCE, status_line(port)).await;
    matches!(status, Ok(Ok(line)) if line.starts_with("HTTP/1.1 200"))
}

/// Returns the beginning of the response, which includes its status.
async fn status_line(port: u16) -> io::Result<String> {
    let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
    let mut stream = TcpStream::connect(address).await?;
    let request =
        format!("GET /_ministack/health HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).await?;
    let mut status = [0; 12];
    stream.read_exact(&mut status).await?;
    Ok(String::from_utf8_lossy(&status).into_owned())
}

#[cfg(test)]
mod tests {
    use tokio::net::TcpListener;

    use super::*;

    async fn answers_to(reply: &'static str) -> bool {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let serve = async {
            let (mut stream, _) = listener.accept().await.unwrap();
            let mut request = [0; 26];
            stream.read_exact(&mut request).await.unwrap();
            assert_eq!(&request, b"GET /_ministack/health HTT");
            stream.write_all(reply.as_bytes()).await.unwrap();
        };
        tokio::join!(answers(port), serve).0
    }

    #[tokio::test]
    async fn only_a_200_is_an_answer() {
        assert!(answers_to("HTTP/1.1 200 \r\n\r\n").await);
        assert!(!answers_to("HTTP/1.1 503 \r\n\r\n").await);
        assert!(!answers_to("HTTP/1").await);
        assert!(!answers_to("").await);
    }

    #[tokio::test]
    async fn nobody_there_is_no_answer() {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let port = listener.local_addr().unwrap().port();
        drop(listener);
        assert!(!answers(port).await);
    }
}
