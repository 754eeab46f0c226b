//! The version before, made current again, where its password still works: where
//! the server has kept it, or somebody has set it by hand.

use super::super::error::{Error, Result};
use super::super::restore::{Restored, labels, make_current, put_back};
use super::super::{Context, Deployed};
use super::check::check;
use super::observe_database;
use crate::model::{Database, EntryOf};
use crate::port::Stage;

/// Has the function log in with the version before, and makes that current again.
///
/// # Errors
///
/// Returns [`Error::NotRestored`] with the reason. AWSCURRENT is then where it was.
pub async fn restore_database(
    context: &Context<'_>,
    deployed: &Deployed,
    entry: EntryOf<'_, Database>,
) -> Result<Restored> {
    let name = entry.secret.as_str();
    let arn = deployed.secret_arn(&entry)?;
    let refused = |reason: String| Error::NotRestored {
        secret: name.to_owned(),
        reason,
    };
    context.stage(Stage::Verifying(name.to_owned()));
    let seen = observe_database(context, entry).await?;
    let labels = labels(seen.secret.as_ref().map(|held| &held.secret)).map_err(refused)?;
    let prove = || check(context, deployed, name, arn, &labels.previous);
    if let Some(reason) = prove().await?.refusal() {
        let reason = format!("its password does not work: {reason}");
        return Err(refused(reason));
    }
    make_current(context, arn, &labels).await?;
    // A rotation that began meanwhile may have changed the password.
    let answer = match prove().await {
        Ok(answer) => answer.refusal(),
        Err(error) => Some(error.to_string()),
    };
    if let Some(reason) = answer {
        put_back(context, arn, &labels).await?;
        return Err(refused(format!("after AWSCURRENT was moved, {reason}")));
    }
    context.done(format!(
        "{name}: AWSCURRENT is on the previous version again"
    ));
    Ok(Restored {
        version: labels.previous,
        access_key_id: None,
        replaced: None,
    })
}
