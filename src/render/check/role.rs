//! The function's role, and what else in IAM the stack makes.

use std::collections::HashSet;

use super::rule::{Found, Rule, Theme};
use super::stack::Stack;
use super::template::{items, literal, target};
use crate::model::Severity::Error;
use crate::model::{KmsKey, SecretReference};
use crate::render::document::Kind;
use crate::render::{KEYS_TAG, MAKING_TAG, Strategy};

/// All that the access keys' function's role needs for all that a manifest can say.
const KEY_ACTIONS: [&str; 17] = [
    "iam:CreateAccessKey",
    "iam:DeleteAccessKey",
    "iam:GetAccessKeyLastUsed",
    "iam:ListAccessKeys",
    "iam:ListUserTags",
    "iam:TagUser",
    "iam:UntagUser",
    "iam:UpdateAccessKey",
    "kms:Decrypt",
    "kms:DescribeKey",
    "kms:GenerateDataKey",
    "logs:CreateLogStream",
    "logs:PutLogEvents",
    "secretsmanager:DescribeSecret",
    "secretsmanager:GetSecretValue",
    "secretsmanager:PutSecretValue",
    "secretsmanager:UpdateSecretVersionStage",
];

/// The tags of users that the function writes.
const RECORDS: [&str; 2] = [MAKING_TAG, KEYS_TAG];

/// The same for the databases'.
const DATABASE_ACTIONS: [&str; 16] = [
    "ec2:AssignPrivateIpAddresses",
    "ec2:CreateNetworkInterface",
    "ec2:DeleteNetworkInterface",
    "ec2:DescribeNetworkInterfaces",
    "ec2:DescribeSubnets",
    "ec2:UnassignPrivateIpAddresses",
    "kms:Decrypt",
    "kms:DescribeKey",
    "kms:GenerateDataKey",
    "logs:CreateLogStream",
    "logs:PutLogEvents",
    "secretsmanager:DescribeSecret",
    "secretsmanager:GetRandomPassword",
    "secretsmanager:GetSecretValue",
    "secretsmanager:PutSecretValue",
    "secretsmanager:UpdateSecretVersionStage",
];

/// Returns what a function's role may have to do.
const fn actions(strategy: Strategy) -> &'static [&'static str] {
    match strategy {
        Strategy::AccessKeys => &KEY_ACTIONS,
        Strategy::Databases => &DATABASE_ACTIONS,
    }
}

