//! A certificate authority for one run of the benchmark, and the file that makes functions
//! trust it.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, DistinguishedName, DnType, IsCa, KeyPair,
    KeyUsagePurpose,
};
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::PrivateKeyDer;
use tokio_rustls::rustls::server::NoServerSessionStorage;

use crate::error::Error;

/// The host name of the endpoints. Unlike an address, it is resolved like any other name.
pub const HOST: &str = "localhost";

/// The files in which Linux distributions keep the trusted authorities. The first is Lambda's.
const BUNDLES: [&str; 4] = [
    "/etc/pki/tls/certs/ca-bundle.crt",
    "/etc/ssl/certs/ca-certificates.crt",
    "/etc/ssl/ca-bundle.pem",
    "/etc/ssl/cert.pem",
];

/// The endpoints' certificate, and the authorities that functions trust.
pub struct Authority {
    /// The TLS configuration of the endpoints.
    pub server: Arc<ServerConfig>,
    /// A PEM file with the benchmark's authority and all that this machine trusts. In Lambda,
    /// too, a function reads a whole list.
    pub trusted: PathBuf,
    /// The content of the file.
    pub bundle: String,
    /// The number of authorities in the file.
    pub count: usize,
}

impl Authority {
    /// Creates the authority, and writes the file into a folder. With `alone`, the file does
    /// not contain the authorities that this machine trusts.
    ///
    /// # Errors
    ///
    /// Fails if a certificate cannot be created or the file cannot be written.
    pub fn establish(folder: &Path, alone: bool) -> Result<Self, Error> {
        let cannot = |source: rcgen::Error| Error::Certificates(source.to_string());
        let key = || KeyPair::generate().map_err(cannot);
        let root = CertifiedIssuer::self_signed(issuer("root"), key()?).map_err(cannot)?;
        // AWS's certificates have an intermediate certificate too.
        let between = CertifiedIssuer::signed_by(issuer("issuer"), key()?, &root);
        let between = between.map_err(cannot)?;
        let key = key()?;
        let mut parameters = CertificateParams::new([HOST.to_owned()]).map_err(cannot)?;
        name(&mut parameters, HOST);
        parameters.use_authority_key_identifier_extension = true;
        let certificate = parameters.signed_by(&key, &between).map_err(cannot)?;

        let provider = Arc::new(ring::default_provider());
        let mut server = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .map_err(|source| Error::Certificates(source.to_string()))?
            .with_no_client_auth()
            .with_single_cert(
                vec![certificate.der().clone(), between.der().clone()],
                PrivateKeyDer::Pkcs8(key.serialize_der().into()),
            )
            .map_err(|source| Error::Certificates(source.to_string()))?;
        // The services promise neither HTTP/2 nor session resumption, so neither is used.
        server.alpn_protocols = vec![b"http/1.1".to_vec()];
        server.session_storage = Arc::new(NoServerSessionStorage {});
        server.send_tls13_tickets = 0;

        let bundles = BUNDLES.iter().filter(|_| !alone);
        let machine = bundles.filter_map(|path| read(path)).next();
        let bundle = machine.unwrap_or_default() + &root.pem();
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
            bundle,
        })
    }
}

fn issuer(role: &str) -> CertificateParams {
    let mut parameters = CertificateParams::default();
    parameters.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    parameters.key_usages = vec![KeyUsagePurpose::KeyCertSign];
    parameters.use_authority_key_identifier_extension = true;
    name(&mut parameters, &format!("keyrota benchmark {role}"));
    parameters
}

fn name(parameters: &mut CertificateParams, name: &str) {
    parameters.distinguished_name = DistinguishedName::new();
    let names = &mut parameters.distinguished_name;
    names.push(DnType::CommonName, name);
}

#[expect(
    clippy::disallowed_methods,
    reason = "the machine's own list of authorities"
)]
fn read(path: &str) -> Option<String> {
    std::fs::read_to_string(path).ok()
}
