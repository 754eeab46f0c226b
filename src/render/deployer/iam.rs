//! The role and the users.

use serde_json::json;

use super::Command::{Bootstrap, DetectDrift, Doctor, Plan, Recover, Rotate, Teardown};
use super::{Action, Command, Grant, Scope, by_cloudformation, each, generated, only_tags};
use crate::model::{AccessKey, AccountId, Arn, Entry, Kind, Model, RotateAs, TargetKind};
use crate::render::{
    ABANDONED_TAG, KEYS_TAG, LEAKED_TAG, MAKING_TAG, NOTIFY_ROLE, SEEDING_TAG, Strategy,
};

/// The actions that support `iam:PermissionsBoundary`, of those that are granted here. With a
/// permissions boundary, they are limited to roles and users with that boundary. The other
/// actions do not support the key (`list_awsidentityandaccessmanagementiam`).
#[cfg(test)]
pub(super) const BOUNDABLE: [&str; 10] = [
    "iam:AttachRolePolicy",
    "iam:CreateRole",
    "iam:CreateUser",
    "iam:DeleteRolePolicy",
    "iam:DeleteUserPolicy",
    "iam:DetachRolePolicy",
    "iam:PutRolePermissionsBoundary",
    "iam:PutRolePolicy",
    "iam:PutUserPermissionsBoundary",
    "iam:PutUserPolicy",
];

const MAKE_ROLE: &[Action] = &[("iam:CreateRole", &[Bootstrap])];

/// Puts the boundary on an existing role without one. No grant allows its removal.
const BOUND_ROLE: &[Action] = &[("iam:PutRolePermissionsBoundary", &[Bootstrap])];

const ROLE: &[Action] = &[
    ("iam:DeleteRole", &[Bootstrap, Teardown]),
    ("iam:GetRole", &[Bootstrap, Teardown, DetectDrift]),
    ("iam:GetRolePolicy", &[Bootstrap, Teardown, DetectDrift]),
    (
        "iam:ListAttachedRolePolicies",
        &[Bootstrap, Teardown, DetectDrift],
    ),
    ("iam:ListRolePolicies", &[Bootstrap, Teardown, DetectDrift]),
    ("iam:TagRole", &[Bootstrap, Teardown]),
    ("iam:UntagRole", &[Bootstrap, Teardown]),
    ("iam:UpdateAssumeRolePolicy", &[Bootstrap]),
    ("iam:UpdateRole", &[Bootstrap]),
    ("iam:UpdateRoleDescription", &[Bootstrap]),
];

const ROLE_POLICIES: &[Action] = &[
    ("iam:DeleteRolePolicy", &[Bootstrap, Teardown]),
    ("iam:PutRolePolicy", &[Bootstrap]),
];

const PASS_ROLE: &[Action] = &[("iam:PassRole", &[Bootstrap])];

/// The schema of AWS::Events::Rule lists iam:PassRole for reading and deleting a rule, too.
const PASS_NOTIFY_ROLE: &[Action] = &[("iam:PassRole", &[Bootstrap, Teardown, DetectDrift])];

/// In a stack with many secrets, the role's policies are managed policies.
const POLICIES: &[Action] = &[
    ("iam:CreatePolicy", &[Bootstrap]),
    ("iam:CreatePolicyVersion", &[Bootstrap]),
    ("iam:DeletePolicy", &[Bootstrap, Teardown]),
    ("iam:DeletePolicyVersion", &[Bootstrap, Teardown]),
    ("iam:GetPolicy", &[Bootstrap, Teardown, DetectDrift]),
    ("iam:GetPolicyVersion", &[Bootstrap, DetectDrift]),
    (
        "iam:ListEntitiesForPolicy",
        &[Bootstrap, Teardown, DetectDrift],
    ),
    ("iam:ListPolicyVersions", &[Bootstrap, Teardown]),
];

const ATTACH: &[Action] = &[
    ("iam:AttachRolePolicy", &[Bootstrap]),
    ("iam:DetachRolePolicy", &[Bootstrap, Teardown]),
];

const USERS: &[Action] = &[
    ("iam:CreateAccessKey", &[Bootstrap, Recover]),
    (
        "iam:DeleteAccessKey",
        &[Bootstrap, Rotate, Doctor, Teardown],
    ),
    ("iam:GetAccessKeyLastUsed", &Command::COMMANDS),
    ("iam:GetUser", &Command::READS_VALUES),
    ("iam:ListAccessKeys", &Command::COMMANDS),
];

