//! How everything fares.

use futures_util::{StreamExt, TryStreamExt, stream};

use super::database::observe_secret_alone;
use super::error::Result;
use super::observe::observe_pair;
use super::{CONCURRENCY, Context};
use crate::model::Model;
use crate::plan::{self, StackReport, StatusReport};
use crate::render;

/// Looks at the stack and every secret of the manifest.
///
/// # Errors
///
/// Returns the first call that was refused; what is missing is part of the report.
pub async fn status(context: &Context<'_>, model: &Model) -> Result<StatusReport> {
    let stack = context.cloud.stack(model.stack.as_str()).await?;
    let secrets = stream::iter(&model.access_keys)
        .map(|entry| async move {
            let seen = observe_pair(context, entry.user.as_str(), entry.secret.as_str()).await?;
            let report = plan::report(entry, &seen, context.clock.now());
            let expected = render::key_tags(model, entry, context.region);
            let secret = seen.secret.as_ref().map(|held| &held.secret);
            Ok::<_, super::Error>(report.with_tags(&expected, secret))
        })
        .buffered(CONCURRENCY)
        .try_collect::<Vec<_>>()
        .await?;
    let databases = stream::iter(&model.databases)
        .map(|entry| async move {
            let seen = observe_secret_alone(context, entry).await?;
            let now = context.clock.now();
            let report = plan::report_database(entry, &seen, now);
            let expected = render::database_tags(model, entry);
            let secret = seen.secret.as_ref().map(|held| &held.secret);
            Ok::<_, super::Error>(report.with_tags(&expected, secret))
        })
        .buffered(CONCURRENCY)
        .try_collect::<Vec<_>>()
        .await?;
    Ok(StatusReport {
        stack: stack.as_ref().map(StackReport::from),
        stacks: Vec::new(),
        secrets: secrets.into_iter().chain(databases).collect(),
    })
}
