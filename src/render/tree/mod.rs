//! A template as a tree that keeps `!Ref` and the other tags of CloudFormation.
//!
//! `serde_yaml` has such a tree too. This one is designed for thousands of entries: it is built
//! from the parser's events ([`read`]), and its mappings are lists, since mappings in templates
//! are short and comparing a few keys is faster than hashing them.

mod reader;
#[cfg(test)]
mod tests;

use std::collections::HashSet;
use std::hash::{DefaultHasher, Hash, Hasher};

use serde::ser::{Serialize, SerializeMap as _, Serializer};
use serde_yaml::Number;
use serde_yaml::value::Tag;

pub use reader::read;

/// A value in a template.
#[derive(Clone, Debug, Default, PartialEq, Hash)]
pub enum Value {
    /// The null value.
    #[default]
    Null,
    /// `true` or `false`.
    Bool(bool),
    /// A number.
    Number(Number),
    /// A string.
    String(String),
    /// A list.
    Sequence(Vec<Self>),
    /// Values with their keys.
    Mapping(Mapping),
    /// A value with a tag, such as `!Ref`.
    Tagged(Box<Tagged>),
}

/// A value with a tag.
#[derive(Clone, Debug, PartialEq, Hash)]
pub struct Tagged {
    /// The tag.
    pub tag: Tag,
    /// The value.
    pub value: Value,
}

/// Values with their keys, in template order. The keys are distinct.
#[derive(Clone, Debug, Default)]
pub struct Mapping(Vec<(Value, Value)>);

// `serde_yaml` treats NaN as equal to itself.
impl Eq for Value {}

impl Value {
    /// Returns the value of a key.
    pub fn get(&self, key: &str) -> Option<&Self> {
        self.as_mapping()?.get(key)
    }

    /// Returns the value at an index of a list.
    pub fn at(&self, index: usize) -> Option<&Self> {
        self.as_sequence()?.get(index)
    }

    /// Returns the string, tagged or not.
    pub fn as_str(&self) -> Option<&str> {
        match self.untagged() {
            Self::String(text) => Some(text),
            _ => None,
        }
    }

    /// Returns the string, if it has no tag.
    pub fn into_text(self) -> Option<String> {
        match self {
            Self::String(text) => Some(text),
            _ => None,
        }
    }

    /// Returns the number, if it is a non-negative integer.
    pub fn as_u64(&self) -> Option<u64> {
        match self.untagged() {
            Self::Number(number) => number.as_u64(),
            _ => None,
        }
    }

    /// Returns the boolean, or `None` if the value is not one.
    pub fn as_bool(&self) -> Option<bool> {
        match self.untagged() {
            Self::Bool(one) => Some(*one),
            _ => None,
        }
    }

    /// Returns the list, tagged or not.
    pub fn as_sequence(&self) -> Option<&Vec<Self>> {
        match self.untagged() {
            Self::Sequence(items) => Some(items),
            _ => None,
        }
    }

    /// Returns the mapping, tagged or not.
    pub fn as_mapping(&self) -> Option<&Mapping> {
        match self.untagged() {
            Self::Mapping(entries) => Some(entries),
            _ => None,
        }
    }

    fn untagged(&self) -> &Self {
        let mut value = self;
        while let Self::Tagged(tagged) = value {
            value = &tagged.value;
        }
        value
    }
}

impl Mapping {
    /// Returns the value of a key.
    pub fn get<Key: ?Sized>(&self, key: &Key) -> Option<&Value>
    where
        Value: PartialEq<Key>,
    {
        let found = self.0.iter().find(|(name, _)| name == key);
        found.map(|(_, value)| value)
    }

    /// Returns whether a key exists.
    pub fn contains_key<Key: ?Sized>(&self, key: &Key) -> bool
    where
        Value: PartialEq<Key>,
    {
        self.get(key).is_some()
    }

