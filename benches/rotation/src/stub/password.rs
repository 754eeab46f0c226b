//! Passwords like those of `GetRandomPassword`: with each kind of character that is not
//! excluded, at least once.
//!
//! A password is derived from its number, so that nothing here is random. Its database exists
//! only during the benchmark.

use keyrota::bundle::sha256_hex;
use serde_json::Value;

use super::refusal::Refusal;

/// The default length.
const LENGTH: u64 = 32;

/// The kinds of characters, and what excludes them.
///
/// Source: `GetRandomPassword` in the Secrets Manager API reference.
const KINDS: [(&str, &str); 4] = [
    ("ExcludeLowercase", "abcdefghijklmnopqrstuvwxyz"),
    ("ExcludeUppercase", "ABCDEFGHIJKLMNOPQRSTUVWXYZ"),
    ("ExcludeNumbers", "0123456789"),
    ("ExcludePunctuation", "!\"#$%&'()*+,-./:;<=>?@[\\]^_`{|}~"),
];

/// Returns the password with a number.
///
/// # Errors
///
/// Refuses if all characters are excluded.
pub fn password(number: u64, request: &Value) -> Result<String, Refusal> {
    let excluded = request["ExcludeCharacters"].as_str().unwrap_or_default();
    let kinds: Vec<Vec<char>> = KINDS
        .iter()
        .filter(|(exclude, _)| request[exclude] != true)
        .map(|(_, kind)| kind.chars().filter(|it| !excluded.contains(*it)).collect())
        .collect();
    if kinds.is_empty() || kinds.iter().any(Vec::is_empty) {
        let message = "a kind of characters has none that is not excluded";
        return Err(Refusal::new("InvalidParameterException", message));
    }
    let length = request["PasswordLength"].as_u64().unwrap_or(LENGTH);
    let character = |place: u64, kind: &Vec<char>| {
        let digest = sha256_hex(format!("{number}/{place}").as_bytes());
        let chance = usize::from_str_radix(&digest[..8], 16).unwrap_or_default();
        kind[chance % kind.len()]
    };
    let places = (0..length).zip(kinds.iter().cycle());
    Ok(places.map(|(place, kind)| character(place, kind)).collect())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_password_is_as_it_was_asked_for() {
        let request = json!({ "PasswordLength": 20, "ExcludeCharacters": "/@\"'\\abc" });
        let made = password(1, &request).unwrap();
        assert_eq!(made.chars().count(), 20);
        assert!(!made.contains(['/', '@', '"', '\'', '\\', 'a', 'b', 'c']));
        for is in [
            char::is_ascii_lowercase as fn(&char) -> bool,
            char::is_ascii_uppercase,
            char::is_ascii_digit,
            char::is_ascii_punctuation,
        ] {
            assert!(made.chars().any(|it| is(&it)), "{made}");
        }
        assert_eq!(password(1, &request).unwrap(), made);
        assert_ne!(password(2, &request).unwrap(), made);
    }

    #[test]
    fn nothing_is_made_of_nothing() {
        let digits = json!({ "ExcludeCharacters": "0123456789" });
        let refused = password(1, &digits).unwrap_err();
        assert_eq!(refused.code, "InvalidParameterException");
        let without = json!({ "ExcludeCharacters": "0123456789", "ExcludeNumbers": true });
        assert_eq!(password(1, &without).unwrap().len(), 32);
    }
}
