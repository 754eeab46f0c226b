use std::fmt::Write as _;

use proptest::prelude::*;

use super::*;
use crate::model;
use crate::render::{Templates, document, render, resolve, tree};

fn templates() -> Templates {
    Templates::built_in().unwrap()
}

fn load(text: &str) -> Model {
    model::load(text, None).unwrap().model
}

/// Returns a manifest with users of these numbers, in this order.
fn users(numbers: impl IntoIterator<Item = usize>, settings: &str) -> Model {
    let mut text = "version: 1\nstack: keys\naccess_keys:\n".to_owned();
    for number in numbers {
        writeln!(
            text,
            "  - {{ user: user-{number:05}, secret: prod/user-{number:05}{settings} }}"
        )
        .unwrap();
    }
    load(&text)
}

/// Returns a manifest with users and databases of these numbers.
fn mixed(keys: usize, databases: usize, settings: &str) -> Model {
    let mut text = "version: 1\nstack: keys\nnetwork: { subnets: [subnet-0a1b2c3d], security_groups: [sg-0a1b2c3d] }\naccess_keys:\n".to_owned();
    for number in 0..keys {
        writeln!(
            text,
            "  - {{ user: user-{number:05}, secret: prod/user-{number:05} }}"
        )
        .unwrap();
    }
    text.push_str("databases:\n");
    for number in 0..databases {
        writeln!(
            text,
            "  - {{ secret: prod/db-{number:05}, engine: mysql, host: db-{number:05}.internal, username: app{settings} }}"
        )
        .unwrap();
    }
    load(&text.replace("access_keys:\ndatabases:", "databases:"))
}

fn fleet(model: Model, record: Record) -> Fleet {
    Fleet::of(model, record).unwrap()
}

/// Returns the number of each secret's stack.
fn numbers(fleet: &Fleet) -> BTreeMap<String, String> {
    let held = fleet.shards.iter().flat_map(|shard| {
        let entries = shard.model.access_keys();
        entries.map(|entry| (entry.secret.to_string(), shard.file.clone()))
    });
    held.collect()
}

#[test]
fn what_one_stack_holds_is_one_stack_without_a_record() {
    let fleet = fleet(users(0..150, ""), Record::default());
    assert_eq!(fleet.record, None);
    assert_eq!(fleet.shards.len(), 1);
    assert_eq!(fleet.shards[0].file, "stack.yaml");
    render(&fleet.shards, &templates()).unwrap();
}

#[test]
fn more_than_that_are_several_stacks_and_the_first_keeps_its_name() {
    let fleet = fleet(users(0..400, ""), Record::default());
    let names: Vec<_> = fleet
        .shards
        .iter()
        .map(|shard| shard.model.stack.to_string())
        .collect();
    assert_eq!(names[..2], ["keys", "keys-001"]);
    let rendering = render(&fleet.shards, &templates()).unwrap();
    for file in [
        "stack-000.yaml",
        "stack-002.yaml",
        "deployer-policy-001.json",
        "policies/002-function.json",
    ] {
        assert!(rendering.files.contains_key(file), "{file}");
    }
    assert!(!rendering.files.contains_key("stack.yaml"));
    let count: usize = fleet
        .shards
        .iter()
        .map(|shard| shard.model.access_keys().count())
        .sum();
    assert_eq!(count, 400);
    // The shared resources are named after the manifest's stack.
    for shard in &fleet.shards {
        assert_eq!(shard.model.fleet.as_str(), "keys");
    }
}

/// Every kind of entry, alone and with long names, in fleets that are split because of
/// different limits. The check accepts each stack.
#[test]
fn every_stack_keeps_within_every_limit() {
    let long = "n".repeat(420);
    let readers: Vec<String> = (0..60)
        .map(|index| format!("arn:aws:iam::111122223333:role/{long:.60}{index}"))
        .collect();
    let readers = format!(", kms_key: create, readers: [{}]", readers.join(", "));
    for (total, name, settings) in [
        (700, "prod/x", ""),
        (700, "prod/x", ", rotate_as: role"),
        (
            700,
            "prod/x",
            ", create_user: true, readers: [\"arn:aws:iam::111122223333:root\"]",
        ),
        (
            300,
            "prod/x",
            ", rotate_as: ops/administrator, kms_key: create",
        ),
        (300, "prod/x", readers.as_str()),
        (300, long.as_str(), ""),
        (300, long.as_str(), ", rotate_as: role, kms_key: create"),
    ] {
        let mut text =
            "version: 1\nstack: keys\ntags: { team: payments }\nencrypt: { logs: create, topic: create, environment: create }\naccess_keys:\n".to_owned();
        for number in 0..total {
            writeln!(
                text,
                "  - {{ user: user-{number}, secret: {name}{number:05}x{settings} }}"
            )
            .unwrap();
        }
        let fleet = fleet(load(&text), Record::default());
        assert!(fleet.shards.len() > 1, "{settings}");
        let rendering = render(&fleet.shards, &templates())
            .unwrap_or_else(|error| panic!("{name:.9}{settings}: {error:?}"));
        let stacks = rendering.stacks();
        let count: usize = fleet
            .shards
            .iter()
            .map(|shard| shard.model.access_keys().count())
            .sum();
        assert_eq!(stacks.len(), fleet.shards.len());
        assert_eq!(count, total, "{settings}");
    }
}

