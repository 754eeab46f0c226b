//! `review.html`: the stacks as a page for the people who approve the deployment. It is
//! generated from the rendered templates and policies, not from the manifest alone, so it
//! describes what will be deployed.

mod action;
mod arrangement;
mod checks;
mod condition;
mod difference;
mod excerpt;
mod expense;
mod grant;
mod grouping;
mod head;
mod inventory;
mod part;
mod permission;
mod picture;
mod prose;
mod reach;
mod recurrence;
mod resource;
mod sentence;
mod service;
mod subject;
mod template;
#[cfg(test)]
mod tests;
mod timeline;

use std::collections::BTreeMap;

use handlebars::{Handlebars, RenderError};
use serde::Serialize;
use serde_json::{Value as Json, json};

use super::parallel::{both, parallel};
use super::{Error, Pins, Rendered, Strategy, TemplateError};
use crate::bundle::sha256_hex;
use crate::cost::Estimate;
use arrangement::Arrangement;
pub use checks::Checks;
pub use permission::ExternalPolicy;
use sentence::SentenceContext;
pub use subject::Holder;
pub use template::registry;
use template::text;

/// The name of the page's file.
pub const FILE: &str = "review.html";
/// The maximum number of files that are listed with their digests. If there are more, only the
/// stacks are.
const SHOWN_FILES: usize = 40;
/// A longer statement is collapsed.
const OPEN_LINES: usize = 26;

/// What a rendering is compared with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Baseline {
    /// Its description, as it follows "since": "the rendering in old/".
    pub what: String,
    /// The templates, by the names of the files that now contain them, or `None` if there was
    /// no stack.
    pub stacks: BTreeMap<String, String>,
}

/// All inputs of the page.
#[derive(Clone, Copy)]
pub struct Content<'a> {
    /// The page's templates.
    pub templates: &'a Handlebars<'static>,
    /// The stacks.
    pub stacks: &'a [Rendered<'a>],
    /// The files for review besides the page.
    pub files: &'a BTreeMap<String, String>,
    /// The policies among these files that are not in a stack.
    pub beside: &'a [ExternalPolicy],
    /// The results of the check.
    pub checks: &'a Checks,
    /// The cost estimate.
    pub cost: &'a Estimate,
    /// What the stacks are compared with.
    pub before: Option<&'a Baseline>,
}

/// The maximum number of pins files that the page lists. A large fleet has one for each stack.
const PIN_FILES: usize = 20;

/// Returns the page.
///
/// # Errors
///
/// Returns which earlier template cannot be read. The other errors are defects in the page's
/// templates.
pub fn page(content: Content<'_>) -> Result<String, Error> {
    let Content {
        templates,
        stacks,
        files,
        beside,
        checks,
        cost,
        before,
    } = content;
    let setting = setting(stacks);
    let entries = || -> Result<_, Error> {
        let cards = picture::cards(stacks, &setting.account);
        let arrangements = arrangement::arrangements(stacks, &setting.account);
        let inventory = inventory::inventory(stacks, &arrangements);
        let difference = before.map(|before| difference::difference(stacks, before, &setting));
        Ok((cards, arrangements, inventory, difference.transpose()?))
    };
    let permissions = || permission::groups(stacks, beside, &setting);
    let (groups, entries) = both(permissions, entries);
    let groups = groups.map_err(|error| Error::Malformed(error.to_string()))?;
    let (cards, arrangements, inventory, difference) = entries?;
    let picture = picture::picture(cards, &groups);
    let rotas = arrangement::rotas(&arrangements);
    let timelines = arrangement::timelines(&arrangements);
    let reach = reach::reach(stacks, &setting.region);
    let services = service::services(stacks);
    let secrets: usize = arrangements.iter().map(|one| one.rows.len()).sum();
    let several = stacks.len() > 1;
    let either = |many: &'static str, one: &'static str| if several { many } else { one };
    let head = head::head(stacks, secrets, cost, checks, difference.as_ref());
    let pictured = json!({
        "this_stack": either("these stacks create", "this stack creates"),
        "picture": picture,
    });
    let listed = SecretsSection {
        words: secrets_words(secrets, arrangements.len()),
        pins: pin_files(stacks)?,
        several,
        arrangements: &arrangements,
    };
    let calendar = json!({ "any_rate": rotas.iter().any(|rota| rota.rate), "rotas": rotas });
    let made = json!({
        "overlaid": stacks.first().map_or(&[][..], |one| one.overlaid),
        "the_stack": either("the stacks, for each stack", "the stack"),
        "several": several,
        "inventory": inventory,
    });
    let end = json!({ "stacks": either("stack-*.yaml", "stack.yaml") });

    let mut parts = vec![part(templates, text!("begin"), head)];
    parts.extend(difference.map(|it| part(templates, text!("difference"), it)));
    parts.extend([
        part(templates, text!("picture"), pictured),
        part(templates, text!("permissions"), json!({ "groups": groups })),
        part(templates, text!("secrets"), listed),
        part(templates, text!("calendar"), calendar),
    ]);
    if !timelines.is_empty() {
        let timelines = json!({ "timelines": timelines });
        parts.push(part(templates, text!("old-key"), timelines));
    }
    parts.extend(reach.map(|it| part(templates, text!("databases"), it)));
    parts.extend(services.map(|it| part(templates, text!("services"), it)));
    parts.extend([
        part(templates, text!("cost"), expense::expense(cost)),
        part(templates, text!("checks"), checks),
    ]);
    if before.is_none() {
        parts.push(part(templates, text!("no-difference"), json!({})));
    }
    parts.extend([
        part(templates, text!("resources"), made),
        part(templates, text!("verify"), digests(files)),
        part(templates, text!("end"), end),
    ]);
    let parts = parallel(&parts, |fill| fill());
    let page: Result<String, RenderError> = parts.into_iter().collect();
    Ok(page.map_err(TemplateError::from)?)
}

