//! What a server shows, and whom clients trust.

use std::path::Path;

use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, DistinguishedName, DnType, IsCa, KeyPair,
    KeyUsagePurpose, date_time_ymd,
};

use crate::cache;
use crate::error::Error;

/// What a server shows to those who connect.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Certificate {
    /// One for `localhost` and 127.0.0.1, of the authority that clients trust.
    #[default]
    Valid,
    /// One of that authority for another name.
    OtherName,
    /// One for `localhost` of an authority that nobody trusts.
    OtherAuthority,
    /// One of the right name and authority whose time is over.
    Expired,
    /// None: the server does not speak TLS.
    None,
}

/// Writes `authority.pem`, which clients are to trust, `server.pem` and
/// `server.key` into a folder.
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
