//! Rules about names, paths, and tags that AWS accepts.

use std::collections::{HashMap, HashSet};

use super::rule::{Rule, RuleFindings, Theme};
use super::stack::Stack;
use super::template::{Resource, items, literal};
use crate::model::Severity::Error;
use crate::model::{IamPath, SecretName, UserName};
use crate::render::quota;
use crate::render::tree::Value;

pub(super) const THEME: Theme = Theme {
    title: "Names and tags",
    rules: &[
        Rule {
            id: "logical-id",
            severity: Error,
            refused_by_aws: true,
            title: "A logical ID has 1 to 255 letters and digits",
            why: "CloudFormation refuses the template.",
            remedy: "use letters and digits only; in templates, write it with the helper `id`",
            source: "AWS CloudFormation User Guide, resources-section-structure",
            check: Some(|stack, found| {
                let sections = ["Resources", "Outputs", "Parameters"].into_iter();
                let ids = sections
                    .flat_map(|name| stack.template.section(name))
                    .flatten();
                for id in ids.filter_map(|(id, _)| id.as_str()) {
                    let fits = (1..=255).contains(&id.len());
                    if !fits || !id.bytes().all(|byte| byte.is_ascii_alphanumeric()) {
                        found.add(id, format!("`{id}` is not a logical ID"));
                    }
                }
            }),
        },
        Rule {
            id: "secret-name",
            severity: Error,
            refused_by_aws: true,
            title: "A secret's name has 1 to 512 characters (letters, digits, and /_+=.@-), and does not end like an ARN",
            why: "Secrets Manager refuses other characters. It interprets a hyphen and six characters at the end as the suffix of an ARN, so the secret could not be found by its name.",
            remedy: "choose another name in the manifest",
            source: "AWS Secrets Manager API Reference, API_CreateSecret",
            check: Some(|stack, found| {
                for secret in stack.template.of_type("AWS::SecretsManager::Secret") {
                    match secret.get("Name") {
                        None => found.add_with(
                            secret.id,
                            "the secret has no name, and CloudFormation would generate one that changes when the secret is replaced",
                            "use the name of its entry",
                        ),
                        Some(name) => parsed(secret, "Name", name, SecretName::parse, found),
                    }
                }
            }),
        },
        Rule {
            id: "user-name",
            severity: Error,
            refused_by_aws: true,
            title: "A user's name has 1 to 64 characters (letters, digits, and +=,.@_-)",
            why: "IAM refuses other names.",
            remedy: "choose another name in the manifest",
            source: "AWS IAM API Reference, API_CreateUser",
            check: Some(|stack, found| {
                for kind in ["AWS::IAM::User", "AWS::IAM::UserPolicy"] {
                    for resource in stack.template.of_type(kind) {
                        if let Some(name) = resource.get("UserName") {
                            parsed(resource, "UserName", name, UserName::parse, found);
                        }
                    }
                }
            }),
        },
        Rule {
            id: "iam-name",
            severity: Error,
            refused_by_aws: true,
            title: "A role's name has at most 64 characters, and a policy's name at most 128 (letters, digits, and +=,.@_-)",
            why: "IAM refuses other names.",
            remedy: "shorten it, or let CloudFormation generate the name",
            source: "AWS IAM User Guide, reference_iam-quotas",
            check: Some(|stack, found| {
                let names = [
                    ("AWS::IAM::Role", "RoleName", 64),
                    ("AWS::IAM::RolePolicy", "PolicyName", 128),
                    ("AWS::IAM::UserPolicy", "PolicyName", 128),
                    ("AWS::IAM::Policy", "PolicyName", 128),
                    ("AWS::IAM::ManagedPolicy", "ManagedPolicyName", 128),
                ];
                for (kind, key, limit) in names {
                    for resource in stack.template.of_type(kind) {
                        let Some(name) = resource.text(key) else {
                            continue;
                        };
                        held(resource, key, name, limit, "+=,.@_-", found);
                    }
                }
            }),
        },
        Rule {
            id: "iam-path",
            severity: Error,
            refused_by_aws: true,
            title: "A path in IAM begins and ends with a slash and has at most 512 characters",
            why: "IAM refuses other paths.",
            remedy: "set `role_path` to something like /platform/keyrota/",
            source: "AWS IAM User Guide, reference_identifiers",
            check: Some(|stack, found| {
                for kind in [
                    "AWS::IAM::Role",
                    "AWS::IAM::User",
                    "AWS::IAM::ManagedPolicy",
                ] {
                    for resource in stack.template.of_type(kind) {
                        if let Some(path) = resource.get("Path") {
                            parsed(resource, "Path", path, IamPath::parse, found);
                        }
                    }
                }
            }),
        },
        Rule {
            id: "log-group-name",
            severity: Error,
            refused_by_aws: true,
            title: "A log group's name has 1 to 512 characters (letters, digits, and _-/.#)",
            why: "CloudWatch Logs refuses other names.",
            remedy: "choose another name in the template",
            source: "Amazon CloudWatch Logs API Reference, API_CreateLogGroup",
            check: Some(|stack, found| {
                for group in stack.template.of_type("AWS::Logs::LogGroup") {
                    if let Some(name) = group.text("LogGroupName") {
                        held(group, "LogGroupName", name, 512, "_-/.#", found);
                    }
                }
            }),
        },
        Rule {
            id: "alias-name",
            severity: Error,
            refused_by_aws: true,
            title: "A key's alias begins with alias/ but not with alias/aws/, and has at most 256 characters (letters, digits, and /_-)",
            why: "KMS refuses other aliases.",
            remedy: "choose another alias in the template",
            source: "AWS KMS API Reference, API_CreateAlias",
            check: Some(|stack, found| {
                for alias in stack.template.of_type("AWS::KMS::Alias") {
                    let Some(name) = alias.text("AliasName") else {
                        continue;
                    };
                    if !name.starts_with("alias/") || name.starts_with("alias/aws/") {
                        found.add(
                            alias.at("AliasName"),
                            format!("`{name}` is not an alias that a stack can create"),
                        );
                    }
                    held(alias, "AliasName", name, 256, "/_-", found);
                }
            }),
        },
        Rule {
            id: "duplicate-name",
            severity: Error,
            refused_by_aws: true,
            title: "No two resources of a type have the same name",
            why: "The second one cannot be created, and the stack rolls back. Names in IAM are not case-sensitive.",
            remedy: "choose different names",
            source: "AWS CloudFormation User Guide, aws-properties-name",
            check: Some(duplicates),
        },
        Rule {
            id: "tag-limits",
            severity: Error,
            refused_by_aws: true,
            title: "A resource has at most 50 tags, with unique keys of at most 128 characters and values of at most 256",
            why: "The service refuses the resource, and the stack rolls back.",
            remedy: "remove or shorten tags in the manifest or the templates",
            source: "AWS General Reference, tagging (Tag naming limits and requirements)",
            check: Some(tags),
        },
    ],
};