    /// Returns the keys with their values.
    pub fn iter(&self) -> Entries<'_> {
        self.into_iter()
    }

    /// Returns the keys.
    pub fn keys(&self) -> impl ExactSizeIterator<Item = &Value> {
        self.0.iter().map(|(key, _)| key)
    }

    /// Returns the values.
    pub fn values(&self) -> impl ExactSizeIterator<Item = &Value> {
        self.0.iter().map(|(_, value)| value)
    }

    /// Returns the number of entries.
    pub const fn len(&self) -> usize {
        self.0.len()
    }

    /// Returns whether there is no entry.
    pub const fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Returns the mapping with these entries.
    ///
    /// # Errors
    ///
    /// Returns a duplicate key.
    fn new(entries: Vec<(Value, Value)>) -> Result<Self, Value> {
        /// With at least this many entries, a set of the keys is faster than pairwise
        /// comparison.
        const MANY: usize = 16;
        let repeated = match entries.len() {
            ..MANY => (1..entries.len()).find(|index| {
                let (key, _) = &entries[*index];
                entries[..*index].iter().any(|(other, _)| other == key)
            }),
            _ => {
                let mut known = HashSet::with_capacity(entries.len());
                entries.iter().position(|(key, _)| !known.insert(key))
            }
        };
        match repeated {
            None => Ok(Self(entries)),
            Some(index) => Err(entries[index].0.clone()),
        }
    }
}

impl PartialEq for Mapping {
    /// Compares the entries. The order does not matter.
    fn eq(&self, other: &Self) -> bool {
        let there = |(place, (key, value)): (usize, &(Value, Value))| {
            // In most cases, the order is the same.
            let same = other.0.get(place).filter(|(name, _)| name == key);
            let found = same.map(|(_, value)| value).or_else(|| other.get(key));
            found == Some(value)
        };
        self.len() == other.len() && self.0.iter().enumerate().all(there)
    }
}

impl Hash for Mapping {
    /// Hashes the entries. The order does not matter.
    fn hash<To: Hasher>(&self, to: &mut To) {
        let each = self.0.iter().map(|entry| {
            let mut hasher = DefaultHasher::new();
            entry.hash(&mut hasher);
            hasher.finish()
        });
        to.write_u64(each.fold(0, |all, one| all ^ one));
    }
}

impl PartialEq<str> for Value {
    fn eq(&self, text: &str) -> bool {
        matches!(self, Self::String(own) if own == text)
    }
}

/// An iterator over the keys of a mapping with their values.
pub type Entries<'tree> = std::iter::Map<
    std::slice::Iter<'tree, (Value, Value)>,
    fn(&'tree (Value, Value)) -> (&'tree Value, &'tree Value),
>;

impl<'tree> IntoIterator for &'tree Mapping {
    type Item = (&'tree Value, &'tree Value);
    type IntoIter = Entries<'tree>;

    fn into_iter(self) -> Self::IntoIter {
        self.0.iter().map(|(key, value)| (key, value))
    }
}

impl FromIterator<(Value, Value)> for Mapping {
    /// Collects the entries. For a duplicate key, the first entry counts.
    fn from_iter<Entries: IntoIterator<Item = (Value, Value)>>(entries: Entries) -> Self {
        Self(entries.into_iter().collect())
    }
}

impl From<&str> for Value {
    fn from(text: &str) -> Self {
        Self::String(text.to_owned())
    }
}

impl From<serde_json::Value> for Value {
    fn from(value: serde_json::Value) -> Self {
        match value {
            serde_json::Value::Null => Self::Null,
            serde_json::Value::Bool(one) => Self::Bool(one),
            serde_json::Value::Number(number) => {
                let whole = number.as_u64().map(Number::from);
                let whole = whole.or_else(|| number.as_i64().map(Number::from));
                let other = || Number::from(number.as_f64().unwrap_or(f64::NAN));
                Self::Number(whole.unwrap_or_else(other))
            }
            serde_json::Value::String(text) => Self::String(text),
            serde_json::Value::Array(items) => {
                Self::Sequence(items.into_iter().map(Self::from).collect())
            }
            serde_json::Value::Object(entries) => {
                let entries = entries.into_iter();
                Self::Mapping(
                    entries
                        .map(|(key, value)| (Self::String(key), value.into()))
                        .collect(),
                )
            }
        }
    }
}

impl Serialize for Value {
    fn serialize<To: Serializer>(&self, to: To) -> Result<To::Ok, To::Error> {
        match self {
            Self::Null => to.serialize_unit(),
            Self::Bool(one) => to.serialize_bool(*one),
            Self::Number(number) => number.serialize(to),
            Self::String(text) => to.serialize_str(text),
            Self::Sequence(items) => to.collect_seq(items),
            Self::Mapping(entries) => to.collect_map(entries),
            Self::Tagged(tagged) => {
                let Tagged { tag, value } = &**tagged;
                let mut map = to.serialize_map(Some(1))?;
                map.serialize_entry(&format_args!("{tag}"), value)?;
                map.end()
            }
        }
    }
}
