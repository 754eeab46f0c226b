//! The state of everything.

use futures_util::{StreamExt, TryStreamExt, stream};

use super::error::Result;
use super::observe::{observe_credential, observe_listed};
use super::{CONCURRENCY, Context};
use crate::model::{Entry, Model};
use crate::plan::{self, SecretReport, StackReport, StatusReport};
use crate::render;

/// Looks at the stack and every secret of the manifest.
///
/// # Errors
///
/// Returns the first call that was refused; what is missing is part of the report.
pub async fn status(context: &Context<'_>, model: &Model) -> Result<StatusReport> {
    let stack = context.cloud.stack(model.stack.as_str()).await?;
    let secrets = stream::iter(&model.entries)
        .map(|entry| report(context, model, entry))
        .buffered(CONCURRENCY)
        .try_collect()
        .await?;
    Ok(StatusReport {
        stack: stack.as_ref().map(StackReport::from),
        stacks: Vec::new(),
        secrets,
    })
}

async fn report(context: &Context<'_>, model: &Model, entry: &Entry) -> Result<SecretReport> {
    let seen = observe_listed(context, async || observe_credential(context, entry).await).await?;
    let expected = render::secret_tags(model, entry, context.region);
    let report = plan::report(&seen, context.clock.now());
    Ok(report.with_tags(&expected, seen.secret()))
}
