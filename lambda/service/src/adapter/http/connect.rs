//! Opens a connection to the host of an adapter's request. The certificate must name the host, and an
//! authority that the operating system or the adapter's file trusts must have issued it.

use std::cell::RefCell;
use std::collections::HashMap;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use keyrota_function_base::tls::{self, HandshakeFault};
use rustls::ClientConfig;
use rustls::crypto::ring;
use rustls::pki_types::ServerName;
use tokio::net::{TcpStream, lookup_host};
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use super::build::Built;
use crate::service::{Cause, ServiceError};

/// How long one address of the host may take to accept a connection.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);

/// Opens connections. It creates each configuration of TLS once, because parsing a list of authorities
/// takes long.
pub(super) struct Connector {
    /// The folder with the files of certificate authorities.
    folder: PathBuf,
    made: RefCell<HashMap<Option<String>, Arc<ClientConfig>>>,
}

impl Connector {
    pub(super) fn new(folder: &Path) -> Self {
        Self {
            folder: folder.to_owned(),
            made: RefCell::default(),
        }
    }

    /// Connects to a request's host.
    pub(super) async fn connect(
        &self,
        built: &Built,
        authorities: Option<&str>,
    ) -> Result<TlsStream<TcpStream>, ServiceError> {
        let configuration = self.configuration(authorities)?;
        let unknown = |_| ServiceError::not_sent(Cause::NameUnknown);
        let name = ServerName::try_from(built.host.clone()).map_err(|_| unknown(()))?;
        let stream = open(&built.host, built.port).await?;
        let handshake = TlsConnector::from(configuration).connect(name, stream);
        handshake.await.map_err(|error| refused(&error))
    }

    fn configuration(&self, authorities: Option<&str>) -> Result<Arc<ClientConfig>, ServiceError> {
        let key = authorities.map(str::to_owned);
        if let Some(made) = self.made.borrow().get(&key) {
            return Ok(Arc::clone(made));
        }
        let unusable =
            || ServiceError::not_sent(Cause::Untrusted).with(Some("no authorities".to_owned()));
        let roots = tls::authorities(&self.folder, authorities).ok_or_else(unusable)?;
        let configuration = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()
            .map_err(|_| unusable())?
            .with_root_certificates(roots)
            .with_no_client_auth();
        let configuration = Arc::new(configuration);
        self.made
            .borrow_mut()
            .insert(key, Arc::clone(&configuration));
        Ok(configuration)
    }
}

/// Connects to the first address of the host that accepts.
async fn open(host: &str, port: u16) -> Result<TcpStream, ServiceError> {
    let unknown = |_| ServiceError::not_sent(Cause::NameUnknown);
    let addresses = lookup_host((host, port)).await.map_err(unknown)?;
    let mut cause = Cause::NameUnknown;
    for address in addresses {
        cause = match tokio::time::timeout(CONNECT_TIMEOUT, TcpStream::connect(address)).await {
            Ok(Ok(stream)) => return Ok(stream),
            Ok(Err(_)) => Cause::NoConnection,
            Err(_) => Cause::ConnectTimedOut,
        };
    }
    Err(ServiceError::not_sent(cause))
}

/// Classifies a failed handshake. No request was sent then.
fn refused(error: &io::Error) -> ServiceError {
    let (cause, code) = match tls::handshake_fault(error) {
        HandshakeFault::Untrusted(code) => (Cause::Untrusted, Some(code)),
        HandshakeFault::Incompatible(code) => (Cause::NoTls, code),
        HandshakeFault::InvalidName => (Cause::NameUnknown, None),
        HandshakeFault::Broken => (Cause::Broken, None),
    };
    ServiceError::not_sent(cause).with(code)
}
