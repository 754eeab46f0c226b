//! CloudFormation's functions in their long form, which keyrota does not render. Tools that read a
//! rendered template and deploy it, such as the AWS CDK, write it.

use serde_yaml::value::{Tag, TaggedValue};
use serde_yaml::{Mapping, Value};

/// Returns a template with its functions in the short form: `{ Ref: Key }` becomes `!Ref Key`, and
/// `{ "Fn::GetAtt": [Key, Arn] }` becomes `!GetAtt Key.Arn`.
///
/// Both forms have the same meaning
/// (<https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/intrinsic-function-reference.html>).
pub(super) fn short_form(value: Value) -> Value {
    match value {
        Value::Sequence(items) => Value::Sequence(items.into_iter().map(short_form).collect()),
        Value::Mapping(entries) => {
            let entries = entries
                .into_iter()
                .map(|(key, value)| (key, short_form(value)));
            let entries: Mapping = entries.collect();
            function(&entries).unwrap_or(Value::Mapping(entries))
        }
        Value::Tagged(tagged) => tag(tagged.tag, short_form(tagged.value)),
        value => value,
    }
}

/// Returns the function that a mapping is, if it is one.
fn function(entries: &Mapping) -> Option<Value> {
    let mut all = entries.iter();
    let (Some((key, value)), None) = (all.next(), all.next()) else {
        return None;
    };
    let key = key.as_str()?;
    let name = match key {
        "Ref" => key,
        _ => key.strip_prefix("Fn::")?,
    };
    let value = match (name, value.as_sequence()) {
        ("GetAtt", Some(parts)) => {
            // `as_str` would also return the text of another function.
            let text = |part: &Value| match part {
                Value::String(text) => Some(text.clone()),
                _ => None,
            };
            let parts: Option<Vec<String>> = parts.iter().map(text).collect();
            parts.map_or_else(|| value.clone(), |parts| Value::String(parts.join(".")))
        }
        _ => value.clone(),
    };
    Some(tag(Tag::new(name), value))
}

fn tag(tag: Tag, value: Value) -> Value {
    Value::Tagged(Box::new(TaggedValue { tag, value }))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Value {
        serde_yaml::from_str(text).unwrap()
    }

    #[test]
    fn the_long_form_reads_as_the_short_one() {
        let short = read(
            r#"
            ref: !Ref Key
            attribute: !GetAtt Key.Arn
            nested: [!Join [":", [a, !Ref "AWS::Region"]]]
            choice: !If [HasVersion, "7", !Ref "AWS::NoValue"]
            text: !Sub "${Key}-a"
            "#,
        );
        let long = read(
            r#"{
                "ref": { "Ref": "Key" },
                "attribute": { "Fn::GetAtt": ["Key", "Arn"] },
                "nested": [{ "Fn::Join": [":", ["a", { "Ref": "AWS::Region" }]] }],
                "choice": { "Fn::If": ["HasVersion", "7", { "Ref": "AWS::NoValue" }] },
                "text": { "Fn::Sub": "${Key}-a" }
            }"#,
        );
        assert_ne!(long, short);
        assert_eq!(short_form(long), short);
        assert_eq!(short_form(short.clone()), short);
        // The AWS CDK keeps the text of `!GetAtt`.
        let text = short_form(read(r#"{ "Fn::GetAtt": "Key.Arn" }"#));
        assert_eq!(text, read("!GetAtt Key.Arn"));
        let chosen = short_form(read(r#"{ "Fn::GetAtt": ["Key", { "Ref": "Name" }] }"#));
        assert_eq!(chosen, read("!GetAtt [Key, !Ref Name]"));
    }

    #[test]
    fn other_mappings_stay() {
        for text in ["{ Ref: a, Other: b }", "{ Name: a }", "{}", "[{ 1: a }]"] {
            assert_eq!(short_form(read(text)), read(text));
        }
    }
}
