//! Rules about the function's role, and the other IAM resources that the stack creates.

use std::collections::HashSet;

use super::rule::{Level, Rule, RuleFindings, Theme};
use super::stack::Stack;
use super::statement::Statement;
use crate::model::{KmsKey, SecretReference};
use crate::render::document::DocumentKind;
use crate::render::resolve::{items, literal, target};
use crate::render::statement::Principal;
use crate::render::{KEYS_TAG, MAKING_TAG, Strategy};

/// All permissions that the role of the access keys' function can need for any manifest.
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

/// The tags that the function writes on users.
const RECORDS: [&str; 2] = [MAKING_TAG, KEYS_TAG];

/// All permissions that the role of the databases' function can need for any manifest.
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

/// All permissions that the role of a services' function can need for any manifest.
const SERVICE_ACTIONS: [&str; 17] = [
    "ec2:AssignPrivateIpAddresses",
    "ec2:CreateNetworkInterface",
    "ec2:DeleteNetworkInterface",
    "ec2:DescribeNetworkInterfaces",
    "ec2:DescribeSubnets",
    "ec2:UnassignPrivateIpAddresses",
    "kms:Decrypt",
    "kms:DescribeKey",
    "kms:GenerateDataKey",
    "lambda:InvokeFunction",
    "logs:CreateLogStream",
    "logs:PutLogEvents",
    "secretsmanager:DescribeSecret",
    "secretsmanager:GetRandomPassword",
    "secretsmanager:GetSecretValue",
    "secretsmanager:PutSecretValue",
    "secretsmanager:UpdateSecretVersionStage",
];

/// Returns the permissions that a function's role can need.
const fn actions(strategy: Strategy) -> &'static [&'static str] {
    match strategy {
        Strategy::AccessKeys => &KEY_ACTIONS,
        Strategy::Databases => &DATABASE_ACTIONS,
        Strategy::Services | Strategy::ServicesOutside => &SERVICE_ACTIONS,
    }
}

