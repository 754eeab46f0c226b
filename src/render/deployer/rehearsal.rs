//! The rehearsal of the next rotation, by `doctor` and `status --check`.
//!
//! The function makes the calls that change nothing, so the caller invokes it. It has no permission
//! to simulate policies, which the caller does instead. `status --no-values` is for principals that
//! only look, and a principal that may invoke a function may also send it the steps of a rotation, so it
//! rehearses nothing.

use super::Command::{Doctor, Status};
use super::{Action, Grant, Scope, each, generated};
use crate::render::Strategy;

/// The outputs name the functions, and the resources their roles. For `doctor`, `stack.rs` has the
/// second action, and `function.rs` the first.
const FUNCTION: &[Action] = &[("lambda:InvokeFunction", &[Status])];
const STACK: &[Action] = &[("cloudformation:ListStackResources", &[Status])];

/// Whether AWS has put a user under quarantine.
const USERS: &[Action] = &[
    ("iam:ListAttachedUserPolicies", &[Doctor, Status]),
    ("iam:SimulatePrincipalPolicy", &[Doctor, Status]),
];

const ROLE: &[Action] = &[("iam:SimulatePrincipalPolicy", &[Doctor, Status])];

/// Returns the grants for rehearsals.
pub fn grants(scope: &Scope<'_>) -> Vec<Grant> {
    let Scope {
        model, resolver, ..
    } = scope;
    let path = model.role_path.as_ref().map_or("/", |path| path.as_str());
    let (mut functions, mut roles) = (Vec::new(), Vec::new());
    for strategy in Strategy::of(model) {
        let function = generated(model, &format!("{}-", strategy.function()));
        functions.push(resolver.arn("lambda", &format!("function:{function}")));
        let role = generated(model, &format!("{}FunctionRole-", strategy.prefix()));
        roles.push(resolver.iam_arn(&format!("role{path}{role}")));
    }
    functions.dedup();
    roles.dedup();
    let stack = vec![resolver.arn("cloudformation", &super::stack_resource(model))];
    let users = model.access_keys();
    let users = each(users.map(|key| resolver.iam_arn(&key.kind.user_resource())));
    vec![
        Grant::new("Stack", "stack", stack, STACK),
        Grant::new("Function", "function", functions, FUNCTION),
        Grant::new("Users", "user", users, USERS),
        Grant::new("Role", "role", roles, ROLE),
    ]
}
