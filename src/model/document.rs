//! A YAML document in which every node has its line, so that findings can refer to it.
//!
//! The manifest is not read with serde, which stops at the first error and reports no line for it.
//! A refused manifest lists every error with its line. Scalars keep their text, so that an account
//! number such as `012345678901` keeps its leading zero.

use saphyr_parser::{Event, Parser, ScalarStyle};

use super::Finding;

/// The maximum nesting depth, which bounds recursion. No manifest needs as much.
const MAX_DEPTH: usize = 32;
/// The maximum number of nodes, which bounds the expansion of aliases. 10,000 entries with all
/// their fields have fewer.
const MAX_NODES: usize = 1_000_000;

/// A node and the line where it begins.
#[derive(Clone, Debug)]
pub struct Node {
    /// Counted from 1.
    pub line: usize,
    /// Its value.
    pub value: Value,
}

/// The value of a node.
#[derive(Clone, Debug)]
pub enum Value {
    /// Text.
    Scalar {
        /// The text as written.
        text: String,
        /// Whether it was written without quotes and not as a block, so that `null`, `true`, and
        /// numbers have their YAML meaning.
        plain: bool,
    },
    /// A list.
    Sequence(Vec<Node>),
    /// Keys in the order written, each with its line.
    Mapping(Vec<KeyValue>),
}

/// A key of a mapping with its value.
#[derive(Clone, Debug)]
pub struct KeyValue {
    /// The key's text.
    pub key: String,
    /// The key's line.
    pub line: usize,
    /// The value.
    pub node: Node,
}

impl Node {
    /// Returns whether the node is a YAML null.
    pub fn is_null(&self) -> bool {
        matches!(&self.value, Value::Scalar { text, plain: true }
            if matches!(text.as_str(), "" | "~" | "null" | "Null" | "NULL"))
    }

    /// Describes the node's kind for a message.
    pub fn describe(&self) -> &'static str {
        match &self.value {
            _ if self.is_null() => "nothing",
            Value::Scalar { .. } => "a plain value",
            Value::Sequence(_) => "a list",
            Value::Mapping(_) => "a mapping",
        }
    }

    /// Applies the overrides in `over`: mappings merge key by key, every other value is replaced.
    #[must_use]
    pub fn merged(self, over: Self) -> Self {
        match (self.value, over.value) {
            (Value::Mapping(mut base), Value::Mapping(top)) => {
                for entry in top {
                    match base.iter().position(|held| held.key == entry.key) {
                        Some(index) => {
                            let held = base.remove(index);
                            let node = held.node.merged(entry.node);
                            base.insert(index, KeyValue { node, ..entry });
                        }
                        None => base.push(entry),
                    }
                }
                Self {
                    line: self.line,
                    value: Value::Mapping(base),
                }
            }
            (_, value) => Self {
                line: over.line,
                value,
            },
        }
    }

    fn fields(&self) -> &[KeyValue] {
        match &self.value {
            Value::Mapping(fields) => fields,
            Value::Scalar { .. } | Value::Sequence(_) => &[],
        }
    }

    fn items(&self) -> &[Self] {
        match &self.value {
            Value::Sequence(items) => items,
            Value::Scalar { .. } | Value::Mapping(_) => &[],
        }
    }

    fn field(&self, key: &str) -> Option<&Self> {
        let found = self.fields().iter().find(|field| field.key == key)?;
        Some(&found.node)
    }

    fn size(&self) -> usize {
        1 + match &self.value {
            Value::Scalar { .. } => 0,
            Value::Sequence(items) => items.iter().map(Self::size).sum(),
            Value::Mapping(entries) => entries.iter().map(|entry| entry.node.size()).sum(),
        }
    }
}

/// Returns the text of a file, which must be UTF-8.
///
/// # Errors
///
/// Returns the finding with the line of the first byte that is not UTF-8. Its column counts
/// characters, from 1.
pub fn decode(bytes: &[u8]) -> Result<&str, Finding> {
    let valid = match std::str::from_utf8(bytes) {
        Ok(text) => return Ok(text),
        Err(error) => error.valid_up_to(),
    };
    let before = String::from_utf8_lossy(&bytes[..valid]);
    let line = before.matches('\n').count() + 1;
    let column = before.chars().rev().take_while(|one| *one != '\n').count() + 1;
    let message = format!(
        "the manifest is not UTF-8: there is a byte 0x{:02x} at column {column}",
        bytes[valid]
    );
    Err(Finding::error("not-utf-8", "", message)
        .at(line)
        .hint("save the file with the encoding UTF-8"))
}

/// Parses one YAML document.
///
/// # Errors
///
/// Returns a finding if the text is not YAML, is empty, or contains more than one document, a
/// duplicate key, a key that is not a scalar, or a tag.
pub fn parse(text: &str) -> Result<Node, Finding> {
    Builder::default().build(text)
}

