//! Verifies a server's certificate.

use std::collections::HashMap;
use std::io;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

use keyrota_function_base::tls::{self, HandshakeFault};
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::client::{WebPkiServerVerifier, verify_server_cert_signed_by_trust_anchor};
use rustls::crypto::{CryptoProvider, ring, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::server::ParsedCertificate;
use rustls::{ClientConfig, DigitallySignedStruct, Error, RootCertStore, SignatureScheme};
use tokio::net::TcpStream;
use tokio_postgres::tls::{MakeTlsConnect, TlsConnect};
use tokio_postgres_rustls::MakeRustlsConnect;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use crate::server::{Endpoint, ServerError, ServerFault, Verification};

use super::{coded, fault, name};

/// TLS for PostgreSQL's driver.
pub type PostgresStream = <MakeRustlsConnect as MakeTlsConnect<TcpStream>>::Stream;

/// The key of a cached configuration.
type ConfigurationKey = (Verification, Option<String>);

/// Configurations, each created once, because parsing a list of authorities takes long.
pub struct Configurations {
    /// The folder with the files of certificate authorities.
    folder: PathBuf,
    made: Mutex<HashMap<String, Arc<ClientConfig>>>,
}

impl Configurations {
    /// Returns an empty cache. Files with authorities are read from this folder.
    pub fn new(folder: PathBuf) -> Self {
        let made = Mutex::default();
        Self { folder, made }
    }

    /// Upgrades a connection to TLS.
    ///
    /// Errors distinguish a certificate that is not trusted, a server without a compatible TLS
    /// version, and a broken connection.
    pub async fn secure(
        &self,
        endpoint: &Endpoint,
        stream: TcpStream,
    ) -> Result<TlsStream<TcpStream>, ServerError> {
        let configuration =
            self.configuration((endpoint.verification, endpoint.authorities.clone()))?;
        let host = ServerName::try_from(endpoint.host.clone())
            .map_err(|_| fault(ServerFault::NameUnknown))?;
        let handshake = TlsConnector::from(configuration).connect(host, stream);
        handshake.await.map_err(|source| refused(&source))
    }

    /// Does the same for PostgreSQL's driver, which binds the login to the certificate that the
    /// server presented.
    pub async fn secure_for_postgres(
        &self,
        endpoint: &Endpoint,
        stream: TcpStream,
    ) -> Result<PostgresStream, ServerError> {
        let configuration =
            self.configuration((endpoint.verification, endpoint.authorities.clone()))?;
        let mut tls = MakeRustlsConnect::new(ClientConfig::clone(&configuration));
        let Ok(tls) = MakeTlsConnect::<TcpStream>::make_tls_connect(&mut tls, &endpoint.host);
        tls.connect(stream).await.map_err(|source| refused(&source))
    }

    fn configuration(&self, wanted: ConfigurationKey) -> Result<Arc<ClientConfig>, ServerError> {
        let key = format!("{wanted:?}");
        let mut made = self.made.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(configuration) = made.get(&key) {
            return Ok(Arc::clone(configuration));
        }
        let configuration = Arc::new(self.make(wanted)?);
        made.insert(key, Arc::clone(&configuration));
        Ok(configuration)
    }

    fn make(
        &self,
        (verification, authorities): ConfigurationKey,
    ) -> Result<ClientConfig, ServerError> {
        let unusable = |_| coded(ServerFault::Untrusted, "no authorities");
        let provider = Arc::new(ring::default_provider());
        let verifier: Arc<dyn ServerCertVerifier> = match verification {
            Verification::Full => {
                let roots = Arc::new(self.roots(authorities.as_deref())?);
                let verifier =
                    WebPkiServerVerifier::builder_with_provider(roots, Arc::clone(&provider));
                verifier.build().map_err(|_| unusable(()))?
            }
            Verification::Authority => Arc::new(AuthorityVerifier {
                roots: Some(self.roots(authorities.as_deref())?),
                provider: Arc::clone(&provider),
            }),
            Verification::None => Arc::new(AuthorityVerifier {
                roots: None,
                provider: Arc::clone(&provider),
            }),
        };
        let configuration = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .map_err(|_| unusable(()))?;
        Ok(configuration
            .dangerous()
            .with_custom_certificate_verifier(verifier)
            .with_no_client_auth())
    }

    /// Returns the authorities in a file of the package, or the operating system's.
    fn roots(&self, file: Option<&str>) -> Result<RootCertStore, ServerError> {
        let unusable = || coded(ServerFault::Untrusted, "no authorities");
        tls::authorities(&self.folder, file).ok_or_else(unusable)
    }
}

/// Classifies a failed handshake.
fn refused(source: &io::Error) -> ServerError {
    match tls::handshake_fault(source) {
        HandshakeFault::Untrusted(code) => coded(ServerFault::Untrusted, code),
        HandshakeFault::Incompatible(Some(alert)) => coded(ServerFault::NoTls, alert),
        HandshakeFault::Incompatible(None) => fault(ServerFault::NoTls),
        HandshakeFault::InvalidName => fault(ServerFault::NameUnknown),
        HandshakeFault::Broken => coded(ServerFault::Unreachable, name::code(source)),
    }
}

/// Requires a certificate that an authority has signed, whatever its name is, or any
/// certificate if no authorities are configured. In both cases, the server must have the
/// certificate's private key.
#[derive(Debug)]
struct AuthorityVerifier {
    roots: Option<RootCertStore>,
    provider: Arc<CryptoProvider>,
}

impl ServerCertVerifier for AuthorityVerifier {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        _server_name: &ServerName<'_>,
        _ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        if let Some(roots) = &self.roots {
            let algorithms = self.provider.signature_verification_algorithms.all;
            let certificate = ParsedCertificate::try_from(end_entity)?;
            verify_server_cert_signed_by_trust_anchor(
                &certificate,
                roots,
                intermediates,
                now,
                algorithms,
            )?;
        }
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let algorithms = &self.provider.signature_verification_algorithms;
        verify_tls12_signature(message, certificate, signature, algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let algorithms = &self.provider.signature_verification_algorithms;
        verify_tls13_signature(message, certificate, signature, algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        let algorithms = &self.provider.signature_verification_algorithms;
        algorithms.supported_schemes()
    }
}
