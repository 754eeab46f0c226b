//! The settings of a role, as `pg_db_role_setting` stores them: `name=value`.
//!
//! A role may set its own, so that their text is written by others: every part of it is quoted.

use crate::server::{ServerError, ServerFault};

use super::{coded, identifier, literal};

/// The settings whose value is a list of quoted names, of which each becomes a literal of its own.
/// Source: `variable_is_guc_list_quote` in PostgreSQL's `dumputils.c`.
const LISTS: [&str; 6] = [
    "local_preload_libraries",
    "search_path",
    "session_preload_libraries",
    "shared_preload_libraries",
    "temp_tablespaces",
    "unix_socket_directories",
];

/// A setting of a role.
#[derive(Debug, PartialEq, Eq)]
pub struct Setting {
    /// The database that it is for, or `None` for all.
    database: Option<String>,
    name: String,
    value: String,
}

/// Reads a setting. Returns `None` for `role`, which a role that acts as another one has anyway.
pub fn read(database: Option<&str>, text: &str) -> Option<Setting> {
    let (name, value) = text.split_once('=')?;
    (name != "role").then(|| Setting {
        database: database.map(str::to_owned),
        name: name.to_owned(),
        value: value.to_owned(),
    })
}

impl Setting {
    /// Returns the statement that sets it for a role, which is an identifier as statements name it.
    ///
    /// # Errors
    ///
    /// Fails if the value is not one that the server stores.
    pub fn statement(&self, role: &str) -> Result<String, ServerError> {
        let database = self.database.as_deref();
        let database = database.map_or_else(String::new, |name| {
            format!(" IN DATABASE {}", identifier(name))
        });
        // A name with a dot belongs to an extension.
        let name: Vec<String> = self.name.split('.').map(identifier).collect();
        let value = match LISTS.contains(&self.name.to_ascii_lowercase().as_str()) {
            false => literal(&self.value),
            true => list(&self.value)
                .ok_or_else(|| coded(ServerFault::Refused, "setting"))?
                .iter()
                .map(|item| literal(item))
                .collect::<Vec<_>>()
                .join(", "),
        };
        Ok(format!(
            "ALTER ROLE {role}{database} SET {} TO {value}",
            name.join(".")
        ))
    }
}

/// Returns the items of a list of names, of which each may be quoted, with doubled quotation marks
/// (`SplitGUCList` in PostgreSQL's `dumputils.c`). A list without items is one empty name.
fn list(text: &str) -> Option<Vec<String>> {
    let mut items = Vec::new();
    let mut rest = text.trim();
    if rest.is_empty() {
        return Some(vec![String::new()]);
    }
    loop {
        let item;
        (item, rest) = match rest.strip_prefix('"') {
            Some(quoted) => until_quotation_mark(quoted)?,
            None => {
                let end = rest.find([',', ' ']).unwrap_or(rest.len());
                (rest[..end].to_owned(), &rest[end..])
            }
        };
        items.push(item);
        rest = rest.trim_start();
        if rest.is_empty() {
            return Some(items);
        }
        rest = rest.strip_prefix(',')?.trim_start();
    }
}

/// Returns a quoted name, and the text after its closing quotation mark.
fn until_quotation_mark(text: &str) -> Option<(String, &str)> {
    let mut name = String::new();
    let mut rest = text;
    loop {
        let (before, after) = rest.split_once('"')?;
        name += before;
        match after.strip_prefix('"') {
            Some(more) => {
                name.push('"');
                rest = more;
            }
            None => return Some((name, after)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn statement(database: Option<&str>, text: &str) -> String {
        let setting = read(database, text).unwrap();
        setting.statement("\"app_clone\"").unwrap()
    }

    #[test]
    fn a_list_keeps_its_items() {
        for (text, expected) in [
            (r#""$user", public"#, vec!["$user", "public"]),
            (r#""a ""b"", c",d"#, vec![r#"a "b", c"#, "d"]),
            (r#""""#, vec![""]),
            ("", vec![""]),
        ] {
            assert_eq!(list(text).unwrap(), expected, "{text}");
        }
        assert_eq!(list(r#""unterminated"#), None);
        assert_eq!(list("a b"), None);
    }

    #[test]
    fn every_part_is_quoted() {
        assert_eq!(
            statement(None, r#"search_path="$user", public"#),
            r#"ALTER ROLE "app_clone" SET "search_path" TO E'$user', E'public'"#
        );
        assert_eq!(
            statement(Some(r#"o"rders"#), "app.note=a=b', x; DROP TABLE y"),
            r#"ALTER ROLE "app_clone" IN DATABASE "o""rders" SET "app"."note" TO E'a=b'', x; DROP TABLE y'"#
        );
    }

    #[test]
    fn the_role_is_not_a_setting_to_copy() {
        assert_eq!(read(None, "role=owner"), None);
        assert_eq!(read(None, "nonsense"), None);
    }
}
