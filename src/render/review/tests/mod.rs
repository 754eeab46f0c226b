//! The properties of the page.

mod alternating;
mod created;
mod difference;
mod page;
mod sentence;

use std::collections::BTreeMap;

use crate::model;
use crate::render::{Baseline, Fleet, REVIEW, Record, Rendering, Templates, render_since};

const EVERYTHING: &str = include_str!("../../../../examples/everything.yaml");
const DATABASES: &str = include_str!("../../../../examples/databases.yaml");
const ENCRYPT: &str = include_str!("../../../../tests/manifests/valid/encrypt.yaml");
const ALTERNATING: &str = include_str!("../../../../tests/manifests/valid/alternating-users.yaml");
const CREATED: &str = include_str!("../../../../tests/manifests/valid/created-users.yaml");
const BOTH: &str = include_str!("../../../../examples/keys-and-databases.yaml");

/// Renders a manifest as as many stacks as necessary.
fn rendered(manifest: &str, before: Option<&Baseline>) -> Rendering {
    let model = model::load(manifest, None).unwrap().model;
    let fleet = Fleet::of(model, Record::default()).unwrap();
    let templates = Templates::built_in().unwrap();
    render_since(&fleet.shards, &templates, before).unwrap()
}

fn page(manifest: &str) -> String {
    rendered(manifest, None).files.remove(REVIEW).unwrap()
}

/// Returns the page of a manifest, compared with that of another.
fn compared(earlier: &str, manifest: &str) -> String {
    let stack = rendered(earlier, None).files.remove("stack.yaml").unwrap();
    let before = Baseline {
        what: "an earlier rendering".to_owned(),
        stacks: BTreeMap::from([("stack.yaml".to_owned(), stack)]),
    };
    rendered(manifest, Some(&before))
        .files
        .remove(REVIEW)
        .unwrap()
}

/// Returns a manifest with this number of users.
fn users(count: usize) -> String {
    use std::fmt::Write as _;
    let mut text = "version: 1\nstack: many\naccess_keys:\n".to_owned();
    for user in 0..count {
        writeln!(
            text,
            "  - {{ user: user-{user:04}, secret: many/user-{user:04} }}"
        )
        .unwrap();
    }
    text
}

/// Returns the text of each element of a class, without its markup.
fn texts(page: &str, before: &str) -> Vec<String> {
    let parts = page.split(before).skip(1);
    let element = |part: &str| part.split_once("</").map(|(text, _)| text.to_owned());
    parts.filter_map(element).collect()
}
