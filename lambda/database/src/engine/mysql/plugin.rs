//! What each way of logging in answers to the server, and what a server keeps of
//! a password in it.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD_NO_PAD;
use ed25519_dalek::VerifyingKey;
use ed25519_dalek::hazmat::{ExpandedSecretKey, raw_sign};
use ring::digest::{SHA1_FOR_LEGACY_USE_ONLY, SHA256, SHA512, digest};
use sha2::Sha512;

/// A way of logging in with a password that the server itself keeps.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Plugin {
    /// Both servers' old one, MariaDB's default.
    Native,
    /// MySQL's default.
    CachingSha2,
    /// The one before it.
    Sha256,
    /// MariaDB's.
    Ed25519,
}

impl Plugin {
    /// Returns the plugin of a name: the client's side, or the server's.
    pub fn named(name: &[u8]) -> Option<Self> {
        match name {
            b"mysql_native_password" => Some(Self::Native),
            b"caching_sha2_password" => Some(Self::CachingSha2),
            b"sha256_password" => Some(Self::Sha256),
            b"client_ed25519" | b"ed25519" => Some(Self::Ed25519),
            _ => None,
        }
    }

    /// Returns its name at the client's side.
    pub fn client(self) -> &'static str {
        match self {
            Self::Native => "mysql_native_password",
            Self::CachingSha2 => "caching_sha2_password",
            Self::Sha256 => "sha256_password",
            Self::Ed25519 => "client_ed25519",
        }
    }

    /// Returns its name in an account, where MariaDB has it.
    pub fn server(self) -> &'static str {
        match self {
            Self::Ed25519 => "ed25519",
            _ => self.client(),
        }
    }

    /// Says whether the server may come to see the password itself.
    pub fn shows_password(self) -> bool {
        matches!(self, Self::CachingSha2 | Self::Sha256)
    }

    /// Returns the answer to a server's challenge.
    pub fn answer(self, password: &[u8], challenge: &[u8]) -> Vec<u8> {
        // What all of them answer for no password.
        if password.is_empty() && self != Self::Ed25519 {
            return match self {
                Self::Sha256 => vec![0],
                _ => Vec::new(),
            };
        }
        match self {
            // SHA1(password) XOR SHA1(challenge + SHA1(SHA1(password)))
            Self::Native => {
                let once = sha1(&[password]);
                let twice = sha1(&[&once]);
                exclusive_or(&once, &sha1(&[challenge, &twice]))
            }
            // SHA256(password) XOR SHA256(SHA256(SHA256(password)) + challenge)
            Self::CachingSha2 => {
                let once = sha256(&[password]);
                let twice = sha256(&[&once]);
                exclusive_or(&once, &sha256(&[&twice, challenge]))
            }
            Self::Sha256 => clear(password),
            Self::Ed25519 => {
                let (key, public) = ed25519(password);
                let signature = raw_sign::<Sha512>(&key, challenge, &public);
                signature.to_bytes().to_vec()
            }
        }
    }

    /// Returns what MariaDB keeps of a password, in the form that `USING` and
    /// `SET PASSWORD` take; none where it has to be made by the server.
    pub fn verifier(self, password: &[u8]) -> Option<String> {
        match self {
            // An asterisk and SHA1(SHA1(password)).
            Self::Native => {
                let twice = sha1(&[&sha1(&[password])]);
                let digits = twice.iter().map(|byte| format!("{byte:02X}"));
                Some(digits.fold("*".to_owned(), |text, digits| text + &digits))
            }
            // The public key.
            Self::Ed25519 => Some(STANDARD_NO_PAD.encode(ed25519(password).1.as_bytes())),
            Self::CachingSha2 | Self::Sha256 => None,
        }
    }
}

/// Returns a password as it is sent in clear text, within TLS.
pub fn clear(password: &[u8]) -> Vec<u8> {
    [password, &[0]].concat()
}

/// Returns MariaDB's keys of a password: those of ed25519 whose secret's digest is
/// the password's (*Authentication Plugin - ed25519*).
fn ed25519(password: &[u8]) -> (ExpandedSecretKey, VerifyingKey) {
    let mut expanded = [0; 64];
    expanded.copy_from_slice(digest(&SHA512, password).as_ref());
    let key = ExpandedSecretKey::from_bytes(&expanded);
    let public = VerifyingKey::from(&key);
    (key, public)
}

fn sha1(parts: &[&[u8]]) -> Vec<u8> {
    digest(&SHA1_FOR_LEGACY_USE_ONLY, &parts.concat())
        .as_ref()
        .to_vec()
}

fn sha256(parts: &[&[u8]]) -> Vec<u8> {
    digest(&SHA256, &parts.concat()).as_ref().to_vec()
}

fn exclusive_or(left: &[u8], right: &[u8]) -> Vec<u8> {
    left.iter()
        .zip(right)
        .map(|(left, right)| left ^ right)
        .collect()
}