pub(super) const THEME: Theme = Theme {
    title: "The functions' roles and the users",
    rules: &[
        Rule {
            id: "role-trust",
            severity: Error,
            refused_by_aws: false,
            title: "Lambda alone may assume a function's role",
            why: "Whoever else may assume it can make keys of every user that it manages, and read every secret.",
            remedy: "leave lambda.amazonaws.com and sts:AssumeRole as the only ones",
            source: "AWS Lambda Developer Guide, lambda-intro-execution-role",
            check: Some(trust),
        },
        Rule {
            id: "function-role-actions",
            severity: Error,
            refused_by_aws: false,
            title: "A function's role may do what its rotation does, and nothing else",
            why: "A function that can make credentials is worth attacking; what it cannot do, no attacker can.",
            remedy: "take the action out, or give it to another role",
            source: "AWS Secrets Manager User Guide, rotating-secrets-required-permissions-function",
            check: Some(|stack, found| {
                for strategy in stack.strategies() {
                    for statement in stack.role_statements(strategy) {
                        let plain = statement.actions.iter().filter(|one| !one.contains('*'));
                        for action in plain {
                            if !actions(strategy)
                                .iter()
                                .any(|known| known.eq_ignore_ascii_case(action))
                            {
                                found.add(statement.at(), format!("no rotation does `{action}`"));
                            }
                        }
                    }
                }
            }),
        },
        Rule {
            id: "function-role-resources",
            severity: Error,
            refused_by_aws: false,
            title: "A function's role reaches the stack's own secrets of its kind, users, keys and log, and what the manifest names",
            why: "A resource that is neither would be rotated or read by a function that was never meant for it.",
            remedy: "refer to a resource of the stack, or name it in the manifest",
            source: "AWS Secrets Manager User Guide, rotating-secrets-required-permissions-function",
            check: Some(resources),
        },
        Rule {
            id: "function-role-tags",
            severity: Error,
            refused_by_aws: false,
            title: "A function's role writes the two tags of users that record their keys, and no others",
            why: "Where tags of a user decide what it may do, a role that may write any of them can give every permission that they decide.",
            remedy: "keep the condition on aws:TagKeys",
            source: "AWS IAM User Guide, access_tags_control-tags",
            check: Some(|stack, found| {
                for strategy in stack.strategies() {
                    for statement in stack.role_statements(strategy) {
                        let tags = ["iam:TagUser", "iam:UntagUser"];
                        if tags.iter().any(|action| statement.does(action))
                            && !statement.tags_only(&RECORDS)
                        {
                            found.add(statement.at(), "it is not narrowed to the tags of ours");
                        }
                    }
                }
            }),
        },
        Rule {
            id: "role-foreign-policy",
            severity: Error,
            refused_by_aws: false,
            title: "No role, user or group of the stack carries a policy from outside of it",
            why: "What such a policy allows is not reviewed here, and its owner can change it at any time.",
            remedy: "write what is needed as a policy of the stack",
            source: "AWS IAM User Guide, best-practices (Apply least-privilege permissions)",
            check: Some(|stack, found| {
                let kinds = ["AWS::IAM::Role", "AWS::IAM::User", "AWS::IAM::Group"];
                let holders = kinds
                    .into_iter()
                    .flat_map(|kind| stack.template.of_type(kind));
                for holder in holders {
                    let attached = items(holder.get("ManagedPolicyArns"));
                    for policy in attached.filter(|one| target(one).is_none()) {
                        let name = literal(policy).unwrap_or("a policy from elsewhere");
                        found.add(
                            holder.at("ManagedPolicyArns"),
                            format!("`{name}` is not the stack's own"),
                        );
                    }
                }
            }),
        },
        Rule {
            id: "permissions-boundary",
            severity: Error,
            refused_by_aws: false,
            title: "Every role and user that the stack makes has the manifest's permissions boundary",
            why: "The organisation that asks for one refuses roles and users without it, or counts on it.",
            remedy: "set PermissionsBoundary to `permissions_boundary`",
            source: "AWS IAM User Guide, access_policies_boundaries",
            check: Some(|stack, found| {
                let Some(boundary) = &stack.model().permissions_boundary else {
                    return;
                };
                for kind in ["AWS::IAM::Role", "AWS::IAM::User"] {
                    for resource in stack.template.of_type(kind) {
                        if resource.text("PermissionsBoundary") != Some(boundary.as_str()) {
                            found.add(resource.id, format!("it is not bounded by {boundary}"));
                        }
                    }
                }
            }),
        },
        Rule {
            id: "role-path",
            severity: Error,
            refused_by_aws: false,
            title: "Every role and managed policy that the stack makes has the manifest's path",
            why: "The deployer may touch that path only, and the organisation tells roles by it.",
            remedy: "set Path to `role_path`",
            source: "AWS IAM User Guide, reference_identifiers",
            check: Some(|stack, found| {
                let Some(path) = &stack.model().role_path else {
                    return;
                };
                for kind in ["AWS::IAM::Role", "AWS::IAM::ManagedPolicy"] {
                    for resource in stack.template.of_type(kind) {
                        if resource.text("Path") != Some(path.as_str()) {
                            found.add(resource.id, format!("its path is not {path}"));
                        }
                    }
                }
            }),
        },
        Rule {
            id: "user-permissions",
            severity: Error,
            refused_by_aws: false,
            title: "A user gets nothing from the stack but the policy with which it rotates its own key",
            why: "Its key lies in a secret that others read, and what it may do is somebody else's to decide. A stack that rotates keys is no place to look for it.",
            remedy: "give the user its permissions elsewhere, or accept it with the reason",
            source: "AWS IAM User Guide, best-practices (Apply least-privilege permissions)",
            check: Some(users),
        },
        Rule {
            id: "access-key-resource",
            severity: Error,
            refused_by_aws: false,
            title: "No access key is a resource of the stack",
            why: "CloudFormation keeps the secret part where whoever may read the stack's outputs finds it, and would replace the key under the function's hands.",
            remedy: "leave keys to `keyrota bootstrap`, which stores them through the API",
            source: "AWS CloudFormation Template Reference, aws-resource-iam-accesskey",
            check: Some(|stack, found| {
                for key in stack.template.of_type("AWS::IAM::AccessKey") {
                    found.add(key.id, "the stack would make an access key");
                }
            }),
        },
    ],
};

