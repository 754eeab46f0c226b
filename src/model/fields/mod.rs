//! The fields of the manifest, each defined once: its name, the values that it accepts, its
//! default, its meaning, and whether `defaults` may set it.
//!
//! What follows from these tables: the known keys and the defaults of the reader, the JSON
//! Schema, and the tables in `docs/reference/manifest.md`. A new field is a new row here, and
//! a line in the reader of its mapping.

mod database;
mod entry;
mod http;
mod manifest;
mod names;
mod read;
mod service;
#[cfg(test)]
mod tests;

pub(super) use database::DATABASE;
pub(super) use entry::{ACCESS_KEY, LIST_BUCKET, LOG_IN, REPLICA, RETIREMENT};
pub(super) use http::{ANSWER as HTTP_ANSWER, HTTP_ADAPTER};
pub(super) use manifest::{ACCOUNT, ENVIRONMENT, EXCEPTION, FUNCTION, MANIFEST, MAX_TAGS};
pub(super) use names::LONGEST as LONGEST_FIELD_NAME;
pub(super) use read::Fields;
pub(super) use service::SERVICE;

/// A field of a mapping.
pub(super) struct FieldDefinition {
    /// The key in the manifest.
    pub(super) name: &'static str,
    /// The values that it accepts.
    pub(super) form: Form,
    /// What happens without it.
    pub(super) presence: Presence,
    /// Its meaning, in Markdown.
    pub(super) meaning: &'static str,
    /// Examples, which editors offer.
    pub(super) examples: &'static [&'static str],
    /// Whether `defaults` may set it for all entries.
    pub(super) in_defaults: bool,
}

