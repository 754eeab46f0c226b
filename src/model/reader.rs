//! Typed access to a document with lines. Every error becomes a finding with its path and
//! line, and reading continues, so that one run lists them all.

use std::cell::RefCell;
use std::collections::HashSet;

use super::Finding;
use super::document::{KeyValue, Node, Value};

/// Collects findings while a document is read.
#[derive(Default)]
pub(crate) struct Findings(RefCell<Vec<Finding>>);

impl Findings {
    /// Adds a finding.
    pub(crate) fn add(&self, finding: Finding) {
        self.0.borrow_mut().push(finding);
    }

    /// Returns the findings in the order of the lines. A finding in the defaults, which apply to
    /// every entry, is reported once.
    pub(crate) fn into_sorted(self) -> Vec<Finding> {
        let mut told = HashSet::new();
        let mut all = self.0.into_inner();
        all.retain(|finding| told.insert(finding.clone()));
        all.sort_by_key(|finding| finding.line);
        all
    }
}

/// A node with its path.
#[derive(Clone)]
pub(crate) struct Field<'doc> {
    findings: &'doc Findings,
    node: &'doc Node,
    path: String,
}

impl<'doc> Field<'doc> {
    /// Returns the whole document as a field.
    pub(crate) fn root(node: &'doc Node, findings: &'doc Findings) -> Self {
        Self {
            findings,
            node,
            path: String::new(),
        }
    }

    /// Returns a node as the value of a key in this mapping.
    pub(crate) fn child<'node>(&self, key: &str, node: &'node Node) -> Field<'node>
    where
        'doc: 'node,
    {
        Field {
            findings: self.findings,
            node,
            path: join(&self.path, key),
        }
    }

    /// Reports an error at this place.
    pub(crate) fn refuse(&self, kind: &'static str, message: impl Into<String>) {
        self.report(Finding::error(kind, self.path.clone(), message));
    }

    /// Reports a finding at this line.
    pub(crate) fn report(&self, finding: Finding) {
        self.findings.add(finding.at(self.node.line));
    }

    /// Returns the path, such as `access_keys[1].user`.
    pub(crate) fn path(&self) -> &str {
        &self.path
    }

    /// Returns the node.
    pub(crate) fn node(&self) -> &'doc Node {
        self.node
    }

    /// Returns the line where it begins.
    pub(crate) fn line(&self) -> usize {
        self.node.line
    }

    fn wrong(&self, expected: &str) {
        let found = self.node.describe();
        self.refuse("wrong-type", format!("expected {expected}, found {found}"));
    }

    /// Returns the text of a scalar.
    pub(crate) fn text(&self) -> Option<&'doc str> {
        self.text_of("text")
    }

    /// Returns the text of a scalar. `expected` says which texts are valid.
    fn text_of(&self, expected: &str) -> Option<&'doc str> {
        match &self.node.value {
            Value::Scalar { text, .. } if !self.node.is_null() => Some(text),
            _ => {
                self.wrong(expected);
                None
            }
        }
    }

    /// Returns whether the field is a mapping.
    pub(crate) fn is_mapping(&self) -> bool {
        matches!(self.node.value, Value::Mapping(_))
    }

    /// Returns whether the field is a mapping with a key.
    pub(crate) fn has_key(&self, key: &str) -> bool {
        match &self.node.value {
            Value::Mapping(entries) => entries.iter().any(|entry| entry.key == key),
            Value::Scalar { .. } | Value::Sequence(_) => false,
        }
    }

    /// Returns whether the field is a list.
    pub(crate) fn is_list(&self) -> bool {
        matches!(self.node.value, Value::Sequence(_))
    }

    /// Returns how many items or keys the field has.
    pub(crate) fn count(&self) -> usize {
        match &self.node.value {
            Value::Scalar { .. } => 0,
            Value::Sequence(items) => items.len(),
            Value::Mapping(entries) => entries.len(),
        }
    }

    /// Parses a scalar with `parse`, whose error becomes a finding of `kind`.
    pub(crate) fn parse<T>(
        &self,
        kind: &'static str,
        parse: impl FnOnce(&str) -> Result<T, String>,
    ) -> Option<T> {
        self.parse_one_of("text", kind, parse)
    }

    /// Parses a scalar with `parse`, whose error becomes a finding of `kind`. `expected` says which texts
    /// are valid, for a list or a mapping in their place.
    pub(crate) fn parse_one_of<T>(
        &self,
        expected: &str,
        kind: &'static str,
        parse: impl FnOnce(&str) -> Result<T, String>,
    ) -> Option<T> {
        match parse(self.text_of(expected)?) {
            Ok(value) => Some(value),
            Err(message) => {
                self.refuse(kind, message);
                None
            }
        }
    }

    /// Reads `true` or `false`.
    pub(crate) fn boolean(&self) -> Option<bool> {
        match &self.node.value {
            Value::Scalar { text, plain: true } if text == "true" => Some(true),
            Value::Scalar { text, plain: true } if text == "false" => Some(false),
            _ => {
                self.wrong("true or false");
                None
            }
        }
    }

    /// Reads a whole number from `low` to `high`.
    pub(crate) fn number(&self, low: u32, high: u32) -> Option<u32> {
        self.parse("invalid-number", |text| {
            text.parse()
                .ok()
                .filter(|number| (low..=high).contains(number))
                .ok_or_else(|| format!("`{text}` is not a whole number from {low} to {high}"))
        })
    }

    /// Returns the items of a list.
    pub(crate) fn list(&self) -> Option<Vec<Field<'doc>>> {
        let Value::Sequence(items) = &self.node.value else {
            self.wrong("a list");
            return None;
        };
        let item = |(index, node)| Field {
            findings: self.findings,
            node,
            path: format!("{}[{index}]", self.path),
        };
        Some(items.iter().enumerate().map(item).collect())
    }

    /// Returns the mapping, and reports every key that is not in `known`.
    pub(crate) fn mapping(&self, known: &[&'static str]) -> Option<Mapping<'doc>> {
        self.mapping_with(|key| known.contains(&key), || known.to_vec())
    }

    /// Returns the mapping, and reports every unknown key. `all_known` is called only for hints.
    pub(crate) fn mapping_with(
        &self,
        is_known: impl Fn(&str) -> bool,
        all_known: impl Fn() -> Vec<&'static str>,
    ) -> Option<Mapping<'doc>> {
        let mapping = self.any_mapping()?;
        for field in mapping.fields() {
            if !is_known(field.0) {
                let known = all_known();
                let message = format!("unknown key `{}`", field.0);
                let finding = Finding::error("unknown-key", field.1.path.clone(), message);
                let finding = match nearest(field.0, &known) {
                    Some(key) => finding.hint(format!("did you mean `{key}`?")),
                    None => finding.hint(format!("known keys: {}", known.join(", "))),
                };
                self.findings.add(finding.at(field.2));
            }
        }
        Some(mapping)
    }

    /// Returns the mapping with any keys.
    pub(crate) fn any_mapping(&self) -> Option<Mapping<'doc>> {
        let Value::Mapping(entries) = &self.node.value else {
            self.wrong("a mapping");
            return None;
        };
        Some(Mapping {
            at: self.clone(),
            entries,
        })
    }
}

