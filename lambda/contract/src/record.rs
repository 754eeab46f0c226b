//! The values of the tags in which the creation of access keys is recorded on an IAM user.
//!
//! Access keys carry no description. A function and a bootstrap distinguish keyrota's own keys
//! from others by two tags:
//!
//! | tag | value |
//! | --- | --- |
//! | [`MAKING`](crate::tag::MAKING) | times in seconds since 1970, separated by spaces: a key was about to be created at that time |
//! | [`KEYS`](crate::tag::KEYS) | IDs of access keys, separated by spaces: these keys were created or adopted for the secret |
//!
//! Words that do not match this grammar prove nothing, and readers skip them.

use crate::value::is_access_key_id;

/// The maximum number of words in a value, since a tag's value has at most 256 characters
/// ("Tagging IAM resources" in the IAM User Guide). A user has two keys, and one more time
/// remains for each process that did not learn whether it created a key.
const MOST_WORDS: usize = 8;

/// How long after the recorded time the key may be created, in seconds. It covers five attempts
/// of a call with a timeout of five seconds and the waits between them, and then doubles that.
pub const LATEST: u64 = 60;

/// How far IAM's clock may be behind the clock of the process, in seconds. This includes the
/// fraction of a second that IAM does not report.
pub const SKEW: u64 = 5;

/// Returns the times in the value of [`MAKING`](crate::tag::MAKING), in seconds since 1970.
pub fn times(value: &str) -> impl Iterator<Item = i64> {
    value.split(' ').filter_map(|word| word.parse().ok())
}

/// Returns the access key IDs in the value of [`KEYS`](crate::tag::KEYS).
pub fn keys(value: &str) -> impl Iterator<Item = &str> {
    value.split(' ').filter(|word| is_access_key_id(word))
}

/// Returns the value of a tag with one more word at the end. The oldest words are dropped if
/// there are too many.
pub fn with(words: impl IntoIterator<Item = String>, more: String) -> String {
    let words = words.into_iter().filter(|word| *word != more);
    let mut words: Vec<String> = words.collect();
    words.push(more);
    words
        .split_off(words.len().saturating_sub(MOST_WORDS))
        .join(" ")
}

/// Returns whether a key that was created at `created` can be the key that was about to be
/// created at `time`. Both are in seconds since 1970.
pub fn covers(time: i64, created: i64) -> bool {
    match u64::try_from(created.saturating_sub(time)) {
        Ok(after) => after <= LATEST,
        Err(_) => time.abs_diff(created) <= SKEW,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_keeps_the_newest_words_and_each_once() {
        assert_eq!(with([], "1".to_owned()), "1");
        let words = (1..=9).map(|word| word.to_string());
        assert_eq!(with(words, "3".to_owned()), "2 4 5 6 7 8 9 3");
    }

    #[test]
    fn what_is_not_of_the_grammar_is_skipped() {
        assert_eq!(times("12 x  -3 1.5").collect::<Vec<_>>(), [12, -3]);
        let value = "AKIA0123456789ABCDEF akia0123456789abcdef AKIA  AKIA0123456789ABCDEG";
        let expected = ["AKIA0123456789ABCDEF", "AKIA0123456789ABCDEG"];
        assert_eq!(keys(value).collect::<Vec<_>>(), expected);
    }

    #[test]
    fn a_key_is_created_within_a_minute() {
        for (created, expected) in [
            (94, false),
            (95, true),
            (100, true),
            (160, true),
            (161, false),
        ] {
            assert_eq!(covers(100, created), expected, "{created}");
        }
        assert!(!covers(i64::MIN, i64::MAX));
        assert!(!covers(i64::MAX, i64::MIN));
    }
}
