//! The role and the users.

use serde_json::json;

use super::Command::{Bootstrap, Doctor, Plan, Rotate, Status, Teardown};
use super::{Action, Grant, Scope, by_cloudformation, each, entries, generated, only_tags};
use crate::model::{AccessKey, EntryOf, RotateAs};
use crate::render::{ABANDONED_TAG, KEYS_TAG, MAKING_TAG, SEEDING_TAG, Strategy};

/// Grants for a manifest with a permissions boundary: only roles and users with that boundary.
const MAKE_ROLE: &[Action] = &[("iam:CreateRole", &[Bootstrap])];

/// Puts the boundary on an existing role without one. No grant allows its removal.
const BOUND_ROLE: &[Action] = &[("iam:PutRolePermissionsBoundary", &[Bootstrap])];

const ROLE: &[Action] = &[
    ("iam:DeleteRole", &[Bootstrap, Teardown]),
    ("iam:DeleteRolePolicy", &[Bootstrap, Teardown]),
    ("iam:GetRole", &[Bootstrap, Teardown]),
    ("iam:GetRolePolicy", &[Bootstrap, Teardown]),
    ("iam:ListAttachedRolePolicies", &[Bootstrap, Teardown]),
    ("iam:ListRolePolicies", &[Bootstrap, Teardown]),
    ("iam:PutRolePolicy", &[Bootstrap]),
    ("iam:TagRole", &[Bootstrap, Teardown]),
    ("iam:UntagRole", &[Bootstrap, Teardown]),
    ("iam:UpdateAssumeRolePolicy", &[Bootstrap]),
    ("iam:UpdateRole", &[Bootstrap]),
    ("iam:UpdateRoleDescription", &[Bootstrap]),
];

const PASS_ROLE: &[Action] = &[("iam:PassRole", &[Bootstrap])];

/// In a stack with many secrets, the role's policies are managed policies.
const POLICIES: &[Action] = &[
    ("iam:CreatePolicy", &[Bootstrap]),
    ("iam:CreatePolicyVersion", &[Bootstrap]),
    ("iam:DeletePolicy", &[Bootstrap, Teardown]),
    ("iam:DeletePolicyVersion", &[Bootstrap, Teardown]),
    ("iam:GetPolicy", &[Bootstrap, Teardown]),
    ("iam:GetPolicyVersion", &[Bootstrap]),
    ("iam:ListEntitiesForPolicy", &[Bootstrap, Teardown]),
    ("iam:ListPolicyVersions", &[Bootstrap, Teardown]),
];

const ATTACH: &[Action] = &[
    ("iam:AttachRolePolicy", &[Bootstrap]),
    ("iam:DetachRolePolicy", &[Bootstrap, Teardown]),
];

const USERS: &[Action] = &[
    ("iam:CreateAccessKey", &[Bootstrap]),
    (
        "iam:DeleteAccessKey",
        &[Bootstrap, Rotate, Doctor, Teardown],
    ),
    (
        "iam:GetAccessKeyLastUsed",
        &[Plan, Bootstrap, Rotate, Status, Doctor, Teardown],
    ),
    (
        "iam:GetUser",
        &[Plan, Bootstrap, Rotate, Status, Doctor, Teardown],
    ),
    (
        "iam:ListAccessKeys",
        &[Plan, Bootstrap, Rotate, Status, Doctor, Teardown],
    ),
];

/// The records on a user while a key is created or given up: see `plan/seeding.rs`. They decide
/// which key may be deleted, so each command may write only its own tags.
const SEEDING: &[Action] = &[
    ("iam:TagUser", &[Bootstrap]),
    ("iam:UntagUser", &[Bootstrap]),
];

const ABANDONED: &[Action] = &[
    ("iam:TagUser", &[Rotate, Doctor]),
    ("iam:UntagUser", &[Rotate, Doctor]),
];

/// A teardown removes all records about keys.
const FORGET: &[Action] = &[("iam:UntagUser", &[Teardown])];

/// Users that rotate their own keys have a policy for that.
const SELVES: &[Action] = &[
    ("iam:DeleteUserPolicy", &[Bootstrap, Teardown]),
    ("iam:PutUserPolicy", &[Bootstrap]),
];

/// The same as for the role.
const MAKE_USER: &[Action] = &[("iam:CreateUser", &[Bootstrap])];

const BOUND_USER: &[Action] = &[("iam:PutUserPermissionsBoundary", &[Bootstrap])];

