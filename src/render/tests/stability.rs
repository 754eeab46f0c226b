//! The same manifest results in the same bytes, and a change affects only what it must.

use std::collections::BTreeMap;

use super::{parsed, rendered};

const ENTRIES: [&str; 4] = [
    "  - { user: alpha, secret: prod/alpha }\n",
    "  - { user: bravo, secret: prod/bravo, rotate_as: role, kms_key: create }\n",
    "  - { user: charlie, secret: prod/charlie, create_user: true }\n",
    "  - { user: delta, secret: prod/delta, rotate_as: ops/administrator }\n",
];

fn manifest(entries: &[&str]) -> String {
    let head = "version: 1\nstack: keys\nalarms: { email: [b@example.com, a@example.com] }\n";
    format!("{head}access_keys:\n{}", entries.concat())
}

/// Returns each resource and output as text, by its logical ID.
fn parts(manifest: &str) -> BTreeMap<String, String> {
    let stack = parsed(&rendered(manifest));
    let sections = ["Resources", "Outputs"].into_iter();
    let parts = sections.flat_map(|section| stack.get(section).unwrap().as_mapping().unwrap());
    let text = |value| serde_yaml::to_string(value).unwrap();
    parts
        .map(|(id, value)| (id.as_str().unwrap().to_owned(), text(value)))
        .collect()
}

#[test]
fn two_renderings_are_equal() {
    let text = manifest(&ENTRIES);
    assert_eq!(rendered(&text), rendered(&text));
}

#[test]
fn the_order_of_the_manifest_does_not_matter() {
    let [a, b, c, d] = ENTRIES;
    let turned = manifest(&[c, a, d, b]).replace("b@example.com, a@", "a@example.com, b@");
    assert_eq!(rendered(&manifest(&ENTRIES)), rendered(&turned));
}

#[test]
fn an_entry_in_the_middle_leaves_the_others_as_they_are() {
    let [a, b, c, d] = ENTRIES;
    let before = parts(&manifest(&[a, b, d]));
    let after = parts(&manifest(&[a, b, c, d]));
    // These name every secret, which is their purpose.
    let listing = [
        "Function",
        "FunctionRoleSecrets",
        "RotationFailedRule",
        "SweepRule",
    ];
    for (id, part) in &before {
        if listing.contains(&id.as_str()) {
            assert_ne!(after.get(id), Some(part), "{id}");
        } else {
            assert_eq!(after.get(id), Some(part), "{id}");
        }
    }
    let mut new: Vec<_> = after
        .keys()
        .filter(|id| !before.contains_key(*id))
        .collect();
    new.sort();
    insta::assert_debug_snapshot!(new);
}

#[test]
fn a_rotation_waits_only_for_the_policies_it_needs() {
    let parts = parts(&manifest(&ENTRIES));
    let schedule = |name: &str| {
        let mut found = parts
            .iter()
            .filter(|(id, _)| id.starts_with(&format!("Schedule{name}")));
        found.next().unwrap().1
    };
    assert!(schedule("ProdAlpha").contains("UserPolicyAlpha"));
    assert!(schedule("ProdBravo").contains("- FunctionRoleUsers\n- FunctionRoleKey\n"));
    assert!(schedule("ProdDelta").contains("- FunctionRoleAdministrators\n"));
    for other in ["ProdAlpha", "ProdCharlie"] {
        assert!(!schedule(other).contains("FunctionRoleAdministrators"));
        assert!(!schedule(other).contains("FunctionRoleUsers"));
    }
}

#[test]
fn no_rendering_tells_where_it_was_made() {
    for (path, content) in rendered(&manifest(&ENTRIES)).files {
        assert!(!content.contains(env!("CARGO_MANIFEST_DIR")), "{path}");
        assert!(content.ends_with('\n') && !content.contains('\r'), "{path}");
    }
}

/// Returns the value with the entries of every mapping in reverse order.
fn turned(value: serde_yaml::Value) -> serde_yaml::Value {
    use serde_yaml::Value;
    match value {
        Value::Mapping(entries) => {
            let entries: Vec<_> = entries.into_iter().collect();
            let entries = entries.into_iter().rev();
            Value::Mapping(entries.map(|(key, value)| (key, turned(value))).collect())
        }
        Value::Sequence(items) => Value::Sequence(items.into_iter().map(turned).collect()),
        other => other,
    }
}

#[test]
fn the_order_of_a_mapping_does_not_matter() {
    for path in super::folder("examples") {
        let text = super::read(&path);
        let value: serde_yaml::Value = serde_yaml::from_str(&text).unwrap();
        let other = serde_yaml::to_string(&turned(value)).unwrap();
        assert_ne!(text, other);
        assert!(rendered(&text) == rendered(&other), "{}", path.display());
    }
}

/// A changed seed would overwrite the secret's value.
#[test]
fn other_names_of_fields_change_the_pins_only() {
    let with = |fields: &str| {
        let database = "{ secret: db, engine: postgres, host: h, username: u }";
        parts(&format!(
            "version: 1\nstack: keys\ndefaults: {{ fields: {fields} }}\naccess_keys: [{{ user: ada }}]\ndatabases: [{database}]\nnetwork: {{ subnets: [subnet-0a1b2c3d], security_groups: [sg-0a1b2c3d] }}\n"
        ))
    };
    let before = with("{}");
    let after = with("{ accesskey: A, username: U, secretarn: S, engine: E, password: P }");
    let ids: Vec<_> = before.keys().collect();
    assert_eq!(after.keys().collect::<Vec<_>>(), ids);
    let changed = before.iter().filter(|(id, part)| after[*id] != **part);
    let changed: Vec<_> = changed.map(|(id, _)| id.as_str()).collect();
    assert_eq!(changed, ["DatabaseFunction", "Function"]);
}
