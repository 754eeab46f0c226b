//! The changes since an earlier rendering, or since the last deployment.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;

use super::Baseline;
use super::grant;
use super::prose;
use super::sentence::{Sentence, SentenceContext};
use crate::render::tree::Value;
use crate::render::{Error, Rendered, arn, document, resolve, tree};

/// The maximum number of lines of one kind. If there are more, only their number is shown.
const SHOWN: usize = 300;
/// The maximum length of a property's value on the page.
const LONGEST: usize = 240;

/// The changes.
#[derive(Debug, Default, Serialize)]
pub struct Difference {
    /// What the stacks are compared with.
    pub since: String,
    /// Whether there is nothing to compare with.
    pub first: bool,
    /// Whether nothing changed.
    pub none: bool,
    /// A summary of the changes in one line.
    pub summary: String,
    pub gained: Vec<Sentence>,
    pub lost: Vec<Sentence>,
    /// Secrets whose rotation begins, and secrets whose rotation stops.
    pub begins: Listed,
    pub stops: Listed,
    pub added: Vec<Changed>,
    pub removed: Vec<Changed>,
    pub changed: Vec<Changed>,
    /// Notes about what is omitted, if there are too many changes.
    pub more: Vec<String>,
}

/// Some names, and their total number.
#[derive(Debug, Default, Serialize)]
pub struct Listed {
    pub count: String,
    pub names: Vec<String>,
}

/// A resource, with its properties that changed.
#[derive(Debug, Serialize)]
pub struct Changed {
    pub id: String,
    pub kind: String,
    pub properties: Vec<Property>,
    /// The number of properties.
    pub rows: usize,
}

/// A changed property.
#[derive(Debug, PartialEq, Eq, Serialize)]
pub struct Property {
    pub path: String,
    pub before: Option<String>,
    pub after: Option<String>,
}

/// Compares the stacks with the earlier ones.
///
/// # Errors
///
/// Returns which of the earlier templates cannot be read, and the reason.
pub fn difference(
    stacks: &[Rendered<'_>],
    before: &Baseline,
    setting: &SentenceContext,
) -> Result<Difference, Error> {
    let mut difference = Difference {
        since: before.what.clone(),
        first: before.stacks.is_empty(),
        ..Difference::default()
    };
    let mut trees = BTreeMap::new();
    for (file, text) in &before.stacks {
        trees.insert(file.as_str(), read(file, text)?);
    }
    let mut earlier = Vec::new();
    let (mut holds, mut rotates) = (BTreeSet::new(), BTreeSet::new());
    for rendered in stacks {
        holds.append(&mut grant::grants(&rendered.documents));
        rotates.append(&mut rotating(&rendered.tree, &rendered.resolver));
        let tree = trees.remove(rendered.file).unwrap_or_default();
        resources(&tree, &rendered.tree, &mut difference);
        earlier.push((rendered.file, tree, &rendered.resolver));
    }
    for (file, tree) in trees {
        resources(&tree, &Value::Null, &mut difference);
        earlier.extend(stacks.first().map(|any| (file, tree, &any.resolver)));
    }
    let (mut held, mut rotated) = (BTreeSet::new(), BTreeSet::new());
    for (file, tree, resolver) in earlier {
        let resolver = resolver.clone().with_resources(&tree);
        let documents = document::documents(&tree, &resolver, &resolver);
        held.append(&mut grant::grants(
            &documents.map_err(|error| refused(file, error))?,
        ));
        rotated.append(&mut rotating(&tree, &resolver));
    }
    difference.gained = grant::sentences(holds.difference(&held), setting);
    difference.lost = grant::sentences(held.difference(&holds), setting);
    difference.begins = listed(rotates.difference(&rotated).cloned().collect());
    difference.stops = listed(rotated.difference(&rotates).cloned().collect());
    finish(&mut difference);
    Ok(difference)
}

fn listed(names: Vec<String>) -> Listed {
    Listed {
        count: prose::count(names.len(), "secret", "secrets"),
        names,
    }
}

fn refused(file: &str, reason: impl ToString) -> Error {
    Error::Before {
        file: file.to_owned(),
        reason: reason.to_string(),
    }
}

fn read(file: &str, text: &str) -> Result<Value, Error> {
    let tree = tree::read(text).map_err(|error| refused(file, error))?;
    match tree.get("Resources").and_then(Value::as_mapping) {
        Some(_) => Ok(tree),
        None => Err(refused(
            file,
            "it has no `Resources`, so it is not a CloudFormation template",
        )),
    }
}

/// Returns the secrets that have a schedule.
fn rotating(tree: &Value, resolver: &resolve::Resolver) -> BTreeSet<String> {
    let schedules = resolve::resources(tree)
        .filter(|(_, one)| resolve::type_of(one) == "AWS::SecretsManager::RotationSchedule");
    let names = schedules.filter_map(|(_, one)| {
        let id = resolver
            .resolve(one.get("Properties")?.get("SecretId")?)
            .ok()?;
        Some(arn::secret_name(id.as_str()?).to_owned())
    });
    names.collect()
}

fn resources(before: &Value, after: &Value, difference: &mut Difference) {
    let changed = |id: &str, resource: &Value, properties: Vec<Property>| Changed {
        id: id.to_owned(),
        kind: resolve::type_of(resource).to_owned(),
        rows: properties.len(),
        properties,
    };
    let mut was: BTreeMap<&str, &Value> = resolve::resources(before).collect();
    let is: BTreeMap<&str, &Value> = resolve::resources(after).collect();
    for (id, resource) in is {
        let Some(earlier) = was.remove(id) else {
            difference.added.push(changed(id, resource, Vec::new()));
            continue;
        };
        let mut properties = Vec::new();
        compare("", Some(earlier), Some(resource), &mut properties);
        if !properties.is_empty() {
            difference.changed.push(changed(id, resource, properties));
        }
    }
    let removed = was
        .into_iter()
        .map(|(id, resource)| changed(id, resource, Vec::new()));
    difference.removed.extend(removed);
}

/// Adds each property that differs, at the deepest level that can be described.
fn compare(path: &str, before: Option<&Value>, after: Option<&Value>, found: &mut Vec<Property>) {
    if before == after {
        return;
    }
    match (before, after) {
        (Some(Value::Mapping(was)), Some(Value::Mapping(is))) => {
            let mut keys: Vec<&Value> = was.keys().collect();
            keys.extend(is.keys().filter(|key| !was.contains_key(*key)));
            for key in keys {
                let name = key.as_str().map_or_else(|| shown(key), str::to_owned);
                let path = match path {
                    "" | "Properties" => name,
                    _ => format!("{path}.{name}"),
                };
                compare(&path, was.get(key), is.get(key), found);
            }
        }
        (Some(Value::Sequence(was)), Some(Value::Sequence(is))) => {
            lists(path, was, is, found);
        }
        _ => found.push(Property {
            path: path.to_owned(),
            before: before.map(shown),
            after: after.map(shown),
        }),
    }
}

fn lists(path: &str, was: &[Value], is: &[Value], found: &mut Vec<Property>) {
    for key in ["Key", "Sid", "Id", "Name"] {
        if let (Some(was), Some(is)) = (keyed(was, key), keyed(is, key)) {
            let names: BTreeSet<&str> = was.keys().chain(is.keys()).copied().collect();
            for name in names {
                let at = format!("{path}[{name}]");
                compare(&at, was.get(name).copied(), is.get(name).copied(), found);
            }
            return;
        }
    }
    let only = |items: &[Value], others: &[Value]| -> Vec<String> {
        items
            .iter()
            .filter(|one| !others.contains(one))
            .map(shown)
            .collect()
    };
    let (gone, new) = (only(was, is), only(is, was));
    if gone.is_empty() && new.is_empty() {
        // The same items in another order, or with other frequencies.
        found.push(Property {
            path: path.to_owned(),
            before: Some(prose::count(was.len(), "item", "items")),
            after: Some(format!(
                "{}, in a different order",
                prose::count(is.len(), "item", "items")
            )),
        });
    }
    for index in 0..gone.len().max(new.len()) {
        found.push(Property {
            path: format!("{path}[]"),
            before: gone.get(index).cloned(),
            after: new.get(index).cloned(),
        });
    }
}

/// Returns the items by the string under a key, if the strings are unique.
fn keyed<'tree>(items: &'tree [Value], key: &str) -> Option<BTreeMap<&'tree str, &'tree Value>> {
    let mut map = BTreeMap::new();
    for item in items {
        let name = item.as_mapping()?.get(key)?.as_str()?;
        if map.insert(name, item).is_some() {
            return None;
        }
    }
    Some(map)
}

