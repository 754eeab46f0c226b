//! The one way to a terminal: what comes from outside stays text there.
//!
//! Names, tags, values, reasons of events, and messages of servers are written by
//! others, and a terminal obeys control characters wherever they come from. So
//! everything that this program prints passes [`finish`], which writes each
//! character that does more than stand there as an escape (`\u{1b}`). No caller has
//! to remember to escape anything: a lint (`clippy.toml`) and a test allow the streams
//! here alone.
//!
//! Colour is ours, and has to get through. It is written between marks that hold a
//! random number of this process, which nobody outside knows, and becomes a control
//! sequence only here.
//!
//! Line feeds are ours as well. Text from outside that stands in a line or a cell of
//! its own goes through [`visible`] or [`paragraph`], so that it cannot begin a line
//! that looks like one of ours.

use std::borrow::Cow;
use std::fmt;
use std::hash::{BuildHasher, RandomState};
use std::io::{self, IsTerminal, Write};
use std::sync::LazyLock;

use serde_json::Value;

/// Returns whether a character must be shown as an escape: controls (C0, DEL, C1), what
/// reorders or hides text (bidirectional controls, characters without width, tags), line
/// and paragraph separators, and noncharacters.
///
/// Source: "Unicode Bidirectional Algorithm" (UAX #9) and "Unicode Security
/// Considerations" (UTR #36).
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

/// Returns text from outside as it may stand within a line: line feeds and tabs are
/// visible, too.
pub(super) fn visible(text: &str) -> Cow<'_, str> {
    escape(text, is_hidden)
}

/// Returns text that may have several lines: all but the first are indented, so that
/// none looks like a message of its own.
pub(super) fn paragraph(text: &str) -> Cow<'_, str> {
    match text.contains('\n') {
        true => Cow::Owned(text.trim_end_matches('\n').replace('\n', "\n    ")),
        false => Cow::Borrowed(text),
    }
}

/// Returns a document as it is printed: JSON leaves some of these characters as they
/// are, and allows each to be escaped.
pub(super) fn document(value: &Value) -> String {
    let mut text = String::new();
    for character in format!("{value:#}\n").chars() {
        // The only controls outside of its strings are line feeds.
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

/// What a style's mark begins with. It is a noncharacter, which [`finish`] escapes
/// wherever the number does not follow.
const MARK: char = '\u{fdd0}';

static MARKS: LazyLock<String> = LazyLock::new(|| {
    let number = RandomState::new().hash_one(MARK);
    format!("{MARK}{number:016x}")
});

/// How a text is drawn.
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

    /// Returns the letter in its mark, and its control sequence ("Select Graphic
    /// Rendition" in ECMA-48).
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

/// A text in a style, which it is shown in once it is printed.
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

/// Styles for whatever can be displayed.
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

/// Returns a text as it goes to a terminal: with the control sequences of our own
/// styles, line feeds and tabs, and no others.
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

/// Writes to stdout, at once.
///
/// # Errors
///
/// Returns why it cannot be written.
#[expect(clippy::disallowed_methods, reason = "this is the way to stdout")]
pub(super) fn write_out(text: &str) -> io::Result<()> {
    let mut out = anstream::stdout();
    out.write_all(finish(text).as_bytes())?;
    out.flush()
}

/// Writes to stderr. Where that cannot be written, there is nobody to tell.
#[expect(clippy::disallowed_methods, reason = "this is the way to stderr")]
pub(super) fn write_err(text: &str) {
    let mut out = anstream::stderr();
    let _ = out.write_all(finish(text).as_bytes());
    let _ = out.flush();
}

/// Returns whether somebody looks at stderr.
pub fn stderr_is_terminal() -> bool {
    io::stderr().is_terminal()
}

/// Where questions to the person at the terminal are written.
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

    /// Characters of each kind that a terminal obeys, or that deceive its reader.
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
        // Where a mark is cut short, nothing of it is left.
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