/// What happens if a field is absent or null.
pub(super) enum Presence {
    /// The manifest is refused.
    Required,
    /// The field has no value; the meaning says what follows from that.
    Optional,
    /// The field has this value, written as YAML.
    Default(&'static str),
}

/// The values that a field accepts.
pub(super) enum Form {
    /// The version of the manifest's format.
    Version,
    /// Text.
    Text(Text),
    /// A number with a unit, such as `15m`, or `0`.
    Duration,
    /// `true` or `false`.
    Boolean,
    /// A whole number from the first to the second.
    Integer(u32, u32),
    /// One of these words.
    Choice(&'static [&'static str]),
    /// This word.
    Constant(&'static str),
    /// A list of texts that match a regular expression, at most so many.
    Texts(&'static str, Option<u32>),
    /// Text, or a list of such texts with at least one.
    TextOrTexts(Text),
    /// This word, or a list of exactly so many different texts.
    WordOrTexts(&'static str, Text, u32),
    /// A list of different words, each one of these.
    Choices(&'static [&'static str]),
    /// A whole number from the first to the second, or a list of such numbers.
    Integers(u32, u32),
    /// A mapping from names to texts.
    TextMap(Text),
    /// Anything.
    Json,
    /// A mapping from tag keys to tag values.
    Tags,
    /// A mapping with defined fields.
    Mapping(&'static MappingDefinition),
    /// A list of mappings.
    List(&'static MappingDefinition),
    /// A list whose items are texts or mappings.
    TextsOrMappings(Text, &'static MappingDefinition),
    /// A mapping from names to mappings.
    Named(&'static MappingDefinition),
    /// A word, or one of several mappings.
    Either(&'static Alternatives),
}

/// A text that a field accepts.
pub(super) struct Text {
    /// The regular expression that it matches, in a syntax that ECMA 262 and Python share.
    pub(super) pattern: Option<&'static str>,
    /// The number of characters that it has at least.
    pub(super) shortest: Option<u32>,
    /// The number of characters that it has at most.
    pub(super) longest: Option<u32>,
    /// Text that is refused although it matches.
    pub(super) except: Option<Except>,
    /// JSON types that are read as text too, because YAML takes the unquoted text for them.
    pub(super) also: &'static [&'static str],
}

/// Text that is refused although it matches.
pub(super) enum Except {
    /// Text that this regular expression finds something in.
    Pattern(&'static str),
    /// This word.
    Word(&'static str),
}

/// A mapping of the manifest.
pub(super) struct MappingDefinition {
    /// Its name in the JSON Schema.
    pub(super) name: &'static str,
    /// What it is.
    pub(super) meaning: &'static str,
    /// Its fields, in groups that several mappings share.
    pub(super) groups: &'static [&'static [FieldDefinition]],
    /// Which fields of the groups it has. Of two with the same name, it has the first.
    pub(super) selects: fn(&FieldDefinition) -> bool,
    /// Whether the fields may be absent because another mapping can have them.
    pub(super) is_partial: bool,
    /// Fields of which at least one is required.
    pub(super) one_of: &'static [&'static str],
}

/// A word, or one of several mappings.
pub(super) struct Alternatives {
    /// Its name in the JSON Schema.
    pub(super) name: &'static str,
    /// What it is.
    pub(super) meaning: &'static str,
    /// The word.
    pub(super) word: &'static str,
    /// What the word means.
    pub(super) word_meaning: &'static str,
    /// The mappings.
    pub(super) mappings: &'static [&'static MappingDefinition],
}

impl FieldDefinition {
    const fn new(
        name: &'static str,
        form: Form,
        presence: Presence,
        meaning: &'static str,
    ) -> Self {
        Self {
            name,
            form,
            presence,
            meaning,
            examples: &[],
            in_defaults: false,
        }
    }

    const fn required(name: &'static str, form: Form, meaning: &'static str) -> Self {
        Self::new(name, form, Presence::Required, meaning)
    }

    const fn optional(name: &'static str, form: Form, meaning: &'static str) -> Self {
        Self::new(name, form, Presence::Optional, meaning)
    }

    const fn default(
        name: &'static str,
        form: Form,
        default: &'static str,
        meaning: &'static str,
    ) -> Self {
        Self::new(name, form, Presence::Default(default), meaning)
    }

    const fn examples(self, examples: &'static [&'static str]) -> Self {
        Self { examples, ..self }
    }

    const fn in_defaults(self) -> Self {
        Self {
            in_defaults: true,
            ..self
        }
    }
}

impl Text {
    const ANY: Self = Self {
        pattern: None,
        shortest: None,
        longest: None,
        except: None,
        also: &[],
    };

    const fn matching(pattern: &'static str) -> Self {
        Self {
            pattern: Some(pattern),
            ..Self::ANY
        }
    }

    const fn at_least(self, characters: u32) -> Self {
        Self {
            shortest: Some(characters),
            ..self
        }
    }

    const fn at_most(self, characters: u32) -> Self {
        Self {
            longest: Some(characters),
            ..self
        }
    }

    const fn except(self, except: Except) -> Self {
        Self {
            except: Some(except),
            ..self
        }
    }

    const fn or(self, also: &'static [&'static str]) -> Self {
        Self { also, ..self }
    }
}

impl MappingDefinition {
    const fn new(
        name: &'static str,
        meaning: &'static str,
        groups: &'static [&'static [FieldDefinition]],
    ) -> Self {
        Self {
            name,
            meaning,
            groups,
            selects: |_| true,
            is_partial: false,
            one_of: &[],
        }
    }

    /// Returns the fields in the order of the table.
    pub(super) fn fields(&self) -> impl Iterator<Item = &'static FieldDefinition> {
        let all = self.groups.iter().enumerate();
        let all = all.flat_map(|(index, group)| group.iter().map(move |field| (index, field)));
        let is_first = |index: usize, field: &FieldDefinition| {
            let earlier = self.groups[..index].iter().copied().flatten();
            earlier
                .filter(|other| (self.selects)(other))
                .all(|other| other.name != field.name)
        };
        all.filter(move |(index, field)| (self.selects)(field) && is_first(*index, field))
            .map(|(_, field)| field)
    }

    /// Returns the words that a field accepts.
    pub(super) fn words(&self, name: &str) -> &'static [&'static str] {
        match self.field(name).map(|field| &field.form) {
            Some(Form::Choice(words)) => words,
            _ => &[],
        }
    }

    /// Returns the definition of a field.
    pub(super) fn field(&self, name: &str) -> Option<&'static FieldDefinition> {
        let mut all = self.groups.iter().copied().flatten();
        all.find(|field| field.name == name && (self.selects)(field))
    }
}
