//! The head of the page: its subject, and whether anything needs attention.

use serde_json::{Value as Json, json};

use super::checks::Checks;
use super::difference::Difference;
use super::{expense, prose};
use crate::cost::Estimate;
use crate::model::{Entry, TargetAccounts};
use crate::render::{FunctionCode, Rendered, Strategy, resolve};

/// Returns the head of the page.
pub fn head(
    stacks: &[Rendered<'_>],
    secrets: usize,
    cost: &Estimate,
    checks: &Checks,
    difference: Option<&Difference>,
) -> Json {
    json!({
        "name": stacks.first().map_or("", |one| one.model.fleet.as_str()),
        "place": place(stacks),
        "lede": lede(stacks),
        "figures": figures(stacks, secrets, cost),
        "verdict": verdict(stacks, checks, difference),
        "contents": contents(stacks, difference.is_some()),
    })
}

fn place(stacks: &[Rendered<'_>]) -> String {
    let model = stacks.first().map(|one| one.model);
    if let Some(model) = model.filter(|model| model.stack_set) {
        let targets = model.accounts.iter().map(|target| match &target.accounts {
            TargetAccounts::Account(account) => format!("account {account}"),
            TargetAccounts::Unit(unit) => format!("the accounts of {unit}"),
        });
        let targets: Vec<String> = targets.collect();
        let targets = prose::words(targets.iter().map(String::as_str), "and");
        return format!("A StackSet, for {targets}");
    }
    let account = model.and_then(|model| model.account.as_ref());
    let region = model.and_then(|model| model.region.as_ref());
    let account = account.map_or("Any account".to_owned(), |account| {
        format!("Account {account} only")
    });
    let region = region.map_or("any Region".to_owned(), |region| format!("Region {region}"));
    format!("{account}, {region}")
}

/// Returns the numbers of access keys, database passwords, and service passwords.
fn counts(stacks: &[Rendered<'_>]) -> [usize; 3] {
    let codes = [
        FunctionCode::AccessKeys,
        FunctionCode::Databases,
        FunctionCode::Services,
    ];
    codes.map(|code| {
        let entries = stacks.iter().flat_map(|one| &one.model.entries);
        let mine = entries.filter(|entry| Strategy::for_entry(entry).code() == code);
        mine.count()
    })
}

fn lede(stacks: &[Rendered<'_>]) -> String {
    let subject = match stacks.len() {
        1 => "This stack replaces".to_owned(),
        more => format!("These {} stacks replace", prose::number(more)),
    };
    let [keys, databases, services] = counts(stacks);
    let of_keys = match keys {
        1 => "the access key of one IAM user".to_owned(),
        more => format!("the access keys of {} IAM users", prose::number(more)),
    };
    let of_databases = match databases {
        1 => "the password of one database user".to_owned(),
        more => format!("the passwords of {} database users", prose::number(more)),
    };
    let of_services = match services {
        1 => "the password of one user of a service".to_owned(),
        more => format!("the passwords of {} users of services", prose::number(more)),
    };
    // A server stores one password: the new one is valid there before it is tested.
    match (keys, databases, services) {
        (_, 0, 0) => format!(
            "{subject} {of_keys} on a schedule, with Secrets Manager and a Lambda function. A new key is stored and verified before it replaces the old one. The current key is never deleted or deactivated."
        ),
        (0, _, 0) if alternating(stacks) == databases => format!(
            "{subject} {of_databases} on a schedule, with Secrets Manager and a Lambda function. Two users alternate: a new password is stored before it is set on the server, for the user that is not current, and this user becomes current after a successful login. The user that clients log in as is not changed."
        ),
        (0, _, 0) => format!(
            "{subject} {of_databases} on a schedule, with Secrets Manager and a Lambda function. A new password is stored before it is set on the server, and becomes the current value of the secret after a successful login. In between, the server refuses the old password, unless it accepts both."
        ),
        (0, 0, _) => format!(
            "{subject} {of_services} on a schedule, with Secrets Manager and a Lambda function. A new password is stored before it is set at the service, and becomes the current value of the secret after a successful login. In between, the service refuses the old password, unless it accepts both."
        ),
        _ => {
            let all = [
                (keys, of_keys),
                (databases, of_databases),
                (services, of_services),
            ];
            let some = all.iter().filter(|(count, _)| *count > 0);
            let what = prose::words(some.map(|(_, words)| words.as_str()), "and");
            let unharmed = match keys {
                0 => "",
                _ => " The current key is never deleted or deactivated.",
            };
            format!(
                "{subject} {what} on a schedule, with Secrets Manager and a Lambda function for each kind. A new credential is stored and verified before it becomes the current value of the secret.{unharmed}"
            )
        }
    }
}

/// Returns the number of secrets whose two users alternate.
fn alternating(stacks: &[Rendered<'_>]) -> usize {
    let entries = stacks.iter().flat_map(|one| &one.model.entries);
    let databases = entries.filter_map(Entry::as_database);
    databases.filter(|it| it.kind.alternate.is_some()).count()
}

/// Returns the most important numbers.
fn figures(stacks: &[Rendered<'_>], secrets: usize, cost: &Estimate) -> Vec<Json> {
    let of_secrets = match (secrets, alternating(stacks)) {
        (1, 0) => "secret, of one user",
        (_, 0) => "secrets, each of one user",
        (1, _) => "secret, of two users",
        (_, _) => "secrets",
    };
    let total = format!("{} {}", expense::total(cost), cost.currency);
    let resources = stacks
        .iter()
        .map(|one| resolve::resources(&one.tree).count());
    let mut figures = vec![
        (of_secrets, prose::number(secrets)),
        ("resources", prose::number(resources.sum())),
        ("per month, estimated", total),
    ];
    if stacks.len() > 1 {
        figures.insert(0, ("stacks", prose::number(stacks.len())));
    }
    let figure = |(what, figure)| json!({ "what": what, "figure": figure });
    figures.into_iter().map(figure).collect()
}

/// Returns the results, each with a link to the section that explains it.
fn verdict(stacks: &[Rendered<'_>], checks: &Checks, difference: Option<&Difference>) -> Vec<Json> {
    let passed = prose::count(checks.passed(), "check passed", "checks passed");
    let mut verdict = vec![("good", "✓", "passed", passed)];
    let overlaid = stacks.first().map_or(0, |one| one.overlaid.len());
    let remarkable = [
        (checks.warnings(), "!", "warnings", ["warning", "warnings"]),
        (
            checks.accepted(),
            "≈",
            "exceptions",
            [
                "exception accepted, with reasons",
                "exceptions accepted, with reasons",
            ],
        ),
        (
            overlaid,
            "!",
            "templates",
            ["template of your own", "templates of your own"],
        ),
    ];
    for (count, sign, href, [one, many]) in remarkable {
        if count > 0 {
            verdict.push(("warn", sign, href, prose::count(count, one, many)));
        }
    }
    verdict.extend(difference.map(|difference| match difference.gained.len() {
        0 => ("good", "=", "changes", "no permission gained".to_owned()),
        more => {
            let gained = prose::count(more, "permission gained", "permissions gained");
            ("warn", "+", "changes", gained)
        }
    }));
    let entry = |(class, sign, href, words)| json!({ "class": class, "sign": sign, "href": href, "words": words });
    verdict.into_iter().map(entry).collect()
}

fn contents(stacks: &[Rendered<'_>], compared: bool) -> Vec<Json> {
    let changes = ("changes", "What changed");
    let sections = [
        ("picture", "Access between resources"),
        ("permissions", "Permissions"),
        ("secrets", "Secrets"),
        ("calendar", "Rotation schedule"),
        ("old-key", "Old keys"),
        ("databases", "Databases and network"),
        ("services", "Services"),
        ("cost", "Cost"),
        ("checks", "Checks"),
    ];
    let [keys, databases, services] = counts(stacks);
    let there = |(href, _): &(&str, &str)| match *href {
        "old-key" => keys > 0,
        "databases" => databases > 0,
        "services" => services > 0,
        _ => true,
    };
    let mut contents: Vec<(&str, &str)> = sections.into_iter().filter(there).collect();
    match compared {
        true => contents.insert(0, changes),
        false => contents.push(changes),
    }
    contents.extend([("resources", "Resources"), ("verify", "How to verify")]);
    let entry = |(href, words)| json!({ "href": href, "words": words });
    contents.into_iter().map(entry).collect()
}
