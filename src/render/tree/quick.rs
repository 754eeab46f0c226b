//! Reads the YAML that our templates write, and nothing else.
//!
//! What it takes is a small part of YAML, in which nothing has two meanings: mappings
//! and lists by indentation, keys that are plain words, values on one line, one kind of
//! block of text. Whatever is not surely that is refused and left to a whole reader:
//! anchors, directives, several documents, values over several lines, numbers that are
//! not plain digits. Tests hold what it takes to the whole reader.

use super::inline::{self, Inline};
use super::{Mapping, Value};

/// No template of ours goes as deep.
pub(super) const DEEPEST: usize = 48;

/// Returns the tree; nothing where the text is not surely of that part.
pub fn read(text: &str) -> Option<Value> {
    let mut lines = Lines {
        rest: text,
        next: None,
    };
    lines.advance()?;
    let value = lines.block(0, 0)?;
    lines.next.is_none().then_some(value)
}

/// The lines that are neither empty nor a comment alone.
struct Lines<'text> {
    rest: &'text str,
    /// The next of them; none at the end.
    next: Option<Line<'text>>,
}

#[derive(Clone, Copy)]
struct Line<'text> {
    indent: usize,
    /// What stands after the indentation.
    text: &'text str,
}

impl<'text> Lines<'text> {
    /// Goes to the next line.
    fn advance(&mut self) -> Option<()> {
        loop {
            if self.rest.is_empty() {
                self.next = None;
                return Some(());
            }
            let line = self.take()?;
            if !line.text.is_empty() && !line.text.starts_with('#') {
                self.next = Some(line);
                return Some(());
            }
        }
    }

    /// Takes a line, whatever is on it, but for what ends lines or documents otherwise.
    fn take(&mut self) -> Option<Line<'text>> {
        let (line, rest) = self.rest.split_once('\n')?;
        self.rest = rest;
        let text = line.trim_start_matches(' ');
        let indent = line.len() - text.len();
        let usual = |one: char| matches!(one, ' '..='~') || one.is_alphanumeric();
        let usual = text.bytes().all(|byte| matches!(byte, b' '..=b'~')) || text.chars().all(usual);
        let marks = indent == 0
            && ["---", "...", "%"]
                .iter()
                .any(|mark| text.starts_with(mark));
        (usual && !marks).then_some(Line { indent, text })
    }

    /// Reads a mapping or a list that is indented so, from the next line on.
    fn block(&mut self, indent: usize, depth: usize) -> Option<Value> {
        let line = self.next?;
        if line.indent != indent || depth > DEEPEST {
            return None;
        }
        match line.text.starts_with("- ") {
            true => self.list(indent, depth),
            false => self.mapping(indent, depth),
        }
    }

    fn list(&mut self, indent: usize, depth: usize) -> Option<Value> {
        let mut items = Vec::new();
        while let Some(line) = self.next.filter(|line| line.indent == indent) {
            let after = line.text.strip_prefix("- ")?;
            let item = after.trim_start_matches(' ');
            if item.is_empty() || item.starts_with(['-', '#']) {
                return None;
            }
            if inline::key(item).is_some() {
                // A mapping that begins on the line.
                let indent = indent + line.text.len() - item.len();
                self.next = Some(Line { indent, text: item });
                items.push(self.block(indent, depth + 1)?);
            } else {
                items.push(self.value(item, indent, depth)?);
            }
        }
        self.ends(indent)?;
        Some(Value::Sequence(items))
    }

    fn mapping(&mut self, indent: usize, depth: usize) -> Option<Value> {
        let mut entries = Vec::new();
        while let Some(line) = self.next.filter(|line| line.indent == indent) {
            let (name, after) = inline::key(line.text)?;
            let value = self.value(after, indent, depth)?;
            entries.push((Value::String(name.to_owned()), value));
        }
        self.ends(indent)?;
        Some(Value::Mapping(Mapping::of(entries)?))
    }

    /// What ends a block stands less deep: else it would go on with what is before it.
    fn ends(&self, indent: usize) -> Option<()> {
        self.next
            .is_none_or(|line| line.indent < indent)
            .then_some(())
    }

    /// Reads what stands after a key or a hyphen at that indentation, on its line or
    /// below, and goes on to the next line.
    fn value(&mut self, after: &'text str, indent: usize, depth: usize) -> Option<Value> {
        let mut inline = Inline::new(after);
        inline.skip_blanks();
        let tag = inline.tag()?;
        let value = if inline.is(">-") {
            self.folded(indent)?
        } else if inline.at_end() {
            self.advance()?;
            match self.next {
                Some(line) if line.indent > indent => self.block(line.indent, depth + 1)?,
                // A list may stand as deep as its key; ours do not.
                Some(line) if line.indent == indent && line.text.starts_with('-') => return None,
                _ if tag.is_some() => return None,
                _ => Value::Null,
            }
        } else {
            let value = inline.value(false, depth)?;
            if !inline.at_end() {
                return None;
            }
            self.advance()?;
            // A line that is deeper would belong to the value.
            if self.next.is_some_and(|line| line.indent > indent) {
                return None;
            }
            value
        };
        inline::tagged(tag, value)
    }

    /// Reads a text over several lines, which a space joins.
    fn folded(&mut self, indent: usize) -> Option<Value> {
        let first = self.take()?;
        if first.indent <= indent || first.text.is_empty() {
            return None;
        }
        let mut text = String::new();
        let mut line = first;
        loop {
            if line.indent != first.indent || line.text.is_empty() || line.text.ends_with(' ') {
                return None;
            }
            if !text.is_empty() {
                text.push(' ');
            }
            text.push_str(line.text);
            // It ends with an empty line or one that is less deep.
            let mut ahead = Self {
                rest: self.rest,
                next: None,
            };
            match ahead.take() {
                // Blanks alone could be a part of the text.
                Some(next) if next.text.is_empty() && next.indent > 0 => return None,
                Some(next) if next.text.is_empty() => break,
                Some(next) if next.indent < first.indent => break,
                Some(next) => {
                    self.rest = ahead.rest;
                    line = next;
                }
                None if self.rest.is_empty() => break,
                None => return None,
            }
        }
        // After an empty line it must not go on.
        let mut ahead = Self {
            rest: self.rest,
            next: None,
        };
        while !ahead.rest.is_empty() {
            let next = ahead.take()?;
            if !next.text.is_empty() {
                if next.indent > indent {
                    return None;
                }
                break;
            }
        }
        self.advance()?;
        Some(Value::String(text))
    }
}
