//! Why an expression is refused, and where.

use std::fmt;
use std::ops::Range;

/// Longer expressions are shown by their beginning.
const LONGEST_SHOWN: usize = 80;

/// Why an expression is refused, and where.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ScheduleFault {
    /// The expression as it was written.
    pub expression: String,
    /// The field it is about, such as `month`; absent where it is the whole.
    pub field: Option<&'static str>,
    /// Which bytes of the expression it is about.
    pub part: Range<usize>,
    /// What is wrong with it.
    pub why: String,
}

impl ScheduleFault {
    /// Returns the expression with the part marked below it, two lines; nothing
    /// where it holds what has no fixed width.
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
