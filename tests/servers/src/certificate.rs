//! The certificates of servers, and the authority that clients trust.

use std::path::Path;

use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, DistinguishedName, DnType, IsCa, KeyPair,
    KeyUsagePurpose, date_time_ymd,
};

use crate::cache;
use crate::error::Error;

/// The certificate of a server.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Certificate {
    /// For `localhost` and 127.0.0.1, signed by the trusted authority.
    #[default]
    Valid,
    /// For another name, signed by that authority.
    OtherName,
    /// For `localhost`, signed by another authority.
    OtherAuthority,
    /// With the right name and authority, but expired.
    Expired,
    /// None: the server does not support TLS.
    None,
}

impl Certificate {
    /// Writes `authority.pem` for clients, and `server.pem` and `server.key`, into a folder, for a server
    /// that a test provides itself.
    ///
    /// # Errors
    ///
    /// Fails if a file cannot be written.
    pub fn write(self, folder: &Path) -> Result<(), Error> {
        write(folder, self)
    }
}

/// Writes `authority.pem` for clients, and `server.pem` and `server.key`, into a folder.
pub fn write(folder: &Path, certificate: Certificate) -> Result<(), Error> {
    let trusted = authority("trusted")?;
    let other = authority("other")?;
    let issuer = match certificate {
        Certificate::OtherAuthority => &other,
        _ => &trusted,
    };
    let names = match certificate {
        Certificate::OtherName => vec!["elsewhere.internal".to_owned()],
        _ => vec!["localhost".to_owned(), "127.0.0.1".to_owned()],
    };
    let key = KeyPair::generate()?;
    let mut parameters = CertificateParams::new(names)?;
    parameters.use_authority_key_identifier_extension = true;
    if certificate == Certificate::Expired {
        parameters.not_before = date_time_ymd(2001, 1, 1);
        parameters.not_after = date_time_ymd(2002, 1, 1);
    }
    let server = parameters.signed_by(&key, issuer)?;
    cache::write(&folder.join("authority.pem"), &trusted.pem())?;
    cache::write(&folder.join("server.pem"), &server.pem())?;
    cache::write(&folder.join("server.key"), &key.serialize_pem())
}

fn authority(name: &str) -> Result<CertifiedIssuer<'static, KeyPair>, Error> {
    let mut parameters = CertificateParams::default();
    parameters.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    parameters.key_usages = vec![KeyUsagePurpose::KeyCertSign];
    parameters.distinguished_name = DistinguishedName::new();
    parameters
        .distinguished_name
        .push(DnType::CommonName, format!("keyrota tests {name}"));
    Ok(CertifiedIssuer::self_signed(
        parameters,
        KeyPair::generate()?,
    )?)
}
