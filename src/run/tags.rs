//! Restores the tags of the stack's secrets, since a change set does not detect that someone has
//! changed them.

use futures_util::{StreamExt, TryStreamExt, stream};

use super::error::Result;
use super::{CONCURRENCY, Context, Deployed};
use crate::model::{Entry, Model};
use crate::plan::{TagDifference, tag_differences};
use crate::render;

/// Writes each tag that differs, and removes keyrota's own tags that should not exist. Tags with
/// other keys belong to others and stay.
///
/// # Errors
///
/// Returns the first call that was refused. Another run continues from there.
pub(super) async fn restore_tags(
    context: &Context<'_>,
    model: &Model,
    deployed: &Deployed,
) -> Result<()> {
    stream::iter(&model.entries)
        .map(|entry| async move {
            let arn = deployed.secret_arn(entry)?;
            for difference in lasting_differences(context, model, entry, arn).await? {
                restore(context, arn, &difference).await?;
                context.done(format!("{}: {difference}; restored", entry.secret));
            }
            Ok(())
        })
        .buffered(CONCURRENCY)
        .try_collect()
        .await
}

/// Returns the tags that differ from the expected ones even after a deployment's changes had time
/// to be seen. The permission to restore a tag depends on a tag of the stack, which also is seen
/// only then.
async fn lasting_differences(
    context: &Context<'_>,
    model: &Model,
    entry: &Entry,
    arn: &str,
) -> Result<Vec<TagDifference>> {
    let expected = render::secret_tags(model, entry, context.region);
    let began = context.clock.now();
    loop {
        let secret = context.cloud.secret(arn).await?;
        let differences = secret.map(|secret| tag_differences(&expected, &secret));
        let differences = differences.unwrap_or_default();
        if differences.is_empty() || context.waited(began) >= context.pace.listing {
            return Ok(differences);
        }
        context.wait().await;
    }
}

async fn restore(context: &Context<'_>, arn: &str, difference: &TagDifference) -> Result<()> {
    let TagDifference { key, expected, .. } = difference;
    match expected {
        Some(value) => context.cloud.tag(arn, key, value).await?,
        None => context.cloud.untag(arn, key).await?,
    }
    Ok(())
}