#[test]
fn an_entry_stays_where_it_is_when_others_come_and_go() {
    let first = fleet(users(0..400, ""), Record::default());
    let before = numbers(&first);
    let record = first.record.unwrap();
    // The first hundred entries are removed, and others are added at the beginning.
    let second = fleet(users((500..700).chain(100..400), ""), record);
    let after = numbers(&second);
    for number in 100..400 {
        let name = format!("prod/user-{number:05}");
        assert_eq!(before[&name], after[&name]);
    }
    // The new entries use the room of the removed ones.
    assert!(after.values().any(|file| file == "stack-000.yaml"));
    assert!((500..600).any(|number| after[&format!("prod/user-{number:05}")] == "stack-000.yaml"));
}

#[test]
fn an_emptied_stack_is_remembered() {
    let first = fleet(users(0..400, ""), Record::default());
    let record = first.record.unwrap();
    let assignment = record.get("keys").unwrap().clone();
    let stay = assignment
        .secrets
        .iter()
        .filter(|(_, number)| **number != 1);
    let stay: Vec<usize> = stay.map(|(name, _)| name[10..].parse().unwrap()).collect();
    let second = fleet(users(stay, ""), record);
    let mut files = second.shards.iter().map(|shard| shard.file.as_str());
    assert!(files.all(|file| file != "stack-001.yaml"));
    assert_eq!(second.emptied[0].stack.as_str(), "keys-001");
    assert_eq!(
        second.record.unwrap().get("keys").unwrap().stacks,
        assignment.stacks
    );
}

#[test]
fn a_name_that_leaves_no_room_for_a_number_is_a_finding() {
    let mut model = users(0..400, "");
    model.fleet = StackName::parse(&"k".repeat(126)).unwrap();
    model.stack = model.fleet.clone();
    let finding = Fleet::of(model, Record::default()).unwrap_err();
    assert_eq!((finding.kind, finding.path.as_str()), ("limit", "stack"));
}

#[test]
fn environments_are_fleets_of_their_own() {
    let first = fleet(users(0..400, ""), Record::default());
    let mut other = users(0..300, "");
    other.fleet = StackName::parse("staging").unwrap();
    let record = fleet(other, first.record.clone().unwrap()).record.unwrap();
    assert_eq!(record.get("keys"), first.record.unwrap().get("keys"));
    assert_eq!(record.get("staging").unwrap().secrets.len(), 300);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    /// Entries are added and removed in any order, and no remaining entry moves.
    #[test]
    fn nothing_moves(changes in prop::collection::vec((0_usize..900, 0_usize..900, any::<bool>()), 1..6)) {
        let mut held: Vec<usize> = (0..300).collect();
        let mut record = Record::default();
        let mut before = BTreeMap::new();
        for (low, high, joins) in changes {
            let range = low.min(high)..low.max(high);
            held.retain(|number| !range.contains(number));
            if joins {
                held.splice(0..0, range);
            }
            if held.is_empty() {
                continue;
            }
            let fleet = fleet(users(held.iter().copied(), ""), record.clone());
            let after = numbers(&fleet);
            prop_assert_eq!(after.len(), held.len());
            if let Some(next) = fleet.record {
                for (name, file) in &after {
                    prop_assert_eq!(before.get(name).unwrap_or(file), file);
                }
                record = next;
                before = after;
            }
        }
    }
}

/// Databases are entries like any others: each stays where it is, and a stack has only the
/// resources that its own entries need.
#[test]
fn databases_are_spread_and_stay() {
    let one = fleet(mixed(2, 2, ""), Record::default());
    assert_eq!(one.shards.len(), 1);
    assert!(one.record.is_none());
    let many = fleet(mixed(0, 600, ""), Record::default());
    assert!(many.shards.len() > 2, "{}", many.shards.len());
    for shard in &many.shards {
        let rendered = render(std::slice::from_ref(shard), &templates()).unwrap();
        assert!(!rendered.stacks()[0].contains("\n  Function:\n"));
    }
    let record = many.record.unwrap();
    let placed = |fleet: &Fleet| -> BTreeMap<String, String> {
        let of = |shard: &Shard| {
            let names = shard
                .model
                .entries
                .iter()
                .map(|entry| entry.secret.to_string());
            let file = shard.file.clone();
            names
                .map(move |name| (name, file.clone()))
                .collect::<Vec<_>>()
        };
        fleet.shards.iter().flat_map(of).collect()
    };
    let before = placed(&fleet(mixed(0, 600, ""), record.clone()));
    assert_eq!(before.len(), 600);
    // Access keys go where there is room. A shard with both kinds has both functions.
    let more = fleet(mixed(300, 600, ""), record);
    let after = placed(&more);
    assert_eq!(after.len(), 900);
    for (name, file) in &before {
        assert_eq!(after.get(name), Some(file), "{name}");
    }
    for shard in &more.shards {
        let rendering = render(std::slice::from_ref(shard), &templates()).unwrap();
        let stack = rendering.stacks()[0];
        let keys = shard.model.access_keys().next().is_some();
        let databases = shard.model.databases().next().is_some();
        assert_eq!(stack.contains("\n  Function:\n"), keys, "{}", shard.file);
        assert_eq!(
            stack.contains("\n  DatabaseFunction:\n"),
            databases,
            "{}",
            shard.file
        );
    }
}

