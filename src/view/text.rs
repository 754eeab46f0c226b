//! The only way to a terminal: text from outside remains text.
//!
//! Names, tags, values, reasons of events, and messages of servers are written by others, and a
//! terminal obeys control characters from any source. Therefore everything that this program
//! prints passes through [`finish`], which escapes (`\u{1b}`) each character that is more than
//! visible text. Callers need not escape anything: a lint (`clippy.toml`) and a test allow the
//! streams only here.
//!
//! Color is the program's own. It is written between marks with a random number of this
//! process, which nobody else knows, and only this module turns them into control sequences.
//!
//! Line feeds are the program's own too. Text from outside that is put into a line or a cell
//! passes through [`visible`] or [`paragraph`], so that it cannot begin a line that looks like
//! the program's own.

use std::borrow::Cow;
use std::fmt;
use std::hash::{BuildHasher, RandomState};
use std::io::{self, IsTerminal, Write};
use std::sync::LazyLock;

use serde_json::Value;

/// Returns whether a character must be shown as an escape: controls (C0, DEL, C1), characters
/// that reorder or hide text (bidirectional controls, zero-width characters, tags), line and
/// paragraph separators, and noncharacters.
///
/// Source: "Unicode Bidirectional Algorithm" (UAX #9) and "Unicode Security Considerations"
/// (UTR #36).
fn is_hidden(character: char) -> bool {
    character.is_control()
        || matches!(character,
            '\u{ad}' | '\u{61c}' | '\u{115f}' | '\u{1160}' | '\u{180e}' | '\u{3164}' | '\u{feff}'
            | '\u{200b}'..='\u{200f}'
            | '\u{2028}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}'
            | '\u{fdd0}'..='\u{fdef}'
            | '\u{fff9}'..='\u{fffb}'
            | '\u{e0000}'..='\u{e0fff}')
        || u32::from(character) & 0xfffe == 0xfffe
}

fn escape(text: &str, is_escaped: impl Fn(char) -> bool) -> Cow<'_, str> {
    if !text.contains(&is_escaped) {
        return Cow::Borrowed(text);
    }
    let mut escaped = String::with_capacity(text.len() + 16);
    for character in text.chars() {
        match is_escaped(character) {
            true => escaped.extend(character.escape_unicode()),
            false => escaped.push(character),
        }
    }
    Cow::Owned(escaped)
}

/// Returns text from outside for use within a line: line feeds and tabs become visible.
pub fn visible(text: &str) -> Cow<'_, str> {
    escape(text, is_hidden)
}

/// Returns text that can have several lines. All but the first are indented, so that none looks
/// like another message.
pub(super) fn paragraph(text: &str) -> Cow<'_, str> {
    match text.contains('\n') {
        true => Cow::Owned(text.trim_end_matches('\n').replace('\n', "\n    ")),
        false => Cow::Borrowed(text),
    }
}

/// Returns a document for printing. JSON does not require these characters to be escaped, but
/// allows it.
pub(super) fn document(value: &Value) -> String {
    escaped_document(&format!("{value:#}\n"))
}

/// Returns a document for printing on one line, which ends with a line feed.
pub(super) fn document_line(value: &Value) -> String {
    escaped_document(&format!("{value}\n"))
}

fn escaped_document(document: &str) -> String {
    let mut text = String::new();
    for character in document.chars() {
        // Line feeds are the only control characters outside of its strings.
        if is_hidden(character) && character != '\n' {
            for unit in character.encode_utf16(&mut [0; 2]) {
                text.push_str(&format!("\\u{unit:04x}"));
            }
        } else {
            text.push(character);
        }
    }
    text
}

/// The beginning of a style's mark. It is a noncharacter, which [`finish`] escapes unless the
/// number follows.
const MARK: char = '\u{fdd0}';

static MARKS: LazyLock<String> = LazyLock::new(|| {
    let number = RandomState::new().hash_one(MARK);
    format!("{MARK}{number:016x}")
});

/// The style of a text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Style {
    Plain,
    Bold,
    Dimmed,
    Red,
    Green,
    Yellow,
    Cyan,
}

