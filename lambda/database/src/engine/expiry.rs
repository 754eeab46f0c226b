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
        .position(|pair| pair == ["PASSWORD", "EXPIRE"]);
    let days = match at.map(|at| &words[at + 2..]) {
        // MariaDB leaves the default out.
        None => default,
        Some([first, ..]) if first == "DEFAULT" => default,
        Some([first, ..]) if first == "NEVER" => 0,
        Some([first, days, ..]) if first == "INTERVAL" => days.parse().ok()?,
        Some(_) => return Some(PasswordExpiry::Expired),
    };
    (days > 0).then_some(PasswordExpiry::DaysAfterChange(days))
}

/// Returns the words of a statement in upper case, without what is quoted: names, comments, and
/// the stored form of a password are chosen by others.
fn words(statement: &str) -> Vec<String> {
    let mut plain = String::with_capacity(statement.len());
    let mut characters = statement.chars();
    while let Some(character) = characters.next() {
        if !['\'', '"', '`'].contains(&character) {
            plain.push(character);
            continue;
        }
        plain.push(' ');
        while let Some(quoted) = characters.next() {
            match quoted {
                '\\' if character != '`' => drop(characters.next()),
                // A doubled quotation mark ends one literal and begins another.
                _ if quoted == character => break,
                _ => {}
            }
        }
    }
    plain
        .split_whitespace()
        .map(str::to_ascii_uppercase)
        .collect()
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
