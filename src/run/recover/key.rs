//! Access keys.

use super::{InactiveKey, go_back};
use crate::model::{AccessKey, EntryOf};
use crate::plan::{MADE, ObservedAccessKey, SPENT, SPENT_ON_REQUEST};
use crate::port::{PENDING, PREVIOUS};
use crate::run::error::{Error, Result};
use crate::run::new_key::{KeyReplacement, KeySource, origin, replace_key};
use crate::run::observe::observe_access_key;
use crate::run::proof::holder;
use crate::run::{Context, Deployed};

/// The versions to go back to, the preferred one first: the key before, the key of a rotation that
/// did not end, and the key that a rotation created last.
const EARLIER: [&str; 3] = [PREVIOUS, PENDING, MADE];

pub(super) async fn recover_key(
    context: &Context<'_>,
    deployed: &Deployed,
    entry: EntryOf<'_, AccessKey>,
    inactive: InactiveKey,
) -> Result<()> {
    let arn = deployed.secret_arn(&entry)?;
    let seen = observe_access_key(context, entry).await?;
    if works(context, &seen).await? {
        return Ok(());
    }
    let Some(reasons) = go_back(context, deployed, &entry, &EARLIER).await? else {
        return Ok(());
    };
    for reason in reasons {
        context.done(format!("{}: cannot go back to {reason}", entry.secret));
    }
    // Another command may have been faster.
    let seen = observe_access_key(context, entry).await?;
    if works(context, &seen).await? {
        return Ok(());
    }
    let origin = origin(entry, &seen, arn).map_err(|reason| Error::NotReplaced {
        secret: entry.secret.to_string(),
        reason,
    })?;
    let replacement = KeyReplacement {
        arn,
        origin: &origin,
        replaced: seen.credential().map(|held| &held.accesskey),
        source: KeySource::Replacement,
        accepted: match inactive {
            InactiveKey::Stays => &SPENT,
            InactiveKey::Replaced => &SPENT_ON_REQUEST,
        },
    };
    replace_key(context, deployed, entry, replacement)
        .await
        .map(drop)
}

/// Returns whether the key in AWSCURRENT authenticates as the entry's user. A list of keys may be
/// older than the key.
async fn works(context: &Context<'_>, seen: &ObservedAccessKey) -> Result<bool> {
    let (Some(credential), Some(user)) = (seen.credential(), &seen.user) else {
        return Ok(false);
    };
    if !credential.may_be_of(&seen.user_name) {
        return Ok(false);
    }
    let stored = seen.secret.as_ref().and_then(|held| held.current_since);
    let holder = holder(context, credential, stored).await?;
    Ok(holder.is_some_and(|holder| holder == user.arn))
}
