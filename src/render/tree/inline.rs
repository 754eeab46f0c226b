//! What may stand on one line of the YAML that our templates write.

use serde_yaml::value::Tag;

use super::quick::DEEPEST;
use super::{Mapping, Tagged, Value};

/// YAML takes no key that is longer than 1,024 characters.
const LONGEST_KEY: usize = 1_000;

/// Returns the key that a line begins with, and what stands after its colon.
pub fn key(line: &str) -> Option<(&str, &str)> {
    let usual =
        |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b':' | b'_' | b'-' | b'/');
    let end = line
        .bytes()
        .position(|byte| !usual(byte))
        .unwrap_or(line.len());
    let name = line[..end].strip_suffix(':')?;
    let after = &line[end..];
    let ends = (after.is_empty() || after.starts_with(' ')) && end < LONGEST_KEY;
    let is_word = name.starts_with(|one: char| one.is_ascii_alphabetic()) && !name.ends_with(':');
    (ends && is_word && !is_special(name)).then_some((name, after))
}

/// Returns whether a word is read as something else than a text somewhere.
fn is_special(word: &str) -> bool {
    const SPECIAL: [&str; 9] = ["null", "true", "false", "yes", "no", "on", "off", "y", "n"];
    word.len() <= 5
        && SPECIAL
            .iter()
            .any(|special| special.eq_ignore_ascii_case(word))
}

/// What is left of a line.
pub struct Inline<'text> {
    rest: &'text str,
}

impl<'text> Inline<'text> {
    /// Returns what stands on a line from here on.
    pub const fn new(rest: &'text str) -> Self {
        Self { rest }
    }

    /// Returns whether just that is left.
    pub fn is(&self, left: &str) -> bool {
        self.rest == left
    }

    pub fn skip_blanks(&mut self) {
        self.rest = self.rest.trim_start_matches(' ');
    }

    /// Returns whether nothing is left but a comment.
    pub fn at_end(&self) -> bool {
        let left = self.rest.trim_start_matches(' ');
        left.is_empty() || left.starts_with('#') && left.len() < self.rest.len()
    }

    fn take(&mut self, mark: char) -> Option<()> {
        self.rest = self.rest.strip_prefix(mark)?;
        Some(())
    }

