//! Statements of policy documents, as AWS reads them. All code that examines a statement uses
//! this parser.

use super::tree::Value;

/// A principal of a statement.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Principal {
    /// Everyone.
    Anyone,
    /// An AWS service, by its name.
    Service(String),
    /// An account, a user, or a role, by its ARN.
    Aws(String),
    /// A principal of another kind: its kind and its name.
    Other(String, String),
}

/// A condition: the operator, the key, and the values, of which one must match.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Condition {
    /// The operator, such as `StringEquals`.
    pub operator: String,
    /// The condition key, such as `kms:ViaService`.
    pub key: String,
    /// The values. One of them must match.
    pub values: Vec<String>,
}

/// A statement.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Statement {
    /// The Sid, if there is one.
    pub sid: String,
    /// Whether the effect is `Deny`. Otherwise, it is `Allow`.
    pub denies: bool,
    /// The principals, in a resource-based policy.
    pub principals: Vec<Principal>,
    /// The actions.
    pub actions: Vec<String>,
    /// The resources.
    pub resources: Vec<String>,
    /// The conditions. All of them must match.
    pub conditions: Vec<Condition>,
    /// `NotAction`, `NotResource`, or `NotPrincipal`: the list for that element contains the
    /// exceptions.
    pub excepts: Vec<&'static str>,
}

/// The effect of a statement is neither `Allow` nor `Deny`. AWS would refuse the document.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("the effect is {0}, and AWS accepts Allow or Deny")]
pub struct UnknownEffect(String);

impl Principal {
    /// Returns the kind, as a policy document names it.
    pub fn kind(&self) -> &str {
        match self {
            Self::Anyone | Self::Aws(_) => "AWS",
            Self::Service(_) => "Service",
            Self::Other(kind, _) => kind,
        }
    }

    /// Returns the name, which is `*` for everyone.
    pub fn name(&self) -> &str {
        match self {
            Self::Anyone => "*",
            Self::Service(name) | Self::Aws(name) | Self::Other(_, name) => name,
        }
    }
}

/// Returns the statements of a document as they are written there.
pub fn values(document: &Value) -> &[Value] {
    match document.get("Statement") {
        Some(Value::Sequence(many)) => many,
        Some(one) => std::slice::from_ref(one),
        None => &[],
    }
}

/// Parses a statement.
///
/// # Errors
///
/// Returns an effect other than `Allow` or `Deny`.
pub fn read(value: &Value) -> Result<Statement, UnknownEffect> {
    let denies = match value.get("Effect") {
        Some(Value::String(effect)) if effect == "Allow" => false,
        Some(Value::String(effect)) if effect == "Deny" => true,
        Some(_) => return Err(UnknownEffect(format!("`{}`", text(value.get("Effect"))))),
        None => return Err(UnknownEffect("missing".to_owned())),
    };
    let mut excepts = Vec::new();
    let mut either = |key: &str, not: &'static str| match value.get(not) {
        Some(value) => {
            excepts.push(not);
            Some(value)
        }
        None => value.get(key),
    };
    let actions = texts(either("Action", "NotAction"));
    let resources = texts(either("Resource", "NotResource"));
    let principals = principals(either("Principal", "NotPrincipal"));
    Ok(Statement {
        sid: text(value.get("Sid")),
        denies,
        principals,
        actions,
        resources,
        conditions: conditions(value.get("Condition")),
        excepts,
    })
}

fn principals(value: Option<&Value>) -> Vec<Principal> {
    let mut principals = Vec::new();
    let aws = |name: String| match name.as_str() {
        "*" => Principal::Anyone,
        _ => Principal::Aws(name),
    };
    match value {
        Some(Value::Mapping(kinds)) => {
            for (kind, names) in kinds {
                let names = texts(Some(names)).into_iter();
                match kind.as_str().unwrap_or_default() {
                    "AWS" => principals.extend(names.map(aws)),
                    "Service" => principals.extend(names.map(Principal::Service)),
                    kind => {
                        principals
                            .extend(names.map(|name| Principal::Other(kind.to_owned(), name)));
                    }
                }
            }
        }
        other => principals.extend(texts(other).into_iter().map(aws)),
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

/// Returns a scalar's text. Any other value is shown as JSON, so that nothing is omitted.
fn text(value: Option<&Value>) -> String {
    match value {
        None => String::new(),
        Some(Value::String(text)) => text.clone(),
        Some(other) => serde_json::to_string(other).unwrap_or_default(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn an_effect_that_aws_does_not_know_is_refused() {
        let denies = |value: serde_json::Value| read(&value.into()).map(|one| one.denies);
        assert_eq!(denies(json!({ "Effect": "Allow" })), Ok(false));
        assert_eq!(denies(json!({ "Effect": "Deny" })), Ok(true));
        for (statement, effect) in [
            (json!({ "Effect": "allow" }), "`allow`"),
            (json!({ "Effect": "Audit" }), "`Audit`"),
            (json!({ "Effect": ["Deny"] }), "`[\"Deny\"]`"),
            (json!({ "Action": "*" }), "missing"),
        ] {
            let error = denies(statement).unwrap_err().to_string();
            assert!(error.contains(effect), "{error}");
        }
    }

    #[test]
    fn principals_of_every_kind() {
        let read = |value: serde_json::Value| principals(Some(&value.into()));
        assert_eq!(read(json!("*")), [Principal::Anyone]);
        assert_eq!(read(json!({ "AWS": ["*"] })), [Principal::Anyone]);
        let mixed = read(json!({ "Service": "a", "AWS": ["b", "c"], "Federated": "d" }));
        let told = mixed.iter().map(|one| (one.kind(), one.name()));
        let expected = [
            ("AWS", "b"),
            ("AWS", "c"),
            ("Federated", "d"),
            ("Service", "a"),
        ];
        assert!(told.eq(expected), "{mixed:?}");
    }
}
