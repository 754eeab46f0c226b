//! `review.html`: the stacks as a page for whoever has to say yes. It is made from
//! the rendered templates and policies, not from the manifest alone, so that it
//! cannot say something else than what will be deployed.

mod action;
mod alike;
mod arrangement;
mod checks;
mod condition;
mod difference;
mod expense;
mod grant;
mod head;
mod inventory;
mod part;
mod permission;
mod picture;
mod prose;
mod resource;
mod rhythm;
mod sentence;
mod shown;
mod statement;
mod subject;
mod template;
#[cfg(test)]
mod tests;
mod timeline;

use std::collections::BTreeMap;

use serde::Serialize;
use serde_json::json;
use serde_yaml::Value;

use super::{Error, Rendered, TemplateError};
use crate::bundle::sha256_hex;
use crate::cost::Estimate;
use arrangement::{Arrangement, Rota};
pub use checks::Checks;
use inventory::Inventory;
use permission::Beside;
use picture::Picture;
use sentence::Setting;
use subject::Holder;
pub use template::registry;

/// The page's file.
pub const FILE: &str = "review.html";
/// Files up to here are listed with their digests; of more, the stacks alone.
const SHOWN_FILES: usize = 40;
/// A statement of more lines comes folded.
const OPEN_LINES: usize = 26;

/// What a rendering is compared with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Before {
    /// What it is, as it stands after "since": "the rendering in old/".
    pub what: String,
    /// The templates, by the names of the files that hold them now; none where
    /// there was no stack.
    pub stacks: BTreeMap<String, String>,
}

/// All that the page is made of.
#[derive(Clone, Copy)]
pub struct Content<'a> {
    /// The page's templates.
    pub templates: &'a handlebars::Handlebars<'static>,
    /// The stacks.
    pub stacks: &'a [Rendered<'a>],
    /// What is written for review beside the page.
    pub files: &'a BTreeMap<String, String>,
    /// What was checked.
    pub checks: &'a Checks,
    /// What they cost.
    pub cost: &'a Estimate,
    /// What it is compared with.
    pub before: Option<&'a Before>,
}

#[derive(Serialize)]
struct Pictured {
    this_stack: &'static str,
    picture: Picture,
}

#[derive(Serialize)]
struct Secrets<'a> {
    words: String,
    several: bool,
    arrangements: &'a [Arrangement],
}

#[derive(Serialize)]
struct Calendar {
    any_rate: bool,
    rotas: Vec<Rota>,
}

#[derive(Serialize)]
struct Made<'a> {
    /// Templates that are not keyrota's own.
    overlaid: &'a [String],
    the_stack: &'static str,
    several: bool,
    inventory: Inventory,
}

#[derive(Serialize)]
struct Verify {
    files: Vec<Digest>,
    more_files: String,
}

#[derive(Serialize)]
struct Digest {
    path: String,
    sha256: String,
}

/// Returns the page.
///
/// # Errors
///
/// Returns which earlier template cannot be read; the other errors are faults of
/// the page's templates.
pub fn page(content: Content<'_>) -> Result<String, Error> {
    let Content {
        templates,
        stacks,
        files,
        checks,
        cost,
        before,
    } = content;
    let setting = setting(stacks);
    let beside = beside(stacks.len(), files)?;
    let groups = permission::groups(stacks, &beside, &setting);
    let arrangements = arrangement::arrangements(stacks, &setting.account);
    let rotas = arrangement::rotas(&arrangements);
    let inventory = inventory::inventory(stacks, &arrangements);
    let difference = before
        .map(|before| difference::difference(stacks, before, &setting))
        .transpose()?;
    let secrets: usize = arrangements.iter().map(|one| one.rows.len()).sum();
    let several = stacks.len() > 1;
    let picture = picture::picture(stacks, &groups, &setting.account);
    let (files, more_files) = digests(files);

    let mut page = Parts::begin(templates);
    let head = head::head(
        stacks,
        secrets,
        inventory.total,
        cost,
        checks,
        difference.as_ref(),
    );
    page.add("begin", &head)?;
    if let Some(difference) = &difference {
        page.add("difference", difference)?;
    }
    let this_stack = if several {
        "these stacks make"
    } else {
        "this stack makes"
    };
    page.add(
        "picture",
        &Pictured {
            this_stack,
            picture,
        },
    )?;
    page.add("permissions", &json!({ "groups": groups }))?;
    page.add(
        "secrets",
        &Secrets {
            words: secrets_words(secrets, arrangements.len()),
            several,
            arrangements: &arrangements,
        },
    )?;
    let any_rate = rotas.iter().any(|rota| rota.rate);
    page.add("calendar", &Calendar { any_rate, rotas })?;
    let timelines = arrangement::timelines(&arrangements);
    page.add("old-key", &json!({ "timelines": timelines }))?;
    page.add("cost", &expense::expense(cost))?;
    page.add("checks", checks)?;
    if difference.is_none() {
        page.add("no-difference", &json!({}))?;
    }
    page.add(
        "resources",
        &Made {
            the_stack: if several {
                "the stacks: each has its own"
            } else {
                "the stack"
            },
            several,
            overlaid: stacks.first().map_or(&[], |one| one.overlaid),
            inventory,
        },
    )?;
    page.add("verify", &Verify { files, more_files })?;
    let stacks = if several {
        "stack-*.yaml"
    } else {
        "stack.yaml"
    };
    page.add("end", &json!({ "stacks": stacks }))?;
    Ok(page.text)
}

