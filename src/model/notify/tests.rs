//! The targets of `notify`.

use super::*;
use crate::model::load;

const TOPIC: &str = "arn:aws:sns:eu-west-1:111122223333:rotated";

fn manifest(more: &str) -> String {
    format!("version: 1\nstack: keys\nregion: eu-west-1\naccount: '111122223333'\n{more}\n")
}

fn targets(more: &str) -> Vec<String> {
    let model = load(&manifest(more), None).unwrap().model;
    let targets = model.entries[0].notify.iter();
    targets.map(ToString::to_string).collect()
}

fn refused(more: &str) -> Vec<(&'static str, String)> {
    let found = load(&manifest(more), None).unwrap_err();
    let told = found.iter().map(|one| (one.kind, one.path.clone()));
    told.collect()
}

fn entry(notify: &str) -> String {
    format!("access_keys: [{{ user: ada, notify: {notify} }}]")
}

#[test]
fn each_kind_of_target_is_known_by_its_arn() {
    for (arn, noun) in [
        (TOPIC, "topic"),
        ("arn:aws:sqs:eu-west-1:111122223333:a_b-1", "queue"),
        ("arn:aws:sqs:eu-west-1:111122223333:a.fifo", "queue"),
        (
            "arn:aws:lambda:eu-west-1:111122223333:function:f",
            "function",
        ),
        (
            "arn:aws:lambda:eu-west-1:111122223333:function:f:live",
            "function",
        ),
        (
            "arn:aws:events:eu-west-1:111122223333:event-bus/ops",
            "event bus",
        ),
    ] {
        assert_eq!(
            targets(&entry(&format!("['{arn}']"))),
            [format!("{noun} {arn}")]
        );
    }
    let kind = |arn| parse(arn).unwrap().kind;
    assert_eq!(
        kind("arn:aws:sqs:eu-west-1:111122223333:a.fifo"),
        TargetKind::FifoQueue
    );
}

#[test]
fn entries_of_every_kind_have_targets_those_of_the_defaults_and_those_of_all() {
    let top = format!("notify: ['{TOPIC}']");
    let own = TOPIC.replace("rotated", "own");
    let default = TOPIC.replace("rotated", "default");
    for kind in [
        "access_keys: [{ user: ada",
        "databases: [{ secret: a, engine: postgres, host: db, username: ada",
        "services: [{ secret: a, username: ada, adapter: { function: 'arn:aws:lambda:eu-west-1:111122223333:function:a' }",
    ] {
        let told = |arns: &[&str]| {
            arns.iter()
                .map(|arn| format!("topic {arn}"))
                .collect::<Vec<_>>()
        };
        let with = |own: &str| {
            targets(&format!(
                "{top}\ndefaults: {{ notify: ['{default}'] }}\n{kind}{own} }}]"
            ))
        };
        assert_eq!(with(""), told(&[&default, TOPIC]));
        assert_eq!(with(&format!(", notify: ['{own}']")), told(&[&own, TOPIC]));
        assert_eq!(with(", notify: []"), told(&[TOPIC]));
        assert_eq!(with(&format!(", notify: ['{TOPIC}']")), told(&[TOPIC]));
    }
}

#[test]
fn what_is_no_target_is_refused() {
    for target in [
        "arn:aws:sns:eu-west-1:111122223333:rotated.fifo",
        "arn:aws:sns:eu-west-1:111122223333:rotated:4ab0bb93-9b47-4b3e-8a3c-5ad0b2e4bd5f",
        "arn:aws:sns:eu-west-1:1111:rotated",
        "arn:aws:sns::111122223333:rotated",
        "arn:aws:sns:eu-west-1:111122223333:*",
        "arn:aws:sqs:eu-west-1:111122223333:a.b",
        "arn:aws:lambda:eu-west-1:111122223333:layer:f",
        "arn:aws:lambda:eu-west-1:111122223333:function:f:1:2",
        "arn:aws:lambda:eu-west-1:111122223333:function:f:$LATEST",
        "arn:aws:events:eu-west-1:111122223333:event-bus/default",
        "arn:aws:events:eu-west-1:111122223333:rule/a",
        "arn:aws:states:eu-west-1:111122223333:stateMachine:a",
        "ops@example.com",
    ] {
        let found = refused(&entry(&format!("['{target}']")));
        let path = "access_keys[0].notify[0]".to_owned();
        assert_eq!(found, [("invalid-value", path)], "{target}");
    }
    let path = "access_keys[0].notify".to_owned();
    assert_eq!(
        refused(&entry(&format!("'{TOPIC}'"))),
        [("wrong-type", path)]
    );
    let path = "access_keys[0].notify[1]".to_owned();
    let twice = format!("['{TOPIC}', '{TOPIC}']");
    assert_eq!(refused(&entry(&twice)), [("contradiction", path)]);
}

#[test]
fn a_rule_has_five_targets() {
    let list = |numbers: std::ops::Range<usize>| {
        let arns: Vec<String> = numbers.map(|one| format!("'{TOPIC}{one}'")).collect();
        format!("[{}]", arns.join(", "))
    };
    assert_eq!(targets(&entry(&list(0..5))).len(), 5);
    let path = "access_keys[0].notify".to_owned();
    assert_eq!(
        refused(&entry(&list(0..6))),
        [("invalid-value", path.clone())]
    );
    let both = format!("notify: {}\n{}", list(0..3), entry(&list(2..6)));
    assert_eq!(refused(&both), [("invalid-value", path)]);
    let both = format!("notify: {}\n{}", list(0..3), entry(&list(1..5)));
    assert_eq!(targets(&both).len(), 5);
}

#[test]
fn a_target_is_in_the_region_and_the_account_of_the_stack() {
    for elsewhere in [
        TOPIC.replace("eu-west-1", "eu-west-2"),
        TOPIC.replace("111122223333", "444455556666"),
        TOPIC.replace("arn:aws:", "arn:aws-cn:"),
    ] {
        let list = format!("['{elsewhere}']");
        let path = "access_keys[0].notify".to_owned();
        assert_eq!(
            refused(&entry(&list)),
            [("contradiction", path)],
            "{elsewhere}"
        );
        let top = format!("notify: {list}\n{}", entry("[]"));
        assert_eq!(
            refused(&top),
            [("contradiction", "notify".to_owned())],
            "{elsewhere}"
        );
    }
}
