//! The quick reader agrees with the whole one, or gives way to it.

use std::ops::Index;

use proptest::prelude::*;

use super::*;
use crate::model;
use crate::render::tests::{folder, shards, templates};
use crate::render::{Templates, view};

impl<Name: Key> Index<Name> for Value {
    type Output = Self;

    fn index(&self, key: Name) -> &Self {
        self.get(key).unwrap()
    }
}

/// Holds what the quick reader made of a text to what the whole reader makes of it.
pub(super) fn hold(text: &str, quick: Option<&Value>) {
    if let Some(quick) = quick {
        let whole = whole(text).unwrap_or_else(|error| panic!("{error} in\n{text}"));
        assert_eq!(*quick, whole, "{text}");
        assert_eq!(keys(quick), keys(&whole), "in another order: {text}");
    }
}

/// Every key, in its order: equal mappings may differ in that.
fn keys(value: &Value) -> Vec<&Value> {
    match value {
        Value::Mapping(entries) => entries
            .iter()
            .flat_map(|(key, value)| std::iter::once(key).chain(keys(value)))
            .collect(),
        Value::Sequence(items) => items.iter().flat_map(keys).collect(),
        Value::Tagged(tagged) => keys(&tagged.value),
        _ => Vec::new(),
    }
}

#[test]
fn all_that_our_templates_write_is_read_quickly() {
    let templates: Templates = templates();
    for path in ["tests/manifests/valid", "examples"]
        .into_iter()
        .flat_map(folder)
    {
        let text = crate::render::tests::read(&path);
        let model = model::load(&text, None).unwrap().model;
        let [shard] = shards(model);
        let stack = templates
            .stack(&view::stack(&shard.model).unwrap())
            .unwrap();
        let quick = quick::read(&stack);
        assert!(quick.is_some(), "{}", path.display());
        hold(&stack, quick.as_ref());
    }
}

/// Each of these the quick reader takes, and all that is on the way to it.
const TAKEN: &[&str] = &[
    "a:\n",
    "a: b\n",
    "a: !Ref B\nb: !Sub \"${C}\"\n",
    "a:\n  b:\n    c: 1\nd: true\n",
    "a:\n  - b: 1\n    c: 2\n  - d\n  - !Ref e\n  - { f: g }\n",
    "a: []\nb: {}\nc: [x, \"y\", 'z', !Ref v, { k: [w] }]\n",
    "a: 'it''s'\nb: \"\\\"\\\\\\U0001F512\"\n",
    "a: !Join [\"\", [x, !Ref v]]\n",
    "a: !Sub >-\n  one\n  two\nb: c\n",
    "a: >-\n  one # two\n\nb: c\n",
    "# c\na: b\n\n  # c\n\nc: d\n",
    "a: $.b\nc: /d\ne: f:g\nh: x-y z\n",
    "- a\n- b: c\n",
    "a: \"가\"\n# 가\n",
    "a: 0\nb: 12\nc: \"12\"\nd: '0'\ne: null1\n",
    "AWS::x: v\n",
];

/// Each of these has a meaning that the quick reader does not know.
const LEFT: &[&str] = &[
    "",
    "a",
    "a: b",
    "a: &x b\nc: *x\n",
    "a: *x\n",
    "<<: { a: b }\n",
    "a: b\na: c\n",
    "a: { b: c, b: d }\n",
    "a: b\n  c\n",
    "a: \"b\n  c\"\n",
    "a: 'b\n\n  c'\n",
    "a: [b,\n  c]\n",
    "a: { b: c,\n  d: e }\n",
    "a: |\n  b\n",
    "a: >\n  b\n",
    "a: >-\n  b\n\n  c\n",
    "a: >-\n  b\n    c\n",
    "a: >-\n  b \n  c\n",
    "a: >-\n\n  b\n",
    "a: >-\n  b\n   \nc: d\n",
    "a: >2-\n  b\n",
    "---\na: b\n",
    "a: b\n---\nc: d\n",
    "a: b\n...\n",
    "%YAML 1.1\n---\na: b\n",
    "a:\tb\n",
    "a:\n\tb: c\n",
    "a: b\t\n",
    "a: b\r\nc: d\r\n",
    "\u{feff}a: b\n",
    "a: b\u{2028}c\n",
    "a: \"b\u{85}c\"\n",
    "a: b # c\n",
    "a: b: c\n",
    "a: b:\n",
    "a: yes\n",
    "a: ~\n",
    "a: null\n",
    "a: 010\n",
    "a: 0x1f\n",
    "a: 1e3\n",
    "a: 1.5\n",
    "a: -1\n",
    "a: +1\n",
    "a: .inf\n",
    "a: 123456789012345678901234567890\n",
    "a: 2010-09-09\n",
    "a: !!str 1\n",
    "a: !Ref\n",
    "a: !Ref 1\n",
    "a: !Ref [\n",
    "a: !<x> b\n",
    "a: !x!y b\n",
    "a: ! b\n",
    "? a\n: b\n",
    "\"a\": b\n",
    "true: b\n",
    "1: b\n",
    "a: \"\\n\"\n",
    "a: \"\\UFFFFFFFF\"\n",
    "a: \"b\" c\n",
    "a: 'b'c\n",
    "a: [b] c\n",
    "a: [b, ]\n",
    "a: [, b]\n",
    "a: [b: c]\n",
    "a: [b #c]\n",
    "a: [!Ref]\n",
    "a: {b}\n",
    "a: { b: }\n",
    "a: @b\n",
    "a: `b\n",
    "a: %b\n",
    "a:\n- b\n",
    "a:\n  - - b\n",
    "a:\n  -\n    b: c\n",
    "a:\n    b: c\n  d: e\n",
    "a:\n  b: c\n d: e\n",
    " a: b\nc: d\n",
    "a: b\n- c\n",
    "- a\nb: c\n",
    "- a\n  b\n",
];