/// The estimate of a stack is never less than its actual size.
#[test]
fn no_estimate_is_too_low() {
    for settings in [
        "",
        ", rotate_as: role, create_user: true",
        ", rotate_as: ops/administrator, kms_key: create, readers: [\"arn:aws:iam::111122223333:root\"]",
        ", probe: { action: \"s3:ListBucket\", resource: \"arn:aws:s3:::abc\" }",
        ", notify: [\"arn:aws:sns:eu-west-1:111122223333:a\", \"arn:aws:events:eu-west-1:111122223333:event-bus/b\"]",
    ] {
        for (count, model) in [1, 60].map(|count| (count, users(0..count, settings))) {
            check_estimate(&model, count, settings);
        }
    }
    for settings in [
        "",
        ", rotate_as: ops/administrator, kms_key: create, readers: [\"arn:aws:iam::111122223333:root\"]",
        ", dbname: \"o'rd\\\"ers\", tls_ca: a.pem, old_key: { deactivate_after: 1d }",
    ] {
        for (keys, databases) in [(0, 1), (0, 60), (1, 1), (40, 40)] {
            let model = mixed(keys, databases, settings);
            check_estimate(&model, keys + databases, settings);
        }
    }
}

/// The growth of the estimate with more entries is never less than the growth of the template.
/// Otherwise, the fixed part of the stack would hide an estimate for an entry that is too low.
#[test]
fn no_entry_is_estimated_too_low() {
    let check = |settings: &str, few: Model, many: Model| {
        let size = |model: Model| {
            let mut load = Load::empty(&model);
            model.entries.iter().for_each(|entry| load.add(entry));
            let rendering = render(&[single(model)], &templates()).unwrap();
            (rendering.stacks()[0].len(), load.estimate().1)
        };
        let ((few, few_estimated), (many, many_estimated)) = (size(few), size(many));
        let (grown, estimated) = (many - few, many_estimated - few_estimated);
        assert!(
            grown <= estimated && estimated * 2 <= grown * 3,
            "{settings}: {grown} bytes more, {estimated} estimated"
        );
    };
    for settings in [
        "",
        ", rotate_as: role",
        ", rotate_as: role, create_user: true",
        ", create_user: true",
        ", readers: [\"arn:aws:iam::111122223333:root\"]",
        ", kms_key: create",
        ", probe: { action: \"s3:ListBucket\", resource: \"arn:aws:s3:::abc\" }",
        ", notify: [\"arn:aws:sns:eu-west-1:111122223333:a\", \"arn:aws:lambda:eu-west-1:111122223333:function:b\"]",
        ", path: /teams/continuous-integration/",
        ", path: /teams/continuous-integration/, create_user: true",
        ", path: \"/\\\"\\\\\\\"\\\\/\"",
        ", description: The nightly export of the orders to the warehouse",
        ", description: 결제, tags: { 팀: 결제, owner: data-platform }",
    ] {
        check(settings, users(0..20, settings), users(0..100, settings));
    }
    for settings in [
        "",
        ", kms_key: create",
        ", dbname: orders, tls_ca: a.pem",
        ", description: The shop, tags: { owner: data-platform }",
    ] {
        check(settings, mixed(0, 20, settings), mixed(0, 100, settings));
    }
}

fn check_estimate(model: &Model, count: usize, settings: &str) {
    let mut load = Load::empty(model);
    for entry in &model.entries {
        load.add(entry);
    }
    let rendering = render(&[single(model.clone())], &templates()).unwrap();
    let text = rendering.stacks()[0];
    let tree = tree::read(text).unwrap();
    let resolver = resolve::Resolver::longest(model).with_resources(&tree);
    let found = resolve::resources(&tree).count();
    let (resources, bytes, key) = load.estimate();
    assert!(
        found <= resources && resources <= found + 12,
        "{settings}: {found} resources, {resources} estimated"
    );
    assert!(
        text.len() <= bytes,
        "{settings}: {} bytes, {bytes} estimated",
        text.len()
    );
    if count > 2 {
        assert!(
            bytes * 2 <= text.len() * 3,
            "{settings}: {} bytes, {bytes} estimated",
            text.len()
        );
    }
    let sizes = document::documents(&tree, &resolver, &resolver).unwrap();
    let keys = sizes
        .iter()
        .filter(|one| one.kind == document::DocumentKind::Key);
    for size in keys.map(|one| one.size) {
        assert!(size <= key, "{settings}: {size} > {key}");
        assert!(
            key * 4 <= size * 5 + 5_000,
            "{settings}: {key} is far above {size}"
        );
    }
}