/// The users that the stack creates.
const MADE: &[Action] = &[
    ("iam:DeleteUser", &[Bootstrap, Teardown]),
    ("iam:GetLoginProfile", &[Bootstrap, Teardown]),
    ("iam:ListAttachedUserPolicies", &[Bootstrap, Teardown]),
    ("iam:ListGroupsForUser", &[Bootstrap, Teardown]),
    ("iam:ListUserPolicies", &[Bootstrap, Teardown]),
    ("iam:ListUserTags", &[Bootstrap]),
    ("iam:UpdateUser", &[Bootstrap]),
];

/// The template defines the tags of a user that the stack creates, so only CloudFormation
/// writes them. The grant covers all users, as with secrets.
const TAG_MADE: &[Action] = &[
    ("iam:TagUser", &[Bootstrap]),
    ("iam:UntagUser", &[Bootstrap]),
];

/// The handlers of both users and their policies need these actions.
const SELVES_OR_MADE: &[Action] = &[("iam:GetUserPolicy", &[Bootstrap, Teardown])];

/// Returns the grants for the role, the users, and their access keys.
pub fn grants(scope: &Scope<'_>) -> Vec<Grant> {
    let Scope {
        model, resolver, ..
    } = scope;
    let path = model.role_path.as_ref().map_or("/", |path| path.as_str());
    // A shortened name is the same for both.
    let named = |kind: &str, last: &str| -> Vec<String> {
        let mut arns: Vec<String> = Strategy::of(model)
            .map(|strategy| generated(model, &format!("{}{last}", strategy.prefix())))
            .map(|name| resolver.iam_arn(&format!("{kind}{path}{name}")))
            .collect();
        arns.dedup();
        arns
    };
    let role = named("role", "FunctionRole-");
    let users = |with: &dyn Fn(EntryOf<'_, AccessKey>) -> bool| {
        each(&entries(model, with), |entry| {
            resolver.iam_arn(&format!("user/{}", entry.kind.user))
        })
    };
    let itself = |entry: EntryOf<'_, AccessKey>| entry.rotate_as == RotateAs::Itself;
    let made = |entry: EntryOf<'_, AccessKey>| entry.kind.create_user;
    let mut grants = vec![
        Grant::new("Users", "user", users(&|_| true), USERS),
        Grant::new("UserMarks", "user", users(&|_| true), SEEDING).when(only_tags(&[
            SEEDING_TAG,
            ABANDONED_TAG,
            KEYS_TAG,
        ])),
        Grant::new("UserMarks", "user", users(&|_| true), ABANDONED)
            .when(only_tags(&[ABANDONED_TAG])),
        Grant::new("UserMarks", "user", users(&|_| true), FORGET).when(only_tags(&[
            SEEDING_TAG,
            ABANDONED_TAG,
            MAKING_TAG,
            KEYS_TAG,
        ])),
        Grant::new("UserPolicies", "user", users(&itself), SELVES),
        Grant::new("OwnUsers", "user", users(&made), MADE),
        Grant::new(
            "LookAtUserPolicies",
            "user",
            users(&|entry| itself(entry) || made(entry)),
            SELVES_OR_MADE,
        ),
        Grant::new("Role", "role", role.clone(), ROLE),
        Grant::new("HandTheRoleToLambda", "role", role.clone(), PASS_ROLE).when(json!({
            "StringEquals": { "iam:PassedToService": "lambda.amazonaws.com" }
        })),
    ];
    let make = [
        Grant::new("OwnUsers", "user", users(&made), MAKE_USER),
        Grant::new("Role", "role", role.clone(), MAKE_ROLE),
    ];
    let bound = [
        Grant::new("Boundary", "user", users(&made), BOUND_USER),
        Grant::new("Boundary", "role", role.clone(), BOUND_ROLE),
    ];
    if model.access_keys().any(made) {
        let all = vec!["*".to_owned()];
        let tag = Grant::new("ByCloudFormation", "*", all, TAG_MADE);
        grants.push(tag.when(by_cloudformation()));
    }
    match &model.permissions_boundary {
        None => grants.extend(make),
        Some(boundary) => {
            let only = json!({ "ArnEquals": { "iam:PermissionsBoundary": boundary.as_str() } });
            let bounded = make.into_iter().chain(bound);
            grants.extend(bounded.map(|grant| Grant {
                purpose: "Boundary",
                ..grant.when(only.clone())
            }));
        }
    }
    if scope.managed {
        let policies = named("policy", "FunctionManaged");
        let attached = match policies.as_slice() {
            [one] => json!(one),
            several => json!(several),
        };
        let attached = json!({ "ArnLike": { "iam:PolicyARN": attached } });
        grants.push(Grant::new("Policies", "policy", policies, POLICIES));
        grants.push(Grant::new("AttachPolicies", "role", role, ATTACH).when(attached));
    }
    grants
}
