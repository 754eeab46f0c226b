//! The state of the stack and its secrets.

use futures_util::{StreamExt, TryStreamExt, stream};

use super::error::Result;
use super::observe::{observe_credential, observe_keys, observe_listed};
use super::{CONCURRENCY, Context};
use crate::model::{ByKind, Entry, Model};
use crate::plan::{self, SecretReport, StackReport, StatusReport};
use crate::render;

/// Whether a report may read the values of secrets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Values {
    /// It reads them.
    Read,
    /// It reads none, and reports what depends on them as unknown.
    Unread,
}

/// Observes the stack and every secret of the manifest.
///
/// # Errors
///
/// Returns the first call that was refused. A missing resource is part of the report.
pub async fn status(context: &Context<'_>, model: &Model, values: Values) -> Result<StatusReport> {
    let stack = context.cloud.stack(model.stack.as_str()).await?;
    let secrets = stream::iter(&model.entries)
        .map(|entry| report(context, model, entry, values))
        .buffered(CONCURRENCY)
        .try_collect()
        .await?;
    Ok(StatusReport {
        stack: stack.as_ref().map(StackReport::from),
        stacks: Vec::new(),
        secrets,
    })
}

async fn report(
    context: &Context<'_>,
    model: &Model,
    entry: &Entry,
    values: Values,
) -> Result<SecretReport> {
    let expected = render::secret_tags(model, entry, context.region);
    if values == Values::Unread {
        let secret = context.cloud.secret(entry.secret.as_str()).await?;
        let keys = match entry.by_kind() {
            ByKind::AccessKey(entry) => observe_keys(context, entry.kind.user.as_str()).await?,
            ByKind::Database(_) => Vec::new(),
        };
        let now = context.clock.now();
        let report = plan::report_without_values(entry, secret.as_ref(), &keys, now);
        return Ok(report.with_tags(&expected, secret.as_ref()));
    }
    let seen = observe_listed(context, async || observe_credential(context, entry).await).await?;
    let report = plan::report(&seen, context.clock.now());
    Ok(report.with_tags(&expected, seen.secret()))
}
