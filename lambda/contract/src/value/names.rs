//! The names that the fields have in one secret.
//!
//! Every field has a default name, by which keyrota's own texts call it. The manifest can give
//! it another one. A renaming takes two rotations: after the first one, the value has the field
//! under both names, so that clients can change over, and after the second one only under the
//! present name. Which of the two is due follows from AWSCURRENT's value alone.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::object::Object;
use super::{ACCESS_KEY, SECRET_KEY};

/// The names that the fields have in one secret.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Names(BTreeMap<String, Vec<String>>);

/// Why a field cannot be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unclear {
    /// It is not of the expected type.
    Malformed,
    /// It has different values, under two names or under the same name twice.
    Ambiguous,
}

/// What the next rotation does to the name of a field.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Renaming {
    /// Nothing.
    None,
    /// It adds the field under its present name.
    Adds,
    /// It removes the field under its former names.
    Removes,
}

impl Names {
    /// Returns the names of fields, by their default names: the present name first, then the
    /// former ones that a value may still have. A field that is absent has its default name.
    pub fn new(names: BTreeMap<String, Vec<String>>) -> Self {
        Self(names)
    }

    /// Returns the names of a value whose fields were never renamed.
    pub fn default_names() -> &'static Self {
        static DEFAULT: Names = Names(BTreeMap::new());
        &DEFAULT
    }

    /// Returns the names under which a value is read whose names nobody has said: the default
    /// names and, for an access key, those of the environment variables that AWS's SDKs read
    /// ("Environment variables to configure the AWS CLI" in the AWS CLI User Guide).
    pub fn usual() -> Self {
        let name =
            |field: &str, name: &str| (field.to_owned(), vec![field.to_owned(), name.to_owned()]);
        Self::new(BTreeMap::from([
            name(ACCESS_KEY, "AWS_ACCESS_KEY_ID"),
            name(SECRET_KEY, "AWS_SECRET_ACCESS_KEY"),
        ]))
    }

    /// Returns whether all fields have their default names.
    pub fn are_default(&self) -> bool {
        self.0.is_empty()
    }

    /// Returns whether the names fit a value with these fields: each name belongs to one field,
    /// and is not the default name of another one.
    pub fn are_sound(&self, fields: &[&str]) -> bool {
        let mut taken = Vec::new();
        for (field, names) in &self.0 {
            let is_sound = |name: &String| {
                !name.is_empty() && (name == field || !fields.contains(&name.as_str()))
            };
            if !fields.contains(&field.as_str()) || names.is_empty() || !names.iter().all(is_sound)
            {
                return false;
            }
            taken.extend(names);
        }
        let count = taken.len();
        taken.sort();
        taken.dedup();
        taken.len() == count
    }

    /// Returns the present name of a field.
    pub fn of<'a>(&'a self, field: &'a str) -> &'a str {
        self.0
            .get(field)
            .and_then(|names| names.first())
            .map_or(field, String::as_str)
    }

    /// Returns the names that a value may have a field under, the present one first.
    pub fn all<'a>(&'a self, field: &'a str) -> Vec<&'a str> {
        match self.0.get(field) {
            Some(names) => names.iter().map(String::as_str).collect(),
            None => vec![field],
        }
    }

    /// Reads a field under all its names with `parse`, which gets JSON and returns `None` for a
    /// value that is not of the expected type.
    ///
    /// # Errors
    ///
    /// Fails if the field is not of the expected type, or has different values.
    pub fn read<T: PartialEq>(
        &self,
        value: &Object,
        field: &str,
        parse: impl Fn(&str) -> Option<T>,
    ) -> Result<Option<T>, Unclear> {
        let mut found: Option<T> = None;
        for name in self.all(field) {
            for held in value.values(name).filter(|held| !is_empty(held)) {
                let held = parse(held).ok_or(Unclear::Malformed)?;
                if found.as_ref().is_some_and(|found| *found != held) {
                    return Err(Unclear::Ambiguous);
                }
                found = Some(held);
            }
        }
        Ok(found)
    }

    /// Reads a field that is text. An empty text counts as absent.
    ///
    /// # Errors
    ///
    /// Fails if the field is not text, or has different values.
    pub fn text(&self, value: &Object, field: &str) -> Result<Option<String>, Unclear> {
        self.read(value, field, |held| serde_json::from_str(held).ok())
    }

    /// Reads a field that is the number of a TCP port, or text with such a number.
    ///
    /// # Errors
    ///
    /// Fails if the field is no such number, or has different values.
    pub fn port(&self, value: &Object, field: &str) -> Result<Option<u16>, Unclear> {
        self.read(value, field, |held| {
            let port = match serde_json::from_str::<String>(held) {
                Ok(text) => text.parse().ok(),
                Err(_) => serde_json::from_str(held).ok(),
            };
            port.filter(|port| *port > 0)
        })
    }

    /// Returns the names of a field under which a value has it.
    pub fn held<'a>(&'a self, value: &Object, field: &'a str) -> Vec<&'a str> {
        let mut names = self.all(field);
        names.retain(|name| value.values(name).any(|held| !is_empty(held)));
        names
    }

    /// Returns what the next rotation does to the name of a field.
    pub fn renaming(&self, value: &Object, field: &str) -> Renaming {
        let held = self.held(value, field);
        match held.contains(&self.of(field)) {
            true if held.len() > 1 => Renaming::Removes,
            false if !held.is_empty() => Renaming::Adds,
            true | false => Renaming::None,
        }
    }

    /// Does the next step of a field's renaming, in a value whose fields could all be read. A
    /// former name goes only if its value is that of the present name.
    pub fn rename(&self, value: &mut Object, field: &str) {
        let present = self.of(field);
        let held = self.held(value, field);
        let (Some(first), renaming) = (held.first(), self.renaming(value, field)) else {
            return;
        };
        match renaming {
            Renaming::None => {}
            Renaming::Adds => {
                let copy = first_value(value, first);
                // A field that is empty has its place already.
                if value.values(present).next().is_some() {
                    value.set(present, &copy);
                } else {
                    value.insert_after(first, present, &copy);
                }
            }
            Renaming::Removes => {
                let kept = first_value(value, present);
                for former in held.into_iter().filter(|name| *name != present) {
                    if value.values(former).all(|held| is_same(held, &kept)) {
                        value.remove(former);
                    }
                }
            }
        }
    }

    /// Sets a field under each name that the value has it under, or else under its present name.
    /// `new` is JSON.
    pub fn set(&self, value: &mut Object, field: &str, new: &str) {
        let mut held = self.held(value, field);
        if held.is_empty() {
            held.push(self.of(field));
        }
        for name in held {
            value.set(name, new);
        }
    }
}

