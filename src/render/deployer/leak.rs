//! The grants for `rotate --compromised` that no other command shares. They let the caller create keys
//! of the manifest's users, so they belong to those who respond to an incident, and to no pipeline.

use serde_json::json;

use super::Command::{Doctor, RespondToLeak, Teardown};
use super::{Action, Grant, Scope, each, only_tags};
use crate::render::{ABANDONED_TAG, KEYS_TAG, LEAKED_TAG, SEEDING_TAG};

const USERS: &[Action] = &[
    ("iam:CreateAccessKey", &[RespondToLeak]),
    ("iam:DeleteAccessKey", &[RespondToLeak]),
    ("iam:UpdateAccessKey", &[RespondToLeak]),
    // Quarantine, and roles that the user may have assumed. `doctor` looks for denied sessions.
    ("iam:GetUserPolicy", &[Doctor, RespondToLeak]),
    ("iam:ListAttachedUserPolicies", &[RespondToLeak]),
    ("iam:ListUserPolicies", &[RespondToLeak]),
];

/// The records on the user: which key leaked, and those that are written while a key is created or
/// abandoned.
const MARKS: &[Action] = &[
    ("iam:TagUser", &[RespondToLeak]),
    ("iam:UntagUser", &[RespondToLeak]),
];

/// For `--deny-sessions`. No condition key limits the name or the content of an inline policy, so
/// this is the permission to grant the user anything.
const DENY_SESSIONS: &[Action] = &[("iam:PutUserPolicy", &[RespondToLeak])];

/// A teardown removes that policy from the users that the stack has created.
const ALLOW_SESSIONS: &[Action] = &[("iam:DeleteUserPolicy", &[Teardown])];

/// The managed policies of the user, AWS's own and the account's. Which ones those are is not known
/// before.
const POLICIES: &[Action] = &[
    ("iam:GetPolicy", &[RespondToLeak]),
    ("iam:GetPolicyVersion", &[RespondToLeak]),
];

const SECRETS: &[Action] = &[
    ("secretsmanager:DescribeSecret", &[RespondToLeak]),
    ("secretsmanager:GetSecretValue", &[RespondToLeak]),
    ("secretsmanager:PutSecretValue", &[RespondToLeak]),
    ("secretsmanager:UpdateSecretVersionStage", &[RespondToLeak]),
];

/// IAM grants it only on all resources.
const TRAIL: &[Action] = &[("cloudtrail:LookupEvents", &[RespondToLeak])];

/// Returns the grants for the response to a leaked key.
pub fn grants(scope: &Scope<'_>) -> Vec<Grant> {
    let Scope {
        model, resolver, ..
    } = scope;
    let keys = || model.access_keys();
    let users = each(keys().map(|key| resolver.iam_arn(&key.kind.user_resource())));
    let secrets = each(keys().map(|key| resolver.secret_arn(key.secret.as_str())));
    let policies = vec![resolver.iam_arn("policy/*"), resolver.aws_policy_arn("*")];
    let marks = [SEEDING_TAG, ABANDONED_TAG, KEYS_TAG, LEAKED_TAG];
    let made = keys().filter(|key| key.kind.create_user);
    let made = each(made.map(|key| resolver.iam_arn(&key.kind.user_resource())));
    let boundary = model.permissions_boundary.as_ref();
    let bounded = |grant: Grant| match boundary {
        Some(boundary) => grant.when(json!({
            "ArnEquals": { "iam:PermissionsBoundary": boundary.as_str() }
        })),
        None => grant,
    };
    let deny = Grant::new("DenySessions", "user", users.clone(), DENY_SESSIONS).alone();
    vec![
        Grant::new("Users", "user", users.clone(), USERS),
        Grant::new("UserMarks", "user", users, MARKS).when(only_tags(&marks)),
        bounded(deny),
        bounded(Grant::new("AllowSessions", "user", made, ALLOW_SESSIONS)),
        Grant::new("LookAtPolicies", "policy", policies, POLICIES).alone(),
        Grant::new("Secrets", "secret", secrets, SECRETS),
        Grant::everywhere(TRAIL),
    ]
}