#[test]
fn the_quick_reader_takes_what_has_one_meaning_and_leaves_the_rest() {
    for text in TAKEN {
        let quick = quick::read(text);
        assert!(quick.is_some(), "{text}");
        hold(text, quick.as_ref());
    }
    for text in LEFT {
        assert_eq!(quick::read(text), None, "{text}");
    }
}

#[test]
fn a_nest_without_end_is_left_to_the_whole_reader() {
    assert_eq!(quick::read(&format!("a: {}\n", "[".repeat(100_000))), None);
    let deep: String = (0..100)
        .map(|at| format!("{}a:\n", " ".repeat(at)))
        .collect();
    assert_eq!(quick::read(&deep), None);
}

#[test]
fn mappings_are_equal_in_any_order() {
    let read = |text: &str| read(text).unwrap();
    let hash = |value: &Value| {
        let mut hasher = DefaultHasher::new();
        value.hash(&mut hasher);
        hasher.finish()
    };
    let (one, other) = (read("a: b\nc: d\n"), read("c: d\na: b\n"));
    assert_eq!(one, other);
    assert_eq!(hash(&one), hash(&other));
    for different in [
        "a: d\nc: b\n",
        "a: b\n",
        "a: b\nc: d\ne: f\n",
        "a: b\ne: d\n",
    ] {
        assert_ne!(one, read(different));
    }
}

/// Pieces of which a line is made; each means something to YAML or looks as if.
fn piece() -> impl Strategy<Value = &'static str> {
    prop::sample::select(vec![
        "a",
        "b:",
        "b: ",
        "c:d",
        "- ",
        "-",
        "- x: ",
        "!Ref ",
        "!Sub ",
        "!",
        "\"",
        "'",
        "''",
        "\\",
        "\\\"",
        "\"x\"",
        "'y'",
        "[",
        "]",
        "{",
        "}",
        ", ",
        ",",
        ": ",
        ":",
        " #",
        "#",
        ">-",
        ">",
        "|",
        "|-",
        "&",
        "*",
        "%",
        "@",
        "~",
        "1",
        "0",
        "12",
        "true",
        "no",
        "null",
        "---",
        "...",
        "$",
        "/",
        " ",
        "  ",
        "\t",
        "?",
        "? ",
        "<<: ",
        "가",
        "\\U00000041",
        "{ k: v }",
        "[x, y]",
        "1.5",
        "e3",
        "!Join [\"\", [",
        "]]",
        "!!str ",
        "inf",
        "nan",
        "0x1",
        "_",
        "=",
        "\r",
    ])
}

/// A line that is often right.
fn line() -> impl Strategy<Value = String> {
    let any = prop::collection::vec(piece(), 0..6).prop_map(|pieces| pieces.concat());
    let usual = prop::sample::select(vec![
        "a: b",
        "c: !Ref d",
        "e:",
        "- f",
        "- g: h",
        "i: >-",
        "j: \"k\"",
        "- { l: m }",
        "# n",
        "",
        "o: [p, !Ref q]",
        "r: 1",
        "- !Sub \"s\"",
        "t: !Sub >-",
        "a b",
        "- u: >-",
        "v: !Join",
    ]);
    let usual = usual.prop_map(str::to_owned);
    (0..5_usize, prop_oneof![3 => usual, 1 => any])
        .prop_map(|(indent, line)| format!("{}{line}\n", "  ".repeat(indent)))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn what_is_read_quickly_is_what_the_whole_reader_reads(
        lines in prop::collection::vec(line(), 1..7),
    ) {
        let text = lines.concat();
        hold(&text, quick::read(&text).as_ref());
    }

    #[test]
    fn a_value_of_any_pieces_is_read_alike(
        pieces in prop::collection::vec(piece(), 1..6),
    ) {
        for text in [format!("a: {}\n", pieces.concat()), format!("a: [x, {}]\n", pieces.concat())] {
            hold(&text, quick::read(&text).as_ref());
        }
    }
}
