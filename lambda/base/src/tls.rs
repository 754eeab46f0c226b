//! What the TLS connections to servers and services share: the certificate authorities, and why a
//! handshake fails.

use std::io;
use std::path::Path;

use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use rustls::{Error, RootCertStore};

/// Returns the certificate authorities in a file of the function's package, which is extracted in this
/// folder, or the operating system's. Returns `None` if there is none.
pub fn authorities(folder: &Path, file: Option<&str>) -> Option<RootCertStore> {
    let certificates = match file {
        Some(file) => CertificateDer::pem_file_iter(folder.join(file))
            .map(|found| found.flatten().collect::<Vec<_>>())
            .unwrap_or_default(),
        None => rustls_native_certs::load_native_certs().certs,
    };
    let mut roots = RootCertStore::empty();
    let (taken, _) = roots.add_parsable_certificates(certificates);
    (taken > 0).then_some(roots)
}

/// Why a handshake failed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum HandshakeFault {
    /// The certificate is not trusted, for this reason.
    Untrusted(String),
    /// The server does not support TLS, or not a compatible version. The server's alert, if it sent one.
    Incompatible(Option<String>),
    /// The host is not a name that a certificate can contain.
    InvalidName,
    /// The connection broke.
    Broken,
}

/// Classifies a failed handshake.
pub fn handshake_fault(error: &io::Error) -> HandshakeFault {
    let inner = error.get_ref().and_then(|inner| inner.downcast_ref());
    match inner {
        // The variant's name without its content, which can contain names from a certificate.
        Some(Error::InvalidCertificate(reason)) => {
            let reason = format!("{reason:?}");
            let end = reason.find(|character: char| !character.is_ascii_alphanumeric());
            let name = &reason[..end.unwrap_or(reason.len())];
            HandshakeFault::Untrusted(name.trim_end_matches("Context").to_owned())
        }
        Some(Error::AlertReceived(alert)) => {
            HandshakeFault::Incompatible(Some(format!("alert {alert:?}")))
        }
        Some(_) => HandshakeFault::Incompatible(None),
        None if error.kind() == io::ErrorKind::InvalidInput => HandshakeFault::InvalidName,
        None => HandshakeFault::Broken,
    }
}
