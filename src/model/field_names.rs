//! The names of the fields of a secret's value: `fields` of an entry, and of `defaults`.

use std::collections::{BTreeMap, BTreeSet};

use keyrota_contract::value::names::Names;
use keyrota_contract::value::{OF_ACCESS_KEYS, OF_DATABASES, OF_SERVICES};

use super::Finding;
use super::fields::{Fields, LONGEST_FIELD_NAME};
use super::reader::Field;

/// The names of a field, and where the manifest has them.
struct FieldNames<'doc> {
    names: Vec<String>,
    at: Field<'doc>,
}

/// Reads the names of the fields of a kind whose value has the fields `known`. The entry's own
/// names take precedence over those in `defaults`.
pub(super) fn read(entry: &Fields<'_>, known: &[&'static str]) -> Option<Names> {
    let mut names = BTreeMap::new();
    if let Some(defaults) = entry.in_defaults("fields") {
        names.extend(read_mapping(&defaults, known)?);
    }
    if entry.own("fields").is_some() {
        names.extend(read_mapping(&entry.mapping("fields")?, known)?);
    }
    check(&names, known).then(|| {
        let names = names.into_iter();
        let names = names.map(|(field, held)| (field.to_owned(), held.names));
        Names::new(
            names
                .filter(|(field, names)| names != &[field.as_str()])
                .collect(),
        )
    })
}

/// Reports faults in the names of `defaults`, of whatever kind they are.
pub(super) fn check_defaults(defaults: &Fields<'_>) {
    for known in [&OF_ACCESS_KEYS[..], &OF_DATABASES[..], &OF_SERVICES[..]] {
        if let Some(names) = defaults
            .mapping("fields")
            .and_then(|fields| read_mapping(&fields, known))
        {
            check(&names, known);
        }
    }
}

fn read_mapping<'doc>(
    fields: &Fields<'doc>,
    known: &[&'static str],
) -> Option<BTreeMap<&'static str, FieldNames<'doc>>> {
    let read = |name: &&'static str| {
        let at = fields.get(name)?;
        Some(read_names(&at, name).map(|names| (*name, FieldNames { names, at })))
    };
    // Every name is read, so that all faults are reported.
    let all: Vec<_> = known
        .iter()
        .filter(|name| fields.has(name))
        .filter_map(read)
        .collect();
    all.into_iter().collect()
}

/// Reads one name, beside which a value may have the default name, or a list of all names that a
/// value may have.
fn read_names(field: &Field<'_>, default: &str) -> Option<Vec<String>> {
    if !field.is_list() {
        let mut names = vec![field.parse("invalid-name", parse_name)?];
        if names != [default] {
            names.push(default.to_owned());
        }
        return Some(names);
    }
    let items = field.list()?;
    if items.is_empty() {
        field.refuse("invalid-name", "the list has no name");
        return None;
    }
    let read = |item: &Field<'_>| item.parse("invalid-name", parse_name);
    let names: Vec<Option<String>> = items.iter().map(read).collect();
    names.into_iter().collect()
}

fn parse_name(text: &str) -> Result<String, String> {
    let count = text.chars().count();
    match () {
        () if text.is_empty() => Err("the name of a field is empty".to_owned()),
        () if text.contains(char::is_control) => {
            Err("the name of a field cannot contain control characters".to_owned())
        }
        () if count > LONGEST_FIELD_NAME as usize => Err(format!(
            "the name of a field can have at most {LONGEST_FIELD_NAME} characters, but this one has {count}"
        )),
        () => Ok(text.to_owned()),
    }
}

/// Reports names that belong to two fields. Returns whether there are none.
fn check(names: &BTreeMap<&'static str, FieldNames<'_>>, known: &[&'static str]) -> bool {
    let mut taken: BTreeMap<&str, &str> = BTreeMap::new();
    let mut is_sound = true;
    for (field, FieldNames { names, at }) in names {
        let mut own = BTreeSet::new();
        for name in names {
            let problem = if name != field && known.contains(&name.as_str()) {
                Some(format!("`{name}` is the default name of another field"))
            } else if !own.insert(name) {
                Some(format!("`{name}` is in the list twice"))
            } else {
                let other = taken.insert(name, field);
                other.map(|other| format!("`{name}` is a name of `{other}` too"))
            };
            if let Some(problem) = problem {
                at.report(Finding::error("duplicate-field", at.path(), problem));
                is_sound = false;
            }
        }
    }
    is_sound
}

#[cfg(test)]
mod tests;