fn parsed<T>(
    resource: &Resource<'_>,
    key: &str,
    value: &Value,
    parse: impl Fn(&str) -> Result<T, String>,
    found: &mut RuleFindings,
) {
    // The value of a reference is checked where it is defined.
    if let Some(text) = literal(value)
        && let Err(why) = parse(text)
    {
        found.add(resource.at(key), why);
    }
}

fn held(
    resource: &Resource<'_>,
    key: &str,
    name: &str,
    limit: usize,
    extra: &str,
    found: &mut RuleFindings,
) {
    let fits = |one: char| one.is_ascii_alphanumeric() || extra.contains(one);
    if name.is_empty() || name.len() > limit || !name.chars().all(fits) {
        let message = format!("AWS does not accept the name `{}`", name.escape_debug());
        found.add(resource.at(key), message);
    }
}

fn duplicates(stack: &Stack<'_>, found: &mut RuleFindings) {
    let names = [
        ("AWS::SecretsManager::Secret", "Name", false),
        ("AWS::IAM::User", "UserName", true),
        ("AWS::IAM::Role", "RoleName", true),
        ("AWS::Logs::LogGroup", "LogGroupName", false),
        ("AWS::KMS::Alias", "AliasName", false),
    ];
    for (kind, key, folded) in names {
        let mut seen: HashMap<String, &str> = HashMap::new();
        for resource in stack.template.of_type(kind) {
            let Some(name) = resource.text(key) else {
                continue;
            };
            let same = if folded {
                name.to_lowercase()
            } else {
                name.to_owned()
            };
            if let Some(other) = seen.insert(same, resource.id) {
                let message = format!("{other} has the same name `{name}`");
                found.add(resource.at(key), message);
            }
        }
    }
}

fn tags(stack: &Stack<'_>, found: &mut RuleFindings) {
    let mut keys: HashSet<&str> = HashSet::new();
    for resource in &stack.template.resources {
        keys.clear();
        for (index, tag) in items(resource.get("Tags")).enumerate() {
            let place = || resource.at(&format!("Tags[{index}]"));
            let Some(key) = tag.get("Key").and_then(literal) else {
                continue;
            };
            if !keys.insert(key) {
                found.add(place(), format!("the tag `{key}` is duplicate"));
            }
            if !(1..=128).contains(&key.chars().count()) || key.to_lowercase().starts_with("aws:") {
                found.add(place(), format!("`{key}` is not a valid tag key"));
            }
            let length = match tag.get("Value") {
                Some(Value::String(text)) => text.chars().count(),
                Some(value) => match stack.longest.resolver.resolve(value) {
                    Ok(Value::String(text)) => text.chars().count(),
                    _ => 0,
                },
                None => 0,
            };
            if length > 256 {
                found.hold(place(), "characters of the tag's value", length, 256);
            }
        }
        let count = items(resource.get("Tags")).count();
        found.hold(
            resource.at("Tags"),
            "tags of the resource",
            count,
            quota::MAX_TAGS,
        );
    }
}
