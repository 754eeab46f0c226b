//! Looks at rotations that have started and not ended.

use jiff::{SignedDuration, Timestamp};

use super::Context;
use super::error::Result;
use super::rotate::LoggedError;
use crate::model::{Entry, Model};
use crate::plan::{UnfinishedRotation, longest_rotation};
use crate::port::{ErrorKind, Secret};
use crate::render::Strategy;

/// How far back the function's log is read for the error that keeps a rotation from ending.
const LOG: SignedDuration = SignedDuration::from_hours(24);

/// Returns what is known about the unfinished rotation of an entry's secret, or `None` if no rotation
/// is unfinished. Warns of what the caller may not look at.
///
/// # Errors
///
/// Returns a call that failed for another reason than a missing permission.
pub(super) async fn observe_unfinished(
    context: &Context<'_>,
    model: &Model,
    entry: &Entry,
    secret: Option<&Secret>,
) -> Result<Option<UnfinishedRotation>> {
    let Some((secret, version)) = secret.and_then(|it| Some((it, it.unfinished()?))) else {
        return Ok(None);
    };
    let created = match context.cloud.version_created(&secret.arn, version).await {
        Err(error) if error.kind == ErrorKind::Denied => {
            let unread = "cannot tell when its unfinished rotation started";
            context.warn(format!("{}: {unread}: {error}", secret.name));
            None
        }
        created => created?,
    };
    let limit = SignedDuration::try_from(context.pace.under_way).unwrap_or(SignedDuration::MAX);
    Ok(Some(UnfinishedRotation {
        created,
        reported: reported(context, model, entry, secret, created).await?,
        limit: limit.min(longest_rotation(model)),
    }))
}

/// Returns the last error that the function has logged about a secret since its pending version was
/// created. The diagnosis does not depend on it.
async fn reported(
    context: &Context<'_>,
    model: &Model,
    entry: &Entry,
    secret: &Secret,
    created: Option<Timestamp>,
) -> Result<Option<String>> {
    let group = Strategy::for_entry(entry).log_group_name(&model.stack);
    let now = context.clock.now();
    let since = now.checked_sub(LOG).unwrap_or(now);
    let since = created.map_or(since, |created| created.max(since));
    match context.logs.messages(context, &group, since).await {
        Ok(messages) => {
            let mut errors = messages.iter().rev();
            let found = errors.find_map(|line| LoggedError::about(&secret.name, line));
            Ok(found.map(|error| error.message))
        }
        Err(error) if error.kind == ErrorKind::Denied => {
            let unread = "cannot read the function's log";
            context.warn(format!("{}: {unread}: {error}", secret.name));
            Ok(None)
        }
        Err(error) => Err(error.into()),
    }
}
