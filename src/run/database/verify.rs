//! The proof: the function logs in with what AWSCURRENT holds.

use super::super::error::{Error, Result};
use super::super::{Context, Deployed, Rotated, Verified};
use super::check::check;
use super::observe_database;
use crate::model::{Database, EntryOf};
use crate::plan::{self, State};
use crate::port::{CURRENT, Stage};

/// Proves that the login in AWSCURRENT works and that the secret's state is good.
///
/// # Errors
///
/// Returns [`Error::NotVerified`] with what is not as it should be.
pub async fn verify_database(
    context: &Context<'_>,
    deployed: &Deployed,
    entry: EntryOf<'_, Database>,
    rotated: Option<&Rotated>,
) -> Result<Verified> {
    let name = entry.secret.as_str();
    context.stage(Stage::Verifying(name.to_owned()));
    let refused = |reason: String| Error::NotVerified {
        secret: name.to_owned(),
        reason,
    };
    let mut seen = observe_database(context, entry).await?;
    let held = seen.secret.as_ref();
    let version = held.and_then(|held| held.secret.version_with(CURRENT));
    let version = version.map(str::to_owned);
    let (Some(version), Some(_)) = (version, seen.login()) else {
        return Err(refused("the value in AWSCURRENT is incomplete".into()));
    };
    if let Some(rotated) = rotated.filter(|rotated| rotated.rotated)
        && version != rotated.version
    {
        let expected = &rotated.version;
        return Err(refused(format!(
            "AWSCURRENT is on version {version}, expected {expected}"
        )));
    }
    let arn = deployed.secret_arn(&entry)?;
    let answer = check(context, deployed, name, arn, &version).await?;
    if let Some(reason) = answer.refusal() {
        return Err(refused(reason));
    }
    // The label moves before the rotation has ended and is written down.
    let began = context.clock.now();
    let report = loop {
        let report = plan::report_database(entry, &seen, context.clock.now());
        let fine =
            report.state == State::Ok || (report.state == State::NeverRotated && rotated.is_none());
        if fine {
            break report;
        }
        let waited = context.clock.now().duration_since(began).unsigned_abs();
        if waited >= context.pace.propagation {
            let reason = report.reason.unwrap_or_default();
            return Err(refused(format!("its state is {}: {reason}", report.state)));
        }
        context.wait().await;
        seen = observe_database(context, entry).await?;
    };
    Ok(Verified {
        access_key_id: None,
        version,
        report,
    })
}
