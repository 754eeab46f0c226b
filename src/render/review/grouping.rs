//! Groups similar statements: those that differ in only one list, either their resources or the
//! secrets that their conditions name. Therefore what the page states about the group is true
//! of each statement.

use std::collections::{BTreeMap, BTreeSet, HashSet};

use super::resource;
use super::subject::Holder;
use crate::render::statement::{Condition, Statement};
use crate::render::tree::Value;

/// A group of similar statements. Initially, each statement is a group of its own.
pub struct StatementGroup<'tree> {
    pub holder: Holder,
    pub statement: Statement,
    pub value: &'tree Value,
    pub files: Vec<String>,
    pub stacks: BTreeSet<usize>,
    /// How many other stacks have the same statement with their own names. Those statements are
    /// not parsed.
    pub unread: usize,
}

/// Groups the statements.
pub fn gather(similar: Vec<StatementGroup<'_>>) -> Vec<StatementGroup<'_>> {
    let similar = gathered(similar, GroupKey::whatever_the_resources);
    gathered(similar, GroupKey::whatever_the_secrets)
}

/// What the statements of a group have in common.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
struct GroupKey {
    holder: Holder,
    statement: Statement,
    kinds: BTreeSet<(resource::ResourceKind, Option<resource::Wildcard>)>,
}

impl GroupKey {
    /// Returns everything except the names of the statement's resources. The deployer's
    /// statements are not grouped in this way, because their resources distinguish them.
    fn whatever_the_resources(holder: &Holder, statement: &Statement) -> Option<Self> {
        if holder.is_a_person() {
            return None;
        }
        let named_resources = statement.resources.iter();
        let named_resources = named_resources.map(|arn| resource::named_resource(arn, None));
        Some(Self {
            holder: holder.clone(),
            kinds: named_resources
                .map(|named_resource| (named_resource.kind, named_resource.wildcard))
                .collect(),
            statement: Statement {
                sid: String::new(),
                resources: Vec::new(),
                ..statement.clone()
            },
        })
    }

    /// Returns everything except the secrets that the conditions name.
    fn whatever_the_secrets(holder: &Holder, statement: &Statement) -> Option<Self> {
        if !statement.conditions.iter().any(is_of_secrets) {
            return None;
        }
        let blank = |one: &Condition| match is_of_secrets(one) {
            true => Condition {
                values: Vec::new(),
                ..one.clone()
            },
            false => one.clone(),
        };
        Some(Self {
            holder: holder.clone(),
            kinds: BTreeSet::new(),
            statement: Statement {
                sid: String::new(),
                conditions: statement.conditions.iter().map(blank).collect(),
                ..statement.clone()
            },
        })
    }
}

/// Returns whether a condition names the secrets that a statement applies to.
pub fn is_of_secrets(condition: &Condition) -> bool {
    condition.key == "kms:EncryptionContext:SecretARN"
}

/// Groups statements of the same shape, in the order of their first occurrence.
fn gathered(
    similar: Vec<StatementGroup<'_>>,
    shape: impl Fn(&Holder, &Statement) -> Option<GroupKey>,
) -> Vec<StatementGroup<'_>> {
    let mut places: BTreeMap<GroupKey, usize> = BTreeMap::new();
    let mut gathered: Vec<StatementGroup<'_>> = Vec::new();
    for one in similar {
        let Some(shape) = shape(&one.holder, &one.statement) else {
            gathered.push(one);
            continue;
        };
        let place = *places.entry(shape).or_insert(gathered.len());
        let Some(held) = gathered.get_mut(place) else {
            gathered.push(one);
            continue;
        };
        held.files.extend(one.files);
        held.stacks.extend(one.stacks);
        held.statement.resources.extend(one.statement.resources);
        let pairs = held.statement.conditions.iter_mut();
        for (held, more) in pairs.zip(one.statement.conditions) {
            held.values.extend(more.values);
        }
    }
    for one in &mut gathered {
        distinct(&mut one.files);
        distinct(&mut one.statement.resources);
        for condition in &mut one.statement.conditions {
            distinct(&mut condition.values);
        }
    }
    gathered
}

/// Removes duplicates, and keeps the order.
fn distinct(items: &mut Vec<String>) {
    let mut seen = HashSet::new();
    let first: Vec<bool> = items
        .iter()
        .map(|item| seen.insert(item.as_str()))
        .collect();
    let mut first = first.into_iter();
    items.retain(|_| first.next().unwrap_or(true));
}
