//! The record of each secret's stack, which is kept beside the manifest.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use serde::de::{Error as _, MapAccess, Visitor};
use serde::{Deserialize, Deserializer};

/// The stacks of every fleet that the manifest describes, by the name that the manifest gives
/// the stack. Each environment may be a separate fleet.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(transparent)]
pub struct Record(#[serde(deserialize_with = "each_once")] BTreeMap<String, Assignment>);

/// The stacks of one fleet.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Assignment {
    /// The number of stacks that have ever existed. A stack whose last entry was removed is
    /// still deployed, and a teardown must find it.
    pub stacks: usize,
    /// The number of each secret's stack, by the secret's name.
    #[serde(deserialize_with = "each_once")]
    pub secrets: BTreeMap<String, usize>,
}

/// Reads a mapping without duplicate keys. A merge of two branches may list a secret twice,
/// with different numbers, and it may be deployed in the stack that would be ignored.
fn each_once<'de, D, T>(deserializer: D) -> Result<BTreeMap<String, T>, D::Error>
where
    D: Deserializer<'de>,
    T: Deserialize<'de>,
{
    struct UniqueKeys<T>(std::marker::PhantomData<T>);
    impl<'de, T: Deserialize<'de>> Visitor<'de> for UniqueKeys<T> {
        type Value = BTreeMap<String, T>;

        fn expecting(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
            formatter.write_str("a mapping")
        }

        fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Self::Value, A::Error> {
            let mut all = BTreeMap::new();
            while let Some((key, value)) = entries.next_entry::<String, T>()? {
                if all.contains_key(&key) {
                    return Err(A::Error::custom(format!("duplicate key `{key}`")));
                }
                all.insert(key, value);
            }
            Ok(all)
        }
    }
    deserializer.deserialize_map(UniqueKeys(std::marker::PhantomData))
}

/// More stacks than an account can have (`cloudformation-limits`: 2,000).
const MAX_STACKS: usize = 2_000;

impl Record {
    /// Reads a record.
    ///
    /// # Errors
    ///
    /// Returns what is wrong with the record, with its place.
    pub fn parse(text: &str) -> Result<Self, String> {
        let record: Option<Self> = serde_yaml::from_str(text).map_err(|error| error.to_string())?;
        // A written record names at least one stack, so an empty file has lost its content.
        let record = record.ok_or("it is empty")?;
        for (fleet, assignment) in &record.0 {
            if assignment.stacks > MAX_STACKS {
                return Err(format!(
                    "{fleet}: {} stacks, but an account can contain only {MAX_STACKS}",
                    assignment.stacks
                ));
            }
            let beyond = |(_, number): &(&String, &usize)| **number >= assignment.stacks;
            if let Some((secret, number)) = assignment.secrets.iter().find(beyond) {
                return Err(format!(
                    "{fleet}: `{secret}` is in stack {number}, but there are {} stacks (the first one is 0)",
                    assignment.stacks
                ));
            }
        }
        Ok(record)
    }

    /// Returns the stacks of one fleet.
    pub fn get(&self, fleet: &str) -> Option<&Assignment> {
        self.0.get(fleet)
    }

    /// Returns the record, updated with the current stacks of one fleet.
    #[must_use]
    pub fn with(mut self, fleet: &str, assignment: Assignment) -> Self {
        self.0.insert(fleet.to_owned(), assignment);
        self
    }

    /// Returns the text, with one sorted line per secret, so that a diff shows each change.
    pub fn text(&self) -> String {
        let mut text = "# Which CloudFormation stack each secret is in. Written by keyrota; keep it with the\n\
                        # manifest: a secret that moved to another stack would be deleted and made again.\n"
            .to_owned();
        for (fleet, assignment) in &self.0 {
            // Stack names consist of letters, digits, and hyphens, and names of secrets contain
            // neither quotation marks nor backslashes. Writing to a string cannot fail.
            let _ = writeln!(
                text,
                "{fleet:?}:\n  stacks: {}\n  secrets:",
                assignment.stacks
            );
            for (secret, number) in &assignment.secrets {
                let _ = writeln!(text, "    {secret:?}: {number}");
            }
            if assignment.secrets.is_empty() {
                text.truncate(text.len() - 1);
                text.push_str(" {}\n");
            }
        }
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_record_is_read_as_it_was_written() {
        let secrets = [("prod/a", 0), ("null", 1), ("1e3", 1), ("a=b+c@d", 0)];
        let assignment = Assignment {
            stacks: 2,
            secrets: secrets
                .map(|(name, number)| (name.to_owned(), number))
                .into(),
        };
        let record = Record::default().with("keys", assignment).with(
            "emptied",
            Assignment {
                stacks: 3,
                ..Assignment::default()
            },
        );
        assert_eq!(Record::parse(&record.text()), Ok(record));
    }

    #[test]
    fn a_damaged_record_is_refused_with_its_place() {
        for (text, part) in [
            (
                "keys: { stacks: 1, secrets: { a: 1 } }",
                "`a` is in stack 1",
            ),
            ("keys: { stacks: 1, secrets: { a: -1 } }", "a"),
            ("keys: { stacks: 1, secret: {} }", "secret"),
            ("keys: { stacks: 5000, secrets: {} }", "2000"),
            ("keys: [", "line"),
            (
                "keys: { stacks: 2, secrets: { a: 0, a: 1 } }",
                "duplicate key `a`",
            ),
            (
                "keys: { stacks: 1, secrets: {} }\nkeys: { stacks: 2, secrets: {} }",
                "duplicate key `keys`",
            ),
            ("", "it is empty"),
            (
                "# Which CloudFormation stack each secret is in.\n",
                "it is empty",
            ),
        ] {
            let error = Record::parse(text).unwrap_err();
            assert!(error.contains(part), "{text}: {error}");
        }
    }
}
