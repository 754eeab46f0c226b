//! An HTTP adapter's file as the adapter under test. The service function's own code sends its
//! requests.

use std::io;
use std::path::Path;

use keyrota_contract::adapter::Request;
use keyrota_contract::pins::service::Http;
use keyrota_contract::url::HttpsUrl;
use keyrota_service_function::adapter::http::HttpAdapter;
use keyrota_service_function::service::{Previous, ServiceError};
use tempfile::TempDir;

use crate::mock::Mock;
use crate::subject::Subject;

/// The longest time that a request to the mock service may take, in seconds. It answers at once or
/// never.
const MOCK_TIMEOUT: u16 = 2;

/// The folder of certificate authorities in the function's package, and the file in it.
const TLS: &str = "tls";
const AUTHORITIES: &str = "authorities.pem";

/// An HTTP adapter.
pub struct HttpSubject {
    http: Http,
    adapter: HttpAdapter,
    /// What the function's package contains.
    _package: TempDir,
}

impl HttpSubject {
    /// Returns an adapter that sends to the hosts that the file names. `folder` contains the file of
    /// certificate authorities that `tls_ca` names.
    ///
    /// # Errors
    ///
    /// Fails if that file cannot be copied.
    pub fn new(mut http: Http, folder: &Path) -> io::Result<Self> {
        let package = tempfile::tempdir()?;
        if let Some(named) = http.tls_ca.replace(AUTHORITIES.to_owned()) {
            std::fs::create_dir(package.path().join(TLS))?;
            let file = package.path().join(TLS).join(AUTHORITIES);
            std::fs::copy(folder.join(named), file)?;
        } else {
            http.tls_ca = None;
        }
        Ok(Self {
            adapter: HttpAdapter::new(package.path()),
            http,
            _package: package,
        })
    }

    /// Returns an adapter whose requests go to the mock service instead.
    ///
    /// # Errors
    ///
    /// Fails if the file with the mock service's certificate authority cannot be copied.
    pub fn on_mock(mut http: Http, mock: &Mock) -> io::Result<Self> {
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
