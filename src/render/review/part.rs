//! Splits a statement into parts, one for each kind of resource. If a statement names actions
//! on several kinds, IAM applies none of them to a resource that it is not defined for
//! ("Actions, resources, and condition keys", Service Authorization Reference). Therefore the
//! parts together mean the same as the statement.

use std::collections::BTreeSet;

use super::resource::{ResourceKind, named_resource};
use super::sentence::SentenceContext;
use crate::render::statement::Statement;

/// Returns the parts of a statement, in the order of its actions. Returns the statement itself
/// if it is unclear which action applies to which resource.
pub fn parts(statement: &Statement, setting: &SentenceContext) -> Vec<Statement> {
    split(statement, setting).unwrap_or_else(|| vec![statement.clone()])
}

fn split(statement: &Statement, setting: &SentenceContext) -> Option<Vec<Statement>> {
    if !statement.excepts.is_empty() {
        return None;
    }
    let resources: Vec<(&String, ResourceKind)> = statement
        .resources
        .iter()
        .map(|arn| (arn, named_resource(arn, Some(setting)).kind))
        .collect();
    let mut parts: Vec<(&[ResourceKind], Statement)> = Vec::new();
    let mut used = BTreeSet::new();
    for action in &statement.actions {
        let kinds = kinds(action)?;
        if let Some((_, part)) = parts.iter_mut().find(|(held, _)| *held == kinds) {
            part.actions.push(action.clone());
            continue;
        }
        let its = resources
            .iter()
            .filter(|(_, kind)| *kind == ResourceKind::Everything || kinds.contains(kind));
        let its: Vec<String> = its.map(|(arn, _)| (*arn).clone()).collect();
        if its.is_empty() {
            return None;
        }
        used.extend(its.iter().cloned());
        let part = Statement {
            actions: vec![action.clone()],
            resources: its,
            ..statement.clone()
        };
        parts.push((kinds, part));
    }
    // A resource without a matching action would otherwise be omitted.
    let said = resources.iter().all(|(arn, _)| used.contains(*arn));
    said.then(|| parts.into_iter().map(|(_, part)| part).collect())
}

/// Returns the kinds of resources that an action applies to.
fn kinds(action: &str) -> Option<&'static [ResourceKind]> {
    let (service, name) = action.split_once(':')?;
    let any = |words: &[&str]| words.iter().any(|word| name.contains(word));
    Some(match service {
        _ if name.contains('*') => return None,
        "cloudformation" => &[ResourceKind::Stack],
        "cloudwatch" => &[ResourceKind::Alarm],
        "ec2" => &[ResourceKind::Everything],
        "events" => &[ResourceKind::Rule],
        "iam" if any(&["User", "AccessKey", "LoginProfile"]) => &[ResourceKind::User],
        "iam" if any(&["Role", "AssumeRole"]) => &[ResourceKind::Role],
        "iam" if any(&["Policy"]) => &[ResourceKind::ManagedPolicy],
        "kms" if any(&["Alias"]) => &[ResourceKind::Alias, ResourceKind::Key],
        "kms" => &[ResourceKind::Key],
        "lambda" => &[ResourceKind::Function],
        "logs" => &[ResourceKind::LogGroup],
        "s3" if any(&["Object"]) => &[ResourceKind::Objects],
        "s3" => &[ResourceKind::Bucket],
        "secretsmanager" => &[ResourceKind::Secret],
        "sns" => &[ResourceKind::Topic],
        _ => return None,
    })
}
