//! An HTTP adapter's file as the adapter under test. The service function's own code sends its
//! requests.

use std::path::Path;

use keyrota_contract::adapter::Request;
use keyrota_contract::pins::service::Http;
use keyrota_contract::url::HttpsUrl;
use keyrota_service_function::adapter::http::HttpAdapter;
use keyrota_service_function::service::{Previous, ServiceError};

use crate::mock::Mock;
use crate::subject::Subject;

/// The longest time that a request to the mock service may take, in seconds. It answers at once or
/// never.
const MOCK_TIMEOUT: u16 = 2;

/// An HTTP adapter.
pub struct HttpSubject {
    http: Http,
    adapter: HttpAdapter,
}

impl HttpSubject {
    /// Returns an adapter that sends to the hosts that the file names. `folder` contains the file of
    /// certificate authorities that `tls_ca` names.
    pub fn new(http: Http, folder: &Path) -> Self {
        Self {
            http,
            adapter: HttpAdapter::new(folder),
        }
    }

    /// Returns an adapter whose requests go to the mock service instead.
    pub fn on_mock(mut http: Http, mock: &Mock) -> Self {
        for request in [&mut http.authenticate, &mut http.change] {
            if let Ok(HttpsUrl { path, query, .. }) = HttpsUrl::parse(&request.url) {
                let query = query.map_or(String::new(), |query| format!("?{query}"));
                request.url = format!("{}{path}{query}", mock.url());
            }
            request.timeout = MOCK_TIMEOUT;
        }
        http.tls_ca = Some(Mock::AUTHORITY.to_owned());
        Self::new(http, mock.folder())
    }

    /// Returns the requests.
    pub fn http(&self) -> &Http {
        &self.http
    }
}

impl Subject for HttpSubject {
    async fn send(&self, request: &Request<'_>) -> Result<Previous, ServiceError> {
        self.adapter.send(&self.http, request).await
    }

    async fn end_process(&self) {}

    fn has_process(&self) -> bool {
        false
    }

    fn output(&self) -> String {
        String::new()
    }
}
