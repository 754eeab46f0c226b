//! Verifies that the credential in the secret authenticates as the entry's user.

use super::database::check;
use super::error::{Error, Result};
use super::observe::observe_allowed;
use super::proof::key_pair;
use super::{Context, Deployed, Rotated};
use crate::model::Entry;
use crate::plan::{self, ObservedEntry, SecretReport, State};
use crate::port::{CURRENT, ErrorKind, KeyPair, PREVIOUS, Stage};
use crate::render::Strategy;

/// A credential that authenticates.
#[derive(Clone, Debug)]
pub struct Verified {
    /// The access key ID, if the secret holds an access key.
    pub access_key_id: Option<String>,
    /// The version of the secret.
    pub version: String,
    /// The state of the secret.
    pub report: SecretReport,
}

/// How many successful calls in a row a key needs. IAM is eventually consistent, so a single
/// success may come from one endpoint that knows the key before others do.
const IN_A_ROW: u32 = 2;

/// Verifies that the credential in AWSCURRENT works, and that the state of the secret is good.
///
/// # Errors
///
/// Returns [`Error::NotVerified`] with the reason.
pub async fn verify(
    context: &Context<'_>,
    deployed: &Deployed,
    entry: &Entry,
    rotated: Option<&Rotated>,
) -> Result<Verified> {
    context.stage(Stage::Verifying(entry.secret.to_string()));
    let refused = |reason: String| Error::NotVerified {
        secret: entry.secret.to_string(),
        reason,
    };
    let mut seen = observe_allowed(context, entry).await?;
    let held = seen.held().filter(|held| held.is_complete);
    let held = held.ok_or_else(|| refused("the value in AWSCURRENT is incomplete".into()))?;
    let version = held.secret.version_with(CURRENT);
    let version = version.unwrap_or_default().to_owned();
    let access_key_id = seen.access_key_id();
    if let Some(rotated) = rotated.filter(|rotated| rotated.rotated) {
        // Another command may have rotated it again since.
        let followed = held.secret.version_with(PREVIOUS) == Some(&rotated.version);
        if version != rotated.version && !followed {
            return Err(refused(format!(
                "AWSCURRENT is on version {version}, expected {}",
                rotated.version
            )));
        }
        if let Some(key) = &access_key_id
            && rotated.old_key.as_ref() == Some(key)
        {
            return Err(refused(format!("AWSCURRENT still contains {key}")));
        }
    }
    let proven = prove(context, deployed, &seen, &version).await?;
    proven.map_err(refused)?;
    // The label moves before the rotation has ended and is recorded, and a list of keys may not yet
    // contain a key that already works.
    let began = context.clock.now();
    let report = loop {
        let report = plan::report(&seen, context.clock.now());
        // If this command was not asked to rotate, it is not a failure that the secret has never
        // rotated.
        let rotates = rotated.is_some_and(|rotated| rotated.rotated);
        let is_off = !report.rotation_enabled && !rotates;
        let fine = match report.state {
            State::Ok => true,
            State::NeverRotated => rotated.is_none() || is_off,
            State::Overdue => is_off,
            _ => false,
        };
        if fine {
            break report;
        }
        if context.waited(began) >= context.pace.propagation {
            let reason = report.reason.unwrap_or_default();
            return Err(refused(format!("its state is {}: {reason}", report.state)));
        }
        context.wait().await;
        seen = observe_allowed(context, entry).await?;
    };
    context.verified(entry.secret.as_str());
    Ok(Verified {
        access_key_id,
        version,
        report,
    })
}

/// Verifies the credential in a version. Returns why it does not work, or `None` if it does.
async fn prove(
    context: &Context<'_>,
    deployed: &Deployed,
    seen: &ObservedEntry<'_>,
    version: &str,
) -> Result<std::result::Result<(), String>> {
    match seen {
        ObservedEntry::AccessKey(entry, seen) => {
            let (Some(user), Some(credential)) = (&seen.user, seen.credential()) else {
                return Ok(Err(format!("the user {} does not exist", entry.kind.user)));
            };
            Ok(authenticate(context, &key_pair(credential), &user.arn).await)
        }
        ObservedEntry::Database(entry, _) => {
            let (name, arn) = (entry.secret.as_str(), deployed.secret_arn(entry)?);
            let strategy = Strategy::for_entry(entry);
            let answer = check(context, deployed, strategy, name, arn, version).await?;
            // Clients on other hosts may use another account than the function's own login.
            let refusal = answer.refusal().or_else(|| answer.accounts_refusal());
            Ok(refusal.map_or(Ok(()), Err))
        }
        ObservedEntry::Service(entry, _) => {
            let (name, arn) = (entry.secret.as_str(), deployed.secret_arn(entry)?);
            let strategy = Strategy::for_entry(entry);
            let answer = check(context, deployed, strategy, name, arn, version).await?;
            Ok(answer.refusal().map_or(Ok(()), Err))
        }
    }
}

/// Asks AWS for the key's user until the response is the expected user, several times in a row.
pub(super) async fn authenticate(
    context: &Context<'_>,
    key: &KeyPair,
    user: &str,
) -> std::result::Result<(), String> {
    let began = context.clock.now();
    let mut answers = 0;
    loop {
        let why = match context.cloud.holder(key).await {
            Ok(caller) if caller.arn != user => {
                return Err(format!(
                    "its key {} belongs to {}, not to {user}",
                    key.id, caller.arn
                ));
            }
            Ok(_) => {
                answers += 1;
                if answers == IN_A_ROW {
                    return Ok(());
                }
                continue;
            }
            Err(error) if error.kind.is_transient() || error.kind == ErrorKind::Credentials => {
                error.to_string()
            }
            Err(error) => return Err(error.to_string()),
        };
        answers = 0;
        let waited = context.waited(began);
        if waited >= context.pace.propagation {
            return Err(format!(
                "AWS refused its key {} for {} s: {why}",
                key.id,
                waited.as_secs()
            ));
        }
        context.wait().await;
    }
}
