//! What a manifest may grant to a database user that the function creates. The program checks it
//! before a deployment, and the function checks it again before it sends a statement.
//!
//! A grant is the text between GRANT and TO (*GRANT* in the PostgreSQL documentation, the MySQL
//! Reference Manual, and the MariaDB documentation). The function puts it into a statement of its
//! own, so it must not end that statement, and must not name who receives it or how.

use crate::pins::database::Engine;

/// The longest grant, in characters.
const LONGEST: usize = 2_000;

/// Words of other clauses of the statement, and of other statements.
const FOREIGN: [&str; 9] = [
    "TO",
    "WITH",
    "GRANT",
    "GRANTED",
    "REVOKE",
    "FROM",
    "IDENTIFIED",
    "REQUIRE",
    "AS",
];

/// Checks that a text is what one GRANT statement of the engine has between GRANT and TO: privileges,
/// ON, and what they are on.
///
/// # Errors
///
/// Returns what is wrong with it.
pub fn check(grant: &str, engine: Engine) -> Result<(), String> {
    if grant.chars().count() > LONGEST {
        return Err(format!("a grant has at most {LONGEST} characters"));
    }
    let words = words(grant, engine)?;
    let is = |word: &&String, name: &str| word.eq_ignore_ascii_case(name);
    if let Some(word) = words
        .iter()
        .find(|word| FOREIGN.iter().any(|name| is(word, name)))
    {
        return Err(format!(
            "a grant is the text between GRANT and TO, such as `SELECT ON shop.*`, so it cannot contain `{word}`"
        ));
    }
    let on = |word: &String| is(&word, "ON");
    match words.iter().position(on) {
        None => Err(
            "a grant names privileges and, after ON, what they are on; to grant a role, use `roles`"
                .to_owned(),
        ),
        Some(at) if at == 0 || at + 1 == words.len() => Err(
            "a grant has privileges before ON, and what they are on after it".to_owned(),
        ),
        Some(at) if words[at + 1..].iter().any(on) => {
            Err("a grant has one ON; use an item of the list for each".to_owned())
        }
        Some(_) => Ok(()),
    }
}

/// Returns the words of a grant outside parentheses and quotation marks. A quoted name, an operator,
/// and a list in parentheses are one word each, which no keyword equals.
fn words(grant: &str, engine: Engine) -> Result<Vec<String>, String> {
    // MySQL and MariaDB read text in double quotation marks as a string, unless a mode says otherwise.
    let quote = match engine {
        Engine::Postgres => '"',
        Engine::MySql | Engine::MariaDb => '`',
    };
    let mut words = Vec::new();
    let mut word = String::new();
    let mut open = Vec::new();
    let mut characters = grant.chars();
    let mut end = |word: &mut String, nested: bool| {
        let ended = std::mem::take(word);
        // What is in parentheses is columns, arguments, or options.
        if !ended.is_empty() && !nested {
            words.push(ended);
        }
    };
    while let Some(one) = characters.next() {
        match one {
            _ if one == quote => {
                end(&mut word, !open.is_empty());
                let mut quoted = String::from(quote);
                loop {
                    match characters.next() {
                        // A doubled mark ends one part of a name and begins another.
                        Some(next) if next == quote => break,
                        Some(next) if next.is_control() => return Err(control()),
                        Some(next) => quoted.push(next),
                        None => return Err(format!("a name in {quote} does not end")),
                    }
                }
                if open.is_empty() {
                    end(&mut quoted, false);
                }
            }
            '(' | '[' => {
                if !open.is_empty() {
                    check_foreign_in_parentheses(&word)?;
                }
                end(&mut word, !open.is_empty());
                open.push(one);
            }
            ')' | ']' => {
                check_foreign_in_parentheses(&word)?;
                end(&mut word, true);
                let opened = if one == ')' { '(' } else { '[' };
                if open.pop() != Some(opened) {
                    return Err(format!("`{one}` closes nothing"));
                }
            }
            ' ' | ',' | '.' | '*' => {
                if !open.is_empty() {
                    check_foreign_in_parentheses(&word)?;
                }
                end(&mut word, !open.is_empty());
                if open.is_empty() && one != ' ' {
                    end(&mut String::from(one), false);
                }
            }
            '_' => word.push(one),
            _ if one.is_alphanumeric() => word.push(one),
            _ if one.is_control() => return Err(control()),
            ';' => return Err("a grant is one statement, so it has no `;`".to_owned()),
            _ => {
                return Err(format!(
                    "`{one}` is not allowed outside a name in {quote} quotation marks"
                ));
            }
        }
    }
    if let Some(opened) = open.first() {
        return Err(format!("`{opened}` is not closed"));
    }
    end(&mut word, false);
    Ok(words)
}

