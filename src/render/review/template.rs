//! The page's templates. Every value in HTML is escaped for HTML by default, and `{{{raw}}}` is
//! not used. The only exceptions are the page's own style and script, whose digests are in the
//! page's content security policy: the browser runs nothing else.

use std::sync::LazyLock;

use handlebars::{
    Context, Handlebars, Helper, HelperResult, Output, RenderContext, RenderErrorReason,
};

use crate::bundle::sha256_base64;
use crate::render::template::TemplateError;

const STYLE: &str = include_str!("../../../templates/review/style.css");
const SCRIPT: &str = include_str!("../../../templates/review/script.js");

/// Returns the text of a template.
macro_rules! text {
    ($name:literal) => {
        include_str!(concat!("../../../templates/review/", $name, ".html.hbs"))
    };
}

pub(super) use text;

/// The templates that the parts of the page include. A template that is included within a line
/// does not end with a line break.
const INCLUDED: [(&str, &str); 5] = [
    ("permission", text!("permission")),
    ("found", text!("found")),
    ("prose", text!("prose")),
    ("spans", text!("spans")),
    ("span", text!("span")),
];

/// Returns the registry of the templates that the parts of the page include. A part itself is
/// rendered at most once, so it is compiled when it is rendered.
///
/// A variable in a template that is missing in its context is an error.
pub fn registry() -> Result<Handlebars<'static>, TemplateError> {
    let mut registry = Handlebars::new();
    registry.set_strict_mode(true);
    registry.register_escape_fn(escaped);
    registry.register_helper("asset", Box::new(asset));
    for (name, text) in INCLUDED {
        let registered = registry.register_template_string(name, text);
        registered.map_err(|error| TemplateError::Syntax {
            name: format!("review/{name}"),
            error: Box::new(error),
        })?;
    }
    Ok(registry)
}

/// Returns the text, escaped for an element or a quoted attribute. Characters that change the
/// text direction, and invisible characters, are shown as escapes, so that no name can look
/// like another.
pub(super) fn escaped(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len() + 8);
    for one in text.chars() {
        match one {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&#39;"),
            '\n' | ' '..='~' => escaped.push(one),
            _ if is_hidden(one) => escaped.extend(one.escape_unicode()),
            _ => escaped.push(one),
        }
    }
    escaped
}

/// Returns whether a character is a control character, or is invisible or directional according
/// to Unicode.
fn is_hidden(one: char) -> bool {
    one.is_control()
        || matches!(
            one,
            '\u{ad}' | '\u{61c}' | '\u{180e}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}'
                | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}'
                | '\u{e0000}'..='\u{e007f}'
        )
}

/// Writes one of the page's own parts, or its digest for the content security policy.
fn asset(
    helper: &Helper<'_>,
    _: &Handlebars<'_>,
    _: &Context,
    _: &mut RenderContext<'_, '_>,
    out: &mut dyn Output,
) -> HelperResult {
    static STYLE_HASH: LazyLock<String> = LazyLock::new(|| digest(STYLE));
    static SCRIPT_HASH: LazyLock<String> = LazyLock::new(|| digest(SCRIPT));
    let name = helper.param(0).and_then(|param| param.value().as_str());
    let text = match name {
        Some("style") => STYLE,
        Some("script") => SCRIPT,
        Some("style-hash") => &STYLE_HASH,
        Some("script-hash") => &SCRIPT_HASH,
        _ => return Err(RenderErrorReason::Other("no such asset".to_owned()).into()),
    };
    Ok(out.write(text)?)
}

fn digest(text: &str) -> String {
    format!("'sha256-{}'", sha256_base64(text.as_bytes()))
}