/// IAM authorizes a request about a user that does not exist by an ARN without a path, because it
/// knows none. The name is unique in the account, so the ARN is never that of another user.
const ABSENT_USERS: &[Action] = &[
    ("iam:GetUser", &Command::READS_VALUES),
    ("iam:ListAccessKeys", &Command::COMMANDS),
];

/// The records on a user while a key is created or abandoned: see `plan/seeding.rs`. They decide
/// which key may be deleted, so each command may write only its own tags.
const SEEDING: &[Action] = &[
    ("iam:TagUser", &[Bootstrap]),
    ("iam:UntagUser", &[Bootstrap]),
];

/// The same records, which `doctor --fix` writes while it creates a key.
const RECOVERY: &[Action] = &[("iam:TagUser", &[Recover]), ("iam:UntagUser", &[Recover])];

const ABANDONED: &[Action] = &[
    ("iam:TagUser", &[Rotate, Doctor]),
    ("iam:UntagUser", &[Rotate, Doctor]),
];

/// A teardown removes all records about keys.
const FORGET: &[Action] = &[("iam:UntagUser", &[Teardown])];

/// Users that rotate their own keys, or read their own secrets, have a policy for that.
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
    ("iam:GetLoginProfile", &[Bootstrap, Teardown, DetectDrift]),
    (
        "iam:ListAttachedUserPolicies",
        &[Bootstrap, Teardown, DetectDrift],
    ),
    ("iam:ListGroupsForUser", &[Bootstrap, Teardown, DetectDrift]),
    ("iam:ListUserPolicies", &[Bootstrap, Teardown, DetectDrift]),
    ("iam:GetUser", &[DetectDrift]),
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
const SELVES_OR_MADE: &[Action] = &[("iam:GetUserPolicy", &[Bootstrap, Teardown, DetectDrift])];

/// A policy of the same name that does not belong to the stack conflicts with the stack's. For
/// `bootstrap`, `SELVES_OR_MADE` has this action.
const FIND_USER_POLICY: &[Action] = &[("iam:GetUserPolicy", &[Plan])];

/// The readers and the permissions boundary must exist before a deployment.
const READING_ROLES: &[Action] = &[("iam:GetRole", &[Plan, Bootstrap])];
const READING_USERS: &[Action] = &[("iam:GetUser", &[Plan, Bootstrap])];
const BOUNDARY: &[Action] = &[("iam:GetPolicy", &[Plan, Bootstrap])];

/// Returns the ARNs of the readers of one kind, `role/` or `user/`, that can be looked up: those
/// of the stack's account, as far as the manifest names it.
fn readers(model: &Model, kind: &str) -> Vec<String> {
    let can_be_found = |arn: &&Arn| {
        let [_, _, _, account, resource] = arn.parts();
        let elsewhere = |own: &AccountId| own.as_str() != account;
        resource.starts_with(kind) && !model.account.as_ref().is_some_and(elsewhere)
    };
    let readers = model.entries.iter().flat_map(|entry| &entry.readers);
    each(readers.filter(can_be_found).map(Arn::to_string))
}

/// Returns whether the stack writes an inline policy of the entry's user.
fn has_policy(entry: &Entry) -> bool {
    entry.rotate_as == RotateAs::Itself || entry.reads_itself
}

