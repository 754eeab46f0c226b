//! The built-in templates, an organisation's templates that replace or extend them, and the
//! rendering of both.

mod escape;

use std::collections::BTreeMap;

use handlebars::{Context, Handlebars, RenderError, RenderErrorReason, Template};
use serde_json::Value as Json;

use super::{parallel, review};
use escape::empty_registry;

/// The template of the whole stack.
const STACK: &str = "stack";

macro_rules! templates {
    ($($name:literal),* $(,)?) => {
        [$(($name, include_str!(concat!("../../../templates/", $name, ".yaml.hbs")))),*]
    };
}

/// Every template by name: one per concern, and the frame that includes them. `extra` is empty:
/// organisations can replace it to add resources.
pub(super) const TEMPLATES: [(&str, &str); 19] = templates![
    "stack",
    "extra",
    "tags",
    "function",
    "permission",
    "log-group",
    "role",
    "role-policies",
    "kms-key",
    "service-key",
    "alarms",
    "sweep",
    "notify",
    "user",
    "own-secret-policy",
    "user-policy",
    "secret",
    "secret-policy",
    "schedule",
];

/// The templates of a StackSet, by name.
const STACK_SET_TEMPLATES: [(&str, &str); 2] =
    templates!["stack-set/stack-set", "stack-set/artifact-bucket"];

/// A template could not be read or rendered. Without an overlay, this is a defect in the
/// program, not in the manifest: names that could cause it are refused earlier.
#[derive(Debug, thiserror::Error)]
pub enum TemplateError {
    /// A template does not parse.
    #[error("cannot read the template `{name}`: {error}")]
    Syntax {
        /// The template's name.
        name: String,
        /// The reason and the position.
        error: Box<handlebars::TemplateError>,
    },
    /// A template writes a value without an escape, so the value could end the surrounding
    /// text.
    #[error("the template `{0}` writes a value without escaping, with {{{{{{x}}}}}} or {{{{&x}}}}")]
    Raw(String),
    /// Nothing includes a template.
    #[error(
        "the template `{name}` is not included anywhere, and does not override a template of keyrota ({ours})"
    )]
    Unused {
        /// The template's name.
        name: String,
        /// The names of the built-in templates.
        ours: String,
    },
    /// A value is missing, or is invalid in its context.
    #[error("{}", filling(.0))]
    Render(#[from] handlebars::RenderError),
}

/// Describes where a template could not be rendered, and why.
fn filling(error: &RenderError) -> String {
    match (error.reason(), &error.template_name, error.line_no) {
        (RenderErrorReason::MissingVariable(Some(path)), Some(name), Some(line)) => {
            format!(
                "line {line} of the template `{name}` uses the variable `{path}`, which does not exist"
            )
        }
        _ => format!("cannot fill in the template: {error}"),
    }
}

/// The templates with their helpers, ready to render.
pub struct Templates {
    registry: Handlebars<'static>,
    /// The templates of the review page, which are always built in.
    page: Handlebars<'static>,
    /// The names of the overlay templates.
    overlaid: Vec<String>,
}

impl Templates {
    /// Returns the built-in templates.
    ///
    /// # Errors
    ///
    /// Returns an error only for a defect in the program.
    pub fn built_in() -> Result<Self, TemplateError> {
        Self::overlaid(BTreeMap::new())
    }

    /// Returns the built-in templates together with an organisation's, by name. A template with
    /// the name of a built-in one replaces it. Any other template can be included (`{{>
    /// NAME}}`).
    ///
    /// # Errors
    ///
    /// Returns a template that cannot be parsed, writes a value without an escape, or is not
    /// included anywhere (for example because its name is misspelt).
    pub fn overlaid(overlay: BTreeMap<String, String>) -> Result<Self, TemplateError> {
        let mut texts: BTreeMap<&str, &str> = TEMPLATES.into_iter().collect();
        for (name, text) in &overlay {
            if writes_raw(text) {
                return Err(TemplateError::Raw(name.clone()));
            }
            texts.insert(name, text);
        }
        for name in overlay.keys() {
            let mut included = texts.values().flat_map(|text| inclusions(text));
            if *name != STACK && !included.any(|included| included == name) {
                let ours: Vec<&str> = TEMPLATES.iter().map(|(name, _)| *name).collect();
                return Err(TemplateError::Unused {
                    name: name.clone(),
                    ours: ours.join(", "),
                });
            }
        }
        Ok(Self {
            registry: stack_registry(texts)?,
            page: review::registry()?,
            overlaid: overlay.into_keys().collect(),
        })
    }

    /// Returns the names of the overlay templates, sorted.
    pub fn overlaid_names(&self) -> &[String] {
        &self.overlaid
    }

    /// Returns the templates of the review page.
    pub(super) fn page(&self) -> &Handlebars<'static> {
        &self.page
    }

    /// Renders the template of the whole stack.
    ///
    /// # Errors
    ///
    /// Returns the variable that is missing or invalid in its context.
    pub fn stack(&self, context: Json) -> Result<String, TemplateError> {
        Ok(self
            .registry
            .render_with_context(STACK, &Context::from(context))?)
    }

    /// Renders a template beside that of the stack, which organisations cannot replace.
    ///
    /// # Errors
    ///
    /// Returns an error only for a defect in the program.
    pub fn stack_set(&self, name: &str, context: Json) -> Result<String, TemplateError> {
        let (_, tags) = TEMPLATES
            .into_iter()
            .find(|(name, _)| *name == "tags")
            .unwrap_or_default();
        let texts = STACK_SET_TEMPLATES.into_iter().chain([("tags", tags)]);
        let registry = stack_registry(texts.collect())?;
        Ok(registry.render_with_context(name, &Context::from(context))?)
    }
}

/// Returns the registry of these templates. Compiling them takes half of the time for a small
/// manifest, so all processors share the work.
fn stack_registry(texts: BTreeMap<&str, &str>) -> Result<Handlebars<'static>, TemplateError> {
    let mut registry = empty_registry();
    let texts: Vec<(&str, &str)> = texts.into_iter().collect();
    let compiled = parallel(&texts, |(name, text)| {
        Template::compile_with_name(text, (*name).to_owned())
    });
    for ((name, _), template) in texts.into_iter().zip(compiled) {
        let template = template.map_err(|error| TemplateError::Syntax {
            name: name.to_owned(),
            error: Box::new(error),
        })?;
        registry.register_template(name, template);
    }
    Ok(registry)
}

/// Returns whether a template writes a value without the escape for its context.
fn writes_raw(text: &str) -> bool {
    ["{{{", "{{~{", "{{&", "{{~&"]
        .iter()
        .any(|raw| text.contains(raw))
}

/// Returns the names of the templates that a template includes: `{{> NAME …}}`.
fn inclusions(text: &str) -> impl Iterator<Item = &str> {
    text.split("{{").skip(1).filter_map(|after| {
        let after = after.trim_start_matches(['~', '#']).strip_prefix('>')?;
        let name = after.split(['}', '~']).next()?.split_whitespace().next()?;
        Some(name.trim_matches(['"', '\'']))
    })
}