/// The section about the secrets, of which there may be thousands.
#[derive(Serialize)]
struct SecretsSection<'a> {
    words: String,
    pins: Json,
    several: bool,
    arrangements: &'a [Arrangement<'a>],
}

type Part<'a> = Box<dyn Fn() -> Result<String, RenderError> + Sync + 'a>;

/// Returns the jobs that render the parts of the page, so that all processors share the work.
fn part<'a>(
    registry: &'a Handlebars<'static>,
    template: &'static str,
    content: impl Serialize + Sync + 'a,
) -> Part<'a> {
    Box::new(move || registry.render_template(template, &content))
}

fn setting(stacks: &[Rendered<'_>]) -> SentenceContext {
    let first = stacks.first();
    let text = |text: Option<&str>| text.unwrap_or_default().to_owned();
    SentenceContext {
        stack: text(first.map(|one| one.model.stack.as_str())),
        account: text(first.map(|one| one.resolver.account())),
        region: text(first.map(|one| one.resolver.region())),
    }
}

/// Returns the pins of each function: the file for review, the path in the package, and a note
/// about those that are omitted.
fn pin_files(stacks: &[Rendered<'_>]) -> Result<Json, Error> {
    let mut files = Vec::new();
    for stack in stacks {
        for strategy in Strategy::of(stack.model) {
            let file = Pins::file(stack.prefix, strategy);
            let handler = Pins::of(stack.model, strategy)?.path;
            files.push(json!({ "file": file, "handler": handler }));
        }
    }
    let more = match files.len().saturating_sub(PIN_FILES) {
        0 => String::new(),
        more => format!("And {} more, one for each function.", prose::number(more)),
    };
    files.truncate(PIN_FILES);
    Ok(json!({ "files": files, "more": more }))
}

fn secrets_words(secrets: usize, arrangements: usize) -> String {
    match (secrets, arrangements) {
        (1, _) => "One secret.".to_owned(),
        (more, 1) => format!(
            "{} secrets, all with the same settings.",
            prose::number(more)
        ),
        (more, kinds) => format!(
            "{} secrets in {} arrangements. The secrets of an arrangement have the same settings.",
            prose::number(more),
            prose::number(kinds)
        ),
    }
}

/// Returns the digests of the files, and a note about those that are omitted.
fn digests(files: &BTreeMap<String, String>) -> Json {
    let all = files.len() <= SHOWN_FILES;
    let is_stack = |path: &str| path.starts_with("stack");
    let excerpt: Vec<(&String, &String)> = files
        .iter()
        .filter(|(path, _)| all || is_stack(path))
        .collect();
    let digests = parallel(
        &excerpt,
        |(path, text)| json!({ "path": path, "sha256": sha256_hex(text.as_bytes()) }),
    );
    let more = match files.keys().filter(|path| !is_stack(path)).count() {
        _ if all => String::new(),
        more => format!(
            "The {} other files are not listed. They are the policies, which are also parts of the stacks, and the policies of the deployer.",
            prose::number(more)
        ),
    };
    json!({ "files": digests, "more_files": more })
}
