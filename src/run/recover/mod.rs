//! Makes a secret work again whose current credential does not: its key is deleted or inactive, the
//! server refuses its password, or its value is damaged.
//!
//! An earlier version is made current again if its credential works. Otherwise, a new key is created
//! with the caller's credentials, or the function sets a new password with the administrator's.
//! Nothing is done if the current credential works after all.

mod key;
mod login;
mod service;

use super::error::{Error, Result};
use super::restore::restore_version;
use super::{Context, Deployed};
use crate::model::{Entry, Model};
use crate::plan::ObservedEntry;
use crate::port::CURRENT;

/// Whether an inactive current key may be replaced, and deleted if it takes the last slot. Someone may
/// have deactivated it on purpose.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum InactiveKey {
    /// It is left as it is, with its secret.
    Stays,
    /// A person has agreed to replace it.
    Replaced,
}

/// Makes the entry's secret work again.
///
/// # Errors
///
/// Returns [`Error::NotReplaced`] or [`Error::NotRecovered`] if that is not possible. AWSCURRENT is
/// then as it was, and another run continues.
pub(super) async fn recover(
    context: &Context<'_>,
    model: &Model,
    deployed: &Deployed,
    seen: &ObservedEntry<'_>,
    inactive: InactiveKey,
) -> Result<()> {
    match seen {
        ObservedEntry::AccessKey(entry, _) => {
            key::recover_key(context, deployed, *entry, inactive).await
        }
        ObservedEntry::Database(entry, _) => {
            login::recover_login(context, model, deployed, *entry).await
        }
        ObservedEntry::Service(entry, _) => {
            service::recover_service(context, deployed, *entry).await
        }
    }
}

/// Makes the first version current that has one of these labels and whose credential works. Returns
/// why none did, or `None` if one did.
async fn go_back(
    context: &Context<'_>,
    deployed: &Deployed,
    entry: &Entry,
    labels: &[&'static str],
) -> Result<Option<Vec<String>>> {
    let arn = deployed.secret_arn(entry)?;
    let mut reasons = Vec::new();
    for label in labels {
        let secret = context.cloud.secret(arn).await?;
        let version = secret.as_ref().and_then(|it| it.version_with(label));
        let current = secret.as_ref().and_then(|it| it.version_with(CURRENT));
        if version.is_none() || version == current {
            continue;
        }
        match restore_version(context, deployed, entry, label).await {
            Ok(_) => return Ok(None),
            Err(Error::NotRestored { reason, .. } | Error::NotAsked { reason, .. }) => {
                reasons.push(format!("{label}: {reason}"));
            }
            Err(error) => return Err(error),
        }
    }
    Ok(Some(reasons))
}
