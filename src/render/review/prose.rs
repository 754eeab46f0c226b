//! Sentences: text with highlighted names, and the wording of lists, numbers, and durations.

use serde::Serialize;

use crate::model::Duration;

/// The maximum number of names in a list. If there are more, only their number is shown.
pub const LISTED: usize = 6;

/// A piece of a sentence.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Span {
    text: String,
    /// Whether it is a name from AWS rather than words.
    code: bool,
}

/// A sentence, or a part of one.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(transparent)]
pub struct Prose(Vec<Span>);

impl Prose {
    /// Returns plain words.
    pub fn words(text: impl Into<String>) -> Self {
        Self::default().say(text)
    }

    /// Returns a name.
    pub fn name(text: impl Into<String>) -> Self {
        Self::default().code(text)
    }

    /// Returns a text in which backquotes mark names.
    pub fn marked(text: &str) -> Self {
        let parts = text.split('`').enumerate();
        parts.fold(Self::default(), |prose, (index, part)| match index % 2 {
            1 => prose.code(part),
            _ => prose.say(part),
        })
    }

    /// Adds words.
    #[must_use]
    pub fn say(mut self, text: impl Into<String>) -> Self {
        let text = text.into();
        match self.0.last_mut() {
            Some(last) if !last.code => last.text.push_str(&text),
            _ if text.is_empty() => {}
            _ => self.0.push(Span { text, code: false }),
        }
        self
    }

    /// Adds a name.
    #[must_use]
    pub fn code(mut self, text: impl Into<String>) -> Self {
        self.0.push(Span {
            text: text.into(),
            code: true,
        });
        self
    }

    /// Adds the pieces of another sentence.
    #[must_use]
    pub fn then(mut self, other: Self) -> Self {
        for span in other.0 {
            self = match span.code {
                true => self.code(span.text),
                false => self.say(span.text),
            };
        }
        self
    }

    /// Returns the sentence with an upper-case first letter, unless it begins with a name.
    #[must_use]
    pub fn capitalised(mut self) -> Self {
        if let Some(first) = self.0.first_mut().filter(|first| !first.code) {
            first.text = capitalised(&first.text);
        }
        self
    }

    /// Returns whether the sentence is empty.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Returns the plain text, with names in backquotes.
    pub fn plain(&self) -> String {
        let text = self.0.iter().map(|span| match span.code {
            true => format!("`{}`", span.text),
            false => span.text.clone(),
        });
        text.collect()
    }
}

/// Returns the text with an upper-case first letter.
pub fn capitalised(text: &str) -> String {
    let mut letters = text.chars();
    let first = letters.next().map(|first| first.to_ascii_uppercase());
    first.into_iter().chain(letters).collect()
}

/// Formats a list: `a`, `a and b`, `a, b and c`.
pub fn list(items: impl IntoIterator<Item = Prose>, and: &str) -> Prose {
    let items: Vec<Prose> = items.into_iter().collect();
    let last = items.len().saturating_sub(1);
    let mut prose = Prose::default();
    for (index, item) in items.into_iter().enumerate() {
        if index > 0 {
            prose = match index == last {
                true => prose.say(format!(" {and} ")),
                false => prose.say(", "),
            };
        }
        prose = prose.then(item);
    }
    prose
}

/// Formats words as a list: `a, b and c`.
pub fn words<'text>(items: impl IntoIterator<Item = &'text str>, and: &str) -> String {
    list(items.into_iter().map(Prose::words), and).plain()
}

/// Formats a count: `1 secret`, `12,000 secrets`.
pub fn count(number_of: usize, one: &str, many: &str) -> String {
    match number_of {
        1 => format!("1 {one}"),
        more => format!("{} {many}", number(more)),
    }
}

/// Formats a number with thousands separators.
pub fn number(number: usize) -> String {
    crate::cost::grouped(&number.to_string())
}

/// Formats a duration: `3 hours`, `1 day`, `90 seconds`.
pub fn duration(duration: Duration) -> String {
    let seconds = duration.as_seconds();
    let units = [(86_400, "day"), (3_600, "hour"), (60, "minute")];
    let unit = units
        .into_iter()
        .find(|(length, _)| seconds >= *length && seconds.is_multiple_of(*length));
    let (length, unit) = unit.unwrap_or((1, "second"));
    let whole = usize::try_from(seconds / length).unwrap_or(usize::MAX);
    count(whole, unit, &format!("{unit}s"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_numbers_and_lengths_read_as_they_are_said() {
        let said = |items: &[&str]| words(items.iter().copied(), "and");
        assert_eq!(said(&[]), "");
        assert_eq!(said(&["a"]), "a");
        assert_eq!(said(&["a", "b"]), "a and b");
        assert_eq!(said(&["a", "b", "c"]), "a, b and c");
        assert_eq!(
            [7, 1_000, 12_345_678].map(number).join(" "),
            "7 1,000 12,345,678"
        );
        assert_eq!(count(1, "secret", "secrets"), "1 secret");
        let lengths = [0, 60, 90, 3_600, 86_400, 604_800, 90_000];
        let lengths = lengths.map(|seconds| duration(Duration::seconds(seconds)));
        assert_eq!(
            lengths.join(", "),
            "0 seconds, 1 minute, 90 seconds, 1 hour, 1 day, 7 days, 25 hours"
        );
    }
}
