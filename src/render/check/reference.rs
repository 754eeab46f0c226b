//! Rules about references.

use std::collections::BTreeSet;

use super::rule::{Level, Rule, RuleFindings, Theme};
use super::stack::Stack;
use super::template::Template;
use crate::model::Region;
use crate::render::arn;
use crate::render::document::DocumentKind;
use crate::render::resolve::{literal, target};

pub(super) const THEME: Theme = Theme {
    title: "References",
    rules: &[
        DANGLING,
        Rule {
            id: "circular-reference",
            level: Level::RefusedByAws,
            title: "No resource depends on itself, directly or indirectly",
            why: "CloudFormation refuses the template.",
            remedy: "replace one reference in the circle by an ARN, or move the policy to a separate resource",
            source: "AWS CloudFormation User Guide, troubleshooting (Circular dependencies)",
            check: Some(cycles),
        },
        Rule {
            id: "partial-secret-arn",
            level: Level::Error,
            title: "A secret is specified by a reference or by its complete ARN",
            why: "A partial ARN or a name can match another secret that is created later, whose name has the same beginning.",
            remedy: "use `!Ref` with the secret's logical ID, or end the ARN with -?????? for the suffix that Secrets Manager adds",
            source: "AWS Secrets Manager User Guide, troubleshoot (ARN of a secret)",
            check: Some(partial),
        },
        Rule {
            id: "foreign-account",
            level: Level::Error,
            title: "The template contains no account or Region that is not in the manifest",
            why: "Such a template works in one account only, or accesses an unintended one.",
            remedy: "use ${AWS::AccountId} and ${AWS::Region}, or specify the ARN in the manifest",
            source: "keyrota: what is deployed follows from the manifest",
            check: Some(foreign),
        },
        Rule {
            id: "unchecked-part",
            level: Level::Warning,
            title: "The template contains no macro, nested stack, or custom resource",
            why: "Their results are known only during the deployment, so no rule can check them.",
            remedy: "specify its results in the template, or accept it with a reason",
            source: "AWS CloudFormation User Guide, template-macros",
            check: Some(|stack, found| {
                if stack.template.top("Transform").is_some() {
                    found.add("Transform", "a macro changes the template");
                }
                for resource in &stack.template.resources {
                    let opaque = ["AWS::CloudFormation::", "Custom::"];
                    if opaque
                        .iter()
                        .any(|prefix| resource.kind.starts_with(prefix))
                    {
                        let message = format!("the result of {} cannot be checked", resource.kind);
                        found.add(resource.id, message);
                    }
                }
            }),
        },
    ],
};

/// This check also runs on its own, before policies are resolved.
pub(super) const DANGLING: Rule = Rule {
    id: "dangling-reference",
    level: Level::RefusedByAws,
    title: "Every reference and DependsOn refers to something in the template",
    why: "CloudFormation refuses the template.",
    remedy: "refer to an existing resource or parameter",
    source: "AWS CloudFormation User Guide, intrinsic-function-reference-ref",
    check: Some(|stack, found| dangling(&stack.template, found)),
};

pub(super) fn dangling(template: &Template<'_>, found: &mut RuleFindings) {
    let mut told = BTreeSet::new();
    for reference in &template.references {
        if reference.to.is_some() || template.knows(reference.target) {
            continue;
        }
        let place = reference.from.show();
        if told.insert((place.clone(), reference.target)) {
            let message = format!("`{}` is not in the template", reference.target);
            found.add(place, message);
        }
    }
}