/// The page as far as it is written. Each part is filled in by itself: handlebars
/// takes a copy of what a template is filled in with.
struct Parts<'a> {
    registry: &'a handlebars::Handlebars<'static>,
    text: String,
}

impl<'a> Parts<'a> {
    const fn begin(registry: &'a handlebars::Handlebars<'static>) -> Self {
        Self {
            registry,
            text: String::new(),
        }
    }

    fn add(&mut self, name: &str, content: &impl Serialize) -> Result<(), Error> {
        let part = self.registry.render(name, content);
        self.text += &part.map_err(TemplateError::from)?;
        Ok(())
    }
}

fn setting(stacks: &[Rendered<'_>]) -> Setting {
    let first = stacks.first();
    Setting {
        stack: first
            .map(|one| one.model.stack.to_string())
            .unwrap_or_default(),
        account: first
            .map(|one| one.world.account().to_owned())
            .unwrap_or_default(),
        region: first
            .map(|one| one.world.region().to_owned())
            .unwrap_or_default(),
    }
}

/// Reads the policies that are in no stack: whose they are follows from their files.
fn beside(stacks: usize, files: &BTreeMap<String, String>) -> Result<Vec<Beside>, Error> {
    let mut beside = Vec::new();
    for (file, text) in files {
        let holder = match file.as_str() {
            "policies/artifact-bucket.json" => Holder::Bucket,
            name if is_whole_deployer_policy(name, stacks) => Holder::Deployer,
            _ => continue,
        };
        let body: Value = serde_json::from_str(text)
            .map_err(|error| Error::Malformed(format!("{file}: {error}")))?;
        beside.push(Beside {
            file: file.clone(),
            holder,
            stack: beside.len() % stacks.max(1),
            body,
        });
    }
    Ok(beside)
}

/// `deployer-policy.json`, or `deployer-policy-000.json` where there are several
/// stacks; not the parts of a policy that is there as a whole too.
fn is_whole_deployer_policy(name: &str, stacks: usize) -> bool {
    let rest = name
        .strip_prefix("deployer-policy")
        .and_then(|rest| rest.strip_suffix(".json"));
    match (rest, stacks) {
        (Some(""), 1) => true,
        (Some(rest), 2..) => rest.len() == 4 && rest[1..].bytes().all(|one| one.is_ascii_digit()),
        _ => false,
    }
}

fn secrets_words(secrets: usize, arrangements: usize) -> String {
    match (secrets, arrangements) {
        (1, _) => "One secret.".to_owned(),
        (more, 1) => format!("{} secrets, all set up alike.", prose::number(more)),
        (more, kinds) => format!(
            "{} secrets in {} arrangements: within one, all are set up alike.",
            prose::number(more),
            prose::number(kinds)
        ),
    }
}

/// Returns the files' digests, and what to say of those that are not shown.
fn digests(files: &BTreeMap<String, String>) -> (Vec<Digest>, String) {
    let all = files.len() <= SHOWN_FILES;
    let is_stack = |path: &str| path.starts_with("stack");
    let shown = files.iter().filter(|(path, _)| all || is_stack(path));
    let digests = shown.map(|(path, text)| Digest {
        path: path.clone(),
        sha256: sha256_hex(text.as_bytes()),
    });
    let more = match files.keys().filter(|path| !is_stack(path)).count() {
        _ if all => String::new(),
        more => format!(
            "The {} other files are not listed: policies, which are parts of the stacks written out, and what whoever deploys needs.",
            prose::number(more)
        ),
    };
    (digests.collect(), more)
}
