//! Reads a mapping of the manifest by its definition.

use super::{FieldDefinition, Form, MappingDefinition, Presence};
use crate::model::document::{Node, Value};
use crate::model::reader::{Field, Mapping};

/// The fields of a mapping.
pub(in crate::model) struct Fields<'doc> {
    mapping: Mapping<'doc>,
    definition: &'static MappingDefinition,
    /// `defaults`, for the fields that it may set.
    defaults: Option<&'doc Fields<'doc>>,
}

impl<'doc> Fields<'doc> {
    /// Returns the fields of a mapping, and reports every key that has no definition.
    pub(in crate::model) fn of(
        field: &Field<'doc>,
        definition: &'static MappingDefinition,
    ) -> Option<Self> {
        let mapping = field.mapping_with(
            |key| definition.field(key).is_some(),
            || definition.fields().map(|field| field.name).collect(),
        )?;
        Some(Self {
            mapping,
            definition,
            defaults: None,
        })
    }

    /// Returns these fields with the values in `defaults` for those that are absent.
    pub(in crate::model) fn or_in(self, defaults: Option<&'doc Fields<'doc>>) -> Self {
        Self { defaults, ..self }
    }

    /// Returns a field's value. It is nothing if the field is absent or null, both here and
    /// in the defaults.
    pub(in crate::model) fn get(&self, name: &str) -> Option<Field<'doc>> {
        let own = self.own(name);
        match self.defaults {
            Some(defaults) if own.is_none() && self.definition_of(name)?.in_defaults => {
                defaults.mapping.get(name)
            }
            _ => own,
        }
    }

    /// Returns a field's value in this mapping, without those in the defaults.
    pub(in crate::model) fn own(&self, name: &str) -> Option<Field<'doc>> {
        self.definition_of(name)?;
        self.mapping.get(name)
    }

    /// Returns whether the definition has a field.
    pub(in crate::model) fn has(&self, name: &str) -> bool {
        self.definition.field(name).is_some()
    }

    /// Returns the fields of a mapping in the defaults, if they set it.
    pub(in crate::model) fn in_defaults(&self, name: &str) -> Option<Fields<'doc>> {
        let definition = self.defaults?.definition.field(name)?;
        let Form::Mapping(definition) = definition.form else {
            return None;
        };
        Self::of(&self.defaults?.mapping.get(name)?, definition)
    }

    /// Returns a field's value, and reports a required field that is absent or null.
    pub(in crate::model) fn require(&self, name: &str) -> Option<Field<'doc>> {
        self.definition_of(name)?;
        self.mapping.require(name)
    }

    /// Reads a field, or its default if it is absent.
    pub(in crate::model) fn value<T>(
        &self,
        name: &str,
        read: impl FnOnce(&Field<'_>) -> Option<T>,
    ) -> Option<T> {
        match (self.get(name), &self.definition_of(name)?.presence) {
            (Some(field), _) => read(&field),
            (None, Presence::Default(text)) => {
                let node = Node {
                    line: self.at().line(),
                    value: Value::Scalar {
                        text: (*text).to_owned(),
                        plain: true,
                    },
                };
                read(&self.at().child(name, &node))
            }
            (None, Presence::Required | Presence::Optional) => None,
        }
    }

    /// Reads a field that has no default. The inner `None` is an absent field.
    pub(in crate::model) fn optional<T>(
        &self,
        name: &str,
        read: impl FnOnce(&Field<'_>) -> Option<T>,
    ) -> Option<Option<T>> {
        match self.get(name) {
            Some(field) => read(&field).map(Some),
            None => Some(None),
        }
    }

    /// Returns the fields of a mapping in this one. All of them are absent if the mapping is.
    pub(in crate::model) fn mapping(&self, name: &str) -> Option<Self> {
        let Form::Mapping(definition) = self.definition_of(name)?.form else {
            return None;
        };
        match self.get(name) {
            Some(field) => Self::of(&field, definition),
            None => Some(Self {
                mapping: self.mapping.empty(name),
                definition,
                defaults: None,
            }),
        }
    }

    /// Returns how many items a list may have, if that is limited.
    pub(in crate::model) fn most(&self, name: &str) -> Option<usize> {
        match self.definition_of(name)?.form {
            Form::Texts(_, most) => most.and_then(|most| usize::try_from(most).ok()),
            _ => None,
        }
    }

    /// Reads a whole number within the bounds of its definition.
    pub(in crate::model) fn integer(&self, name: &str) -> Option<u32> {
        let Form::Integer(low, high) = self.definition_of(name)?.form else {
            return None;
        };
        self.value(name, |field| field.number(low, high))
    }

    /// Returns the field that the mapping is.
    pub(in crate::model) fn at(&self) -> &Field<'doc> {
        self.mapping.at()
    }

    /// Returns the field at which to report a problem with this field: itself, or the mapping
    /// if the field is absent.
    pub(in crate::model) fn place(&self, name: &str) -> Field<'doc> {
        self.own(name).unwrap_or_else(|| self.at().clone())
    }

    /// Returns the path of a field, such as `access_keys[0].user`.
    pub(in crate::model) fn path(&self, name: &str) -> String {
        format!("{}.{name}", self.at().path())
    }

    fn definition_of(&self, name: &str) -> Option<&'static FieldDefinition> {
        let field = self.definition.field(name);
        debug_assert!(field.is_some(), "{} has no `{name}`", self.definition.name);
        field
    }
}
