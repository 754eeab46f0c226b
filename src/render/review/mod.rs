//! `review.html`: the stacks as a page for whoever has to say yes. It is made from
//! the rendered templates and policies, not from the manifest alone, so that it
//! cannot say something else than what will be deployed.

mod action;
mod arrangement;
mod condition;
mod difference;
mod expense;
mod grant;
mod inventory;
mod part;
mod permission;
mod picture;
mod prose;
mod resource;
mod rhythm;
mod sentence;
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
use difference::Difference;
use inventory::Inventory;
use permission::Beside;
use picture::Picture;
use sentence::Setting;
use subject::Holder;

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

/// What was checked, as the page shows it.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Checks {
    /// The rules that found nothing.
    pub passed: Vec<Passed>,
    /// What was found and refuses nothing.
    pub warnings: Vec<Warning>,
    /// What was found and the manifest accepts.
    pub accepted: Vec<Accepted>,
}

/// A rule that found nothing.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Passed {
    /// Its name.
    pub rule: String,
    /// What holds.
    pub title: String,
}

/// Something that was found.
#[derive(Clone, Debug, Serialize)]
pub struct Warning {
    /// The rule that found it.
    pub rule: String,
    /// Where.
    pub place: String,
    /// What.
    pub message: String,
    /// What to do about it.
    pub hint: Option<String>,
}

/// Something that was found, and is accepted.
#[derive(Clone, Debug, Serialize)]
pub struct Accepted {
    /// The rule that found it.
    pub rule: String,
    /// Where.
    pub place: String,
    /// What.
    pub message: String,
    /// Why it is accepted.
    pub reason: String,
}

/// All that the page is made of.
#[derive(Clone, Copy)]
pub struct Content<'a> {
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
struct Begin {
    name: String,
    place: String,
    lede: String,
    figures: Vec<Figure>,
    verdict: Vec<Verdict>,
    contents: Vec<Entry>,
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
struct Figure {
    what: &'static str,
    figure: String,
}

#[derive(Serialize)]
struct Verdict {
    class: &'static str,
    sign: &'static str,
    href: &'static str,
    words: String,
}

#[derive(Serialize)]
struct Entry {
    href: &'static str,
    words: &'static str,
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

    let mut page = Parts::begin()?;
    page.add(
        "begin",
        &Begin {
            name: name(stacks),
            place: place(stacks),
            lede: lede(stacks.len(), secrets),
            figures: figures(stacks.len(), secrets, inventory.total, cost),
            verdict: verdict(stacks, checks, difference.as_ref()),
            contents: contents(difference.is_some()),
        },
    )?;
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
struct Parts {
    registry: handlebars::Handlebars<'static>,
    text: String,
}

impl Parts {
    fn begin() -> Result<Self, Error> {
        Ok(Self {
            registry: template::registry()?,
            text: String::new(),
        })
    }

    fn add(&mut self, name: &str, content: &impl Serialize) -> Result<(), Error> {
        let part = self.registry.render(name, content);
        self.text += &part.map_err(TemplateError::from)?;
        Ok(())
    }
}

fn name(stacks: &[Rendered<'_>]) -> String {
    let first = stacks.first();
    first
        .map(|one| one.model.fleet.to_string())
        .unwrap_or_default()
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

fn place(stacks: &[Rendered<'_>]) -> String {
    let model = stacks.first().map(|one| one.model);
    let account = model.and_then(|model| model.account.as_ref());
    let region = model.and_then(|model| model.region.as_ref());
    let account = account.map_or("Any account".to_owned(), |account| {
        format!("Account {account} only")
    });
    let region = region.map_or("the Region that it is deployed to".to_owned(), |region| {
        format!("Region {region}")
    });
    format!("{account}, {region}")
}

fn lede(stacks: usize, secrets: usize) -> String {
    let subject = match stacks {
        1 => "This stack replaces".to_owned(),
        more => format!("These {} stacks replace", prose::number(more)),
    };
    let what = match secrets {
        1 => "the access key of one IAM user".to_owned(),
        more => format!("the access keys of {} IAM users", prose::number(more)),
    };
    format!(
        "{subject} {what} on a schedule, with Secrets Manager and a Lambda function. A new key is stored, proves that it works, and only then takes the old one’s place; the key in use is never deleted or deactivated."
    )
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

fn figures(stacks: usize, secrets: usize, resources: usize, cost: &Estimate) -> Vec<Figure> {
    let mut figures = vec![
        (
            if secrets == 1 {
                "secret, of one user"
            } else {
                "secrets, each of one user"
            },
            prose::number(secrets),
        ),
        ("resources", prose::number(resources)),
    ];
    if stacks > 1 {
        figures.insert(0, ("stacks", prose::number(stacks)));
    }
    figures.push((
        "a month, estimated",
        format!("{} {}", expense::total(cost), cost.currency),
    ));
    let figure = |(what, figure)| Figure { what, figure };
    figures.into_iter().map(figure).collect()
}

fn verdict(
    stacks: &[Rendered<'_>],
    checks: &Checks,
    difference: Option<&Difference>,
) -> Vec<Verdict> {
    let mut verdict = vec![Verdict {
        class: "good",
        sign: "✓",
        href: "passed",
        words: format!(
            "{} passed",
            prose::count(checks.passed.len(), "check", "checks")
        ),
    }];
    if !checks.warnings.is_empty() {
        verdict.push(Verdict {
            class: "warn",
            sign: "!",
            href: "warnings",
            words: prose::count(checks.warnings.len(), "warning", "warnings"),
        });
    }
    if !checks.accepted.is_empty() {
        verdict.push(Verdict {
            class: "warn",
            sign: "≈",
            href: "exceptions",
            words: format!(
                "{} taken, with reasons",
                prose::count(checks.accepted.len(), "exception", "exceptions")
            ),
        });
    }
    let overlaid = stacks.first().map_or(0, |one| one.overlaid.len());
    if overlaid > 0 {
        verdict.push(Verdict {
            class: "warn",
            sign: "!",
            href: "templates",
            words: format!(
                "{} of your own",
                prose::count(overlaid, "template", "templates")
            ),
        });
    }
    if let Some(difference) = difference {
        let gained = difference.gained.len();
        verdict.push(Verdict {
            class: if gained > 0 { "warn" } else { "good" },
            sign: if gained > 0 { "+" } else { "=" },
            href: "changes",
            words: match gained {
                0 => "no permission gained".to_owned(),
                more => format!("{} gained", prose::count(more, "permission", "permissions")),
            },
        });
    }
    verdict
}

fn contents(compared: bool) -> Vec<Entry> {
    let changes = ("changes", "What changed");
    let sections = [
        ("picture", "Who may call whom"),
        ("permissions", "Every permission"),
        ("secrets", "The secrets"),
        ("calendar", "When they rotate"),
        ("old-key", "The old key"),
        ("cost", "Cost"),
        ("checks", "Checks"),
    ];
    let mut contents: Vec<(&str, &str)> = sections.to_vec();
    match compared {
        true => contents.insert(0, changes),
        false => contents.push(changes),
    }
    contents.extend([("resources", "What is made"), ("verify", "How to verify")]);
    let entry = |(href, words)| Entry { href, words };
    contents.into_iter().map(entry).collect()
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
