//! The value of a secret as it is stored: a JSON object, and the names of its fields.

use std::fmt;

use keyrota_contract::value::names::{Names, Renaming, Unclear};
use keyrota_contract::value::object::{Object, json};
use keyrota_contract::value::{is_access_key_id, smtp};
use secrecy::{ExposeSecret, SecretString};

/// A value with the names of its fields. `Debug` does not show the value, because any field may be
/// secret.
#[derive(Clone)]
pub struct StoredFields {
    value: Object,
    names: Names,
    fields: &'static [&'static str],
}

/// A field with different values.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AmbiguousField {
    /// The field, by its default name.
    pub field: &'static str,
    /// The names under which the value has it.
    pub names: Vec<String>,
}

/// What the next rotation does to the names of a value's fields.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Renamings {
    /// The names that it adds.
    pub adds: Vec<String>,
    /// The names that it removes.
    pub removes: Vec<String>,
}

impl fmt::Debug for StoredFields {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "[{} fields]", self.value.names().count())
    }
}

impl StoredFields {
    /// Returns an empty value of a kind with these fields.
    pub(super) fn empty(names: Names, fields: &'static [&'static str]) -> Self {
        Self {
            value: Object::empty(),
            names,
            fields,
        }
    }

    /// Parses a value of a kind with these fields.
    pub(super) fn parse(
        text: &SecretString,
        names: &Names,
        fields: &'static [&'static str],
    ) -> Option<Self> {
        Some(Self {
            value: Object::parse(text.expose_secret()).ok()?,
            names: names.clone(),
            fields,
        })
    }

    /// Returns this value without the kind's fields, under whatever names. A value without a
    /// credential has at most those that the template gave it.
    pub(super) fn cleared(mut self) -> Self {
        for field in self.fields {
            for name in [*field].into_iter().chain(self.names.all(field)) {
                self.value.remove(name);
            }
        }
        self
    }

    /// Returns a field that is text, or `None` if it is absent, empty, or not text.
    pub(super) fn text(&self, field: &'static str) -> Result<Option<String>, AmbiguousField> {
        match self.names.text(&self.value, field) {
            Ok(text) => Ok(text),
            Err(Unclear::Malformed) => Ok(None),
            Err(Unclear::Ambiguous) => Err(self.ambiguous(field)),
        }
    }

    /// Returns the port, or `None` if it is absent or not the number of one.
    pub(super) fn port(&self, field: &'static str) -> Result<Option<u16>, AmbiguousField> {
        match self.names.port(&self.value, field) {
            Ok(port) => Ok(port),
            Err(Unclear::Malformed) => Ok(None),
            Err(Unclear::Ambiguous) => Err(self.ambiguous(field)),
        }
    }

    fn ambiguous(&self, field: &'static str) -> AmbiguousField {
        let names = self.names.held(&self.value, field);
        AmbiguousField {
            field,
            names: names.into_iter().map(str::to_owned).collect(),
        }
    }

    /// Returns whether a field that has no name of the kind's fields contains an access key ID.
    pub(super) fn has_unnamed_key(&self) -> bool {
        let known: Vec<&str> = self
            .fields
            .iter()
            .flat_map(|it| self.names.all(it))
            .collect();
        let mut others = self.value.names().filter(|name| !known.contains(name));
        others.any(|name| {
            self.value.values(name).any(|value| {
                let text: Option<String> = serde_json::from_str(value).ok();
                text.is_some_and(|text| text.starts_with("AKIA") && is_access_key_id(&text))
            })
        })
    }

    /// Sets a field that is text, unless it has this text already.
    pub(super) fn set(&mut self, field: &'static str, text: &str) {
        if self.names.text(&self.value, field) != Ok(Some(text.to_owned())) {
            self.names.set(&mut self.value, field, &json(text));
        }
    }

    /// Sets the port, unless it is this one already, as a number or as text.
    pub(super) fn set_port(&mut self, field: &'static str, port: u16) {
        if self.names.port(&self.value, field) != Ok(Some(port)) {
            self.names.set(&mut self.value, field, &port.to_string());
        }
    }

    /// Sets the SMTP credentials that derive from a key.
    pub(super) fn set_smtp(&mut self, id: &str, secret_key: &SecretString, regions: &[String]) {
        smtp::set(&mut self.value, id, secret_key, regions);
    }

    /// Removes a field.
    pub(super) fn remove(&mut self, field: &'static str) {
        for name in self.names.held(&self.value, field) {
            self.value.remove(name);
        }
    }

    /// Returns the JSON text.
    pub(super) fn to_text(&self) -> SecretString {
        self.value.to_text().into()
    }

    /// Returns what the next rotation does to the names.
    pub(super) fn renamings(&self) -> Renamings {
        let mut found = Renamings::default();
        for field in self.fields {
            let present = self.names.of(field);
            match self.names.renaming(&self.value, field) {
                Renaming::None => {}
                Renaming::Adds => found.adds.push(present.to_owned()),
                Renaming::Removes => {
                    let held = self.names.held(&self.value, field).into_iter();
                    let former = held.filter(|name| *name != present);
                    found.removes.extend(former.map(str::to_owned));
                }
            }
        }
        found
    }
}
