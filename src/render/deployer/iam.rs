//! The role and the users.

use serde_json::json;

use super::super::document::Statement;
use super::super::resolve::World;
use super::{entries, generated, names};
use crate::model::{AccessKey, Model, RotateAs};

fn path(model: &Model) -> &str {
    model.role_path.as_ref().map_or("/", |path| path.as_str())
}

fn role_arn(model: &Model, world: &World) -> String {
    let name = generated(model, "FunctionRole-");
    world.iam_arn(&format!("role{}{name}", path(model)))
}

/// Returns what keeps the function's role.
pub fn role(model: &Model, world: &World) -> Vec<Statement> {
    let role = vec![role_arn(model, world)];
    let actions = [
        "CreateRole",
        "DeleteRole",
        "DeleteRolePolicy",
        "GetRole",
        "GetRolePolicy",
        "ListAttachedRolePolicies",
        "ListRolePolicies",
        "PutRolePolicy",
        "TagRole",
        "UntagRole",
        "UpdateAssumeRolePolicy",
        "UpdateRole",
        "UpdateRoleDescription",
    ];
    vec![
        Statement::allow("KeepTheRole", "iam", &actions, role.clone()),
        Statement::allow("HandTheRoleToLambda", "iam", &["PassRole"], role.clone()).when(json!({
            "StringEquals": { "iam:PassedToService": "lambda.amazonaws.com" }
        })),
    ]
}

/// Returns what puts the manifest's boundary on a role or user that is there
/// without it: that boundary alone, and nothing takes it away.
pub fn boundary(model: &Model, world: &World) -> Option<Statement> {
    let boundary = model.permissions_boundary.as_ref()?;
    let created = entries(model, |entry| entry.create_user);
    let mut resource = vec![role_arn(model, world)];
    resource.extend(names(&created, |entry| {
        world.iam_arn(&format!("user/{}", entry.user))
    }));
    let actions: &[&str] = match created.is_empty() {
        true => &["PutRolePermissionsBoundary"],
        false => &["PutRolePermissionsBoundary", "PutUserPermissionsBoundary"],
    };
    let statement = Statement::allow("KeepTheBoundary", "iam", actions, resource);
    Some(statement.when(json!({
        "ArnEquals": { "iam:PermissionsBoundary": boundary.as_str() }
    })))
}

/// A stack with many secrets has its role's policies as managed ones.
pub fn managed_policies(model: &Model, world: &World) -> Vec<Statement> {
    let role = vec![role_arn(model, world)];
    let name = generated(model, "FunctionManaged");
    let policies = world.iam_arn(&format!("policy{}{name}", path(model)));
    let managed = [
        "CreatePolicy",
        "CreatePolicyVersion",
        "DeletePolicy",
        "DeletePolicyVersion",
        "GetPolicy",
        "GetPolicyVersion",
        "ListEntitiesForPolicy",
        "ListPolicyVersions",
    ];
    vec![
        Statement::allow(
            "KeepTheRolesPolicies",
            "iam",
            &managed,
            vec![policies.clone()],
        ),
        Statement::allow(
            "AttachThem",
            "iam",
            &["AttachRolePolicy", "DetachRolePolicy"],
            role,
        )
        .when(json!({ "ArnLike": { "iam:PolicyARN": policies } })),
    ]
}

/// Returns what keeps the users and their access keys.
pub fn users(model: &Model, world: &World) -> Vec<Statement> {
    let arn = |entry: &AccessKey| world.iam_arn(&format!("user/{}", entry.user));
    let all = entries(model, |_| true);
    let itself = entries(model, |entry| entry.rotate_as == RotateAs::Itself);
    let created = entries(model, |entry| entry.create_user);
    let mut statements = vec![Statement::allow(
        "KeepTheAccessKeys",
        "iam",
        &[
            "CreateAccessKey",
            "DeleteAccessKey",
            "GetAccessKeyLastUsed",
            "GetUser",
            "ListAccessKeys",
            "UpdateAccessKey",
        ],
        names(&all, arn),
    )];
    if !itself.is_empty() {
        let actions = ["DeleteUserPolicy", "GetUserPolicy", "PutUserPolicy"];
        let resource = names(&itself, arn);
        statements.push(Statement::allow(
            "LetUsersRotateThemselves",
            "iam",
            &actions,
            resource,
        ));
    }
    if !created.is_empty() {
        let actions = [
            "CreateUser",
            "DeleteUser",
            "GetLoginProfile",
            "GetUserPolicy",
            "ListAttachedUserPolicies",
            "ListGroupsForUser",
            "ListUserPolicies",
            "ListUserTags",
            "TagUser",
            "UntagUser",
            "UpdateUser",
        ];
        let resource = names(&created, arn);
        statements.push(Statement::allow("MakeTheUsers", "iam", &actions, resource));
    }
    statements
}
