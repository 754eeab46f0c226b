//! A certificate authority for one run of the benchmark, and the file that has
//! functions trust it.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::PrivateKeyDer;
use tokio_rustls::rustls::server::NoServerSessionStorage;

use crate::error::Error;

/// The name that the endpoints are called by. It is looked up like any other,
/// where an address would not be.
pub const HOST: &str = "localhost";

/// Where Linux distributions keep the authorities that a machine trusts; the
/// first is Lambda's.
const BUNDLES: [&str; 4] = [
    "/etc/pki/tls/certs/ca-bundle.crt",
    "/etc/ssl/certs/ca-certificates.crt",
    "/etc/ssl/ca-bundle.pem",
    "/etc/ssl/cert.pem",
];

/// What the endpoints show, and what functions trust.
pub struct Authority {
    /// The endpoints' side of TLS.
    pub server: Arc<ServerConfig>,
    /// A PEM file with our authority and all that this machine trusts: in
    /// Lambda too a function reads a whole list before it finds the one.
    pub trusted: PathBuf,
    /// How many authorities are in the file.
    pub count: usize,
}

impl Authority {
    /// Makes the authority, and writes the file into a folder.
    ///
    /// # Errors
    ///
    /// Returns that a certificate cannot be made or the file not be written.
    pub fn establish(folder: &Path) -> Result<Self, Error> {
        let cannot = |source: rcgen::Error| Error::Certificates(source.to_string());
        let mut parameters = CertificateParams::default();
        parameters.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let key = KeyPair::generate().map_err(cannot)?;
        let authority = CertifiedIssuer::self_signed(parameters, key).map_err(cannot)?;

        let key = KeyPair::generate().map_err(cannot)?;
        let parameters = CertificateParams::new([HOST.to_owned()]).map_err(cannot)?;
        let certificate = parameters.signed_by(&key, &authority).map_err(cannot)?;

        let provider = Arc::new(ring::default_provider());
        let mut server = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .map_err(|source| Error::Certificates(source.to_string()))?
            .with_no_client_auth()
            .with_single_cert(
                vec![certificate.der().clone(), authority.der().clone()],
                PrivateKeyDer::Pkcs8(key.serialize_der().into()),
            )
            .map_err(|source| Error::Certificates(source.to_string()))?;
        // The services do not promise HTTP/2, nor that a connection takes up
        // the session of another: the cheaper is not assumed.
        server.alpn_protocols = vec![b"http/1.1".to_vec()];
        server.session_storage = Arc::new(NoServerSessionStorage {});
        server.send_tls13_tickets = 0;

        let machine = BUNDLES.iter().find_map(|path| read(path));
        let bundle = machine.unwrap_or_default() + &authority.pem();
        let trusted = folder.join("trusted.pem");
        #[expect(
            clippy::disallowed_methods,
            reason = "a benchmark's own file, for the functions to read"
        )]
        std::fs::write(&trusted, &bundle).map_err(Error::io("write", &trusted))?;
        Ok(Self {
            server: Arc::new(server),
            trusted,
            count: bundle.matches("-----BEGIN CERTIFICATE-----").count(),
        })
    }
}

#[expect(
    clippy::disallowed_methods,
    reason = "the machine's own list of authorities"
)]
fn read(path: &str) -> Option<String> {
    std::fs::read_to_string(path).ok()
}
