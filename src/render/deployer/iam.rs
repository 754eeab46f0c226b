//! The role and the users.

use serde_json::json;

use super::Command::{Bootstrap, Plan, Rotate, Status, Teardown};
use super::{Action, Grant, Scope, each, entries, generated};
use crate::model::{AccessKey, RotateAs};

const ROLE: &[Action] = &[
    ("iam:CreateRole", &[Bootstrap]),
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

/// A stack with many secrets has its role's policies as managed ones.
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
    ("iam:DeleteAccessKey", &[Bootstrap, Rotate, Teardown]),
    (
        "iam:GetAccessKeyLastUsed",
        &[Plan, Bootstrap, Rotate, Status, Teardown],
    ),
    ("iam:GetUser", &[Plan, Bootstrap, Rotate, Status, Teardown]),
    (
        "iam:ListAccessKeys",
        &[Plan, Bootstrap, Rotate, Status, Teardown],
    ),
];

/// Users that rotate themselves have a policy for it.
const SELVES: &[Action] = &[
    ("iam:DeleteUserPolicy", &[Bootstrap, Teardown]),
    ("iam:PutUserPolicy", &[Bootstrap]),
];

/// The users that the stack makes.
const MADE: &[Action] = &[
    ("iam:CreateUser", &[Bootstrap]),
    ("iam:DeleteUser", &[Bootstrap, Teardown]),
    ("iam:GetLoginProfile", &[Bootstrap, Teardown]),
    ("iam:ListAttachedUserPolicies", &[Bootstrap, Teardown]),
    ("iam:ListGroupsForUser", &[Bootstrap, Teardown]),
    ("iam:ListUserPolicies", &[Bootstrap, Teardown]),
    ("iam:ListUserTags", &[Bootstrap]),
    ("iam:TagUser", &[Bootstrap]),
    ("iam:UntagUser", &[Bootstrap]),
    ("iam:UpdateUser", &[Bootstrap]),
];

/// The handlers of users and of their policies both ask for them.
const SELVES_OR_MADE: &[Action] = &[("iam:GetUserPolicy", &[Bootstrap, Teardown])];

/// Returns what keeps the role, the users and their access keys.
pub fn grants(scope: &Scope<'_>) -> Vec<Grant> {
    let Scope { model, world, .. } = scope;
    let path = "/";
    let role = generated(model, "FunctionRole-");
    let role = vec![world.iam_arn(&format!("role{path}{role}"))];
    let users = |with: &dyn Fn(&AccessKey) -> bool| {
        each(&entries(model, with), |entry| {
            world.iam_arn(&format!("user/{}", entry.user))
        })
    };
    let itself = |entry: &AccessKey| entry.rotate_as == RotateAs::Itself;
    let made = |entry: &AccessKey| entry.create_user;
    let mut grants = vec![
        Grant::new("Users", "user", users(&|_| true), USERS),
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
    if scope.managed {
        let policies = generated(model, "FunctionManaged");
        let policies = world.iam_arn(&format!("policy{path}{policies}"));
        let attached = json!({ "ArnLike": { "iam:PolicyARN": policies } });
        grants.push(Grant::new("Policies", "policy", vec![policies], POLICIES));
        grants.push(Grant::new("AttachPolicies", "role", role, ATTACH).when(attached));
    }
    grants
}
