//! A JSON object that keeps what nobody changes as it was written.
//!
//! A secret's value may have fields that keyrota does not know. Their order, numbers, escapes,
//! and white space stay byte for byte: a number such as `1e400` or `1.0` is never interpreted.

use std::fmt;

use serde::de::{Deserialize, Deserializer, IgnoredAny, MapAccess, Visitor};
use serde_json::value::RawValue;

/// A JSON object as text, in parts. It may hold a secret, so it has no `Debug`.
#[derive(Clone)]
pub struct Object {
    members: Vec<Member>,
    /// The text after the last value.
    tail: String,
}

/// A member of the object.
#[derive(Clone)]
struct Member {
    /// The text before the name: the brace or the comma, and white space.
    lead: String,
    /// The name, or `None` if it is not valid Unicode.
    name: Option<String>,
    /// The name as it is written, with its quotes.
    key: String,
    /// The text between the name and the value.
    colon: String,
    /// The value as it is written.
    value: String,
}

/// Why a text is not an object.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NotAnObject {
    /// It is not JSON.
    NotJson,
    /// It is another JSON value.
    AnotherType,
}

/// The names and values of an object, as they are written.
struct Members<'text>(Vec<(&'text RawValue, &'text RawValue)>);

impl<'de> Deserialize<'de> for Members<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct OfMap;

        impl<'de> Visitor<'de> for OfMap {
            type Value = Members<'de>;

            fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let mut members = Vec::new();
                while let Some(member) = map.next_entry()? {
                    members.push(member);
                }
                Ok(Members(members))
            }
        }

        deserializer.deserialize_map(OfMap)
    }
}

impl Object {
    /// Parses a text.
    ///
    /// # Errors
    ///
    /// Fails if the text is not a JSON object.
    pub fn parse(text: &str) -> Result<Self, NotAnObject> {
        let Ok(Members(found)) = serde_json::from_str(text) else {
            return Err(match serde_json::from_str::<IgnoredAny>(text) {
                Ok(_) => NotAnObject::AnotherType,
                Err(_) => NotAnObject::NotJson,
            });
        };
        // The parts are slices of the text, so that their addresses show where they are.
        let start = |part: &str| part.as_ptr().addr() - text.as_ptr().addr();
        let end = |part: &str| start(part) + part.len();
        let mut done = 0;
        let mut members = Vec::with_capacity(found.len());
        for (key, value) in found {
            let (key, value) = (key.get(), value.get());
            members.push(Member {
                lead: text[done..start(key)].to_owned(),
                name: serde_json::from_str(key).ok(),
                key: key.to_owned(),
                colon: text[end(key)..start(value)].to_owned(),
                value: value.to_owned(),
            });
            done = end(value);
        }
        Ok(Self {
            members,
            tail: text[done..].to_owned(),
        })
    }

    /// Returns an object without members.
    pub fn empty() -> Self {
        Self {
            members: Vec::new(),
            tail: "{}".to_owned(),
        }
    }

    /// Returns the values of the members with a name, as they are written. JSON permits several.
    pub fn values<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        let found = self.members.iter().filter(|member| member.is(name));
        found.map(|member| member.value.as_str())
    }

    /// Returns the names of the members, in their order.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.members
            .iter()
            .filter_map(|member| member.name.as_deref())
    }

    /// Sets the value of each member with a name, in its place. Without one, adds a member at the
    /// end. `value` is JSON.
    pub fn set(&mut self, name: &str, value: &str) {
        let mut is_set = false;
        for member in self.members.iter_mut().filter(|member| member.is(name)) {
            value.clone_into(&mut member.value);
            is_set = true;
        }
        if !is_set {
            self.insert(self.members.len(), name, value);
        }
    }

    /// Adds a member behind the last one that is called `before`, or at the end without such a
    /// one. `value` is JSON.
    pub fn insert_after(&mut self, before: &str, name: &str, value: &str) {
        let index = self.members.iter().rposition(|member| member.is(before));
        let index = index.map_or(self.members.len(), |index| index + 1);
        self.insert(index, name, value);
    }

    /// Removes each member with a name.
    pub fn remove(&mut self, name: &str) {
        while let Some(index) = self.members.iter().position(|member| member.is(name)) {
            let removed = self.members.remove(index);
            // The first member's lead has the brace.
            if index == 0 {
                let next = self.members.first_mut().map(|next| &mut next.lead);
                match next {
                    Some(lead) => *lead = removed.lead,
                    None => self.tail = format!("{}{}", removed.lead, self.tail),
                }
            }
        }
    }

    /// Returns the text.
    pub fn to_text(&self) -> String {
        let mut text = String::new();
        for member in &self.members {
            for part in [&member.lead, &member.key, &member.colon, &member.value] {
                text.push_str(part);
            }
        }
        text.push_str(&self.tail);
        text
    }

    fn insert(&mut self, index: usize, name: &str, value: &str) {
        let (lead, colon) = match index.checked_sub(1).and_then(|last| self.members.get(last)) {
            Some(last) => {
                // The new member looks like the one before it.
                let space = last.lead.find(['{', ',']).map_or(0, |sign| sign + 1);
                (format!(",{}", &last.lead[space..]), last.colon.clone())
            }
            None => {
                let brace = self.tail.find('{').map_or(0, |sign| sign + 1);
                let lead = self.tail.drain(..brace).collect();
                (lead, ":".to_owned())
            }
        };
        let member = Member {
            lead,
            name: Some(name.to_owned()),
            key: json(name),
            colon,
            value: value.to_owned(),
        };
        self.members.insert(index, member);
    }
}