/// Refuses a clause of another statement within parentheses.
fn check_foreign_in_parentheses(word: &str) -> Result<(), String> {
    match FOREIGN.iter().any(|name| word.eq_ignore_ascii_case(name)) {
        true => Err(format!("a grant cannot contain `{word}`")),
        false => Ok(()),
    }
}

fn control() -> String {
    "a grant cannot contain control characters or line breaks".to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_engines_grant_is_accepted() {
        for (engine, grant) in [
            (Engine::MySql, "SELECT ON shop.*"),
            (
                Engine::MySql,
                "SELECT (id, name), INSERT ON `shop`.`or``ders`",
            ),
            (Engine::MySql, r"SELECT, LOCK TABLES ON `my\_shop`.*"),
            (Engine::MariaDb, "BINLOG ADMIN, REPLICATION CLIENT ON *.*"),
            (Engine::MySql, "ALL PRIVILEGES ON shop.*"),
            (
                Engine::Postgres,
                "SELECT, INSERT ON ALL TABLES IN SCHEMA public",
            ),
            (
                Engine::Postgres,
                r#"UPDATE (price) ON "Shop"."the "" table to""#,
            ),
            (
                Engine::Postgres,
                "EXECUTE ON FUNCTION total(integer[], text)",
            ),
            (Engine::Postgres, "CONNECT, TEMP ON DATABASE orders"),
        ] {
            assert_eq!(check(grant, engine), Ok(()), "{grant}");
        }
    }

    #[test]
    fn nothing_reaches_beyond_the_text_between_grant_and_to() {
        for grant in [
            "",
            " ",
            "SELECT",
            "readers",
            "ON shop.*",
            "SELECT ON",
            "SELECT ON a ON b",
            "GRANT SELECT ON shop.*",
            "SELECT ON shop.* TO app",
            "SELECT ON shop.* to app",
            "SELECT ON shop.* WITH GRANT OPTION",
            "GRANT OPTION ON *.*",
            "PROXY ON 'a'@'b'",
            "SELECT ON shop.*; DROP TABLE x",
            "SELECT ON shop.* -- TO",
            "SELECT ON shop.* # TO",
            "SELECT ON shop.* /* TO */",
            "SELECT ON shop.*\nTO app",
            "SELECT ON shop.`orders",
            "SELECT ON shop.\"orders",
            "SELECT ON shop.'orders'",
            "SELECT (id ON shop.orders",
            "SELECT id) ON shop.orders",
            "SELECT (id] ON shop.orders",
            "SELECT (id TO app) ON shop.orders",
            "SELECT ON shop.orders$$x$$",
            r"SELECT ON shop.\orders",
            "SELECT ON shop.*@x",
        ] {
            for engine in Engine::ALL {
                assert!(check(grant, engine).is_err(), "{grant}");
            }
        }
        // Each engine has its own quotation marks.
        assert!(check(r#"SELECT ON "shop".x"#, Engine::MySql).is_err());
        assert!(check("SELECT ON `shop`.x", Engine::Postgres).is_err());
        assert!(check(&format!("SELECT ON {}", "x".repeat(LONGEST)), Engine::MySql).is_err());
    }
}
