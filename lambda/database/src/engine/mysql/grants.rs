//! What a server says about an account's rights: the answers to `SHOW GRANTS` and `SHOW CREATE USER`.
//!
//! Both are statements, and names in them may contain any character, so that they are read token by
//! token. A grant of MariaDB repeats the stored form of the password (`IDENTIFIED BY PASSWORD '…'`).
//! What comes after the grantee is never repeated, except for the options that pass on the right.
//!
//! Sources: *SHOW GRANTS Statement* and *SHOW CREATE USER Statement* in the MySQL Reference Manual,
//! *SHOW GRANTS* and *SHOW CREATE USER* in the MariaDB documentation.

/// A right of an account.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Right {
    /// The statement up to the account, such as `` GRANT SELECT ON `shop`.* TO ``.
    head: String,
    /// What comes after the account.
    option: &'static str,
}

/// What a right does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Effect {
    /// It grants something, or sets the default role.
    Adds,
    /// It restricts what another right grants (*Partial Revokes*).
    Restricts,
}

impl Right {
    /// Reads a line of `SHOW GRANTS` for an account. Returns `None` for a line about another grantee,
    /// such as a role of the account or `PUBLIC`, and for one that grants nothing.
    pub fn read(line: &str, username: &str, host: &str) -> Option<Self> {
        let tokens = tokens(line)?;
        let before = match tokens.first()?.word()? {
            "GRANT" => "TO",
            "REVOKE" => "FROM",
            "SET" => "FOR",
            _ => return None,
        };
        let at = tokens.iter().position(|it| it.word() == Some(before))?;
        let (grantee, rest) = account(tokens.get(at + 1..)?)?;
        if grantee != (username.to_owned(), host.to_owned()) {
            return None;
        }
        let mut words = rest
            .iter()
            .filter_map(Token::word)
            .skip_while(|it| *it != "WITH");
        let option = match words.find(|it| ["GRANT", "ADMIN"].contains(it)) {
            Some("GRANT") => " WITH GRANT OPTION",
            Some(_) => " WITH ADMIN OPTION",
            None => "",
        };
        let head = line.get(..tokens.get(at)?.end)?.to_owned();
        (head != "GRANT USAGE ON *.* TO" || !option.is_empty()).then_some(Self { head, option })
    }

    /// Returns the statement that gives the right to an account, as statements name it.
    pub fn statement(&self, account: &str) -> String {
        format!("{} {account}{}", self.head, self.option)
    }

    /// Returns what it does.
    pub fn effect(&self) -> Effect {
        match self.head.starts_with("REVOKE") {
            true => Effect::Restricts,
            false => Effect::Adds,
        }
    }

    /// Returns whether an account that has these rights has this one already. A server writes the same
    /// right in the same way. If it is part of another one, it is granted again, which adds nothing.
    pub fn is_among(&self, rights: &[Self]) -> bool {
        let covers = |it: &Self| it.option == self.option || self.option.is_empty();
        rights.iter().any(|it| it.head == self.head && covers(it))
    }
}

/// What `SHOW CREATE USER` says, besides the password.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Definition {
    /// The authentication plugin, if the statement names one.
    pub plugin: Option<String>,
    /// The roles that a login activates, as statements name them. Only MySQL lists them here.
    pub default_roles: Vec<String>,
    /// The required kind of connection, and the limits, as statements have them behind the password.
    pub options: String,
}

impl Definition {
    /// Reads the answer to `SHOW CREATE USER`.
    pub fn read(statement: &str) -> Option<Self> {
        let tokens = tokens(statement)?;
        let position = |words: &[&str]| {
            let fits = |window: &[Token]| {
                let words = words.iter().map(|word| Some(*word));
                window.iter().map(Token::word).eq(words)
            };
            tokens.windows(words.len()).position(fits)
        };
        let plugin = position(&["IDENTIFIED", "WITH"]).or_else(|| position(&["IDENTIFIED", "VIA"]));
        let plugin = plugin.and_then(|at| tokens.get(at + 2)?.name());
        let mut default_roles = Vec::new();
        if let Some(at) = position(&["DEFAULT", "ROLE"]) {
            let listed = tokens.get(at + 2..)?;
            let ends = |it: &Token| {
                it.word()
                    .is_some_and(|word| !["NONE", "@", ","].contains(&word))
            };
            let end = listed.iter().position(ends).unwrap_or(listed.len());
            let listed = listed.get(..end)?;
            for role in listed.split(|it| it.word() == Some(",")) {
                if let (Some(first), Some(last)) = (role.first(), role.last())
                    && first.word().is_none()
                {
                    default_roles.push(statement.get(first.start..last.end)?.to_owned());
                }
            }
        }
        let mut options = String::new();
        // Each clause ends where the next one begins. Those that are left out are about passwords, or
        // lock the account.
        for clause in ["REQUIRE", "WITH"] {
            // The plugin comes after another `WITH`.
            let is_clause = |(at, it): &(usize, &Token)| {
                let before = at.checked_sub(1).and_then(|at| tokens.get(at)?.word());
                it.word() == Some(clause) && before != Some("IDENTIFIED")
            };
            let Some((at, first)) = tokens.iter().enumerate().find(is_clause) else {
                continue;
            };
            let ends = |it: &&Token| it.word().is_some_and(|word| CLAUSES.contains(&word));
            let next = tokens.get(at + 1..)?.iter().find(ends);
            let end = next.map_or(statement.len(), |it| it.start);
            options += &format!(" {}", statement.get(first.start..end)?.trim_end());
        }
        Some(Self {
            plugin,
            default_roles,
            options,
        })
    }
}