impl Style {
    const ALL: [Self; 7] = [
        Self::Plain,
        Self::Bold,
        Self::Dimmed,
        Self::Red,
        Self::Green,
        Self::Yellow,
        Self::Cyan,
    ];

    /// Returns the letter in its mark and its control sequence ("Select Graphic Rendition" in
    /// ECMA-48).
    const fn written(self) -> (char, &'static str) {
        match self {
            Self::Plain => ('p', "\u{1b}[0m"),
            Self::Bold => ('b', "\u{1b}[1m"),
            Self::Dimmed => ('d', "\u{1b}[2m"),
            Self::Red => ('r', "\u{1b}[31m"),
            Self::Green => ('g', "\u{1b}[32m"),
            Self::Yellow => ('y', "\u{1b}[33m"),
            Self::Cyan => ('c', "\u{1b}[36m"),
        }
    }

    fn of(letter: char) -> Option<Self> {
        Self::ALL
            .into_iter()
            .find(|style| style.written().0 == letter)
    }
}

/// A text with a style.
pub(super) struct Styled<T> {
    text: T,
    style: Style,
}

impl<T: fmt::Display> fmt::Display for Styled<T> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (begin, end) = (self.style.written().0, Style::Plain.written().0);
        let mark = MARKS.as_str();
        write!(formatter, "{mark}{begin}{}{mark}{end}", self.text)
    }
}

/// Adds styles to everything that can be displayed.
pub(super) trait Styling: fmt::Display {
    /// Returns it in bold.
    fn bold(&self) -> Styled<&Self> {
        self.in_style(Style::Bold)
    }
    /// Returns it dimmed.
    fn dimmed(&self) -> Styled<&Self> {
        self.in_style(Style::Dimmed)
    }
    /// Returns it in red.
    fn red(&self) -> Styled<&Self> {
        self.in_style(Style::Red)
    }
    /// Returns it in green.
    fn green(&self) -> Styled<&Self> {
        self.in_style(Style::Green)
    }
    /// Returns it in yellow.
    fn yellow(&self) -> Styled<&Self> {
        self.in_style(Style::Yellow)
    }
    /// Returns it in cyan.
    fn cyan(&self) -> Styled<&Self> {
        self.in_style(Style::Cyan)
    }
    #[doc(hidden)]
    fn in_style(&self, style: Style) -> Styled<&Self> {
        Styled { text: self, style }
    }
}

impl<T: fmt::Display + ?Sized> Styling for T {}

/// Returns a text for a terminal: with the control sequences of the program's own styles, line
/// feeds, and tabs, and no others.
pub(super) fn finish(text: &str) -> String {
    let is_escaped = |character| is_hidden(character) && !matches!(character, '\n' | '\t');
    let mut pieces = text.split(MARKS.as_str());
    let first = pieces.next().unwrap_or_default();
    let mut finished = escape(first, is_escaped).into_owned();
    for piece in pieces {
        let mut characters = piece.chars();
        if let Some(style) = characters.next().and_then(Style::of) {
            finished.push_str(style.written().1);
        }
        finished.push_str(&escape(characters.as_str(), is_escaped));
    }
    finished
}

/// Writes to stdout without buffering.
///
/// # Errors
///
/// Fails if it cannot be written.
#[expect(clippy::disallowed_methods, reason = "this is the way to stdout")]
pub(super) fn write_out(text: &str) -> io::Result<()> {
    let mut out = anstream::stdout();
    out.write_all(finish(text).as_bytes())?;
    out.flush()
}

/// Writes to stderr. An error is ignored, because it could not be reported.
#[expect(clippy::disallowed_methods, reason = "this is the way to stderr")]
pub(super) fn write_err(text: &str) {
    let mut out = anstream::stderr();
    let _ = out.write_all(finish(text).as_bytes());
    let _ = out.flush();
}

/// Returns stderr as the standard output of a child process, for a command of the user whose output is
/// not the result.
pub fn stderr_for_child() -> std::process::Stdio {
    io::stderr().into()
}

/// Returns whether stderr is a terminal.
pub fn stderr_is_terminal() -> bool {
    io::stderr().is_terminal()
}

/// Returns whether stdout is a terminal.
pub(super) fn stdout_is_terminal() -> bool {
    io::stdout().is_terminal()
}

