//! The templates of HTTP adapters: texts with placeholders, such as `{{username}}`.
//!
//! A template is parsed before anything replaces its placeholders, so a value that contains braces is
//! never read as a template. The code that renders a template escapes each value for the place where it
//! stands.

use std::fmt;

/// What begins a placeholder.
const OPEN: &str = "{{";
/// What ends a placeholder.
const CLOSE: &str = "}}";
/// What the name of a setting follows.
const SETTINGS: &str = "settings.";

/// What a placeholder stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Placeholder<'text> {
    /// `{{username}}`: the user of the service.
    Username,
    /// `{{password}}`: the password to log in with.
    Password,
    /// `{{new_password}}`: the new password, which only a change has.
    NewPassword,
    /// `{{settings.NAME}}`: the entry's setting of this name.
    Setting(&'text str),
}

/// A part of a template.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Part<'text> {
    Text(&'text str),
    Placeholder(Placeholder<'text>),
}

/// Why a text is not a template. It reads after the text's name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TemplateError {
    /// `{{` without `}}` after it.
    Unclosed,
    /// A placeholder of another name.
    Unknown(String),
}

impl fmt::Display for TemplateError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unclosed => formatter.write_str("has `{{` without `}}` after it"),
            Self::Unknown(name) => write!(
                formatter,
                "has the unknown placeholder `{{{{{name}}}}}`; the known ones are `{{{{username}}}}`, \
                 `{{{{password}}}}`, `{{{{new_password}}}}`, and `{{{{settings.NAME}}}}`"
            ),
        }
    }
}

impl std::error::Error for TemplateError {}

/// A text with placeholders.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Template<'text> {
    parts: Vec<Part<'text>>,
}

impl<'text> Template<'text> {
    /// Parses a text. `{{` always begins a placeholder. Spaces around a name are ignored.
    ///
    /// # Errors
    ///
    /// Fails if a placeholder does not end, or has an unknown name.
    pub fn parse(text: &'text str) -> Result<Self, TemplateError> {
        let mut parts = Vec::new();
        let mut rest = text;
        while let Some((before, after)) = rest.split_once(OPEN) {
            let (name, after) = after.split_once(CLOSE).ok_or(TemplateError::Unclosed)?;
            if !before.is_empty() {
                parts.push(Part::Text(before));
            }
            parts.push(Part::Placeholder(placeholder(name.trim())?));
            rest = after;
        }
        if !rest.is_empty() {
            parts.push(Part::Text(rest));
        }
        Ok(Self { parts })
    }

    /// Returns the placeholders, in their order.
    pub fn placeholders(&self) -> impl Iterator<Item = Placeholder<'text>> {
        self.parts.iter().filter_map(|part| match part {
            Part::Text(_) => None,
            Part::Placeholder(placeholder) => Some(*placeholder),
        })
    }

    /// Returns the text with a value in the place of each placeholder. `value` returns it, escaped.
    ///
    /// # Errors
    ///
    /// Fails if `value` fails.
    pub fn render<E>(
        &self,
        mut value: impl FnMut(Placeholder<'text>) -> Result<String, E>,
    ) -> Result<String, E> {
        let mut rendered = String::new();
        for part in &self.parts {
            match part {
                Part::Text(text) => rendered.push_str(text),
                Part::Placeholder(placeholder) => rendered.push_str(&value(*placeholder)?),
            }
        }
        Ok(rendered)
    }
}

fn placeholder(name: &str) -> Result<Placeholder<'_>, TemplateError> {
    match name {
        "username" => Ok(Placeholder::Username),
        "password" => Ok(Placeholder::Password),
        "new_password" => Ok(Placeholder::NewPassword),
        name => match name.strip_prefix(SETTINGS) {
            Some(setting) if !setting.is_empty() => Ok(Placeholder::Setting(setting)),
            _ => Err(TemplateError::Unknown(name.to_owned())),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rendered(text: &str) -> String {
        let value = |placeholder| Ok::<_, ()>(format!("<{placeholder:?}>"));
        Template::parse(text).unwrap().render(value).unwrap()
    }

    #[test]
    fn placeholders_are_replaced() {
        assert_eq!(rendered(""), "");
        assert_eq!(rendered("plain } }} { text"), "plain } }} { text");
        assert_eq!(
            rendered("a{{username}}{{ password }}b{{new_password}}{{settings.x.y}}c"),
            "a<Username><Password>b<NewPassword><Setting(\"x.y\")>c"
        );
        let template = Template::parse("{{settings.a}}-{{password}}").unwrap();
        assert_eq!(
            Vec::from_iter(template.placeholders()),
            [Placeholder::Setting("a"), Placeholder::Password]
        );
    }

    #[test]
    fn a_value_is_never_a_template() {
        let template = Template::parse("{{username}}").unwrap();
        let value = |_| Ok::<_, ()>("{{password}}".to_owned());
        assert_eq!(template.render(value).unwrap(), "{{password}}");
    }

    #[test]
    fn other_texts_are_refused() {
        for text in ["{{", "{{username", "a}}{{password}"] {
            assert_eq!(
                Template::parse(text),
                Err(TemplateError::Unclosed),
                "{text}"
            );
        }
        for name in ["", "user", "Username", "settings", "settings.", "password)"] {
            let text = format!("{{{{{name}}}}}");
            let error = Template::parse(&text).unwrap_err();
            assert_eq!(error, TemplateError::Unknown(name.to_owned()));
            assert!(error.to_string().contains(&text));
        }
    }
}
