//! Statements that are alike, taken together: those that differ in one list alone,
//! their resources or the secrets they hold for. So what is said of them together is
//! true of each.

use std::collections::{BTreeMap, BTreeSet, HashSet};

use super::resource;
use super::subject::Holder;
use crate::render::statement::{Condition, Statement};
use crate::render::tree::Value;

/// One statement with where it is from.
pub struct Source<'tree> {
    pub holder: Holder,
    pub statement: Statement,
    pub value: &'tree Value,
    pub file: String,
    pub stack: usize,
    /// How many more stacks have the same with names of their own, unread.
    pub unread: usize,
}

/// Statements alike, taken together.
pub struct Alike<'tree> {
    pub holder: Holder,
    pub statement: Statement,
    pub value: &'tree Value,
    pub files: Vec<String>,
    pub stacks: BTreeSet<usize>,
    pub unread: usize,
}

/// Takes statements together.
pub fn gather(sources: Vec<Source<'_>>) -> Vec<Alike<'_>> {
    let alike = gathered(sources, Shape::whatever_the_resources);
    gathered(alike, Shape::whatever_the_secrets)
}

/// What statements that are taken together have in common.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
struct Shape {
    holder: Holder,
    statement: Statement,
    kinds: BTreeSet<(resource::Kind, Option<resource::Wildcard>)>,
}

impl Shape {
    /// All but which resources of their kind they name. What whoever deploys needs is
    /// told apart by its name, as a pipeline does.
    fn whatever_the_resources(holder: &Holder, statement: &Statement) -> Option<Self> {
        if *holder == Holder::Deployer {
            return None;
        }
        let things = statement.resources.iter();
        let things = things.map(|arn| resource::thing(arn, None));
        Some(Self {
            holder: holder.clone(),
            kinds: things.map(|thing| (thing.kind, thing.wildcard)).collect(),
            statement: Statement {
                sid: String::new(),
                resources: Vec::new(),
                ..statement.clone()
            },
        })
    }

    /// All but for which secrets they hold.
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

/// Returns whether a condition says for which secrets a statement holds.
pub fn is_of_secrets(condition: &Condition) -> bool {
    condition.key == "kms:EncryptionContext:SecretARN"
}

impl<'tree> From<Source<'tree>> for Alike<'tree> {
    fn from(source: Source<'tree>) -> Self {
        Self {
            holder: source.holder,
            statement: source.statement,
            value: source.value,
            files: vec![source.file],
            stacks: BTreeSet::from([source.stack]),
            unread: source.unread,
        }
    }
}

/// Takes statements of one shape together, in the order of the first of each.
fn gathered<'tree>(
    sources: Vec<impl Into<Alike<'tree>>>,
    shape: impl Fn(&Holder, &Statement) -> Option<Shape>,
) -> Vec<Alike<'tree>> {
    let mut places: BTreeMap<Shape, usize> = BTreeMap::new();
    let mut gathered: Vec<Alike<'tree>> = Vec::new();
    for source in sources {
        let one: Alike<'tree> = source.into();
        let Some(shape) = shape(&one.holder, &one.statement) else {
            gathered.push(one);
            continue;
        };
        let place = places.entry(shape);
        match place {
            std::collections::btree_map::Entry::Vacant(vacant) => {
                vacant.insert(gathered.len());
                gathered.push(one);
            }
            std::collections::btree_map::Entry::Occupied(held) => {
                let held = &mut gathered[*held.get()];
                held.files.extend(one.files);
                held.stacks.extend(one.stacks);
                held.statement.resources.extend(one.statement.resources);
                let pairs = held.statement.conditions.iter_mut();
                for (held, more) in pairs.zip(one.statement.conditions) {
                    held.values.extend(more.values);
                }
            }
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

/// Drops what was there before, and keeps the order.
fn distinct(items: &mut Vec<String>) {
    let mut seen = HashSet::new();
    let first: Vec<bool> = items
        .iter()
        .map(|item| seen.insert(item.as_str()))
        .collect();
    let mut first = first.into_iter();
    items.retain(|_| first.next().unwrap_or(true));
}