/// Returns the role with which rules send events to other event buses, if there is one.
fn notify_role(scope: &Scope<'_>) -> Option<String> {
    let Scope {
        model, resolver, ..
    } = scope;
    let mut targets = model.entries.iter().flat_map(|entry| &entry.notify);
    let path = model.role_path.as_ref().map_or("/", |path| path.as_str());
    let name = generated(model, &format!("{NOTIFY_ROLE}-"));
    targets
        .any(|target| target.kind == TargetKind::Bus)
        .then(|| resolver.iam_arn(&format!("role{path}{name}")))
}

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
    let functions = named("role", "FunctionRole-");
    let mut role = functions.clone();
    role.extend(notify_role(scope));
    role.dedup();
    let users = |with: fn(&Entry, &AccessKey) -> bool| {
        let keys = model.entries.iter().filter_map(|entry| match &entry.kind {
            Kind::AccessKey(key) if with(entry, key) => Some(key),
            _ => None,
        });
        each(keys.map(|key| resolver.iam_arn(&key.user_resource())))
    };
    let all = users(|_, _| true);
    let below = model.access_keys().filter(|key| !key.kind.path.is_root());
    let absent = each(below.map(|key| resolver.iam_arn(&format!("user/{}", key.kind.user))));
    let themselves = users(|entry, _| has_policy(entry));
    let existing = users(|entry, key| has_policy(entry) && !key.create_user);
    let made = users(|_, key| key.create_user);
    let either = users(|entry, key| has_policy(entry) || key.create_user);
    let marks = |actions| Grant::new("UserMarks", "user", all.clone(), actions);
    let mut grants = vec![
        Grant::new("Users", "user", all.clone(), USERS),
        Grant::new("AbsentUsers", "user", absent, ABSENT_USERS),
        marks(SEEDING).when(only_tags(&[SEEDING_TAG, ABANDONED_TAG, KEYS_TAG])),
        marks(RECOVERY).when(only_tags(&[SEEDING_TAG, KEYS_TAG])),
        marks(ABANDONED).when(only_tags(&[ABANDONED_TAG])),
        marks(FORGET).when(only_tags(&[
            SEEDING_TAG,
            ABANDONED_TAG,
            MAKING_TAG,
            KEYS_TAG,
            LEAKED_TAG,
        ])),
        Grant::new("OwnUsers", "user", made.clone(), MADE),
        Grant::new("LookAtUserPolicies", "user", either, SELVES_OR_MADE),
        Grant::new("LookAtUserPolicies", "user", existing, FIND_USER_POLICY),
        Grant::new("Role", "role", role.clone(), ROLE),
        Grant::new("HandTheRoleToLambda", "role", functions, PASS_ROLE).when(json!({
            "StringEquals": { "iam:PassedToService": "lambda.amazonaws.com" }
        })),
    ];
    let notify = Vec::from_iter(notify_role(scope));
    grants.push(
        Grant::new("HandTheRoleToEventBridge", "role", notify, PASS_NOTIFY_ROLE).when(json!({
            "StringEquals": { "iam:PassedToService": "events.amazonaws.com" }
        })),
    );
    let boundable = [
        Grant::new("UserPolicies", "user", themselves, SELVES),
        Grant::new("OwnUsers", "user", made.clone(), MAKE_USER),
        Grant::new("Role", "role", role.clone(), MAKE_ROLE),
        Grant::new("Role", "role", role.clone(), ROLE_POLICIES),
    ];
    let bound = [
        Grant::new("Boundary", "user", made.clone(), BOUND_USER),
        Grant::new("Boundary", "role", role.clone(), BOUND_ROLE),
    ];
    if !made.is_empty() {
        let all = vec!["*".to_owned()];
        let tag = Grant::new("ByCloudFormation", "*", all, TAG_MADE);
        grants.push(tag.when(by_cloudformation()));
    }
    grants.extend([
        Grant::new("Readers", "role", readers(model, "role/"), READING_ROLES),
        Grant::new("Readers", "user", readers(model, "user/"), READING_USERS),
    ]);
    let boundary = model.permissions_boundary.as_ref();
    let policy = each(boundary.map(Arn::to_string));
    grants.push(Grant::new("LookAtBoundary", "policy", policy, BOUNDARY));
    let boundary = boundary.map(|boundary| json!({ "iam:PermissionsBoundary": boundary.as_str() }));
    match &boundary {
        None => grants.extend(boundable),
        Some(boundary) => {
            let bounded = boundable.into_iter().chain(bound);
            grants.extend(bounded.map(|grant| Grant {
                purpose: "Boundary",
                ..grant.when(json!({ "ArnEquals": boundary }))
            }));
        }
    }
    if scope.managed {
        let policies = named("policy", "FunctionManaged");
        let attached = match policies.as_slice() {
            [one] => json!(one),
            several => json!(several),
        };
        let mut attached = json!({ "ArnLike": { "iam:PolicyARN": attached } });
        if let Some(boundary) = boundary {
            attached["ArnEquals"] = boundary;
        }
        grants.push(Grant::new("Policies", "policy", policies, POLICIES));
        grants.push(Grant::new("AttachPolicies", "role", role, ATTACH).when(attached));
    }
    grants
}
