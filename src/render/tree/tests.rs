//! A parsed template means the same as in `serde_yaml`.

use std::ops::Index;

use proptest::prelude::*;
use serde::de::{Deserialize, Deserializer};

use super::*;
use crate::render::tests::{folder, shards, templates};
use crate::render::view;

impl Index<&str> for Value {
    type Output = Self;

    fn index(&self, key: &str) -> &Self {
        self.get(key).unwrap()
    }
}

impl Index<usize> for Value {
    type Output = Self;

    fn index(&self, index: usize) -> &Self {
        self.at(index).unwrap()
    }
}

impl From<serde_yaml::Value> for Value {
    fn from(value: serde_yaml::Value) -> Self {
        match value {
            serde_yaml::Value::Null => Self::Null,
            serde_yaml::Value::Bool(one) => Self::Bool(one),
            serde_yaml::Value::Number(number) => Self::Number(number),
            serde_yaml::Value::String(text) => Self::String(text),
            serde_yaml::Value::Sequence(items) => {
                Self::Sequence(items.into_iter().map(Self::from).collect())
            }
            serde_yaml::Value::Mapping(entries) => {
                let entries = entries.into_iter();
                Self::Mapping(
                    entries
                        .map(|(key, value)| (key.into(), value.into()))
                        .collect(),
                )
            }
            serde_yaml::Value::Tagged(tagged) => Self::Tagged(Box::new(Tagged {
                tag: tagged.tag,
                value: tagged.value.into(),
            })),
        }
    }
}

impl<'text> Deserialize<'text> for Value {
    fn deserialize<From: Deserializer<'text>>(from: From) -> Result<Self, From::Error> {
        serde_yaml::Value::deserialize(from).map(Self::from)
    }
}

fn by_serde(text: &str) -> Option<Value> {
    let value = serde_yaml::from_str::<serde_yaml::Value>(text);
    value.ok().map(Value::from)
}

/// Asserts that both readers return the same value for a text.
fn check_same(text: &str) {
    let (own, other) = (read(text).ok(), by_serde(text));
    assert_eq!(own, other, "{text}");
    let keys = own.as_ref().map(keys);
    assert_eq!(
        keys,
        other.as_ref().map(self::keys),
        "in another order: {text}"
    );
}

/// Returns every key, in order: equal mappings may differ in that.
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
fn rendered_templates_mean_the_same_to_serde() {
    for path in ["tests/manifests/valid", "examples"]
        .into_iter()
        .flat_map(folder)
    {
        let text = crate::render::tests::read(&path);
        let loaded = crate::render::tests::load_in(path.parent().unwrap(), &text, None);
        let model = loaded.unwrap().model;
        let [shard] = shards(model);
        let stack = templates()
            .stack(view::stack(&shard.model).unwrap())
            .unwrap();
        assert!(by_serde(&stack).is_some(), "{}", path.display());
        check_same(&stack);
    }
}

/// Text that an overlay template may contain.
const TEXTS: &[&str] = &[
    "",
    "a",
    "a:\n",
    "a: b\n",
    "a: !Ref B\nb: !Sub \"${C}\"\n",
    "a:\n  b:\n    c: 1\nd: true\n",
    "a:\n  - b: 1\n    c: 2\n  - d\n  - !Ref e\n  - { f: g }\n",
    "a: []\nb: {}\nc: [x, \"y\", 'z', !Ref v, { k: [w] }]\n",
    "a: 'it''s'\nb: \"\\\"\\\\\\U0001F512\\n\"\n",
    "a: !Join [\"\", [x, !Ref v]]\n",
    "a: !Sub >-\n  one\n  two\nb: c\n",
    "a: >\n  one # two\n\n  three\n\nb: |\n  c\n   d\n",
    "# c\na: b # d\n\n  # c\n\nc: d\n",
    "a: $.b\nc: /d\ne: f:g\nh: x-y z\ni: null1\nj: 가\n",
    "a: b\n  c\nd: \"e\n  f\"\n",
    "a: &x [b]\nc: *x\n",
    "a: *x\n",
    "<<: { a: b }\n",
    "a: b\na: c\n",
    "a: { b: c, b: d }\n",
    "a: !Ref [b: c]\nd: !GetAtt e.f\ng: !Ref { h: !Ref i }\n",
    "---\na: b\n",
    "a: b\n---\nc: d\n",
    "a: b: c\n",
    "a: ~\nb: null\nc: Null\nd: NULL\ne: nUll\nf: \"null\"\n",
    "a: true\nb: True\nc: TRUE\nd: false\ne: False\nf: FALSE\ng: yes\nh: no\ni: tRue\n",
    "a: 0\nb: 12\nc: \"12\"\nd: -7\ne: +7\nf: 012345678901\ng: 0x1F\nh: 0o17\ni: 0b11\n",
    "a: 1.5\nb: -.5\nc: 1e3\nd: .inf\ne: -.INF\nf: 1.\ng: 1_000\nh: 2010-09-09\ni: 1:30\n",
    "b: 18446744073709551615\nc: -9223372036854775808\n",
    "a: !!str 1\nb: !!int 2\nc: !!bool true\nd: !!null ~\ne: !!float 1.5\nf: !!str\n",
    "a: !!int x\n",
    "a: !!bool 1\n",
    "a: !Ref\nb: !Ref 1\nc: !Ref \"1\"\nd: !Ref true\n",
    "? a\n: b\n\"c\": d\ntrue: e\n1: f\n",
    "a: [b\n",
    "a: \"\\UFFFFFFFF\"\n",
    "a: @b\n",
    "a:\n- b\n- - c\n",
    "a:\n    b: c\n  d: e\n",
    " a: b\nc: d\n",
    "- a\nb: c\n",
];