/// Returns the lines and the columns of the terminal at stderr.
pub(super) fn stderr_size() -> (usize, usize) {
    let (height, width) = console::Term::stderr().size();
    (height.into(), width.into())
}

/// Returns the lines and the columns of the terminal at stdout.
pub(super) fn stdout_size() -> (usize, usize) {
    let (height, width) = console::Term::stdout().size();
    (height.into(), width.into())
}

/// Removes the last lines from a terminal at stdout. An error is ignored: the lines stay.
pub(super) fn remove_lines(count: usize) {
    let _ = console::Term::stdout().clear_last_lines(count);
}

/// Writes prompts for the user at the terminal.
#[derive(Clone, Copy, Debug, Default)]
pub struct Questions;

impl Write for Questions {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        write_err(&String::from_utf8_lossy(bytes));
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Characters of each kind that control a terminal or deceive its reader.
    const HOSTILE: &[char] = &[
        '\0',
        '\u{7}',
        '\u{8}',
        '\r',
        '\u{b}',
        '\u{1b}',
        '\u{7f}',
        '\u{85}',
        '\u{90}',
        '\u{9b}',
        '\u{9d}',
        '\u{61c}',
        '\u{200b}',
        '\u{200d}',
        '\u{200e}',
        '\u{2028}',
        '\u{202a}',
        '\u{202e}',
        '\u{2066}',
        '\u{2069}',
        '\u{feff}',
        '\u{fdd0}',
        '\u{ffff}',
        '\u{e0041}',
    ];

    #[test]
    fn what_comes_from_outside_is_text() {
        for character in HOSTILE {
            let text = format!("before {character}after");
            let escape = format!("before {}after", character.escape_unicode());
            assert_eq!(finish(&text), escape);
            assert_eq!(visible(&text), escape);
        }
        assert_eq!(finish("\u{1b}[31mred\u{1b}[0m"), "\\u{1b}[31mred\\u{1b}[0m");
        assert_eq!(finish("one\n\ttwo"), "one\n\ttwo");
        assert_eq!(visible("one\n\ttwo"), "one\\u{a}\\u{9}two");
        for plain in ["", "Zürich 東京 … ☂ e\u{301}", "\\u{1b}"] {
            assert_eq!(finish(plain), plain);
            assert_eq!(visible(plain), plain);
        }
        assert_eq!(paragraph("one\ntwo\n"), "one\n    two");
    }

    #[test]
    fn our_own_styles_get_through() {
        let text = format!(
            "{} {}",
            "error:".red().bold(),
            "\u{1b}]0;title\u{7}".dimmed()
        );
        assert_eq!(
            finish(&text),
            "\u{1b}[1m\u{1b}[31merror:\u{1b}[0m\u{1b}[0m \u{1b}[2m\\u{1b}]0;title\\u{7}\u{1b}[0m"
        );
        let all = Style::ALL.map(|style| style.written().0);
        for style in Style::ALL {
            assert_eq!(Style::of(style.written().0), Some(style));
            assert_eq!(all.iter().filter(|it| **it == style.written().0).count(), 1);
        }
    }

    #[test]
    fn a_style_cannot_be_forged() {
        for forged in ["\u{fdd0}r", "\u{fdd0}0000000000000000r", "\u{fdd0}"] {
            let shown = finish(&format!("{forged}text"));
            assert!(!shown.contains('\u{1b}'), "{shown}");
            assert!(shown.starts_with("\\u{fdd0}"), "{shown}");
        }
        // Nothing of an incomplete mark remains.
        assert_eq!(finish(&format!("a{}", *MARKS)), "a");
    }

    #[test]
    fn documents_are_plain_and_mean_the_same() {
        let all: String = HOSTILE.iter().collect();
        let value = serde_json::json!({ all.clone(): [all], "line\nfeed": "\t\"\\ ü" });
        let text = document(&value);
        assert!(!text.contains(|it| is_hidden(it) && it != '\n'), "{text:?}");
        assert_eq!(serde_json::from_str::<Value>(&text).unwrap(), value);
        assert!(text.contains("\\u202e"), "{text}");
        assert!(text.contains("\\udb40\\udc41"), "{text}");
        assert!(text.contains('ü'), "{text}");
    }
}
