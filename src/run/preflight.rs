//! The checks before anything changes.

use super::deploy::settle;
use super::error::{Error, Result};
use super::{Context, guard_account, observe};
use crate::model::{Finding, Model};
use crate::plan::{self, Observed, Preflight};
use crate::port::Stage;

/// The account was looked at, and nothing stands in the way.
#[derive(Clone, Debug)]
pub struct Cleared {
    /// What was seen.
    pub observed: Observed,
}

/// Looks at the account and refuses with every finding at once.
///
/// # Errors
///
/// Returns [`Error::Refused`] with the findings, warnings included, where one of
/// them is an error.
pub async fn preflight(context: &Context<'_>, model: &Model, intent: Preflight) -> Result<Cleared> {
    context.stage(Stage::Checking);
    guard_account(context, model).await?;
    settle(context, model).await?;
    let observed = observe(context, model).await?;
    let findings = plan::check(model, &observed, intent);
    if findings.iter().any(Finding::is_error) {
        return Err(Error::Refused(findings));
    }
    for warning in findings {
        context.warn(format!("{}: {}", warning.path, warning.message));
    }
    Ok(Cleared { observed })
}