/// Finds cyclic references. It repeatedly removes every resource that depends on none of the
/// remaining ones, so the resources that are left contain cycles.
fn cycles(stack: &Stack<'_>, found: &mut RuleFindings) {
    let resources = &stack.template.resources;
    let mut needs: Vec<BTreeSet<usize>> = vec![BTreeSet::new(); resources.len()];
    let mut needed_by: Vec<Vec<usize>> = vec![Vec::new(); resources.len()];
    for reference in &stack.template.references {
        if let (Some(from), Some(to)) = (reference.within, reference.to)
            && needs[from].insert(to)
        {
            needed_by[to].push(from);
        }
    }
    let mut free: Vec<usize> = (0..resources.len())
        .filter(|index| needs[*index].is_empty())
        .collect();
    loop {
        while let Some(index) = free.pop() {
            for other in std::mem::take(&mut needed_by[index]) {
                if needs[other].remove(&index) && needs[other].is_empty() {
                    free.push(other);
                }
            }
        }
        let left = (0..resources.len()).filter(|index| !needs[*index].is_empty());
        let Some(start) = left.min_by_key(|index| resources[*index].id) else {
            break;
        };
        let cycle = cycle(&needs, start, |index| resources[index].id);
        let ids: Vec<&str> = cycle.iter().map(|index| resources[*index].id).collect();
        let shown = ids.join(" → ");
        let message = format!("{shown} → {}: each depends on the next one", ids[0]);
        found.add(ids[0], message);
        for index in cycle {
            needs[index].clear();
            free.push(index);
        }
    }
}

/// Returns one cycle. Each remaining resource depends on a remaining one, so following the
/// dependencies leads to a cycle.
fn cycle<'tree>(
    needs: &[BTreeSet<usize>],
    start: usize,
    id: impl Fn(usize) -> &'tree str,
) -> Vec<usize> {
    let mut way = vec![start];
    loop {
        let next = needs[way[way.len() - 1]].iter().copied();
        let next = next.min_by_key(|index| id(*index)).unwrap_or(start);
        match way.iter().position(|one| *one == next) {
            Some(from) => return way.split_off(from),
            None => way.push(next),
        }
    }
}

fn partial(stack: &Stack<'_>, found: &mut RuleFindings) {
    for kind in [
        "AWS::SecretsManager::RotationSchedule",
        "AWS::SecretsManager::ResourcePolicy",
        "AWS::SecretsManager::SecretTargetAttachment",
    ] {
        for resource in stack.template.of_type(kind) {
            let Some(secret) = resource.get("SecretId") else {
                continue;
            };
            if target(secret).is_none() && !literal(secret).is_some_and(is_full) {
                let message = "the secret is not specified by its complete ARN";
                found.add(resource.at("SecretId"), message);
            }
        }
    }
    for statement in stack
        .statements
        .iter()
        .filter(|one| one.document.kind != DocumentKind::Key)
    {
        let named = statement
            .resources
            .iter()
            .filter(|arn| arn.contains(":secretsmanager:"));
        for arn in named.filter(|arn| !arn.ends_with('*') && !is_full(arn)) {
            found.add(statement.at(), format!("`{arn}` is a partial ARN"));
        }
    }
}

/// Returns whether an ARN ends like that of a secret.
fn is_full(arn: &str) -> bool {
    let name = arn.split_once(":secret:").map(|(_, name)| name);
    let suffix = name.and_then(|name| name.rsplit_once('-'));
    suffix.is_some_and(|(_, suffix)| suffix.len() == 6)
}

fn foreign(stack: &Stack<'_>, found: &mut RuleFindings) {
    let model = stack.model();
    let account = model.account.as_ref().map(|account| account.as_str());
    let region = model.region.as_ref().map(|region| region.as_str());
    let replicas = model.entries.iter().flat_map(|entry| &entry.replicas);
    let replicated: BTreeSet<&str> = replicas.map(|replica| replica.region.as_str()).collect();
    for (place, text) in &stack.template.arns {
        for (at, _) in text.match_indices("arn:") {
            let end = |one: char| one.is_whitespace() || one == '"';
            let arn = text[at..].split(end).next().unwrap_or_default();
            if stack.named.contains(arn) || stack.named.contains(*text) {
                continue;
            }
            let parts = arn::parts(arn).unwrap_or_default();
            let there = parts[2];
            // A replica has the ARN of its secret except for the Region.
            let is_replica = parts[1] == "secretsmanager" && replicated.contains(there);
            match arn::account_of(arn) {
                Some(owner) if Some(owner) != account => {
                    found.add(place.show(), format!("`{arn}` belongs to account {owner}"));
                }
                _ if Region::parse(there).is_ok() && Some(there) != region && !is_replica => {
                    found.add(place.show(), format!("`{arn}` is in {there}"));
                }
                _ => {}
            }
        }
    }
}
