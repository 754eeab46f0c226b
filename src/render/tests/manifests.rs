//! The manifests in `tests/manifests` and `examples`.
//!
//! Each invalid manifest lists the findings that refuse it, one per line: `# expect: KIND PATH
//! LINE`, with `-` for an absent part. `# environment: NAME` selects an environment.

use super::super::{Rendering, render};
use super::{findings, folder, load_in, read, shards, templates};

fn directive<'text>(text: &'text str, name: &str) -> Vec<&'text str> {
    let prefix = format!("# {name}: ");
    text.lines()
        .filter_map(|line| line.strip_prefix(&prefix))
        .collect()
}

fn environments(text: &str) -> Vec<Option<&str>> {
    let named = directive(text, "environment").into_iter().map(Some);
    [None].into_iter().chain(named).collect()
}

fn check(path: &std::path::Path, environment: Option<&str>) -> Rendering {
    let loaded = load_in(path.parent().unwrap(), &read(path), environment);
    let loaded = loaded.unwrap_or_else(|found| panic!("{}: {found:?}", path.display()));
    render(&shards(loaded.model), &templates())
        .unwrap_or_else(|error| panic!("{}: {error:?}", path.display()))
}

#[test]
fn every_valid_manifest_renders() {
    for path in folder("tests/manifests/valid") {
        for environment in environments(&read(&path)) {
            check(&path, environment);
        }
    }
}

#[test]
fn every_example_renders() {
    let mut stacks = std::collections::BTreeSet::new();
    for path in folder("examples") {
        check(&path, None);
        stacks.insert(path);
    }
    let path = stacks
        .iter()
        .find(|path| path.ends_with("environments.yaml"))
        .unwrap();
    let staging = check(path, Some("staging")).stacks()[0].to_owned();
    assert!(staging.contains("shop-keys-staging") && staging.contains("rate(7 days)"));
    assert!(check(path, Some("dev")).stacks()[0].contains("rate(12 hours)"));
}

#[test]
fn every_invalid_manifest_is_refused_for_what_it_says() {
    for path in folder("tests/manifests/invalid") {
        let text = read(&path);
        let environment = directive(&text, "environment").first().copied();
        let mut expected: Vec<String> = directive(&text, "expect")
            .into_iter()
            .map(str::to_owned)
            .collect();
        assert!(
            !expected.is_empty(),
            "{}: it expects nothing",
            path.display()
        );
        let found = findings(&text, environment);
        let mut found: Vec<String> = found
            .iter()
            .map(|finding| {
                let line = finding.line.map_or("-".to_owned(), |line| line.to_string());
                let place = if finding.path.is_empty() {
                    "-"
                } else {
                    &finding.path
                };
                assert!(!finding.message.is_empty() && !finding.message.ends_with('.'));
                format!("{} {place} {line}", finding.kind)
            })
            .collect();
        expected.sort();
        found.sort();
        assert_eq!(found, expected, "{}", path.display());
    }
}
