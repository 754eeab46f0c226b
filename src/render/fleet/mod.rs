//! Distributes a manifest's entries over as many stacks as necessary.
//!
//! A CloudFormation stack can have 500 resources. An entry must always stay in its stack: if it
//! moved to another one, its secret would be deleted and created again. Therefore the stack of
//! each entry is recorded beside the manifest, and only new entries are placed.

mod load;
mod record;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;

use super::view;
use crate::model::{Entry, Finding, Model, StackName};

use load::Load;
pub use record::{Assignment, Record};

/// The stacks of a manifest.
#[derive(Clone, Debug)]
pub struct Fleet {
    /// The stacks that have entries.
    pub shards: Vec<Shard>,
    /// Stacks whose last entry was removed, and which may still be deployed.
    pub emptied: Vec<Model>,
    /// The record to write, or `None` if there has only ever been one stack.
    pub record: Option<Record>,
}

/// One of the stacks.
#[derive(Clone, Debug)]
pub struct Shard {
    /// The model with the entries of this stack, under the stack's own name.
    pub model: Model,
    /// The template's file: `stack.yaml`, or `stack-000.yaml` if there are several.
    pub file: String,
    /// The prefix of its files: nothing, or `000-` if there are several stacks.
    pub prefix: String,
}

impl Fleet {
    /// Places each entry in its recorded stack, or else in the first stack that has room. The
    /// first stack has the manifest's own name, so it stays the same when a second one becomes
    /// necessary.
    ///
    /// # Errors
    ///
    /// Returns a finding if the stacks' names become too long.
    pub fn of(model: Model, record: Record) -> Result<Self, Finding> {
        let recorded = record.get(model.fleet.as_str());
        let Some(assignment) = recorded.cloned().or_else(|| first(&model)) else {
            return Ok(Self {
                shards: vec![single(model)],
                emptied: Vec::new(),
                record: None,
            });
        };
        let assignment = place(&model, &assignment);
        let models = split(model, &assignment)?;
        let fleet = models[0].fleet.clone();
        let (held, emptied): (Vec<_>, Vec<_>) = models
            .into_iter()
            .enumerate()
            .partition(|(_, model)| !model.entries.is_empty());
        let shard = |(number, model)| Shard {
            model,
            file: format!("stack-{number:03}.yaml"),
            prefix: format!("{number:03}-"),
        };
        Ok(Self {
            shards: held.into_iter().map(shard).collect(),
            emptied: emptied.into_iter().map(|(_, model)| model).collect(),
            record: Some(record.with(fleet.as_str(), assignment)),
        })
    }

    /// Returns every stack, with those without entries last.
    pub fn models(&self) -> impl Iterator<Item = &Model> {
        let held = self.shards.iter().map(|shard| &shard.model);
        held.chain(&self.emptied)
    }
}

/// Returns a single stack that holds every entry.
pub(super) fn single(model: Model) -> Shard {
    Shard {
        model,
        file: "stack.yaml".to_owned(),
        prefix: String::new(),
    }
}

/// Returns an assignment without entries if one stack cannot hold them all.
fn first(model: &Model) -> Option<Assignment> {
    let mut load = Load::empty(model);
    for entry in &model.entries {
        load.add(entry);
    }
    let one = load.is_short() && view::stack(model).is_ok_and(|stack| view::fits(&stack));
    (!one).then(Assignment::default)
}

/// Returns the assignment with every entry of the model, and no others.
fn place(model: &Model, before: &Assignment) -> Assignment {
    let empty = Load::empty(model);
    let mut loads = vec![empty.clone(); before.stacks.max(1)];
    let mut secrets = BTreeMap::new();
    let mut new = Vec::new();
    for entry in &model.entries {
        match before.secrets.get(entry.secret.as_str()) {
            Some(number) => {
                loads[*number].add(entry);
                secrets.insert(entry.secret.to_string(), *number);
            }
            None => new.push(entry),
        }
    }
    // Entries are similar in size, so a stack that had no room for one is not tried again.
    let mut open = 0;
    for entry in new {
        loop {
            if open == loads.len() {
                loads.push(empty.clone());
            }
            let mut load = loads[open].clone();
            let alone = load.is_empty();
            load.add(entry);
            // An entry that no stack can hold is placed anyway, so that the check can refuse it
            // by name.
            if load.fits() || alone {
                loads[open] = load;
                break;
            }
            open += 1;
        }
        secrets.insert(entry.secret.to_string(), open);
    }
    Assignment {
        stacks: loads.len(),
        secrets,
    }
}

/// Returns a model for each stack of the assignment.
fn split(mut model: Model, assignment: &Assignment) -> Result<Vec<Model>, Finding> {
    let mut entries: Vec<Vec<Entry>> = Vec::new();
    entries.resize_with(assignment.stacks, Default::default);
    for entry in std::mem::take(&mut model.entries) {
        entries[assignment.secrets[entry.secret.as_str()]].push(entry);
    }
    let shard = |(number, entries)| {
        Ok(Model {
            stack: stack_name(&model.fleet, number)?,
            entries,
            ..model.clone()
        })
    };
    entries.into_iter().enumerate().map(shard).collect()
}

/// Returns the manifest's own name for the first stack, and `NAME-001`, … for the others.
fn stack_name(fleet: &StackName, number: usize) -> Result<StackName, Finding> {
    if number == 0 {
        return Ok(fleet.clone());
    }
    let name = format!("{fleet}-{number:03}");
    StackName::parse(&name).map_err(|why| {
        Finding::error("limit", "stack", why)
            .hint("the entries need several stacks, whose names end with a number: choose a shorter name, or split the manifest")
    })
}
