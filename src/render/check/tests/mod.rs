//! Every rule can find something, and finds nothing in what keyrota renders.

mod cases;
mod deletion;
mod documentation;

use std::collections::BTreeSet;
use std::fmt::Write as _;

use super::{Level, Report, conclude, rules};
use crate::model::{self, Finding};
use crate::render::tests::{shards, templates};
use crate::render::{Error, Rendered, Shard, checked, render, view};

const EVERYTHING: &str = include_str!("../../../../examples/everything.yaml");
const BOUNDARY: &str = include_str!("../../../../examples/boundary.yaml");
const DATABASES: &str = include_str!("../../../../examples/databases.yaml");
const ENCRYPT: &str = include_str!("../../../../tests/manifests/valid/encrypt.yaml");
const NOTIFY: &str = include_str!("../../../../examples/notify.yaml");
const BOTH: &str = include_str!("../../../../examples/keys-and-databases.yaml");

/// Returns the output of the check for a rendering that `edit` has changed. A template that
/// cannot be resolved is refused like any other.
fn findings(manifest: &str, edit: impl Fn(&str) -> String) -> Vec<Finding> {
    let [shard] = shards(model::load(manifest, None).unwrap().model);
    match reported(&shard, edit) {
        Ok((rendered, report)) => conclude(&[rendered], &[report]),
        Err(Error::Refused(findings)) => findings,
        Err(error) => panic!("{error}"),
    }
}

fn reported(shard: &Shard, edit: impl Fn(&str) -> String) -> Result<(Rendered<'_>, Report), Error> {
    let context = view::stack(&shard.model)?;
    let text = templates().stack(context)?;
    checked(shard, &[], edit(&text)).map(|(rendered, _, report)| (rendered, report))
}

/// Returns the text with the first occurrence of `find` replaced. `find` must occur.
fn swap(text: &str, find: &str, replace: &str) -> String {
    assert!(text.contains(find), "{find} is not in the rendering");
    text.replacen(find, replace, 1)
}

#[test]
fn what_keyrota_renders_passes_every_rule() {
    for folder in ["examples", "tests/manifests/valid"] {
        for path in crate::render::tests::folder(folder) {
            let text = crate::render::tests::read(&path);
            let loaded = crate::render::tests::load_in(path.parent().unwrap(), &text, None);
            let model = loaded.unwrap().model;
            let silent = model.alarms.email.is_empty();
            let rendering = render(&shards(model), &templates()).unwrap();
            let told: BTreeSet<&str> = rendering.findings.iter().map(|one| one.kind).collect();
            // Most of them have no address for alarms, and one has an unnecessary exception.
            let expected = match path.file_name().and_then(|name| name.to_str()) {
                Some("exceptions.yaml") => vec!["unused-exception"],
                Some("boundary.yaml") => vec![],
                Some("databases.yaml") if silent => {
                    vec!["alarm-without-subscriber", "database-unverified"]
                }
                _ if silent => vec!["alarm-without-subscriber"],
                _ => vec![],
            };
            assert!(
                told.into_iter().eq(expected),
                "{}: {:?}",
                path.display(),
                rendering.findings
            );
        }
    }
}

#[test]
fn every_rule_fires_on_what_breaks_it() {
    let mut told = String::new();
    let mut fired = BTreeSet::new();
    for case in cases::all() {
        let found = findings(case.manifest, case.edit);
        let kinds: BTreeSet<&str> = found.iter().map(|one| one.kind).collect();
        assert!(kinds.contains(case.rule), "{}: {found:?}", case.rule);
        fired.insert(case.rule);
        writeln!(told, "{}", case.rule).unwrap();
        for finding in found {
            let rule = rules().find(|rule| rule.id == finding.kind).unwrap();
            assert_eq!(finding.is_error(), rule.level != Level::Warning);
            assert!(!finding.message.ends_with('.') && finding.hint.is_some());
            let other = if rule.id == case.rule { "" } else { rule.id };
            let sign = if other.is_empty() { "" } else { " " };
            writeln!(
                told,
                "    {other}{sign}{}: {}",
                finding.path, finding.message
            )
            .unwrap();
        }
    }
    let all: BTreeSet<&str> = rules().map(|rule| rule.id).collect();
    assert_eq!(
        all.difference(&fired).collect::<Vec<_>>(),
        [""; 0].iter().collect::<Vec<_>>()
    );
    insta::assert_snapshot!("findings", told);
}

#[test]
fn every_rule_says_all_that_it_should() {
    let mut ids = BTreeSet::new();
    for rule in rules() {
        let kebab = |one: char| one.is_ascii_lowercase() || one == '-';
        assert!(
            rule.id.chars().all(kebab) && ids.insert(rule.id),
            "{}",
            rule.id
        );
        assert!(
            !rule.title.ends_with('.') && rule.why.ends_with('.'),
            "{}",
            rule.id
        );
        for text in [rule.title, rule.why, rule.remedy, rule.source] {
            assert!(
                !text.is_empty() && !text.contains(['|', '\n']),
                "{}: {text}",
                rule.id
            );
        }
    }
}

#[test]
fn no_finding_shows_the_secret_that_it_is_about() {
    for case in cases::all().filter(|case| case.rule.starts_with("secret-")) {
        for finding in findings(case.manifest, case.edit) {
            let told = format!("{finding:?}");
            for secret in [
                cases::KEY_ID,
                cases::SECRET_PART,
                cases::TOKEN,
                cases::PASSWORD,
            ] {
                assert!(!told.contains(secret), "{}: {told}", case.rule);
            }
        }
    }
}

