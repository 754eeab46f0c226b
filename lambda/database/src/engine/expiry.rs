//! When a password expires, in the statement that would create an account again.
//!
//! MySQL and MariaDB write `PASSWORD EXPIRE`, followed by `DEFAULT`, `NEVER`, or `INTERVAL n DAY`, or
//! by none of them if the password has expired (*CREATE USER Password-Management Options* in the
//! MySQL Reference Manual, *User Password Expiry* in the MariaDB documentation).

use crate::server::PasswordExpiry;

/// Returns when the password of an account expires, if it does. `default` is the server's
/// `default_password_lifetime` in days, of which 0 means never.
pub(super) fn of_statement(statement: &str, default: u32) -> Option<PasswordExpiry> {
    let words = words(statement);
    let at = words
        .windows(2)
        .position(|pair| pair[0].is("PASSWORD") && pair[1].is("EXPIRE"));
    let days = match at.map(|at| &words[at + 2..]) {
        // MariaDB leaves the default out.
        None => default,
        Some([first, ..]) if first.is("DEFAULT") => default,
        Some([first, ..]) if first.is("NEVER") => 0,
        Some([first, days, ..]) if first.is("INTERVAL") => days.plain()?.parse().ok()?,
        Some(_) => return Some(PasswordExpiry::Expired),
    };
    (days > 0).then_some(PasswordExpiry::DaysAfterChange(days))
}

/// A word of a statement.
pub(super) enum Word {
    /// A keyword or a number.
    Plain(String),
    /// What is quoted: a name, a comment, or the stored form of a password, which others choose.
    Quoted(String),
}

impl Word {
    /// Returns whether this is the keyword, in upper or lower case.
    pub(super) fn is(&self, keyword: &str) -> bool {
        self.plain()
            .is_some_and(|word| word.eq_ignore_ascii_case(keyword))
    }

    /// Returns the word unless it is quoted.
    pub(super) fn plain(&self) -> Option<&str> {
        match self {
            Self::Plain(word) => Some(word),
            Self::Quoted(_) => None,
        }
    }

    /// Returns the word, or what is quoted.
    pub(super) fn text(&self) -> &str {
        match self {
            Self::Plain(word) | Self::Quoted(word) => word,
        }
    }
}

/// Returns the words of a statement.
pub(super) fn words(statement: &str) -> Vec<Word> {
    let mut words = Vec::new();
    let mut plain = String::new();
    let mut characters = statement.chars();
    while let Some(character) = characters.next() {
        let is_quote = ['\'', '"', '`'].contains(&character);
        if !is_quote && !character.is_whitespace() {
            plain.push(character);
            continue;
        }
        if !plain.is_empty() {
            words.push(Word::Plain(std::mem::take(&mut plain)));
        }
        if !is_quote {
            continue;
        }
        let mut quoted = String::new();
        while let Some(next) = characters.next() {
            match next {
                '\\' if character != '`' => quoted.extend(characters.next()),
                // A doubled quotation mark ends one literal and begins another.
                _ if next == character => break,
                _ => quoted.push(next),
            }
        }
        words.push(Word::Quoted(quoted));
    }
    if !plain.is_empty() {
        words.push(Word::Plain(plain));
    }
    words
}

#[cfg(test)]
mod tests {
    use super::of_statement;
    use crate::server::PasswordExpiry::{self, DaysAfterChange, Expired};

    fn of(options: &str, default: u32) -> Option<PasswordExpiry> {
        let before =
            "CREATE USER `app`@`%` IDENTIFIED WITH 'caching_sha2_password' AS '$A$x' REQUIRE NONE";
        of_statement(&format!("{before} {options} ACCOUNT UNLOCK"), default)
    }

    #[test]
    fn each_form_is_read() {
        assert_eq!(
            of("PASSWORD EXPIRE INTERVAL 90 DAY", 5),
            Some(DaysAfterChange(90))
        );
        assert_eq!(of("PASSWORD EXPIRE DEFAULT", 0), None);
        assert_eq!(of("PASSWORD EXPIRE DEFAULT", 5), Some(DaysAfterChange(5)));
        assert_eq!(of("PASSWORD EXPIRE NEVER", 5), None);
        assert_eq!(of("PASSWORD EXPIRE", 0), Some(Expired));
        assert_eq!(of("", 7), Some(DaysAfterChange(7)));
        assert_eq!(of("", 0), None);
        assert_eq!(of_statement("create user x password expire never", 3), None);
    }

    #[test]
    fn what_is_quoted_says_nothing() {
        for quoted in [
            "COMMENT 'PASSWORD EXPIRE INTERVAL 1 DAY'",
            r"COMMENT 'it\'s PASSWORD EXPIRE'",
            "COMMENT 'it''s PASSWORD EXPIRE'",
            "ATTRIBUTE \"PASSWORD EXPIRE\"",
            "DEFAULT ROLE `PASSWORD EXPIRE`@`%`",
        ] {
            assert_eq!(of(quoted, 0), None, "{quoted}");
        }
        assert_eq!(of("COMMENT 'unterminated", 0), None);
    }
}
