//! Escapes the values in templates.
//!
//! Each context of a value has its own helper, and `{{{raw}}}` is not used:
//!
//! | written | context | result |
//! | --- | --- | --- |
//! | `{{x}}` | a YAML value | a double-quoted scalar |
//! | `{{sub x}}` | inside a quoted `!Sub` text | its characters, `${` as `${!` |
//! | `{{sub_json x}}` | a JSON string inside a single-quoted `!Sub` | its characters |
//! | `{{id x}}` | a logical ID | itself, refused if it is not alphanumeric |
//! | `{{ref x}}` | inside a `!Sub` text | a reference to a logical ID, `${x}` |
//! | `{{number x}}` | a YAML number | itself, refused if it is not a number |
//! | `{{comment x}}` | a YAML comment | itself without control characters |

use std::fmt::Write as _;

use handlebars::{
    Context, Handlebars, Helper, HelperDef, HelperResult, JsonTruthy as _, Output, RenderContext,
    RenderErrorReason, Renderable as _,
};

/// Returns a registry with every helper and no template.
pub fn empty_registry() -> Handlebars<'static> {
    let mut registry = Handlebars::new();
    registry.set_strict_mode(true);
    registry.register_escape_fn(quoted);
    registry.register_helper("sub", Box::new(sub));
    registry.register_helper("sub_json", Box::new(sub_json));
    registry.register_helper("id", Box::new(id));
    registry.register_helper("ref", Box::new(reference));
    registry.register_helper("number", Box::new(number));
    registry.register_helper("comment", Box::new(comment));
    registry.register_helper("if", Box::new(If { positive: true }));
    registry.register_helper("unless", Box::new(If { positive: false }));
    registry
}

/// Returns a YAML double-quoted scalar. Letters and digits of any script stay readable. Every
/// other character outside printable ASCII is escaped, because YAML folds some of them into
/// line breaks.
fn quoted(text: &str) -> String {
    let mut scalar = String::with_capacity(text.len() + 2);
    scalar.push('"');
    double_quoted(text, &mut scalar);
    scalar.push('"');
    scalar
}

fn double_quoted(text: &str, scalar: &mut String) {
    for one in text.chars() {
        match one {
            '"' | '\\' => scalar.extend(['\\', one]),
            ' '..='~' => scalar.push(one),
            _ if one.is_alphanumeric() => scalar.push(one),
            _ => {
                // Writing to a string cannot fail.
                let _ = write!(scalar, "\\U{:08X}", u32::from(one));
            }
        }
    }
}

/// Returns the text so that `!Sub` returns the original: `${x}` becomes `${!x}`.
///
/// Refuses an unclosed `${`, because it would extend to the next `}` of the template.
fn literal(text: &str) -> Result<String, String> {
    let mut escaped = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, after)) = rest.split_once("${") {
        let (name, next) = after
            .split_once('}')
            .ok_or_else(|| format!("`{text}` is not valid in !Sub: `${{` without `}}`"))?;
        escaped.extend([before, "${!", name, "}"]);
        rest = next;
    }
    escaped.push_str(rest);
    Ok(escaped)
}

/// Returns the content of a JSON string inside a single-quoted YAML scalar: only ASCII, with
/// YAML's quotation marks doubled.
fn single_quoted_json(text: &str) -> String {
    let mut scalar = String::with_capacity(text.len());
    for one in text.chars() {
        match one {
            '"' | '\\' => scalar.extend(['\\', one]),
            '\'' => scalar.push_str("''"),
            ' '..='~' => scalar.push(one),
            _ => {
                let mut units = [0; 2];
                for unit in one.encode_utf16(&mut units) {
                    // Writing to a string cannot fail.
                    let _ = write!(scalar, "\\u{unit:04x}");
                }
            }
        }
    }
    scalar
}

