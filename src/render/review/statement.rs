//! A policy's statement, read from the document that AWS will see.

use crate::render::tree::Value;

/// Who a statement is about, where the document says it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Principal {
    /// Everybody.
    Anyone,
    /// An AWS service, by its name.
    Service(String),
    /// An account, a user or a role, by its ARN.
    Aws(String),
    /// Of another kind: its kind and its name.
    Other(String, String),
}

/// A condition: the operator, the key, and the values of which one must match.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Condition {
    /// Such as `StringEquals`.
    pub operator: String,
    /// Such as `kms:ViaService`.
    pub key: String,
    /// Any of them matches.
    pub values: Vec<String>,
}

/// A statement.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Statement {
    /// Its name, where it has one.
    pub sid: String,
    /// It refuses rather than allows.
    pub denies: bool,
    /// In a policy of a resource: who may.
    pub principals: Vec<Principal>,
    /// What may be done.
    pub actions: Vec<String>,
    /// To what.
    pub resources: Vec<String>,
    /// All of them must hold.
    pub conditions: Vec<Condition>,
    /// `NotAction`, `NotResource`, `NotPrincipal`: everything but what is named.
    pub excepts: Vec<&'static str>,
}

/// Returns the statements of a document, each with the value it was read from.
pub fn statements(document: &Value) -> Vec<(Statement, &Value)> {
    let values = values(document).into_iter();
    values.map(|value| (read(value), value)).collect()
}

/// Returns the statements of a document as they stand there.
pub fn values(document: &Value) -> Vec<&Value> {
    match document.get("Statement") {
        Some(Value::Sequence(many)) => many.iter().collect(),
        Some(one) => vec![one],
        None => Vec::new(),
    }
}

/// Reads a statement.
pub fn read(value: &Value) -> Statement {
    let mut excepts = Vec::new();
    let mut either = |key: &str, not: &'static str| match value.get(not) {
        Some(value) => {
            excepts.push(not);
            texts(Some(value))
        }
        None => texts(value.get(key)),
    };
    let actions = either("Action", "NotAction");
    let resources = either("Resource", "NotResource");
    let principal = value.get("Principal").or_else(|| {
        let not = value.get("NotPrincipal")?;
        excepts.push("NotPrincipal");
        Some(not)
    });
    Statement {
        sid: text(value.get("Sid")),
        denies: value.get("Effect").and_then(Value::as_str) != Some("Allow"),
        principals: principals(principal),
        actions,
        resources,
        conditions: conditions(value.get("Condition")),
        excepts,
    }
}

fn principals(value: Option<&Value>) -> Vec<Principal> {
    let mut principals = Vec::new();
    match value {
        Some(Value::Mapping(kinds)) => {
            for (kind, names) in kinds {
                for name in texts(Some(names)) {
                    principals.push(match kind.as_str().unwrap_or_default() {
                        "Service" => Principal::Service(name),
                        "AWS" if name == "*" => Principal::Anyone,
                        "AWS" => Principal::Aws(name),
                        kind => Principal::Other(kind.to_owned(), name),
                    });
                }
            }
        }
        Some(_) => principals.push(Principal::Anyone),
        None => {}
    }
    principals
}

fn conditions(value: Option<&Value>) -> Vec<Condition> {
    let mut conditions = Vec::new();
    for (operator, keys) in value.and_then(Value::as_mapping).into_iter().flatten() {
        for (key, values) in keys.as_mapping().into_iter().flatten() {
            conditions.push(Condition {
                operator: text(Some(operator)),
                key: text(Some(key)),
                values: texts(Some(values)),
            });
        }
    }
    conditions
}

fn texts(value: Option<&Value>) -> Vec<String> {
    match value {
        Some(Value::Sequence(many)) => many.iter().map(|one| text(Some(one))).collect(),
        Some(one) => vec![text(Some(one))],
        None => Vec::new(),
    }
}

/// A scalar's text; what is no scalar shows as JSON, so that nothing is left out.
fn text(value: Option<&Value>) -> String {
    match value {
        None => String::new(),
        Some(Value::String(text)) => text.clone(),
        Some(other) => serde_json::to_string(other).unwrap_or_default(),
    }
}
