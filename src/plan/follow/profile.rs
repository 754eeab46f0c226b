//! The text of a shared credentials file, as the AWS SDKs read it ("Shared config and credentials
//! files" in the AWS SDKs and Tools Reference Guide). Only the values of two lines are replaced, and
//! every other byte stays: comments, the order, line ends, and text that is not UTF-8.

use std::ops::Range;

use secrecy::{ExposeSecret, SecretString};

use crate::model::AccessKeyId;
use crate::port::KeyPair;

const ID: &str = "aws_access_key_id";
const SECRET: &str = "aws_secret_access_key";
const TOKEN: &str = "aws_session_token";

/// Why a profile cannot be read or changed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ProfileFault {
    /// The file has no such profile.
    #[error("there is no profile `{0}`")]
    Missing(String),
    /// Two sections have the name. Programs differ in which one they read.
    #[error("there are two profiles `{0}`, on the lines {1} and {2}")]
    Duplicate(String, usize, usize),
    /// The profile has no such line.
    #[error("the profile `{0}` has no {1}")]
    NoLine(String, &'static str),
    /// The profile has such a line twice.
    #[error("the profile `{0}` has {1} twice, on the lines {2} and {3}")]
    LineTwice(String, &'static str, usize, usize),
    /// The line has no value, or more than one word.
    #[error("line {0}, with {1}, does not have exactly one value")]
    Value(usize, &'static str),
    /// The value of the ID has another form. It may be the secret access key, so it is not shown, and
    /// not sent.
    #[error(
        "aws_access_key_id of the profile `{0}` is not an access key ID: 16 to 128 upper-case letters and digits"
    )]
    NotAnId(String),
    /// The profile holds temporary credentials, which no secret contains.
    #[error("the profile `{0}` has an aws_session_token, so it holds temporary credentials")]
    Temporary(String),
    /// The new key would not be read as it is written.
    #[error("the new key contains characters that no access key has")]
    Unwritable,
}

/// The places of a profile's values in the text.
struct Places {
    id: Range<usize>,
    secret: Range<usize>,
}

/// Returns the key that a profile holds.
///
/// # Errors
///
/// Returns why the profile cannot be used.
pub fn profile_key(text: &[u8], profile: &str) -> Result<KeyPair, ProfileFault> {
    let places = places(text, profile)?;
    let read = |range: Range<usize>| String::from_utf8_lossy(&text[range]).into_owned();
    Ok(KeyPair {
        id: read(places.id),
        secret: SecretString::from(read(places.secret)),
    })
}

/// Returns the text with another key in a profile. Every other byte is the same.
///
/// # Errors
///
/// Returns why the profile cannot be changed.
pub fn with_profile_key(
    text: &[u8],
    profile: &str,
    key: &KeyPair,
) -> Result<Vec<u8>, ProfileFault> {
    let secret = key.secret.expose_secret();
    let is_word = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_graphic());
    // A word that begins with one of these would be read as a comment.
    let is_comment = |text: &str| text.starts_with(['#', ';']);
    if ![key.id.as_str(), secret].into_iter().all(is_word) || is_comment(secret) {
        return Err(ProfileFault::Unwritable);
    }
    let Places {
        id,
        secret: secret_at,
    } = places(text, profile)?;
    let mut values = [(id, key.id.as_bytes()), (secret_at, secret.as_bytes())];
    values.sort_by_key(|(place, _)| place.start);
    let mut changed = Vec::with_capacity(text.len() + secret.len());
    let mut end = 0;
    for (place, value) in values {
        changed.extend_from_slice(&text[end..place.start]);
        changed.extend_from_slice(value);
        end = place.end;
    }
    changed.extend_from_slice(&text[end..]);
    Ok(changed)
}

/// A line with its number and its place in the text, without its end.
struct Line<'text> {
    number: usize,
    start: usize,
    bytes: &'text [u8],
}

fn lines(text: &[u8]) -> impl Iterator<Item = Line<'_>> {
    let mut start = text.strip_prefix(b"\xef\xbb\xbf").map_or(0, |_| 3);
    let mut number = 0;
    std::iter::from_fn(move || {
        let rest = text.get(start..).filter(|rest| !rest.is_empty())?;
        let length = rest.iter().position(|byte| *byte == b'\n');
        let bytes = &rest[..length.unwrap_or(rest.len())];
        number += 1;
        let line = Line {
            number,
            start,
            bytes: bytes.strip_suffix(b"\r").unwrap_or(bytes),
        };
        start += bytes.len() + 1;
        Some(line)
    })
}

