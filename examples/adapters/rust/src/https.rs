//! Sends requests over HTTPS: once, without redirects, without a proxy, with verified certificates.

use std::time::Duration;

use http_body_util::{BodyExt, Full, Limited};
use hyper::Request;
use hyper::body::Bytes;
use hyper::header::CONTENT_TYPE;
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use serde_json::Value;

use crate::adapter::{Answer, Send};

/// keyrota's function waits for 20 seconds, the start of this function included.
const TIMEOUT: Duration = Duration::from_secs(8);
const LONGEST_ANSWER: usize = 16 * 1024;

pub struct Https {
    client: Client<HttpsConnector<HttpConnector>, Full<Bytes>>,
}

impl Https {
    pub fn new() -> std::io::Result<Self> {
        let connector = HttpsConnectorBuilder::new()
            .with_native_roots()?
            .https_only()
            .enable_http1()
            .build();
        let client = Client::builder(TokioExecutor::new())
            // A kept connection may be closed by the service while a request is on its way.
            .pool_max_idle_per_host(0)
            .retry_canceled_requests(false)
            .build(connector);
        Ok(Self { client })
    }

    async fn exchange(&self, request: Request<Full<Bytes>>) -> Answer {
        let answer = match self.client.request(request).await {
            Ok(answer) => answer,
            Err(error) if error.is_connect() => return Answer::NotSent,
            Err(_) => return Answer::None,
        };
        let status = answer.status().as_u16();
        let body = Limited::new(answer.into_body(), LONGEST_ANSWER)
            .collect()
            .await;
        let body = body.ok().map(|body| body.to_bytes());
        let body: Option<Value> = body.and_then(|body| serde_json::from_slice(&body).ok());
        Answer::Status(status, body.filter(Value::is_object))
    }
}

impl Send for Https {
    async fn send(&self, url: &str, body: &Value) -> Answer {
        let request = Request::post(url)
            .header(CONTENT_TYPE, "application/json")
            .body(Full::new(Bytes::from(body.to_string())));
        let Ok(request) = request else {
            return Answer::NotSent;
        };
        // What timed out may have been sent.
        let exchange = tokio::time::timeout(TIMEOUT, self.exchange(request));
        exchange.await.unwrap_or(Answer::None)
    }
}
