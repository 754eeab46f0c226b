//! The stack that a StackSet has created in this account, and the stacks of a StackSet.

use super::error::{Error, Result};
use super::{Context, guard_account};
use crate::model::Model;
use crate::plan::{self, CallAs, StackSetReport};

/// Returns the name of the stack that the StackSet of the manifest has created in this account and
/// Region, or `None` if there is none, or if another stack has created the secrets. It describes secrets
/// and that stack only, because a policy for such an account covers no stack of another name.
///
/// # Errors
///
/// Returns the first call that was refused.
pub async fn locate(context: &Context<'_>, model: &Model) -> Result<Option<String>> {
    if model.accounts.is_empty() {
        return Ok(None);
    }
    guard_account(context, model).await?;
    for entry in &model.entries {
        let Some(secret) = context.cloud.secret(entry.secret.as_str()).await? else {
            continue;
        };
        let stack = plan::stack_of_stack_set(&secret, &model.stack);
        match stack {
            // The tag of a retained secret may name a stack that was deleted.
            Some(stack) if context.cloud.stack(&stack).await?.is_some() => return Ok(Some(stack)),
            None if secret.tags.contains_key(plan::STACK_ID_TAG) => return Ok(None),
            Some(_) | None => {}
        }
    }
    Ok(None)
}

/// Returns the stacks of the manifest's StackSet, in the account of its administrator.
///
/// # Errors
///
/// Returns the call that was refused, and [`Error::NoStackSet`] if the StackSet does not exist.
pub async fn stack_set(
    context: &Context<'_>,
    model: &Model,
    call_as: CallAs,
) -> Result<StackSetReport> {
    let name = model.stack.as_str();
    let instances = context.cloud.stack_set_instances(name, call_as).await?;
    let instances = instances.ok_or_else(|| Error::NoStackSet { name: name.into() })?;
    Ok(StackSetReport::of(model, instances))
}