/// The words with which a clause of `CREATE USER` begins after the password.
const CLAUSES: [&str; 8] = [
    "REQUIRE",
    "WITH",
    "PASSWORD",
    "ACCOUNT",
    "FAILED_LOGIN_ATTEMPTS",
    "PASSWORD_LOCK_TIME",
    "COMMENT",
    "ATTRIBUTE",
];

/// A part of a statement.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Token {
    /// Where it is in the statement.
    start: usize,
    end: usize,
    kind: TokenKind,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum TokenKind {
    /// A keyword in upper case, a number, or one other character.
    Word(String),
    /// What a quoted name or literal stands for.
    Quoted(String),
}

impl Token {
    fn word(&self) -> Option<&str> {
        match &self.kind {
            TokenKind::Word(word) => Some(word),
            TokenKind::Quoted(_) => None,
        }
    }

    /// Returns the name that it is, quoted or not.
    fn name(&self) -> Option<String> {
        let (TokenKind::Word(name) | TokenKind::Quoted(name)) = &self.kind;
        let is_quoted = matches!(self.kind, TokenKind::Quoted(_));
        Some(match is_quoted {
            true => name.clone(),
            // A plugin's name, which MariaDB does not quote.
            false => name.to_ascii_lowercase(),
        })
    }
}

/// Returns the account at the beginning, and the rest. A role of MariaDB has no host.
fn account(tokens: &[Token]) -> Option<((String, String), &[Token])> {
    let quoted = |at: usize| match &tokens.get(at)?.kind {
        TokenKind::Quoted(name) => Some(name.clone()),
        TokenKind::Word(_) => None,
    };
    let name = quoted(0)?;
    match tokens.get(1).and_then(Token::word) {
        Some("@") => Some(((name, quoted(2)?), tokens.get(3..)?)),
        _ => Some(((name, String::new()), tokens.get(1..)?)),
    }
}