pub(super) const THEME: Theme = Theme {
    title: "The functions' roles and the users",
    rules: &[
        Rule {
            id: "role-trust",
            level: Level::Error,
            title: "Only Lambda can assume a function's role",
            why: "Any other principal that can assume it can create keys of every user that it manages, and read every secret.",
            remedy: "allow only lambda.amazonaws.com and sts:AssumeRole",
            source: "AWS Lambda Developer Guide, lambda-intro-execution-role",
            check: Some(trust),
        },
        Rule {
            id: "function-role-actions",
            level: Level::Error,
            title: "A function's role has only the permissions that its rotation needs",
            why: "A function that creates credentials is a target for attacks, so least privilege limits the damage.",
            remedy: "remove the action, or grant it to another role",
            source: "AWS Secrets Manager User Guide, rotating-secrets-required-permissions-function",
            check: Some(|stack, found| {
                for strategy in stack.strategies() {
                    for statement in stack.role_statements(strategy) {
                        let plain = statement.actions.iter().filter(|one| !one.contains('*'));
                        for action in plain {
                            if !actions(strategy)
                                .iter()
                                .any(|known| known.eq_ignore_ascii_case(action))
                                && !encrypts_replicas(stack, statement, action)
                            {
                                let message = format!("rotation does not need `{action}`");
                                found.add(statement.at(), message);
                            }
                        }
                    }
                }
            }),
        },
        Rule {
            id: "function-role-resources",
            level: Level::Error,
            title: "A function's role can access only the stack's secrets of its kind, users, keys, and log, and what the manifest names",
            why: "The function could rotate or read any other resource.",
            remedy: "refer to a resource of the stack, or specify it in the manifest",
            source: "AWS Secrets Manager User Guide, rotating-secrets-required-permissions-function",
            check: Some(resources),
        },
        Rule {
            id: "function-role-tags",
            level: Level::Error,
            title: "A function's role can write only the two tags of users that record their keys",
            why: "If tags of a user decide its permissions, a role that can write any tag can grant all these permissions.",
            remedy: "keep the condition on aws:TagKeys",
            source: "AWS IAM User Guide, access_tags_control-tags",
            check: Some(|stack, found| {
                for strategy in stack.strategies() {
                    for statement in stack.role_statements(strategy) {
                        let tags = ["iam:TagUser", "iam:UntagUser"];
                        if tags.iter().any(|action| statement.does(action))
                            && !statement.tags_only(&RECORDS)
                        {
                            found.add(statement.at(), "it has no condition for keyrota's tags");
                        }
                    }
                }
            }),
        },
        Rule {
            id: "role-foreign-policy",
            level: Level::Error,
            title: "No role, user, or group of the stack has a policy from outside the stack",
            why: "What such a policy allows is not reviewed here, and its owner can change it at any time.",
            remedy: "define the permissions in a policy of the stack",
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
                        let message = format!("`{name}` does not belong to the stack");
                        found.add(holder.at("ManagedPolicyArns"), message);
                    }
                }
            }),
        },
        Rule {
            id: "permissions-boundary",
            level: Level::Error,
            title: "Every role and user that the stack creates has the manifest's permissions boundary",
            why: "The organization may refuse roles and users without its permissions boundary, or rely on it.",
            remedy: "set PermissionsBoundary to `permissions_boundary`",
            source: "AWS IAM User Guide, access_policies_boundaries",
            check: Some(|stack, found| {
                let Some(boundary) = &stack.model().permissions_boundary else {
                    return;
                };
                for kind in ["AWS::IAM::Role", "AWS::IAM::User"] {
                    for resource in stack.template.of_type(kind) {
                        if resource.text("PermissionsBoundary") != Some(boundary.as_str()) {
                            let message = format!("its permissions boundary is not {boundary}");
                            found.add(resource.id, message);
                        }
                    }
                }
            }),
        },
        Rule {
            id: "role-path",
            level: Level::Error,
            title: "Every role and managed policy that the stack creates has the manifest's path",
            why: "The deployer can access only that path, and the organization may identify roles by it.",
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
            level: Level::Error,
            title: "The stack grants a user only the policy with which it rotates its own key",
            why: "The key of the user is in a secret that others read. Its other permissions belong to the owner of the user, who would not look for them in this stack.",
            remedy: "grant the permissions outside the stack, or accept them with a reason",
            source: "AWS IAM User Guide, best-practices (Apply least-privilege permissions)",
            check: Some(users),
        },
        Rule {
            id: "access-key-resource",
            level: Level::Error,
            title: "No access key is a resource of the stack",
            why: "Principals that can read the stack's outputs could read the secret access key, and CloudFormation could replace the key during a rotation.",
            remedy: "let `keyrota bootstrap` create the key, which stores it through the API",
            source: "AWS CloudFormation Template Reference, aws-resource-iam-accesskey",
            check: Some(|stack, found| {
                for key in stack.template.of_type("AWS::IAM::AccessKey") {
                    found.add(key.id, "the stack would create an access key");
                }
            }),
        },
    ],
};

/// The permissions in `templates/user-policy.yaml.hbs`, which apply only to the user itself.
const OWN_KEYS: [&str; 5] = [
    "iam:CreateAccessKey",
    "iam:DeleteAccessKey",
    "iam:GetAccessKeyLastUsed",
    "iam:ListAccessKeys",
    "iam:UpdateAccessKey",
];

fn users(stack: &Stack<'_>, found: &mut RuleFindings) {
    for user in stack.template.of_type("AWS::IAM::User") {
        for way in ["Groups", "LoginProfile"] {
            if user.get(way).is_some() {
                found.add(user.at(way), "it is not only an alias of a key");
            }
        }
    }
    for member in stack.template.of_type("AWS::IAM::UserToGroupAddition") {
        found.add(member.id, "users get the permissions of the group");
    }
    // A user's name is unique in the account, whatever its path.
    let keys = stack.model().access_keys();
    let own = |path: &str| format!("user{path}${{aws:username}}");
    let own: HashSet<String> = keys
        .map(|key| stack.resolver().iam_arn(&own(key.kind.path.as_str())))
        .collect();
    for statement in stack.allowing(&[
        DocumentKind::RoleInline,
        DocumentKind::Managed,
        DocumentKind::UserInline,
    ]) {
        let Some(policy) = stack.template.resource(&statement.document.resource) else {
            continue;
        };
        let inline = policy.kind == "AWS::IAM::User";
        let users = ["UserName", "Users"].map(|key| policy.get(key).is_some());
        if !inline && !users.contains(&true) {
            continue;
        }
        let known = |action: &str| {
            let mut known = OWN_KEYS.iter();
            known.any(|known| known.eq_ignore_ascii_case(action))
        };
        if let Some(action) = statement.actions.iter().find(|one| !known(one)) {
            let message = format!("it allows a user the action `{action}`");
            found.add(statement.at(), message);
        } else if let Some(arn) = statement.resources.iter().find(|arn| !own.contains(*arn)) {
            let message = format!("it allows a user access to `{arn}`");
            found.add(statement.at(), message);
        }
    }
}

