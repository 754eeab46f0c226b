//! Statements of policies, with what is asked of them.

use super::template::{items, literal};
use crate::render::document::{Document, Kind};
use crate::render::tree::{Mapping, Value};

/// The operators that let a request pass only where a key has one of the values.
/// Those with `IfExists` or `Not` let others pass too.
const NARROWING: [&str; 6] = [
    "StringEquals",
    "StringEqualsIgnoreCase",
    "StringLike",
    "ArnEquals",
    "ArnLike",
    "ForAnyValue:StringEquals",
];

/// A statement of a policy, resolved.
pub(super) struct Statement<'stack> {
    pub document: &'stack Document,
    index: usize,
    pub allows: bool,
    pub denies: bool,
    pub actions: Vec<&'stack str>,
    pub resources: Vec<&'stack str>,
    /// Each with its kind: `AWS`, `Service`, `Federated`, or `*` for everybody.
    pub principals: Vec<(&'stack str, &'stack str)>,
    /// `NotAction`, `NotResource` or `NotPrincipal`, where it has one.
    pub negated: Option<&'static str>,
    conditions: Option<&'stack Mapping>,
}

impl<'stack> Statement<'stack> {
    /// Returns every statement of the documents, in their order.
    pub fn all(documents: &'stack [Document]) -> Vec<Self> {
        let mut all = Vec::new();
        for document in documents {
            let statements = items(document.body.get("Statement"));
            all.extend(
                statements
                    .enumerate()
                    .map(|(index, one)| Self::read(document, index, one)),
            );
        }
        all
    }

    fn read(document: &'stack Document, index: usize, value: &'stack Value) -> Self {
        let texts = |key: &str| items(value.get(key)).filter_map(literal).collect();
        let negated = ["NotAction", "NotResource", "NotPrincipal"];
        let mut principals = Vec::new();
        match value.get("Principal") {
            Some(Value::Mapping(kinds)) => {
                for (kind, values) in kinds {
                    let kind = kind.as_str().unwrap_or_default();
                    let values = items(Some(values)).filter_map(literal);
                    principals.extend(values.map(|value| (kind, value)));
                }
            }
            Some(value) => principals.extend(literal(value).map(|value| ("*", value))),
            None => {}
        }
        Self {
            document,
            index,
            allows: value.get("Effect").and_then(literal) == Some("Allow"),
            denies: value.get("Effect").and_then(literal) == Some("Deny"),
            actions: texts("Action"),
            resources: texts("Resource"),
            principals,
            negated: negated.into_iter().find(|key| value.get(*key).is_some()),
            conditions: value.get("Condition").and_then(Value::as_mapping),
        }
    }

    /// Returns its place, for a finding.
    pub fn at(&self) -> String {
        let property = match self.document.kind {
            Kind::Trust => "AssumeRolePolicyDocument",
            Kind::Key => "KeyPolicy",
            Kind::Secret => "ResourcePolicy",
            _ => "PolicyDocument",
        };
        format!(
            "{}.{property}.Statement[{}]",
            self.document.resource, self.index
        )
    }

    /// Returns whether one of the actions is this one, or a pattern that has it.
    pub fn does(&self, action: &str) -> bool {
        self.actions.iter().any(|one| matches(one, action))
    }

    /// Returns whether a request of the statement's can have no tags' keys but these.
    pub fn tags_only(&self, keys: &[&str]) -> bool {
        let operator = |name: &str| self.conditions.and_then(|all| all.get(name));
        let allowed = operator("ForAllValues:StringEquals").and_then(|one| one.get("aws:TagKeys"));
        let mut allowed = items(allowed).peekable();
        allowed.peek().is_some()
            && allowed.all(|one| literal(one).is_some_and(|key| keys.contains(&key)))
    }

    /// Returns the values that a condition key is narrowed to; none where it is
    /// not narrowed. Keys are the same in either case (`reference_policies_elements_condition`).
    pub fn narrowed<'all>(&'all self, key: &'all str) -> impl Iterator<Item = &'stack str> + 'all {
        let operators = self.conditions.into_iter().flatten();
        let operators = operators
            .filter(|(operator, _)| literal(operator).is_some_and(|one| NARROWING.contains(&one)));
        let keys = operators
            .filter_map(|(_, keys)| keys.as_mapping())
            .flatten();
        let mine = keys
            .filter(move |(one, _)| literal(one).is_some_and(|one| one.eq_ignore_ascii_case(key)));
        let values = mine.flat_map(|(_, value)| items(Some(value)));
        values.filter_map(literal).filter(|value| *value != "*")
    }

    /// Returns how many conditions it has, each an operator on a key.
    pub fn conditions_count(&self) -> usize {
        let keys = self.conditions.into_iter().flatten();
        keys.map(|(_, keys)| keys.as_mapping().map_or(0, Mapping::len))
            .sum()
    }

    /// Returns whether a condition key is narrowed to anything.
    pub fn is_narrowed(&self, key: &str) -> bool {
        self.narrowed(key).next().is_some()
    }
}

/// Returns whether a pattern of an action has an action: `*` and `?`, in either case.
pub(super) fn matches(pattern: &str, action: &str) -> bool {
    if memchr::memchr2(b'*', b'?', pattern.as_bytes()).is_none() {
        return pattern.eq_ignore_ascii_case(action);
    }
    let (pattern, action) = (pattern.as_bytes(), action.as_bytes());
    let (mut at, mut here, mut star) = (0, 0, None);
    while here < action.len() {
        match pattern.get(at) {
            Some(b'*') => {
                star = Some((at, here));
                at += 1;
            }
            Some(one) if *one == b'?' || one.eq_ignore_ascii_case(&action[here]) => {
                at += 1;
                here += 1;
            }
            // Back to the last star, which takes one more.
            _ => match star {
                Some((after, taken)) => {
                    at = after + 1;
                    here = taken + 1;
                    star = Some((after, taken + 1));
                }
                None => return false,
            },
        }
    }
    pattern[at..].iter().all(|one| *one == b'*')
}

#[cfg(test)]
mod tests {
    use super::matches;

    #[test]
    fn patterns_of_actions() {
        for pattern in [
            "kms:Decrypt",
            "KMS:decrypt",
            "kms:*",
            "*",
            "kms:De*pt",
            "kms:?ecrypt",
        ] {
            assert!(matches(pattern, "kms:Decrypt"), "{pattern}");
        }
        for pattern in ["kms:Encrypt", "kms:Decryp", "kms:?", "s3:*", "", "kms:De*x"] {
            assert!(!matches(pattern, "kms:Decrypt"), "{pattern}");
        }
    }
}
