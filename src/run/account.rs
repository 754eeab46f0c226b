//! The check of `account:` in the manifest.

use super::Context;
use super::error::{Error, Result};
use crate::model::Model;
use crate::plan;

/// Refuses to work in an account other than the manifest's.
///
/// # Errors
///
/// Returns [`Error::Refused`] in another account.
pub async fn guard_account(context: &Context<'_>, model: &Model) -> Result<()> {
    let caller = context.cloud.caller().await?;
    match plan::check_account(model, &caller) {
        Some(finding) => Err(Error::Refused(vec![finding])),
        None => Ok(()),
    }
}
