//! The access key of the local AWS's root. It is random for each start, so that other users of
//! this machine and web pages cannot know it.

use std::io;

use secrecy::{ExposeSecret, SecretString};

/// The prefix of an access key ID of a user ("IAM identifiers" in the IAM User Guide).
const PREFIX: &str = "AKIA";

/// The characters of the rest of an ID. There are 32, so a random byte selects each equally
/// often.
const ID_LETTERS: &[u8; 32] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";

/// The characters of a secret access key. There are 64.
const SECRET_LETTERS: &[u8; 64] =
    b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

/// An access key that may do everything in one local AWS.
#[derive(Debug)]
pub struct RootKey {
    /// The access key ID.
    pub id: String,
    /// The secret access key.
    pub secret: SecretString,
}

impl RootKey {
    /// Returns a random key.
    ///
    /// # Errors
    ///
    /// Fails if the operating system provides no random numbers.
    pub fn random() -> io::Result<Self> {
        let id: String = random_text::<16>(ID_LETTERS)?;
        Ok(Self {
            id: format!("{PREFIX}{id}"),
            secret: random_text::<40>(SECRET_LETTERS)?.into(),
        })
    }

    /// Returns the line that passes the key to the emulator.
    pub fn line(&self) -> SecretString {
        format!("{} {}\n", self.id, self.secret.expose_secret()).into()
    }
}

/// Returns random characters of an alphabet, whose length must divide 256.
fn random_text<const LENGTH: usize>(alphabet: &[u8]) -> io::Result<String> {
    let mut bytes = [0; LENGTH];
    getrandom::fill(&mut bytes).map_err(io::Error::from)?;
    let letters = bytes.map(|byte| char::from(alphabet[usize::from(byte) % alphabet.len()]));
    Ok(letters.iter().collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_looks_like_a_key_and_is_another_each_time() {
        let key = RootKey::random().unwrap();
        let rest = key.id.strip_prefix("AKIA").unwrap();
        assert_eq!(rest.len(), 16);
        assert!(rest.bytes().all(|byte| ID_LETTERS.contains(&byte)));
        let secret = key.secret.expose_secret();
        assert_eq!(secret.len(), 40);
        assert!(secret.bytes().all(|byte| SECRET_LETTERS.contains(&byte)));
        assert_eq!(
            key.line().expose_secret(),
            format!("{} {secret}\n", key.id).as_str()
        );
        assert!(!format!("{key:?}").contains(secret));

        let other = RootKey::random().unwrap();
        assert_ne!(other.id, key.id);
        assert_ne!(other.secret.expose_secret(), secret);
    }
}