/// Returns a value on one line: references as in the template, everything else as JSON.
fn shown(value: &Value) -> String {
    let text = text(value);
    match text.char_indices().nth(LONGEST) {
        Some((end, _)) => format!("{} …", &text[..end]),
        None => text,
    }
}

fn text(value: &Value) -> String {
    match value {
        Value::Null => "null".to_owned(),
        Value::Bool(one) => one.to_string(),
        Value::Number(one) => one.to_string(),
        Value::String(one) => one.clone(),
        Value::Tagged(tagged) => {
            let tag = tagged.tag.to_string();
            format!("!{} {}", tag.trim_start_matches('!'), text(&tagged.value))
        }
        Value::Sequence(items) => {
            format!(
                "[{}]",
                items.iter().map(text).collect::<Vec<_>>().join(", ")
            )
        }
        Value::Mapping(entries) => {
            let entries = entries
                .iter()
                .map(|(key, value)| format!("{}: {}", text(key), text(value)));
            format!("{{{}}}", entries.collect::<Vec<_>>().join(", "))
        }
    }
}

/// Summarises the changes, and shortens the lists.
fn finish(difference: &mut Difference) {
    let mut said = Vec::new();
    let mut more = Vec::new();
    let mut cut = |length: usize, one: &str, many: &str| {
        if length > 0 {
            said.push(prose::count(length, one, many));
        }
        if length > SHOWN {
            let rest = prose::count(length - SHOWN, one, many);
            more.push(rest.replacen(' ', " more ", 1));
        }
        SHOWN
    };
    let Difference {
        gained,
        lost,
        begins: Listed { names: begins, .. },
        stops: Listed { names: stops, .. },
        added,
        removed,
        changed,
        ..
    } = difference;
    gained.truncate(cut(gained.len(), "permission gained", "permissions gained"));
    lost.truncate(cut(lost.len(), "permission lost", "permissions lost"));
    begins.truncate(cut(
        begins.len(),
        "secret starts to rotate",
        "secrets start to rotate",
    ));
    stops.truncate(cut(
        stops.len(),
        "secret stops rotating",
        "secrets stop rotating",
    ));
    added.truncate(cut(added.len(), "resource added", "resources added"));
    removed.truncate(cut(removed.len(), "resource removed", "resources removed"));
    changed.truncate(cut(changed.len(), "resource changed", "resources changed"));
    difference.none = said.is_empty();
    difference.summary = prose::words(said.iter().map(String::as_str), "and");
    difference.more = more;
}