/// Returns the tokens of a statement, or `None` if a quotation does not end.
fn tokens(statement: &str) -> Option<Vec<Token>> {
    let mut tokens = Vec::new();
    let mut characters = statement.char_indices().peekable();
    while let Some((start, first)) = characters.next() {
        if first.is_whitespace() {
            continue;
        }
        if ['\'', '"', '`'].contains(&first) {
            let mut text = String::new();
            loop {
                let (_, next) = characters.next()?;
                match next {
                    // A name has no escapes.
                    '\\' if first != '`' => text.push(characters.next()?.1),
                    _ if next != first => text.push(next),
                    // A doubled quotation mark stands for one.
                    _ if characters.next_if(|(_, it)| *it == first).is_some() => text.push(first),
                    _ => break,
                }
            }
            let end = characters.peek().map_or(statement.len(), |(at, _)| *at);
            let kind = TokenKind::Quoted(text);
            tokens.push(Token { start, end, kind });
            continue;
        }
        let mut text = first.to_string();
        let is_of_word = |it: char| it.is_ascii_alphanumeric() || it == '_';
        while is_of_word(first)
            && let Some((_, next)) = characters.next_if(|(_, it)| is_of_word(*it))
        {
            text.push(next);
        }
        let end = characters.peek().map_or(statement.len(), |(at, _)| *at);
        let kind = TokenKind::Word(text.to_ascii_uppercase());
        tokens.push(Token { start, end, kind });
    }
    Some(tokens)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn given(line: &str) -> Option<String> {
        let right = Right::read(line, "app", "10.0.%")?;
        Some(right.statement("'new'@'10.0.%'"))
    }

    #[test]
    fn a_right_is_given_to_another_account() {
        for (line, expected) in [
            (
                "GRANT SELECT, INSERT (`a`, `b TO x`) ON `o``dd\\`.`t TO 'y'` TO `app`@`10.0.%`",
                "GRANT SELECT, INSERT (`a`, `b TO x`) ON `o``dd\\`.`t TO 'y'` TO 'new'@'10.0.%'",
            ),
            (
                "GRANT EXECUTE ON PROCEDURE `shop`.`p` TO 'app'@'10.0.%' WITH GRANT OPTION",
                "GRANT EXECUTE ON PROCEDURE `shop`.`p` TO 'new'@'10.0.%' WITH GRANT OPTION",
            ),
            (
                "GRANT `r`@`%`,`s`@`%` TO `app`@`10.0.%` WITH ADMIN OPTION",
                "GRANT `r`@`%`,`s`@`%` TO 'new'@'10.0.%' WITH ADMIN OPTION",
            ),
            (
                "REVOKE INSERT ON `secret`.* FROM `app`@`10.0.%`",
                "REVOKE INSERT ON `secret`.* FROM 'new'@'10.0.%'",
            ),
            (
                "SET DEFAULT ROLE `readers` FOR `app`@`10.0.%`",
                "SET DEFAULT ROLE `readers` FOR 'new'@'10.0.%'",
            ),
            (
                "GRANT USAGE ON *.* TO `app`@`10.0.%` WITH GRANT OPTION",
                "GRANT USAGE ON *.* TO 'new'@'10.0.%' WITH GRANT OPTION",
            ),
        ] {
            assert_eq!(given(line).as_deref(), Some(expected));
        }
    }

    #[test]
    fn the_password_is_not_repeated() {
        for password in [
            "IDENTIFIED BY PASSWORD '*0123'",
            "IDENTIFIED VIA ed25519 USING 'WITH GRANT OPTION' OR unix_socket",
            "IDENTIFIED BY PASSWORD '*0' REQUIRE SUBJECT 'WITH ADMIN OPTION' WITH MAX_USER_CONNECTIONS 5",
        ] {
            let line = format!("GRANT PROCESS ON *.* TO `app`@`10.0.%` {password}");
            let expected = "GRANT PROCESS ON *.* TO 'new'@'10.0.%'";
            assert_eq!(given(&line).as_deref(), Some(expected));
        }
    }

    #[test]
    fn what_another_grantee_has_is_left_alone() {
        for line in [
            "GRANT SELECT ON `shop`.* TO `app`@`%`",
            "GRANT SELECT ON `shop`.* TO `readers`",
            "GRANT SELECT ON `shop`.* TO PUBLIC",
            "GRANT USAGE ON *.* TO `app`@`10.0.%`",
            "GRANT SELECT ON `unterminated TO `app`@`10.0.%`",
            "DROP USER `app`@`10.0.%`",
        ] {
            assert_eq!(given(line), None, "{line}");
        }
    }

    #[test]
    fn a_right_with_an_option_covers_the_one_without() {
        let read = |option| {
            let line = format!("GRANT SELECT ON `a`.* TO `app`@`%`{option}");
            Right::read(&line, "app", "%").unwrap()
        };
        let (plain, passed_on) = (read(""), read(" WITH GRANT OPTION"));
        assert!(plain.is_among(std::slice::from_ref(&passed_on)));
        assert!(!passed_on.is_among(std::slice::from_ref(&plain)));
        assert!(!plain.is_among(&[]));
    }

    #[test]
    fn a_definition_keeps_what_is_not_about_the_password() {
        let read = |text| Definition::read(text).unwrap();
        let mysql = read(
            "CREATE USER `app`@`%` IDENTIFIED WITH 'caching_sha2_password' AS '$A$005$\\'x WITH y' \
             DEFAULT ROLE `r`@`%`,`REQUIRE`@`%` REQUIRE SUBJECT '/CN=it''s WITH' AND ISSUER 'x' \
             WITH MAX_QUERIES_PER_HOUR 5 MAX_USER_CONNECTIONS 7 PASSWORD EXPIRE DEFAULT ACCOUNT UNLOCK \
             PASSWORD HISTORY DEFAULT COMMENT 'WITH MAX_USER_CONNECTIONS 9'",
        );
        assert_eq!(mysql.plugin.as_deref(), Some("caching_sha2_password"));
        assert_eq!(mysql.default_roles, ["`r`@`%`", "`REQUIRE`@`%`"]);
        assert_eq!(
            mysql.options,
            " REQUIRE SUBJECT '/CN=it''s WITH' AND ISSUER 'x' WITH MAX_QUERIES_PER_HOUR 5 MAX_USER_CONNECTIONS 7"
        );
        let mariadb = read(
            "CREATE USER `app`@`%` IDENTIFIED VIA ed25519 USING 'x' REQUIRE SSL WITH MAX_USER_CONNECTIONS 5.000000 ACCOUNT LOCK",
        );
        assert_eq!(mariadb.plugin.as_deref(), Some("ed25519"));
        assert_eq!(
            mariadb.options,
            " REQUIRE SSL WITH MAX_USER_CONNECTIONS 5.000000"
        );
        let plain = read("CREATE USER `app`@`%` IDENTIFIED BY PASSWORD '*0'");
        assert_eq!(plain, Definition::default());
        let none = read("CREATE USER `app`@`%` IDENTIFIED WITH 'x' DEFAULT ROLE NONE REQUIRE NONE");
        assert_eq!(
            (none.default_roles.len(), none.options.as_str()),
            (0, " REQUIRE NONE")
        );
    }
}