/// Returns the user names of a manifest's services: of those at the top, and of those in every
/// environment, as written. The manifest need not be valid beyond its YAML.
///
/// # Errors
///
/// Returns a finding as [`parse`] does.
pub fn service_users(text: &str) -> Result<Vec<String>, Finding> {
    let root = parse(text)?;
    let environments = root.field("environments").map_or(&[][..], Node::fields);
    let layers = environments.iter().map(|environment| &environment.node);
    let services = std::iter::once(&root)
        .chain(layers)
        .filter_map(|layer| layer.field("services"))
        .flat_map(Node::items);
    let names = services.filter_map(|service| match &service.field("username")?.value {
        Value::Scalar { text, .. } => Some(text.clone()),
        Value::Sequence(_) | Value::Mapping(_) => None,
    });
    Ok(names.collect())
}

/// Returns the number of the line at the end of a text, counted from 1. It is empty if the text ends with
/// a line break.
pub(crate) fn last_line(text: &str) -> usize {
    text.replace("\r\n", "\n").matches(['\n', '\r']).count() + 1
}

enum Open {
    Sequence(Vec<Node>),
    Mapping(Vec<KeyValue>, Option<(String, usize)>),
}

#[derive(Default)]
struct Builder {
    open: Vec<(Open, usize, usize)>,
    anchors: Vec<(usize, Node)>,
    root: Option<Node>,
    nodes: usize,
}

impl Builder {
    fn build(mut self, text: &str) -> Result<Node, Finding> {
        for event in Parser::new_from_str(text) {
            let (event, span) = event.map_err(|error| {
                // The parser says that the end of the text is on the line after it.
                let line = error.marker().line().min(last_line(text));
                refused(line, format!("not YAML: {}", error.info()))
            })?;
            self.take(event, span.start.line())?;
        }
        self.root.ok_or_else(|| refused(1, "the file is empty"))
    }

    fn take(&mut self, event: Event<'_>, line: usize) -> Result<(), Finding> {
        if self.open.len() > MAX_DEPTH {
            return Err(refused(
                line,
                format!("nested deeper than {MAX_DEPTH} levels"),
            ));
        }
        match event {
            Event::Scalar(text, style, anchor, tag) => {
                no_tag(tag.is_some(), line)?;
                let value = Value::Scalar {
                    text: text.into_owned(),
                    plain: style == ScalarStyle::Plain,
                };
                self.close(Node { line, value }, anchor)
            }
            Event::SequenceStart(anchor, tag) => {
                no_tag(tag.is_some(), line)?;
                self.open.push((Open::Sequence(Vec::new()), anchor, line));
                Ok(())
            }
            Event::MappingStart(anchor, tag) => {
                no_tag(tag.is_some(), line)?;
                self.open
                    .push((Open::Mapping(Vec::new(), None), anchor, line));
                Ok(())
            }
            Event::SequenceEnd | Event::MappingEnd => {
                let Some((open, anchor, line)) = self.open.pop() else {
                    return Err(refused(line, "not YAML: an end without a start"));
                };
                let value = match open {
                    Open::Sequence(items) => Value::Sequence(items),
                    Open::Mapping(entries, _) => Value::Mapping(entries),
                };
                self.close(Node { line, value }, anchor)
            }
            Event::Alias(anchor) => {
                let held = self.anchors.iter().rev().find(|(id, _)| *id == anchor);
                let node = held
                    .map(|(_, node)| node.clone())
                    .ok_or_else(|| refused(line, "an alias without an anchor"))?;
                self.nodes += node.size();
                self.close(Node { line, ..node }, 0)
            }
            Event::DocumentStart(_) if self.root.is_some() => Err(refused(
                line,
                "a second YAML document; the file must contain one document",
            )),
            _ => Ok(()),
        }
    }

    fn close(&mut self, node: Node, anchor: usize) -> Result<(), Finding> {
        self.nodes += 1;
        if self.nodes > MAX_NODES {
            return Err(refused(
                node.line,
                format!("more than {MAX_NODES} values; check the aliases"),
            ));
        }
        if anchor > 0 {
            self.anchors.push((anchor, node.clone()));
        }
        match self.open.last_mut() {
            None => self.root = Some(node),
            Some((Open::Sequence(items), ..)) => items.push(node),
            Some((Open::Mapping(entries, key), ..)) => match key.take() {
                Some((key, line)) => entries.push(KeyValue { key, line, node }),
                None => {
                    let Value::Scalar { text, .. } = node.value else {
                        return Err(refused(node.line, "a key must be a plain name"));
                    };
                    if let Some(first) = entries.iter().find(|entry| entry.key == text) {
                        return Err(Finding::error(
                            "duplicate-key",
                            text.clone(),
                            format!(
                                "duplicate key `{text}`, first defined on line {}",
                                first.line
                            ),
                        )
                        .at(node.line));
                    }
                    *key = Some((text, node.line));
                }
            },
        }
        Ok(())
    }
}

fn no_tag(tagged: bool, line: usize) -> Result<(), Finding> {
    if tagged {
        return Err(refused(line, "YAML tags (`!…`) are not supported"));
    }
    Ok(())
}

fn refused(line: usize, message: impl Into<String>) -> Finding {
    Finding::error("yaml", "", message).at(line)
}