fn sub(
    helper: &Helper<'_>,
    _: &Handlebars<'_>,
    _: &Context,
    _: &mut RenderContext<'_, '_>,
    out: &mut dyn Output,
) -> HelperResult {
    let mut scalar = String::new();
    double_quoted(&literal(text(helper)?).map_err(unfit)?, &mut scalar);
    Ok(out.write(&scalar)?)
}

fn sub_json(
    helper: &Helper<'_>,
    _: &Handlebars<'_>,
    _: &Context,
    _: &mut RenderContext<'_, '_>,
    out: &mut dyn Output,
) -> HelperResult {
    let text = literal(text(helper)?).map_err(unfit)?;
    Ok(out.write(&single_quoted_json(&text))?)
}

fn id(
    helper: &Helper<'_>,
    _: &Handlebars<'_>,
    _: &Context,
    _: &mut RenderContext<'_, '_>,
    out: &mut dyn Output,
) -> HelperResult {
    Ok(out.write(logical_id(helper)?)?)
}

fn reference(
    helper: &Helper<'_>,
    _: &Handlebars<'_>,
    _: &Context,
    _: &mut RenderContext<'_, '_>,
    out: &mut dyn Output,
) -> HelperResult {
    Ok(out.write(&format!("${{{}}}", logical_id(helper)?))?)
}

fn logical_id<'helper>(helper: &'helper Helper<'_>) -> Result<&'helper str, RenderErrorReason> {
    let text = text(helper)?;
    if text.is_empty() || !text.bytes().all(|byte| byte.is_ascii_alphanumeric()) {
        return Err(unfit(format!("`{text}` is not a logical ID")));
    }
    Ok(text)
}

fn number(
    helper: &Helper<'_>,
    _: &Handlebars<'_>,
    _: &Context,
    _: &mut RenderContext<'_, '_>,
    out: &mut dyn Output,
) -> HelperResult {
    let value = helper.param(0).and_then(|param| param.value().as_u64());
    let value = value.ok_or_else(|| unfit("not a number".to_owned()))?;
    Ok(out.write(&value.to_string())?)
}

fn comment(
    helper: &Helper<'_>,
    _: &Handlebars<'_>,
    _: &Context,
    _: &mut RenderContext<'_, '_>,
    out: &mut dyn Output,
) -> HelperResult {
    let printable = |one: char| if matches!(one, ' '..='~') { one } else { '?' };
    Ok(out.write(&text(helper)?.chars().map(printable).collect::<String>())?)
}

/// Like Handlebars' own `if` and `unless`, except that a missing variable is an error. The
/// built-in helpers treat it as false even in strict mode, so a misspelt name would go
/// unnoticed.
struct If {
    positive: bool,
}

impl HelperDef for If {
    fn call<'reg: 'rc, 'rc>(
        &self,
        helper: &Helper<'rc>,
        registry: &'reg Handlebars<'reg>,
        context: &'rc Context,
        state: &mut RenderContext<'reg, 'rc>,
        out: &mut dyn Output,
    ) -> HelperResult {
        let param = helper.param(0);
        let param = param.ok_or(RenderErrorReason::ParamNotFoundForIndex("if", 0))?;
        if param.is_value_missing() {
            let path = param.relative_path().cloned();
            return Err(RenderErrorReason::MissingVariable(path).into());
        }
        let branch = match param.value().is_truthy(false) == self.positive {
            true => helper.template(),
            false => helper.inverse(),
        };
        branch.map_or(Ok(()), |branch| {
            branch.render(registry, context, state, out)
        })
    }
}

fn text<'helper>(helper: &'helper Helper<'_>) -> Result<&'helper str, RenderErrorReason> {
    let param = helper.param(0).and_then(|param| param.value().as_str());
    param.ok_or_else(|| unfit(format!("`{}` requires a text", helper.name())))
}

