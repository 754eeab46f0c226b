//! The tags of a secret: how the stack writes them.
//!
//! A tag's value is of letters, digits, spaces and `_.:/=+-@`. Other bytes of a
//! name or a password's rule are written `=XX`, with two hexadecimal digits.
//!
//! Source: "Tag AWS Secrets Manager secrets" in the Secrets Manager User Guide.

use std::time::Duration;

use crate::moment::duration;
use crate::port::PasswordRule;
use crate::server::Verification;

/// The tag that names the user.
pub const USER: &str = "keyrota:user";
/// The tag that says what kind of credential the secret holds.
pub const KIND: &str = "keyrota:kind";
/// The tag that says what kind of server it is for.
pub const ENGINE: &str = "keyrota:engine";
/// The tag that says where that is.
pub const ENDPOINT: &str = "keyrota:endpoint";
/// The tag that names the database to connect to.
pub const DBNAME: &str = "keyrota:dbname";
/// The tag that says what is asked of the server's certificate.
pub const TLS: &str = "keyrota:tls";
/// The tag that says what new passwords look like.
pub const PASSWORD: &str = "keyrota:password";
/// The tag that says who changes the password.
pub const ROTATE_AS: &str = "keyrota:rotate-as";
/// The tag that says when an old password goes.
pub const OLD_KEY: &str = "keyrota:old-key";

/// The only kind that this function rotates.
pub const DATABASE: &str = "database";

const UNTIL_NEXT_ROTATION: &str = "until_next_rotation";

/// Reads a text as the stack writes it into a tag.
pub fn unescape(text: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        if byte != b'=' {
            bytes.push(byte);
            continue;
        }
        let mut digit = || char::from(rest.next()?).to_digit(16);
        let (high, low) = (digit()?, digit()?);
        bytes.push(u8::try_from(high * 16 + low).ok()?);
    }
    String::from_utf8(bytes).ok()
}

/// Reads `HOST:PORT` or `[ADDRESS]:PORT`.
pub fn endpoint(text: &str) -> Option<(&str, u16)> {
    let (host, port) = text.rsplit_once(':')?;
    let host = match host.strip_prefix('[') {
        Some(address) => address.strip_suffix(']')?,
        None if host.contains(':') => return None,
        None => host,
    };
    // `parse` would take a sign.
    let digits = port.bytes().all(|byte| byte.is_ascii_digit());
    let port = port.parse().ok().filter(|port| digits && *port > 0)?;
    (!host.is_empty()).then_some((host, port))
}

/// Reads `verify-full`, `verify-ca` or `require`, perhaps with the name of the
/// file that holds the authorities.
pub fn tls(text: &str) -> Option<(Verification, Option<String>)> {
    let (verification, file) = match text.split_once(' ') {
        Some((verification, file)) => (verification, Some(file)),
        None => (text, None),
    };
    let verification = match verification {
        "verify-full" => Verification::Full,
        "verify-ca" => Verification::Authority,
        "require" => Verification::None,
        _ => return None,
    };
    // It becomes a part of a path.
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"_-.".contains(&byte);
    let fits = |file: &str| !file.starts_with('.') && file.bytes().all(plain) && !file.is_empty();
    match file {
        Some(file) if !fits(file) => None,
        file => Some((verification, file.map(str::to_owned))),
    }
}

/// Reads `length=32 exclude=…`.
pub fn password(text: &str) -> Option<PasswordRule> {
    let (length, exclude) = text.strip_prefix("length=")?.split_once(" exclude=")?;
    if !length.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    Some(PasswordRule {
        length: length.parse().ok().filter(|length| *length > 0)?,
        exclude: unescape(exclude)?,
    })
}

/// Reads how long after its promotion the password before is to go on working,
/// where the server let it: until the next rotation, which is no time, or the
/// `deactivate_after=…` that the words for old access keys begin with.
pub fn old_key(text: &str) -> Option<Option<Duration>> {
    if text == UNTIL_NEXT_ROTATION {
        return Some(None);
    }
    let first = text.split(' ').next()?;
    duration(first.strip_prefix("deactivate_after=")?).map(Some)
}