/// Names can have any form that AWS accepts, and the check mistakes none of them for a secret.
#[test]
fn a_name_that_looks_random_is_no_secret() {
    let name = "Ab1Cd2Ef3Gh4Ij5Kl6Mn7Op8Qr9St0Uv1Wx2Yz3A";
    assert_eq!(name.len(), 40);
    let manifest = format!(
        "version: 1\nstack: keys\nalarms: {{ email: [a@b.example] }}\naccess_keys:\n  - {{ user: {name}, secret: x/{name}/y }}\n"
    );
    assert_eq!(findings(&manifest, str::to_owned), []);
    // The name of the log group contains the stack's.
    let stack = manifest.replace("stack: keys", "stack: A00AA0a00A0A00AgahB03C4ba1DaEF2-x");
    assert_eq!(findings(&stack, str::to_owned), []);
    let tagged = manifest.replace("alarms:", &format!("tags: {{ note: {name} }}\nalarms:"));
    // The same text is a name if the manifest gives that name. Otherwise, it is not.
    let other = tagged.replace(&format!("user: {name}, secret: x/{name}/y"), "user: ada");
    assert_eq!(findings(&other, str::to_owned)[0].kind, "secret-material");
}

fn excepting(rule: &str, resource: &str) -> String {
    let resource = match resource {
        "" => String::new(),
        resource => format!(", resource: '{resource}'"),
    };
    format!(
        "version: 1\nstack: keys\naccess_keys: [{{ user: ada }}]\nexceptions:\n  - {{ rule: {rule}, reason: because of this{resource} }}\n"
    )
}

#[test]
fn an_exception_accepts_what_it_names() {
    let found = |resource: &str| {
        let found = findings(
            &excepting("alarm-without-subscriber", resource),
            str::to_owned,
        );
        found.iter().map(|one| one.kind).collect::<Vec<_>>()
    };
    assert_eq!(found(""), [""; 0]);
    assert_eq!(found("AlarmTopic"), [""; 0]);
    let both = ["unused-exception", "alarm-without-subscriber"];
    assert_eq!(found("Alarm"), both);
    assert_eq!(found("AlarmTopic.Tags"), both);

    // keyrota's own rule that refuses a stack can have an exception too, and its place may be a
    // property.
    let open = |text: &str| swap(text, "EnableKeyRotation: true", "EnableKeyRotation: false");
    let manifest =
        excepting("kms-rotation", "EncryptionKey").replace("ada", "ada, kms_key: create");
    let [shard] = shards(model::load(&manifest, None).unwrap().model);
    let (_, report) = reported(&shard, open).unwrap();
    let [excepted] = report.excepted.as_slice() else {
        panic!("{report:?}");
    };
    assert_eq!(excepted.reason, "because of this");
    assert_eq!(excepted.finding.path, "EncryptionKey.EnableKeyRotation");
    assert!(!report.findings.iter().any(Finding::is_error));
    assert!(!report.passed.iter().any(|rule| rule.id == "kms-rotation"));
    assert!(report.passed.iter().any(|rule| rule.id == "key-retained"));
}

#[test]
fn what_aws_refuses_cannot_be_accepted() {
    let aws = rules().filter(|rule| rule.level == Level::RefusedByAws);
    let exceptions = rules().filter(|rule| rule.check.is_none());
    for rule in aws.chain(exceptions) {
        let found = findings(&excepting(rule.id, ""), str::to_owned);
        let refused = found.iter().find(|one| one.kind == "exception-refused");
        assert_eq!(
            refused.and_then(|one| one.line),
            Some(5),
            "{}: {found:?}",
            rule.id
        );
    }
    let near = findings(&excepting("kms-rotatoin", ""), str::to_owned);
    assert_eq!(near[0].kind, "unknown-rule");
    assert_eq!(
        near[0].hint.as_deref(),
        Some("did you mean `kms-rotation`?")
    );
}

#[test]
fn findings_of_several_stacks_name_the_file() {
    let manifest = excepting("kms-rotation", "").replace("ada", "ada, kms_key: create");
    let mut both = [manifest.as_str(); 2].map(|text| {
        let [shard] = shards(model::load(text, None).unwrap().model);
        shard
    });
    both[0].file = "stack-000.yaml".to_owned();
    both[1].file = "stack-001.yaml".to_owned();
    let (fine, passed) = reported(&both[0], str::to_owned).unwrap();
    let open = |text: &str| swap(text, "EnableKeyRotation: true", "EnableKeyRotation: false");
    let (opened, excepted) = reported(&both[1], open).unwrap();
    let found = conclude(&[fine, opened], &[passed, excepted]);
    // One of the stacks uses the exception, which is enough.
    let told: Vec<_> = found
        .iter()
        .map(|one| (one.kind, one.path.as_str()))
        .collect();
    assert_eq!(
        told,
        [(
            "alarm-without-subscriber",
            "stack-000.yaml and one other stack: AlarmTopic"
        )]
    );
}

/// The maximum number of entries in a stack, in every way to rotate, with policies that are
/// split.
#[test]
fn a_full_stack_passes() {
    let mut manifest =
        "version: 1\nstack: fleet\nalarms: { email: [a@b.example] }\naccess_keys:\n".to_owned();
    for index in 0..150 {
        let as_whom = ["self", "role", "ops/administrator"][index % 3];
        writeln!(
            manifest,
            "  - {{ user: u{index:03}, rotate_as: {as_whom}, kms_key: create }}"
        )
        .unwrap();
    }
    // An administrator that the stack owns, in another part of the managed policies.
    manifest.push_str("  - { user: administrator, secret: ops/administrator }\n");
    assert_eq!(findings(&manifest, str::to_owned), []);
}
