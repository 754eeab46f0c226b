//! Finds text that looks like a secret by its form. The text is scanned once. A finding reports
//! the location, and never the text itself.

use std::ops::Range;

use memchr::memmem;

use super::rule::RuleFindings;
use super::stack::Stack;
use crate::model::{Entry, Kind};
use crate::render::log_group_name;

/// The prefixes of access key IDs: long-term and temporary.
const KEY_IDS: [&str; 2] = ["AKIA", "ASIA"];
const KEY_ID_LENGTH: usize = 20;
/// The length of a secret access key.
const SECRET_LENGTH: usize = 40;
/// A random text of that length has about thirty different characters. A text made of words has
/// far fewer.
const DIFFERENT: usize = 22;
/// The beginning of a session token in base64.
const TOKEN_LENGTH: usize = 12;
const TOKENS: [&str; 3] = ["IQoJb3JpZ2lu", "FwoGZXIvYXdz", "FQoGZXIvYXdz"];

pub(super) fn scan(stack: &Stack<'_>, found: &mut RuleFindings) {
    let text = stack.text;
    let mut add = |at: usize, what: &str| {
        let line = text[..at].matches('\n').count() + 1;
        let message = format!("line {line} of the template contains what looks like {what}");
        found.add(holder(stack, &text[..at]), message);
    };
    for at in memmem::find_iter(text.as_bytes(), "-----BEGIN ") {
        let line = text[at..].lines().next().unwrap_or_default();
        if line.contains("PRIVATE KEY") {
            add(at, "a private key");
        }
    }
    for at in memmem::find_iter(text.as_bytes(), "://") {
        let end = |one: char| one.is_whitespace() || "\"'/".contains(one);
        let authority = text[at + 3..].split(end).next().unwrap_or_default();
        let password = authority
            .split_once('@')
            .and_then(|(who, _)| who.split_once(':'));
        if password.is_some_and(|(_, password)| !password.is_empty()) {
            add(at, "an address with a password in it");
        }
    }
    for word in long_words(text) {
        let start = word.start;
        let word = &text[word];
        if KEY_IDS.iter().any(|prefix| word.starts_with(prefix)) && is_key_id(word) {
            add(start, "an access key ID");
        } else if TOKENS.iter().any(|prefix| word.starts_with(prefix)) {
            add(start, "a session token");
        } else if word.len() == SECRET_LENGTH && is_random(word) && !is_name(stack, word) {
            add(start, "a secret access key");
        }
    }
}

/// Returns the positions of words of at least [`TOKEN_LENGTH`] characters. A scan in steps of
/// that length cannot miss one.
fn long_words(text: &str) -> impl Iterator<Item = Range<usize>> {
    let bytes = text.as_bytes();
    let in_word = |at: usize| bytes.get(at).is_some_and(|byte| WORD[usize::from(*byte)]);
    let mut after = 0;
    let mut at = TOKEN_LENGTH - 1;
    std::iter::from_fn(move || {
        while at < bytes.len() {
            if !in_word(at) {
                at += TOKEN_LENGTH;
                continue;
            }
            let start = (after..at).rev().find(|before| !in_word(*before));
            let start = start.map_or(after, |before| before + 1);
            let end = (at..).find(|next| !in_word(*next)).unwrap_or(bytes.len());
            after = end;
            at = end + TOKEN_LENGTH;
            if end - start >= TOKEN_LENGTH {
                return Some(start..end);
            }
        }
        None
    })
}

/// The characters of base64.
const WORD: [bool; 256] = {
    let mut word = [false; 256];
    let mut byte = 0;
    while byte < 256 {
        let one = byte as u8;
        word[byte] = one.is_ascii_alphanumeric() || one == b'/' || one == b'+';
        byte += 1;
    }
    word
};

/// Returns whether a word is an access key ID. A path may follow it, as in a request's
/// credential scope.
fn is_key_id(word: &str) -> bool {
    let id = |byte: u8| byte.is_ascii_uppercase() || byte.is_ascii_digit();
    let (id_part, rest) = word.split_at(KEY_ID_LENGTH.min(word.len()));
    id_part.len() == KEY_ID_LENGTH
        && id_part.bytes().all(id)
        && !rest.starts_with(|next: char| next.is_ascii_alphanumeric())
}

fn is_random(token: &str) -> bool {
    let mut seen = [false; 128];
    for byte in token.bytes() {
        seen[usize::from(byte)] = true;
    }
    let has = |test: fn(&u8) -> bool| token.as_bytes().iter().any(test);
    let mixed =
        has(u8::is_ascii_lowercase) && has(u8::is_ascii_uppercase) && has(u8::is_ascii_digit);
    mixed && seen.iter().filter(|seen| **seen).count() >= DIFFERENT
}

/// Returns whether a text is a name from the manifest, or a logical ID derived from one. Such
/// names can look random.
fn is_name(stack: &Stack<'_>, token: &str) -> bool {
    let model = stack.model();
    let outputs = stack.template.section("Outputs");
    let within = |text: &str| text.contains(token);
    let names = |entry: &Entry| {
        within(entry.secret.as_str())
            || match &entry.kind {
                Kind::AccessKey(key) => within(key.user.as_str()),
                Kind::Database(database) => {
                    within(&database.username)
                        || within(database.host.as_str())
                        || within(database.published().0.as_str())
                        || database.dbname.as_deref().is_some_and(within)
                }
                Kind::Service(service) => {
                    within(&service.username)
                        || within(&service.place())
                        || service
                            .adapter
                            .function()
                            .is_some_and(|arn| within(arn.as_str()))
                }
            }
    };
    stack.template.knows(token)
        || outputs.is_some_and(|outputs| outputs.contains_key(token))
        || model.entries.iter().any(names)
        || stack.named.iter().any(|arn| within(arn))
        || model.role_path.iter().any(|path| within(path.as_str()))
        || within(&log_group_name(&model.stack))
}

/// Returns the part of the template that begins last before this position.
fn holder(stack: &Stack<'_>, before: &str) -> String {
    let heading = |line: &&str| {
        let name = line.strip_prefix("  ").unwrap_or(line);
        line.ends_with(':') && !name.starts_with([' ', '-', '#'])
    };
    let last = before.lines().rev().find(heading);
    last.map_or_else(
        || stack.rendered.file.to_owned(),
        |line| line.trim().trim_end_matches(':').to_owned(),
    )
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::{TOKEN_LENGTH, long_words};

    proptest! {
        #[test]
        fn no_long_word_is_missed(text in "([a-zA-Z0-9/+]{0,30}[ :\n.é-]{0,3}){0,8}") {
            let split = text.split(|one: char| !(one.is_ascii_alphanumeric() || "/+".contains(one)));
            let long: Vec<&str> = split.filter(|word| word.len() >= TOKEN_LENGTH).collect();
            let found: Vec<&str> = long_words(&text).map(|word| &text[word]).collect();
            prop_assert_eq!(found, long);
        }
    }
}
