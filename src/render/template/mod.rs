//! The templates, ours with an organisation's laid over them, and how they are read
//! and filled in.

mod compile;
mod escape;
mod inline;

use std::collections::BTreeMap;

use handlebars::{Context, Handlebars, RenderError, RenderErrorReason, Template};
use serde::Serialize;

use super::review;
pub(super) use compile::Compiler;
use escape::empty_registry;
use inline::{Piece, inclusions, inlined, pieces, writes_raw};

/// The template of the whole stack.
const STACK: &str = "stack";

macro_rules! templates {
    ($($name:literal),* $(,)?) => {
        [$(($name, include_str!(concat!("../../../templates/", $name, ".yaml.hbs")))),*]
    };
}

/// Every template by name: one a concern, and the frame that holds them. `extra`
/// is empty: it is there for resources of an organisation's own.
pub(super) const TEMPLATES: [(&str, &str); 16] = templates![
    "stack",
    "extra",
    "tags",
    "function",
    "permission",
    "log-group",
    "role",
    "role-policies",
    "kms-key",
    "alarms",
    "sweep",
    "user",
    "user-policy",
    "secret",
    "secret-policy",
    "schedule",
];

/// A template could not be read or filled in. Without an overlay it is a fault of the
/// program, not of the manifest: names that could cause it are refused before.
#[derive(Debug, thiserror::Error)]
pub enum TemplateError {
    /// A template does not parse.
    #[error("cannot read the template `{name}`: {error}")]
    Syntax {
        /// The template's name.
        name: String,
        /// Why, and where.
        error: Box<handlebars::TemplateError>,
    },
    /// A template writes a value as it is, which could end the text around it.
    #[error("the template `{0}` writes a value without escaping, with {{{{{{x}}}}}} or {{{{&x}}}}")]
    Raw(String),
    /// The stack includes a template that is not there.
    #[error("the template `{STACK}` includes `{0}`, which does not exist")]
    Missing(String),
    /// Nothing includes a template.
    #[error(
        "the template `{name}` is not included anywhere, and does not override a template of keyrota ({ours})"
    )]
    Unused {
        /// The template's name.
        name: String,
        /// Names of keyrota's own.
        ours: String,
    },
    /// A value is missing, or is not fit for its place.
    #[error("{}", filling(.0))]
    Render(#[from] handlebars::RenderError),
}

/// Says where a template could not be filled in, and why.
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

/// The templates with their helpers, ready to be filled in.
pub struct Templates {
    registry: Handlebars<'static>,
    /// The templates of the page for review, which are always ours.
    page: Handlebars<'static>,
    /// What the stack is made of, one after another.
    order: Vec<String>,
    /// Names of the templates that are not ours.
    overlaid: Vec<String>,
}

impl Templates {
    /// Returns keyrota's own.
    ///
    /// # Errors
    ///
    /// Returns a fault of the program.
    pub fn built_in() -> Result<Self, TemplateError> {
        Self::overlaid(BTreeMap::new())
    }

    /// Returns keyrota's own with an organisation's laid over them, by name: one
    /// that is called like ours stands in its place, another one can be included
    /// by those (`{{> NAME}}`).
    ///
    /// # Errors
    ///
    /// Returns what does not parse, writes a value as it is, or is included
    /// nowhere, which a misspelt name is.
    pub fn overlaid(overlay: BTreeMap<String, String>) -> Result<Self, TemplateError> {
        let mut texts: BTreeMap<&str, &str> = TEMPLATES.into_iter().collect();
        texts.extend(
            overlay
                .iter()
                .map(|(name, text)| (name.as_str(), text.as_str())),
        );
        for (name, text) in &overlay {
            if writes_raw(text) {
                return Err(TemplateError::Raw(name.clone()));
            }
        }
        let mut ours = texts.clone();
        ours.retain(|name, _| !overlay.contains_key(*name));
        let mut read = BTreeMap::new();
        let mut order = Vec::new();
        for piece in pieces(texts[STACK]) {
            match piece {
                Piece::Template(name) if texts.contains_key(name) => order.push(name.to_owned()),
                Piece::Template(name) => return Err(TemplateError::Missing(name.to_owned())),
                Piece::Text(text) => {
                    let name = format!("{STACK}, part {}", order.len() + 1);
                    read.insert(name.clone(), inlined(&text, &ours));
                    order.push(name);
                }
            }
        }
        // What is written into the others already need not be read again.
        let mut open: Vec<String> = order.clone();
        while let Some(name) = open.pop() {
            let text = match (read.get(&name), texts.get(name.as_str())) {
                (Some(text), _) => text.clone(),
                (None, Some(text)) if ours.contains_key(name.as_str()) => inlined(text, &ours),
                (None, Some(text)) => (*text).to_owned(),
                (None, None) => continue,
            };
            let named = inclusions(&text).filter(|other| !read.contains_key(*other));
            open.extend(named.map(str::to_owned));
            read.insert(name, text);
        }
        // Reading templates is half of the work of a small manifest.
        let (registry, page) = std::thread::scope(|scope| {
            let page = scope.spawn(review::registry);
            let stack = stack_registry(&read, overlay.is_empty());
            match page.join() {
                Ok(page) => (stack, page),
                Err(panic) => std::panic::resume_unwind(panic),
            }
        });
        let (registry, page) = (registry?, page?);
        for name in overlay.keys() {
            if *name != STACK
                && !texts
                    .values()
                    .flat_map(|text| inclusions(text))
                    .any(|included| included == name)
            {
                let ours: Vec<&str> = TEMPLATES.iter().map(|(name, _)| *name).collect();
                return Err(TemplateError::Unused {
                    name: name.clone(),
                    ours: ours.join(", "),
                });
            }
        }
        Ok(Self {
            registry,
            page,
            order,
            overlaid: overlay.into_keys().collect(),
        })
    }

    /// Returns the names of the templates that are not keyrota's own, sorted.
    pub fn overlaid_names(&self) -> &[String] {
        &self.overlaid
    }

    /// Returns the templates of the page for review.
    pub(super) fn page(&self) -> &Handlebars<'static> {
        &self.page
    }

    /// Fills in the template of the whole stack.
    ///
    /// # Errors
    ///
    /// Returns the variable that is missing or not fit for its place.
    pub fn stack(&self, context: &impl Serialize) -> Result<String, TemplateError> {
        let context = Context::wraps(context)?;
        let mut text = String::new();
        for name in &self.order {
            text.push_str(&self.registry.render_with_context(name, &context)?);
            // Handlebars eats the line break before a block's end that ends a template.
            if !text.ends_with('\n') {
                text.push('\n');
            }
        }
        Ok(text)
    }
}

fn stack_registry(
    texts: &BTreeMap<String, String>,
    ours: bool,
) -> Result<Handlebars<'static>, TemplateError> {
    let mut registry = empty_registry();
    let mut compiler = Compiler::default();
    for (name, text) in texts {
        let template = match ours {
            true => compiler.read(name, text),
            false => Template::compile_with_name(text, name.clone()),
        };
        let template = template.map_err(|error| TemplateError::Syntax {
            name: name.clone(),
            error: Box::new(error),
        })?;
        registry.register_template(name, template);
    }
    Ok(registry)
}
