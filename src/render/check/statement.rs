//! Queries about the statements of policies that the rules share.

use crate::render::document::Document;
use crate::render::statement::{Condition, Principal};

/// The condition operators that allow a request only if a key has one of the values. Operators
/// with `IfExists` or `Not` also allow other requests.
const NARROWING: [&str; 6] = [
    "StringEquals",
    "StringEqualsIgnoreCase",
    "StringLike",
    "ArnEquals",
    "ArnLike",
    "ForAnyValue:StringEquals",
];

/// A statement of a policy with resolved references.
pub(super) struct Statement<'stack> {
    pub document: &'stack Document,
    index: usize,
    pub allows: bool,
    pub denies: bool,
    /// Empty if the statement has `NotAction`.
    pub actions: &'stack [String],
    /// Empty if the statement has `NotResource`.
    pub resources: &'stack [String],
    /// Empty if the statement has `NotPrincipal`.
    pub principals: &'stack [Principal],
    /// `NotAction`, `NotResource`, or `NotPrincipal`, if the statement has one.
    pub negated: Option<&'static str>,
    conditions: &'stack [Condition],
}

impl<'stack> Statement<'stack> {
    /// Returns every statement of the documents, in order.
    pub fn all(documents: &'stack [Document]) -> Vec<Self> {
        let mut all = Vec::new();
        for document in documents {
            for (index, one) in document.statements.iter().enumerate() {
                let excepts = |element: &str| one.excepts.contains(&element);
                all.push(Self {
                    document,
                    index,
                    allows: !one.denies,
                    denies: one.denies,
                    actions: if excepts("NotAction") {
                        &[]
                    } else {
                        &one.actions
                    },
                    resources: if excepts("NotResource") {
                        &[]
                    } else {
                        &one.resources
                    },
                    principals: if excepts("NotPrincipal") {
                        &[]
                    } else {
                        &one.principals
                    },
                    negated: one.excepts.first().copied(),
                    conditions: &one.conditions,
                });
            }
        }
        all
    }

    /// Returns the statement's place for a finding.
    pub fn at(&self) -> String {
        self.document
            .kind
            .place(&self.document.resource, self.index)
    }

    /// Returns whether one of the actions is this action, or a pattern that matches it.
    pub fn does(&self, action: &str) -> bool {
        self.actions.iter().any(|one| matches(one, action))
    }

    /// Returns whether the conditions limit the tag keys of every request to these.
    pub fn tags_only(&self, keys: &[&str]) -> bool {
        self.conditions.iter().any(|one| {
            one.operator == "ForAllValues:StringEquals"
                && one.key == "aws:TagKeys"
                && !one.values.is_empty()
                && one
                    .values
                    .iter()
                    .all(|value| keys.contains(&value.as_str()))
        })
    }

    /// Returns the values that a condition key is limited to, or `None` if it is not limited.
    /// Condition keys are case-insensitive (`reference_policies_elements_condition`).
    pub fn narrowed<'all>(&'all self, key: &'all str) -> impl Iterator<Item = &'stack str> + 'all {
        let mine = self.conditions.iter().filter(move |one| {
            NARROWING.contains(&one.operator.as_str()) && one.key.eq_ignore_ascii_case(key)
        });
        let values = mine.flat_map(|one| one.values.iter().map(String::as_str));
        values.filter(|value| *value != "*")
    }

    /// Returns the number of conditions. Each pair of an operator and a key counts as one.
    pub fn conditions_count(&self) -> usize {
        self.conditions.len()
    }

    /// Returns whether a condition key is limited to any values.
    pub fn is_narrowed(&self, key: &str) -> bool {
        self.narrowed(key).next().is_some()
    }
}

/// Returns whether an action matches a pattern with `*` and `?`. Case is ignored.
pub(in crate::render) fn matches(pattern: &str, action: &str) -> bool {
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
            // Backtracks to the last `*`, which matches one more character.
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