fn unfit(why: String) -> RenderErrorReason {
    RenderErrorReason::Other(why)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;
    use crate::render::template::TEMPLATES;
    use crate::render::{resolve, tree};

    fn filled(template: &str, value: &str) -> Result<tree::Value, String> {
        let registry = empty_registry();
        let text = registry
            .render_template(template, &json!({ "x": value }))
            .map_err(|error| error.to_string())?;
        tree::read(&text).map_err(|error| format!("{error} in {text}"))
    }

    const HOSTILE: [&str; 24] = [
        "",
        "plain",
        "a: b",
        "- a",
        "# comment",
        "a #b",
        "\"",
        "'",
        "''",
        "\\",
        "\\\"",
        "{{x}}",
        "{{{x}}}",
        "${AWS::AccountId}",
        "${!x}",
        "a${b}c${d}",
        "}${}",
        "!Ref Function",
        "*anchor &anchor",
        "null",
        "line\nbreak: true\n",
        "\u{85}\u{2028}\u{feff}\u{0}\u{7f}\t",
        "한국어 Straße 🔑",
        "%YAML 1.2\n---\n...",
    ];

    fn check_each_place(value: &str) -> Result<(), TestCaseError> {
        let closed = literal(value).is_ok();
        let tree = filled("a: {{x}}\nb: [{{x}}, { c: {{x}} }]\n", value).unwrap();
        let expected = json!({ "a": value, "b": [value, { "c": value }] });
        prop_assert_eq!(serde_json::to_value(&tree).unwrap(), expected);

        let named = filled("# {{comment x}}\na: true\n", value).unwrap();
        prop_assert_eq!(serde_json::to_value(&named).unwrap(), json!({ "a": true }));

        let sub = filled("a: !Sub \"<{{sub x}}|${AWS::Region}>\"\n", value);
        let document = "a: !Sub '{\"x\":\"{{sub_json x}}\",\"y\":\"${AWS::Region}\"}'\n";
        let document = filled(document, value);
        if !closed {
            prop_assert!(sub.is_err() && document.is_err());
            return Ok(());
        }
        let resolver = resolve::Resolver::placeholders().with_region("eu-west-1");
        let sub = resolver.resolve(&sub.unwrap()["a"]).unwrap();
        let expected = format!("<{value}|eu-west-1>");
        prop_assert_eq!(sub.as_str(), Some(expected.as_str()));
        let document = resolver.resolve(&document.unwrap()["a"]).unwrap();
        let document: serde_json::Value = serde_json::from_str(document.as_str().unwrap()).unwrap();
        prop_assert_eq!(document, json!({ "x": value, "y": "eu-west-1" }));
        Ok(())
    }

    #[test]
    fn no_hostile_text_breaks_out_of_its_place() {
        for value in HOSTILE {
            check_each_place(value).unwrap();
        }
    }

    proptest! {
        #[test]
        fn no_text_breaks_out_of_its_place(value in any::<String>()) {
            check_each_place(&value)?;
        }

        #[test]
        fn no_text_of_metacharacters_breaks_out(value in "[${}!\"'\\\\:#a\n -]{0,12}") {
            check_each_place(&value)?;
        }
    }

    #[test]
    fn an_id_that_is_not_alphanumeric_is_refused() {
        assert!(filled("!Ref {{id x}}", "Secret1").is_ok());
        assert!(filled("!Sub '{{ref x}}'", "Secret1").is_ok());
        for value in ["", "a b", "a-b", "a\nb", "é"] {
            assert!(filled("!Ref {{id x}}", value).is_err(), "{value}");
            assert!(filled("!Sub '{{ref x}}'", value).is_err(), "{value}");
        }
    }

    #[test]
    fn a_missing_variable_is_an_error() {
        assert!(filled("a: {{y}}", "").is_err());
        assert!(filled("a: {{number x}}", "1").is_err());
    }

    #[test]
    fn no_template_writes_a_value_raw() {
        for (name, text) in TEMPLATES {
            assert!(!text.contains("{{{") && !text.contains("{{&"), "{name}");
        }
    }
}