#[test]
fn other_texts_mean_the_same_to_serde() {
    for text in TEXTS {
        check_same(text);
    }
}

#[test]
fn a_text_that_is_refused_has_a_place() {
    for (text, message) in [
        ("a: [b\n", "line 2 column 1"),
        ("a:\n  b: \"c\n", "line 2 column 6"),
        (
            "a: b\n---\nc: d\n",
            "a second YAML document begins at line 2 column 1",
        ),
        (
            "a:\n  b: c\n  d: e\n  b: f\n",
            "the key \"b\" is repeated in the mapping at line 2 column 3",
        ),
        ("a: !!int x\n", "at line 1 column"),
        ("a: 1\nbc", "at line 2 column 3"),
        (
            "a: &b\n  c: *b\n",
            "an alias inside its own anchor at line 2 column 6",
        ),
    ] {
        let error = read(text).unwrap_err().to_string();
        assert!(error.contains(message), "{text}: {error}");
    }
}

/// `serde_yaml` refuses such a number.
#[test]
fn an_integer_that_is_too_large_stays_a_text() {
    let digits = "123456789012345678901234567890";
    let value = read(&format!("a: {digits}\n")).unwrap();
    assert_eq!(value["a"].as_str(), Some(digits));
}

#[test]
fn nesting_and_aliases_are_bounded() {
    let brackets = |depth: usize| format!("{}{}", "[".repeat(depth), "]".repeat(depth));
    assert!(read(&brackets(128)).is_ok());
    let error = read(&brackets(129)).unwrap_err().to_string();
    assert!(error.contains("deeper than 128 levels"), "{error}");
    assert!(read(&"[".repeat(100_000)).is_err());
    let mut laughs = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n".to_owned();
    for level in 1..9 {
        let before = vec![format!("*a{}", level - 1); 10].join(", ");
        laughs += &format!("a{level}: &a{level} [{before}]\n");
    }
    let error = read(&laughs).unwrap_err().to_string();
    assert!(error.contains("aliases repeat too many values"), "{error}");
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

#[test]
fn a_repeated_key_is_found_in_a_mapping_of_any_size() {
    for size in [2, 15, 16, 40] {
        let mut text: String = (0..size).map(|key| format!("k{key}: v\n")).collect();
        assert!(read(&text).is_ok(), "{size}");
        text += "k1: v\n";
        assert!(read(&text).is_err(), "{size}");
    }
}

/// Generates a plain scalar that looks like a number, a boolean, null, or none of them.
fn scalar() -> impl Strategy<Value = String> {
    let piece = prop::sample::select(vec![
        "0", "1", "12", ".", "-", "+", "e", "E", "x", "o", "b", "_", "inf", "nan", "NaN", "true",
        "null", "~", "a", "F",
    ]);
    prop::collection::vec(piece, 1..5).prop_map(|pieces| pieces.concat())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn a_scalar_means_the_same_to_serde(text in scalar()) {
        check_same(&format!("a: [x, {text}]\nb: !Ref {text}\n"));
    }
}