fn trust(stack: &Stack<'_>, found: &mut RuleFindings) {
    for statement in stack.allowing(&[DocumentKind::Trust]) {
        if !stack
            .strategies()
            .any(|one| statement.document.resource == one.role())
        {
            continue;
        }
        let others = statement.principals.iter();
        let lambda =
            |one: &Principal| one.kind() == "Service" && one.name() == "lambda.amazonaws.com";
        for principal in others.filter(|one| !lambda(one)) {
            let (kind, name) = (principal.kind(), principal.name());
            let message = format!("the {kind} principal `{name}` can assume it");
            found.add(statement.at(), message);
        }
        for action in statement
            .actions
            .iter()
            .filter(|one| *one != "sts:AssumeRole")
        {
            found.add(statement.at(), format!("it allows `{action}`"));
        }
    }
}

/// Returns whether an action may be what encrypts the replicas with the keys that the manifest
/// names for them.
fn encrypts_replicas(stack: &Stack<'_>, statement: &Statement<'_>, action: &str) -> bool {
    let is_key = |arn: &String| {
        let mut replicas = stack.entries.iter().flat_map(|one| &one.served.replicas);
        replicas.any(|one| one.kms_key.as_ref().is_some_and(|key| key.as_str() == arn))
    };
    action.eq_ignore_ascii_case("kms:Encrypt") && statement.resources.iter().all(is_key)
}

fn resources(stack: &Stack<'_>, found: &mut RuleFindings) {
    for strategy in stack.strategies() {
        resources_of(stack, strategy, found);
    }
}

fn resources_of(stack: &Stack<'_>, strategy: Strategy, found: &mut RuleFindings) {
    let resolver = stack.resolver();
    let others = stack.entries.iter();
    let others: HashSet<&str> = others
        .filter(|entry| entry.strategy() != strategy)
        .filter_map(|entry| Some(entry.secret?.id))
        .collect();
    let mut known: HashSet<String> = HashSet::new();
    known.extend(resolver.attribute(&format!("{}.Arn", strategy.log_group())));
    for resource in &stack.template.resources {
        match resource.kind {
            "AWS::SecretsManager::Secret" if !others.contains(resource.id) => {
                known.extend(resource.text("Name").map(|name| resolver.secret_arn(name)));
            }
            "AWS::IAM::User" | "AWS::KMS::Key" => {
                known.extend(resolver.attribute(&format!("{}.Arn", resource.id)));
            }
            _ => {}
        }
    }
    let environment = stack.model().encrypt.environment.as_ref();
    known.extend(environment.and_then(|key| key.existing().map(ToString::to_string)));
    for entry in &stack.entries {
        if let Some(key) = entry.served.as_access_key() {
            known.insert(resolver.iam_arn(&key.kind.user_resource()));
        }
        if entry.strategy() != strategy {
            continue;
        }
        known.extend(entry.served.administrator().map(|secret| match secret {
            SecretReference::Name(name) => resolver.secret_arn(name.as_str()),
            SecretReference::Arn(arn) => arn.to_string(),
        }));
        let adapter = entry.served.as_service();
        let adapter = adapter.and_then(|service| service.kind.adapter.function());
        known.extend(adapter.map(ToString::to_string));
        if let KmsKey::Existing(arn) = &entry.served.kms_key {
            known.insert(arn.to_string());
        }
        let replicas = entry.served.replicas.iter();
        let keys = replicas.filter_map(|replica| replica.kms_key.as_ref());
        known.extend(keys.map(ToString::to_string));
    }
    for statement in stack.role_statements(strategy) {
        // A `*` is reported by the rule about wildcards.
        for arn in statement.resources.iter().filter(|arn| *arn != "*") {
            if !known.contains(arn) {
                let message = format!("`{arn}` is neither in the stack nor in the manifest");
                found.add(statement.at(), message);
            }
        }
    }
}