impl Member {
    fn is(&self, name: &str) -> bool {
        self.name.as_deref() == Some(name)
    }
}

/// Returns a text as JSON.
pub fn json(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn object(text: &str) -> Object {
        Object::parse(text).unwrap_or_else(|error| panic!("{error:?}: {text}"))
    }

    #[test]
    fn what_nobody_changes_stays_byte_for_byte() {
        for text in [
            "{}",
            " { }\n",
            r#"{"a":1e400,"b":1.0,"c":123456789012345678901234567890,"d":-0,"e":1E+2}"#,
            "{\n  \"z\" : [1, {\"y\":null}],\n  \"a\" :\t\"\\u00e9\\/\\ud83d\\ude00é\"\n}\n",
            r#"{"a":1,"a":2,"a":{"a":1,"a":2}}"#,
            r#"{"\ud800":"\ud800","":""}"#,
        ] {
            assert_eq!(object(text).to_text(), text);
        }
        let deep = format!("{{\"a\":{}{}}}", "[".repeat(10_000), "]".repeat(10_000));
        assert_eq!(object(&deep).to_text(), deep);
    }

    #[test]
    fn what_is_not_an_object_is_refused() {
        let refused = |text| Object::parse(text).err();
        for text in ["[]", "null", "1e400", "\"a\"", " true "] {
            assert_eq!(refused(text), Some(NotAnObject::AnotherType), "{text}");
        }
        for text in ["", "{", "{}}", "{\"a\":1,}", "{'a':1}", "{\"a\":01}", "a"] {
            assert_eq!(refused(text), Some(NotAnObject::NotJson), "{text}");
        }
    }

    #[test]
    fn a_value_changes_in_its_place() {
        let mut it = object(r#"{ "x":1, "a":"old" ,"a": 2, "y":1.0}"#);
        it.set("a", "\"new\"");
        assert_eq!(it.to_text(), r#"{ "x":1, "a":"new" ,"a": "new", "y":1.0}"#);
        assert_eq!(it.values("a").collect::<Vec<_>>(), ["\"new\"", "\"new\""]);
        // A name may be written with escapes.
        let mut it = object(r#"{"\u0061":1}"#);
        it.set("a", "2");
        assert_eq!(it.to_text(), r#"{"\u0061":2}"#);
    }

    #[test]
    fn a_new_member_looks_like_the_one_before_it() {
        let mut it = object("{\n  \"a\": 1,\n  \"b\": 2\n}\n");
        it.set("c\"", "3");
        it.insert_after("a", "d", "4");
        assert_eq!(
            it.to_text(),
            "{\n  \"a\": 1,\n  \"d\": 4,\n  \"b\": 2,\n  \"c\\\"\": 3\n}\n"
        );
        for (text, expected) in [("{}", r#"{"a":1}"#), (" { } ", r#" {"a":1 } "#)] {
            let mut it = object(text);
            it.set("a", "1");
            assert_eq!(it.to_text(), expected);
        }
        let mut it = Object::empty();
        it.set("a", "1");
        assert_eq!(it.to_text(), r#"{"a":1}"#);
    }

    #[test]
    fn a_member_goes_and_the_rest_stays() {
        let text = r#"{ "a":1, "b":2, "a":3 }"#;
        let without = |names: &[&str]| {
            let mut it = object(text);
            names.iter().for_each(|name| it.remove(name));
            it.to_text()
        };
        assert_eq!(without(&["c"]), text);
        assert_eq!(without(&["b"]), r#"{ "a":1, "a":3 }"#);
        assert_eq!(without(&["a"]), r#"{ "b":2 }"#);
        assert_eq!(without(&["a", "b"]), "{  }");
        assert_eq!(without(&["b", "a"]), "{  }");
    }
}