/// A mapping with its path.
pub(crate) struct Mapping<'doc> {
    at: Field<'doc>,
    entries: &'doc [KeyValue],
}

impl<'doc> Mapping<'doc> {
    /// Returns the key's value, or `None` if it is absent or null.
    pub(crate) fn get(&self, key: &str) -> Option<Field<'doc>> {
        let entry = self.entries.iter().find(|entry| entry.key == key)?;
        (!entry.node.is_null()).then(|| self.child(entry))
    }

    /// Returns the key's value, and reports if it is absent or null.
    pub(crate) fn require(&self, key: &str) -> Option<Field<'doc>> {
        let field = self.get(key);
        if field.is_none() {
            let path = join(&self.at.path, key);
            let message = format!("`{key}` is required");
            self.at.report(Finding::error("missing", path, message));
        }
        field
    }

    /// Returns an empty mapping as the value of an absent key.
    pub(crate) fn empty(&self, key: &str) -> Self {
        Self {
            at: self.at.child(key, self.at.node),
            entries: &[],
        }
    }

    /// Returns each key with its value and its own line.
    pub(crate) fn fields(&self) -> impl Iterator<Item = (&'doc str, Field<'doc>, usize)> {
        let fields = self.entries.iter();
        fields.map(|entry| (entry.key.as_str(), self.child(entry), entry.line))
    }

    /// Returns the field that the mapping is.
    pub(crate) fn at(&self) -> &Field<'doc> {
        &self.at
    }

    fn child(&self, entry: &'doc KeyValue) -> Field<'doc> {
        self.at.child(&entry.key, &entry.node)
    }
}

fn join(path: &str, key: &str) -> String {
    if path.is_empty() {
        key.to_owned()
    } else {
        format!("{path}.{key}")
    }
}

/// Returns the known key that is most similar to a misspelled one.
pub(crate) fn nearest<'known>(key: &str, known: &[&'known str]) -> Option<&'known str> {
    let distance = |candidate: &&str| strsim::damerau_levenshtein(key, candidate);
    let best = known.iter().copied().min_by_key(distance)?;
    (strsim::damerau_levenshtein(key, best) <= key.len().max(3) / 3).then_some(best)
}