    /// Takes a tag and the blank after it, where there is one.
    pub fn tag(&mut self) -> Option<Option<&'text str>> {
        let Some(after) = self.rest.strip_prefix('!') else {
            return Some(None);
        };
        let letter = |byte: u8| byte.is_ascii_alphabetic();
        let end = after
            .bytes()
            .position(|byte| !letter(byte))
            .unwrap_or(after.len());
        self.rest = &after[end..];
        if end == 0 || !(self.rest.is_empty() || self.rest.starts_with(' ')) {
            return None;
        }
        self.skip_blanks();
        Some(Some(&after[..end]))
    }

    /// Reads a value; `inside` brackets of either kind.
    pub fn value(&mut self, inside: bool, depth: usize) -> Option<Value> {
        if depth > DEEPEST {
            return None;
        }
        match self.rest.bytes().next()? {
            b'"' => self.double_quoted(),
            b'\'' => self.single_quoted(),
            b'[' => self.list(depth + 1),
            b'{' => self.mapping(depth + 1),
            _ => self.plain(inside),
        }
    }

    fn double_quoted(&mut self) -> Option<Value> {
        self.take('"')?;
        let mut text = String::new();
        loop {
            let end = self.rest.find(['"', '\\'])?;
            text.push_str(&self.rest[..end]);
            let found = self.rest.as_bytes()[end];
            self.rest = &self.rest[end + 1..];
            if found == b'"' {
                return Some(Value::String(text));
            }
            let escaped = self.rest.chars().next()?;
            self.rest = &self.rest[escaped.len_utf8()..];
            match escaped {
                '"' | '\\' => text.push(escaped),
                'U' => {
                    let digits = self.rest.get(..8)?;
                    if !digits.bytes().all(|byte| byte.is_ascii_hexdigit()) {
                        return None;
                    }
                    text.push(char::from_u32(u32::from_str_radix(digits, 16).ok()?)?);
                    self.rest = &self.rest[8..];
                }
                _ => return None,
            }
        }
    }

    fn single_quoted(&mut self) -> Option<Value> {
        self.take('\'')?;
        let mut text = String::new();
        loop {
            let (before, after) = self.rest.split_once('\'')?;
            text.push_str(before);
            self.rest = after;
            if self.take('\'').is_none() {
                return Some(Value::String(text));
            }
            text.push('\'');
        }
    }

    fn list(&mut self, depth: usize) -> Option<Value> {
        self.take('[')?;
        let mut items = Vec::new();
        self.skip_blanks();
        if self.take(']').is_some() {
            return Some(Value::Sequence(items));
        }
        loop {
            self.skip_blanks();
            let tag = self.tag()?;
            items.push(tagged(tag, self.value(true, depth)?)?);
            self.skip_blanks();
            if self.take(',').is_none() {
                self.take(']')?;
                return Some(Value::Sequence(items));
            }
        }
    }

    fn mapping(&mut self, depth: usize) -> Option<Value> {
        self.take('{')?;
        let mut entries = Vec::new();
        self.skip_blanks();
        if self.take('}').is_some() {
            return Some(Value::Mapping(Mapping::default()));
        }
        loop {
            self.skip_blanks();
            let (name, after) = key(self.rest)?;
            self.rest = after;
            self.skip_blanks();
            let tag = self.tag()?;
            let value = tagged(tag, self.value(true, depth)?)?;
            entries.push((Value::String(name.to_owned()), value));
            self.skip_blanks();
            if self.take(',').is_none() {
                self.take('}')?;
                return Some(Value::Mapping(Mapping::of(entries)?));
            }
        }
    }

    /// Reads a value without quotes: to the end of the line, or one word in brackets.
    fn plain(&mut self, inside: bool) -> Option<Value> {
        let end = match inside {
            true => self.rest.find([',', ']', '}'])?,
            false => self.rest.len(),
        };
        let text = self.rest[..end].trim_end_matches(' ');
        self.rest = &self.rest[end..];
        let mut pairs = text.as_bytes().windows(2);
        let marked = pairs.any(|pair| pair == b": " || pair == b" #") || text.ends_with(':');
        let word = |byte: u8| byte.is_ascii_alphanumeric() || b" _./:-".contains(&byte);
        let usual = match inside {
            true => text.bytes().all(word),
            false => text.bytes().all(|byte| matches!(byte, b' '..=b'~')),
        };
        if marked || !usual {
            return None;
        }
        let first = text.bytes().next()?;
        if first.is_ascii_digit() {
            let digits = text.bytes().all(|byte| byte.is_ascii_digit());
            let usual = digits && text.len() < 18 && (text.len() == 1 || first != b'0');
            let number = usual.then(|| text.parse::<u64>().ok())??;
            return Some(Value::Number(number.into()));
        }
        match text {
            "true" => Some(Value::Bool(true)),
            "false" => Some(Value::Bool(false)),
            _ if is_special(text) => None,
            _ if first.is_ascii_alphabetic() || matches!(first, b'$' | b'/') => {
                Some(Value::String(text.to_owned()))
            }
            _ => None,
        }
    }
}

/// Returns the value with its tag. What is neither text nor list could be read as
/// another thing where a tag is before it.
pub fn tagged(tag: Option<&str>, value: Value) -> Option<Value> {
    match (tag, &value) {
        (None, _) => Some(value),
        (Some(tag), Value::String(_) | Value::Sequence(_) | Value::Mapping(_)) => {
            let tag = Tag::new(tag);
            Some(Value::Tagged(Box::new(Tagged { tag, value })))
        }
        (Some(_), _) => None,
    }
}