fn places(text: &[u8], profile: &str) -> Result<Places, ProfileFault> {
    let name = || profile.to_owned();
    let mut begins: Option<usize> = None;
    let mut is_inside = false;
    let mut found: [Option<(usize, Range<usize>)>; 3] = [None, None, None];
    // The line of a value that another line must not continue.
    let mut open: Option<(usize, &'static str)> = None;
    for line in lines(text) {
        let trimmed = line.bytes.trim_ascii();
        if trimmed.is_empty() || trimmed.starts_with(b"#") || trimmed.starts_with(b";") {
            continue;
        }
        if line.bytes.first().is_some_and(u8::is_ascii_whitespace) {
            // It continues the value of the line before it.
            match open {
                Some((number, key)) if is_inside => return Err(ProfileFault::Value(number, key)),
                _ => continue,
            }
        }
        open = None;
        if trimmed.starts_with(b"[") {
            is_inside = section(trimmed) == Some(profile.as_bytes());
            if is_inside && let Some(first) = begins.replace(line.number) {
                return Err(ProfileFault::Duplicate(name(), first, line.number));
            }
            continue;
        }
        if !is_inside {
            continue;
        }
        let Some((slot, key)) = key_of(line.bytes) else {
            continue;
        };
        let place = value(&line).ok_or(ProfileFault::Value(line.number, key))?;
        if let Some((first, _)) = found[slot].replace((line.number, place)) {
            return Err(ProfileFault::LineTwice(name(), key, first, line.number));
        }
        open = Some((line.number, key));
    }
    if begins.is_none() {
        return Err(ProfileFault::Missing(name()));
    }
    let [id, secret, token] = found;
    if token.is_some() {
        return Err(ProfileFault::Temporary(name()));
    }
    match (id, secret) {
        (Some((_, id)), Some((_, secret))) => {
            let text = std::str::from_utf8(&text[id.clone()]).unwrap_or_default();
            match AccessKeyId::parse(text) {
                Some(_) => Ok(Places { id, secret }),
                None => Err(ProfileFault::NotAnId(name())),
            }
        }
        (None, _) => Err(ProfileFault::NoLine(name(), ID)),
        (_, None) => Err(ProfileFault::NoLine(name(), SECRET)),
    }
}

/// Returns the name of the section that a line begins.
fn section(line: &[u8]) -> Option<&[u8]> {
    let rest = line.strip_prefix(b"[")?;
    let end = rest.iter().position(|byte| *byte == b']')?;
    Some(rest[..end].trim_ascii())
}

/// Returns which of the three settings a line has, if it has one.
fn key_of(line: &[u8]) -> Option<(usize, &'static str)> {
    let end = separator(line)?;
    let key = line[..end].trim_ascii();
    let keys = [ID, SECRET, TOKEN];
    let slot = keys
        .iter()
        .position(|known| key.eq_ignore_ascii_case(known.as_bytes()))?;
    Some((slot, keys[slot]))
}

/// Returns where a name ends. The AWS CLI takes a colon too.
fn separator(line: &[u8]) -> Option<usize> {
    line.iter().position(|byte| b"=:".contains(byte))
}

/// Returns the place of the only word after the separator. A comment may follow it.
fn value(line: &Line<'_>) -> Option<Range<usize>> {
    let from = separator(line.bytes)? + 1;
    let rest = &line.bytes[from..];
    let before = rest.iter().position(|byte| !byte.is_ascii_whitespace())?;
    let word = &rest[before..];
    let length = word
        .iter()
        .position(u8::is_ascii_whitespace)
        .unwrap_or(word.len());
    let after = word[length..].trim_ascii_start();
    let is_word = !word.starts_with(b"#") && !word.starts_with(b";");
    let is_only = after.is_empty() || after.starts_with(b"#") || after.starts_with(b";");
    let start = line.start + from + before;
    (is_word && is_only).then_some(start..start + length)
}

#[cfg(test)]
mod tests;
