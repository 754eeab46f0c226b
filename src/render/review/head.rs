//! The head of the page: its subject, and whether anything needs attention.

use serde::Serialize;

use super::checks::Checks;
use super::difference::Difference;
use super::{expense, prose};
use crate::cost::Estimate;
use crate::render::Rendered;

/// The head.
#[derive(Serialize)]
pub struct Head {
    name: String,
    place: String,
    lede: String,
    figures: Vec<Figure>,
    verdict: Vec<Verdict>,
    contents: Vec<HeadEntry>,
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
struct HeadEntry {
    href: &'static str,
    words: &'static str,
}

/// Returns the head of the page.
pub fn head(
    stacks: &[Rendered<'_>],
    secrets: usize,
    resources: usize,
    cost: &Estimate,
    checks: &Checks,
    difference: Option<&Difference>,
) -> Head {
    Head {
        name: name(stacks),
        place: place(stacks),
        lede: lede(stacks),
        figures: figures(stacks.len(), secrets, resources, cost),
        verdict: verdict(stacks, checks, difference),
        contents: contents(stacks, difference.is_some()),
    }
}

fn name(stacks: &[Rendered<'_>]) -> String {
    let first = stacks.first();
    first
        .map(|one| one.model.fleet.to_string())
        .unwrap_or_default()
}

fn place(stacks: &[Rendered<'_>]) -> String {
    let model = stacks.first().map(|one| one.model);
    let account = model.and_then(|model| model.account.as_ref());
    let region = model.and_then(|model| model.region.as_ref());
    let account = account.map_or("Any account".to_owned(), |account| {
        format!("Account {account} only")
    });
    let region = region.map_or("any Region".to_owned(), |region| format!("Region {region}"));
    format!("{account}, {region}")
}

/// Returns the number of access keys and database passwords.
fn counts(stacks: &[Rendered<'_>]) -> (usize, usize) {
    let models = || stacks.iter().map(|one| one.model);
    let keys = models().map(|model| model.access_keys().count()).sum();
    (keys, models().map(|model| model.databases().count()).sum())
}

fn lede(stacks: &[Rendered<'_>]) -> String {
    let subject = match stacks.len() {
        1 => "This stack replaces".to_owned(),
        more => format!("These {} stacks replace", prose::number(more)),
    };
    let (keys, databases) = counts(stacks);
    let of_keys = match keys {
        1 => "the access key of one IAM user".to_owned(),
        more => format!("the access keys of {} IAM users", prose::number(more)),
    };
    let of_databases = match databases {
        1 => "the password of one database user".to_owned(),
        more => format!("the passwords of {} database users", prose::number(more)),
    };
    // A server stores one password: the new one is valid there before it is tested.
    match (keys, databases) {
        (_, 0) => format!(
            "{subject} {of_keys} on a schedule, with Secrets Manager and a Lambda function. A new key is stored and verified before it replaces the old one. The current key is never deleted or deactivated."
        ),
        (0, _) => format!(
            "{subject} {of_databases} on a schedule, with Secrets Manager and a Lambda function. A new password is stored before it is set on the server, and becomes the current value of the secret after a successful login. In between, the server refuses the old password, unless it accepts both."
        ),
        _ => format!(
            "{subject} {of_keys} and {of_databases} on a schedule, with Secrets Manager and a Lambda function for each kind. A new credential is stored and verified before it becomes the current value of the secret. The current key is never deleted or deactivated."
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
        "per month, estimated",
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
            prose::count(checks.passed(), "check", "checks")
        ),
    }];
    if checks.warnings() > 0 {
        verdict.push(Verdict {
            class: "warn",
            sign: "!",
            href: "warnings",
            words: prose::count(checks.warnings(), "warning", "warnings"),
        });
    }
    if checks.accepted() > 0 {
        verdict.push(Verdict {
            class: "warn",
            sign: "≈",
            href: "exceptions",
            words: format!(
                "{} accepted, with reasons",
                prose::count(checks.accepted(), "exception", "exceptions")
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

fn contents(stacks: &[Rendered<'_>], compared: bool) -> Vec<HeadEntry> {
    let changes = ("changes", "What changed");
    let sections = [
        ("picture", "Access between resources"),
        ("permissions", "Permissions"),
        ("secrets", "Secrets"),
        ("calendar", "Rotation schedule"),
        ("old-key", "Old keys"),
        ("databases", "Databases and network"),
        ("cost", "Cost"),
        ("checks", "Checks"),
    ];
    let (keys, databases) = counts(stacks);
    let there = |(href, _): &(&str, &str)| match *href {
        "old-key" => keys > 0,
        "databases" => databases > 0,
        _ => true,
    };
    let mut contents: Vec<(&str, &str)> = sections.into_iter().filter(there).collect();
    match compared {
        true => contents.insert(0, changes),
        false => contents.push(changes),
    }
    contents.extend([("resources", "Resources"), ("verify", "How to verify")]);
    let entry = |(href, words)| HeadEntry { href, words };
    contents.into_iter().map(entry).collect()
}
