//! Reading a rendered stack as CloudFormation does, for the functions that our
//! templates use.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::Rc;

use serde_yaml::Value;

use super::state::{ACCOUNT, REGION};

/// A resource of a template.
#[derive(Clone, Debug, PartialEq)]
pub struct Resource {
    pub logical_id: String,
    pub kind: String,
    /// Whether it stays when the stack is deleted.
    pub retained: bool,
    /// Whether it stays even if the operation that creates it is rolled back.
    pub retained_on_rollback: bool,
    pub properties: Value,
}

#[derive(Clone, Debug)]
pub struct Template {
    pub resources: Vec<Resource>,
    pub outputs: BTreeMap<String, Value>,
}

thread_local! {
    static PARSED: RefCell<BTreeMap<String, Rc<Template>>> = RefCell::default();
}

fn deletion_policy(resource: &Value) -> Option<&str> {
    resource.get("DeletionPolicy").and_then(Value::as_str)
}

impl Template {
    /// Parses a template, each text once: the tests deploy the same one very often.
    pub fn parse(text: &str) -> Rc<Self> {
        PARSED.with_borrow_mut(|parsed| {
            let held = parsed.entry(text.to_owned());
            held.or_insert_with(|| Rc::new(Self::read(text))).clone()
        })
    }

    fn read(text: &str) -> Self {
        let root: Value = serde_yaml::from_str(text).unwrap();
        let entries = |key: &str| {
            let mapping = root.get(key).and_then(Value::as_mapping);
            let mapping = mapping.cloned().unwrap_or_default();
            mapping
                .into_iter()
                .map(|(key, value)| (key.as_str().unwrap().to_owned(), value))
                .collect::<Vec<_>>()
        };
        let resources = entries("Resources").into_iter().map(|(id, body)| Resource {
            logical_id: id,
            kind: body["Type"].as_str().unwrap().to_owned(),
            retained: matches!(
                deletion_policy(&body),
                Some("Retain" | "RetainExceptOnCreate")
            ),
            retained_on_rollback: deletion_policy(&body) == Some("Retain"),
            properties: body.get("Properties").cloned().unwrap_or_default(),
        });
        let outputs = entries("Outputs").into_iter();
        Self {
            resources: resources.collect(),
            outputs: outputs
                .map(|(name, body)| (name, body["Value"].clone()))
                .collect(),
        }
    }
}

/// What references point to.
pub struct Scope<'scope> {
    pub parameters: &'scope BTreeMap<String, String>,
    /// Each resource's physical ID.
    pub physical: &'scope BTreeMap<String, String>,
}

impl Scope<'_> {
    /// Returns a property's text with its references resolved.
    pub fn text(&self, value: &Value) -> String {
        match value {
            Value::String(text) => text.clone(),
            Value::Tagged(tagged) => {
                let text = tagged.value.as_str().unwrap();
                if tagged.tag == "Ref" {
                    self.reference(text)
                } else if tagged.tag == "GetAtt" {
                    // A fake resource's ID is good enough for its ARN.
                    self.reference(text.split_once('.').unwrap().0)
                } else {
                    self.substitute(text)
                }
            }
            other => panic!("text expected, not {other:?}"),
        }
    }

    /// Returns a property with all references in it resolved.
    pub fn json(&self, value: &Value) -> serde_json::Value {
        match value {
            Value::Sequence(items) => items.iter().map(|item| self.json(item)).collect(),
            Value::Mapping(entries) => {
                let entries = entries.iter();
                let entries = entries
                    .map(|(key, value)| (key.as_str().unwrap().to_owned(), self.json(value)));
                serde_json::Value::Object(entries.collect())
            }
            Value::Tagged(tagged) if tagged.tag == "GetAtt" => {
                let id = self.text(value);
                let name = tagged.value.as_str().unwrap();
                serde_json::Value::String(match name.ends_with("Alarm.Arn") {
                    true => format!("arn:aws:cloudwatch:{REGION}:{ACCOUNT}:alarm:{id}"),
                    false => id,
                })
            }
            other => serde_json::Value::String(self.text(other)),
        }
    }

    /// Returns the text of `!If [HasPARAMETER, !Ref PARAMETER, !Ref AWS::NoValue]`,
    /// whose condition is that the parameter is not empty.
    pub fn optional(&self, value: &Value) -> Option<String> {
        let Value::Tagged(tagged) = value else {
            panic!("!If expected, not {value:?}");
        };
        assert_eq!(tagged.tag, "If");
        let given = self.text(&tagged.value[1]);
        (!given.is_empty()).then_some(given)
    }

    fn reference(&self, name: &str) -> String {
        match name {
            "AWS::Partition" => "aws".to_owned(),
            "AWS::Region" => REGION.to_owned(),
            "AWS::AccountId" => ACCOUNT.to_owned(),
            "AWS::URLSuffix" => "amazonaws.com".to_owned(),
            _ => {
                let found = self
                    .parameters
                    .get(name)
                    .or_else(|| self.physical.get(name));
                found.unwrap_or_else(|| panic!("!Ref {name}")).clone()
            }
        }
    }

    fn substitute(&self, text: &str) -> String {
        let mut result = String::new();
        let mut rest = text;
        while let Some((before, after)) = rest.split_once("${") {
            let (name, next) = after.split_once('}').unwrap();
            result.push_str(before);
            match name.strip_prefix('!') {
                Some(literal) => result.push_str(&format!("${{{literal}}}")),
                None => result.push_str(&self.reference(name)),
            }
            rest = next;
        }
        result + rest
    }
}