/// What `templates/user-policy.yaml.hbs` allows, on the user alone.
const OWN_KEYS: [&str; 5] = [
    "iam:CreateAccessKey",
    "iam:DeleteAccessKey",
    "iam:GetAccessKeyLastUsed",
    "iam:ListAccessKeys",
    "iam:UpdateAccessKey",
];

fn users(stack: &Stack<'_>, found: &mut Found) {
    for user in stack.template.of_type("AWS::IAM::User") {
        for way in ["Groups", "LoginProfile"] {
            if user.get(way).is_some() {
                found.add(user.at(way), "it is more than a name for a key");
            }
        }
    }
    for member in stack.template.of_type("AWS::IAM::UserToGroupAddition") {
        found.add(member.id, "users get what the group may do");
    }
    let own = stack.world().iam_arn("user/${aws:username}");
    for statement in stack.allowing(&[Kind::RoleInline, Kind::Managed, Kind::UserInline]) {
        let Some(policy) = stack.template.resource(&statement.document.resource) else {
            continue;
        };
        let inline = policy.kind == "AWS::IAM::User";
        let users = ["UserName", "Users"].map(|key| policy.get(key).is_some());
        if !inline && !users.contains(&true) {
            continue;
        }
        let known = |action: &&str| {
            let mut known = OWN_KEYS.iter();
            known.any(|known| known.eq_ignore_ascii_case(action))
        };
        if let Some(action) = statement.actions.iter().find(|one| !known(one)) {
            found.add(statement.at(), format!("it allows a user `{action}`"));
        } else if let Some(arn) = statement.resources.iter().find(|arn| **arn != own) {
            found.add(statement.at(), format!("it lets a user reach `{arn}`"));
        }
    }
}

fn trust(stack: &Stack<'_>, found: &mut Found) {
    for statement in stack.allowing(&[Kind::Trust]) {
        if !stack
            .strategies()
            .any(|one| statement.document.resource == one.role())
        {
            continue;
        }
        let others = statement.principals.iter();
        for (kind, principal) in others.filter(|one| **one != ("Service", "lambda.amazonaws.com")) {
            found.add(
                statement.at(),
                format!("the {kind} principal `{principal}` may assume it"),
            );
        }
        for action in statement
            .actions
            .iter()
            .filter(|one| **one != "sts:AssumeRole")
        {
            found.add(statement.at(), format!("it allows `{action}`"));
        }
    }
}

fn resources(stack: &Stack<'_>, found: &mut Found) {
    for strategy in stack.strategies() {
        resources_of(stack, strategy, found);
    }
}

fn resources_of(stack: &Stack<'_>, strategy: Strategy, found: &mut Found) {
    let world = stack.world();
    let others = stack.entries.iter();
    let others: HashSet<&str> = others
        .filter(|entry| entry.strategy() != strategy)
        .filter_map(|entry| Some(entry.secret?.id))
        .collect();
    let mut known: HashSet<String> = HashSet::new();
    known.extend(world.attribute(&format!("{}.Arn", strategy.log_group())));
    for resource in &stack.template.resources {
        match resource.kind {
            "AWS::SecretsManager::Secret" if !others.contains(resource.id) => {
                known.extend(resource.text("Name").map(|name| world.secret_arn(name)));
            }
            "AWS::IAM::User" | "AWS::KMS::Key" => {
                known.extend(world.attribute(&format!("{}.Arn", resource.id)));
            }
            _ => {}
        }
    }
    for entry in stack.model().access_keys() {
        known.insert(world.iam_arn(&format!("user/{}", entry.kind.user)));
    }
    let mine = stack.entries.iter();
    for entry in mine.filter(|entry| entry.strategy() == strategy) {
        known.extend(entry.served.administrator().map(|secret| match secret {
            SecretReference::Name(name) => world.secret_arn(name.as_str()),
            SecretReference::Arn(arn) => arn.to_string(),
        }));
        if let KmsKey::Existing(arn) = &entry.served.kms_key {
            known.insert(arn.to_string());
        }
    }
    for statement in stack.role_statements(strategy) {
        // `*` alone is the wildcard's rule's to tell of.
        for arn in statement.resources.iter().filter(|arn| **arn != "*") {
            if !known.contains(*arn) {
                found.add(
                    statement.at(),
                    format!("`{arn}` is neither the stack's nor the manifest's"),
                );
            }
        }
    }
}
