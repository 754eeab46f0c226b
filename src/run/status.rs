//! The state of everything.

use futures_util::{StreamExt, TryStreamExt, stream};

use super::database::observe_secret_alone;
use super::error::Result;
use super::observe::observe_pair;
use super::{CONCURRENCY, Context};
use crate::model::{ByKind, Entry, Model};
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
    let now = || context.clock.now();
    let (report, secret) = match entry.by_kind() {
        ByKind::AccessKey(key) => {
            let seen = observe_pair(context, entry.user_name(), entry.secret.as_str()).await?;
            let report = plan::report(key, &seen, now());
            (report, seen.secret.map(|held| held.secret))
        }
        ByKind::Database(database) => {
            let seen = observe_secret_alone(context, database).await?;
            let report = plan::report_database(database, &seen, now());
            (report, seen.secret.map(|held| held.secret))
        }
    };
    let expected = render::secret_tags(model, entry, context.region);
    Ok(report.with_tags(&expected, secret.as_ref()))
}