/// Returns whether a field with this value counts as absent.
fn is_empty(value: &str) -> bool {
    matches!(value, "null" | "\"\"")
}

fn first_value(value: &Object, name: &str) -> String {
    let held = value.values(name).find(|held| !is_empty(held));
    held.unwrap_or("null").to_owned()
}

/// Returns whether two values are the same text or number, however they are written.
fn is_same(one: &str, other: &str) -> bool {
    let text = |value: &str| serde_json::from_str::<String>(value).unwrap_or(value.to_owned());
    text(one) == text(other)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(of: &[(&str, &[&str])]) -> Names {
        let list = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect();
        Names::new(
            of.iter()
                .map(|(field, it)| ((*field).to_owned(), list(it)))
                .collect(),
        )
    }

    fn object(text: &str) -> Object {
        Object::parse(text).unwrap_or_else(|error| panic!("{error:?}: {text}"))
    }

    /// Returns the value after each of the next rotations.
    fn renamed(names: &Names, text: &str, rotations: usize) -> Vec<String> {
        let mut value = object(text);
        let mut seen = Vec::new();
        for _ in 0..rotations {
            names.rename(&mut value, "a");
            seen.push(value.to_text());
        }
        seen
    }

    #[test]
    fn a_renaming_takes_two_rotations() {
        let forth = names(&[("a", &["A", "a"])]);
        assert_eq!(
            renamed(&forth, r#"{"x":1,"a":"v","y":2}"#, 3),
            [
                r#"{"x":1,"a":"v","A":"v","y":2}"#,
                r#"{"x":1,"A":"v","y":2}"#,
                r#"{"x":1,"A":"v","y":2}"#,
            ]
        );
        let back = names(&[("a", &["a", "A"])]);
        assert_eq!(
            renamed(&back, r#"{"A":"v"}"#, 3),
            [r#"{"A":"v","a":"v"}"#, r#"{"a":"v"}"#, r#"{"a":"v"}"#]
        );
        // The second renaming begins before the first one has ended.
        let twice = names(&[("a", &["B", "A", "a"])]);
        assert_eq!(
            renamed(&twice, r#"{"a":"v","A":"v"}"#, 3),
            [
                r#"{"a":"v","A":"v","B":"v"}"#,
                r#"{"B":"v"}"#,
                r#"{"B":"v"}"#
            ]
        );
    }

    #[test]
    fn a_field_keeps_how_it_is_written() {
        let port = names(&[("a", &["A", "a"])]);
        for held in ["5432", "\"5432\"", "\"\\u0035432\""] {
            let text = format!("{{\"a\":{held}}}");
            let seen = renamed(&port, &text, 2);
            assert_eq!(seen[1], format!("{{\"A\":{held}}}"));
        }
        // A place that was made for the field is filled.
        assert_eq!(
            renamed(&port, r#"{"A":"","x":1,"a":"v"}"#, 1),
            [r#"{"A":"v","x":1,"a":"v"}"#]
        );
    }

    #[test]
    fn only_a_copy_of_the_field_goes() {
        let names = names(&[("a", &["A", "a"])]);
        for (text, expected) in [
            (r#"{"A":"v","a":"w"}"#, r#"{"A":"v","a":"w"}"#),
            (r#"{"A":"v","a":{"v":1}}"#, r#"{"A":"v","a":{"v":1}}"#),
            (r#"{"A":"v","a":""}"#, r#"{"A":"v","a":""}"#),
            (r#"{"A":5,"a":"5"}"#, r#"{"A":5}"#),
        ] {
            assert_eq!(renamed(&names, text, 1), [expected]);
        }
    }

    #[test]
    fn two_values_of_a_field_are_not_read() {
        let it = names(&[("a", &["A", "a"])]);
        let read = |text| it.text(&object(text), "a");
        let some = |text: &str| Ok(Some(text.to_owned()));
        assert_eq!(read(r#"{"a":"v"}"#), some("v"));
        assert_eq!(read(r#"{"A":"v"}"#), some("v"));
        assert_eq!(read(r#"{"A":"v","a":"\u0076"}"#), some("v"));
        assert_eq!(read(r#"{"A":"","a":"v"}"#), some("v"));
        assert_eq!(read(r#"{"A":null,"a":""}"#), Ok(None));
        assert_eq!(read(r#"{"A":"v","a":"w"}"#), Err(Unclear::Ambiguous));
        assert_eq!(read(r#"{"a":"v","a":"w"}"#), Err(Unclear::Ambiguous));
        assert_eq!(read(r#"{"a":"v","a":"v"}"#), some("v"));
        assert_eq!(read(r#"{"A":"v","a":1}"#), Err(Unclear::Malformed));
        // A name that is not listed is another field's.
        let only = names(&[("a", &["A"])]);
        assert_eq!(only.text(&object(r#"{"A":"v","a":1}"#), "a"), some("v"));
    }

    #[test]
    fn a_port_is_a_number_or_text() {
        let it = names(&[("a", &["A", "a"])]);
        let read = |text| it.port(&object(text), "a");
        assert_eq!(read(r#"{"a":5432,"A":"5432"}"#), Ok(Some(5432)));
        assert_eq!(read(r#"{"a":""}"#), Ok(None));
        for text in [
            r#"{"a":0}"#,
            r#"{"a":65536}"#,
            r#"{"a":1.0}"#,
            r#"{"a":"x"}"#,
            r#"{"a":[]}"#,
        ] {
            assert_eq!(read(text), Err(Unclear::Malformed), "{text}");
        }
    }

    #[test]
    fn a_field_is_set_under_each_name_it_has() {
        let it = names(&[("a", &["A", "a"])]);
        for (text, expected) in [
            (
                r#"{"a":"v","A":"v","x":"v"}"#,
                r#"{"a":"n","A":"n","x":"v"}"#,
            ),
            (r#"{"a":"v"}"#, r#"{"a":"n"}"#),
            (r#"{"x":1}"#, r#"{"x":1,"A":"n"}"#),
        ] {
            let mut value = object(text);
            it.set(&mut value, "a", "\"n\"");
            assert_eq!(value.to_text(), expected);
        }
    }

    #[test]
    fn a_name_belongs_to_one_field() {
        let sound = |of: &[(&str, &[&str])]| names(of).are_sound(&["a", "b"]);
        assert!(sound(&[]));
        assert!(sound(&[("a", &["A", "a"]), ("b", &["B"])]));
        for of in [
            &[("a", &["A"] as &[&str]), ("b", &["A"])] as &[(&str, &[&str])],
            &[("a", &["A", "A"])],
            &[("a", &["b"])],
            &[("a", &[])],
            &[("a", &[""])],
            &[("c", &["C"])],
        ] {
            assert!(!sound(of), "{of:?}");
        }
    }
}
