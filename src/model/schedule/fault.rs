//! Why an expression is refused, and at which part.

use std::fmt;
use std::ops::Range;

/// The maximum number of characters of an expression to show.
const LONGEST_SHOWN: usize = 80;

/// Why an expression is refused, and at which part.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ScheduleFault {
    /// The expression as it was written.
    pub expression: String,
    /// The field, such as `month`, or `None` for the whole expression.
    pub field: Option<&'static str>,
    /// The bytes of the part in the expression.
    pub part: Range<usize>,
    /// The reason.
    pub why: String,
}

impl ScheduleFault {
    /// Returns the expression with the part marked on a second line, or `None` if it contains
    /// characters without a fixed width.
    pub fn excerpt(&self) -> Option<String> {
        let plain = |byte: u8| byte.is_ascii_graphic() || byte == b' ';
        if self.expression.len() > LONGEST_SHOWN || !self.expression.bytes().all(plain) {
            return None;
        }
        let width = self.part.len().max(1);
        Some(format!(
            "{}\n{}{}",
            self.expression,
            " ".repeat(self.part.start),
            "^".repeat(width)
        ))
    }
}

impl fmt::Display for ScheduleFault {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut shown: String = self.expression.chars().take(LONGEST_SHOWN).collect();
        if shown.len() < self.expression.len() {
            shown.push('…');
        }
        write!(formatter, "{}: ", shown.escape_debug())?;
        if let Some(field) = self.field {
            write!(formatter, "{field} ")?;
        }
        formatter.write_str(&self.why)
    }
}
