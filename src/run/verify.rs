//! The proof: the credential in the secret authenticates as the pinned user.

use super::error::{Error, Result};
use super::{Context, Deployed, Rotated, observe_entry, verify_database};
use crate::model::{AccessKey, ByKind, Entry, EntryOf};
use crate::plan::{self, SecretReport, State};
use crate::port::{CURRENT, ErrorKind, KeyPair, Stage};

/// A credential that has proven itself.
#[derive(Clone, Debug)]
pub struct Verified {
    /// The access key ID, if the secret holds an access key.
    pub access_key_id: Option<String>,
    /// The version of the secret.
    pub version: String,
    /// The state of the secret.
    pub report: SecretReport,
}

/// Answers of one key that must come in a row: IAM is eventually consistent,
/// and one yes may come from a place that knows a key which others do not yet.
const IN_A_ROW: u32 = 2;

/// Proves that the new credential works and that the secret's state is good.
///
/// # Errors
///
/// Returns [`Error::NotVerified`] with what is not as it should be.
pub async fn verify(
    context: &Context<'_>,
    entry: EntryOf<'_, AccessKey>,
    rotated: Option<&Rotated>,
) -> Result<Verified> {
    context.stage(Stage::Verifying(entry.secret.to_string()));
    let refused = |reason: String| Error::NotVerified {
        secret: entry.secret.to_string(),
        reason,
    };
    let mut seen = observe_entry(context, entry).await?;
    let credential = seen
        .credential()
        .cloned()
        .ok_or_else(|| refused("the value in AWSCURRENT is incomplete".into()))?;
    let version = seen
        .secret
        .as_ref()
        .and_then(|held| held.secret.version_with(CURRENT));
    let version = version.unwrap_or_default().to_owned();
    if let Some(rotated) = rotated.filter(|rotated| rotated.rotated) {
        if version != rotated.version {
            return Err(refused(format!(
                "AWSCURRENT is on version {version}, expected {}",
                rotated.version
            )));
        }
        if rotated.old_key.as_deref() == Some(credential.accesskey.as_str()) {
            return Err(refused(format!(
                "AWSCURRENT still contains {}",
                credential.accesskey
            )));
        }
    }
    let user = seen.user.as_ref().map(|user| user.arn.clone());
    let user =
        user.ok_or_else(|| refused(format!("the user {} does not exist", entry.kind.user)))?;
    let key = KeyPair {
        id: credential.accesskey.to_string(),
        secret: credential.secretkey.clone(),
    };
    authenticate(context, &key, &user).await.map_err(refused)?;
    // A list of keys may lag behind a key that already works.
    let began = context.clock.now();
    let report = loop {
        let report = plan::report(entry, &seen, context.clock.now());
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
        seen = observe_entry(context, entry).await?;
    };
    Ok(Verified {
        access_key_id: Some(key.id),
        version,
        report,
    })
}

/// Proves that the credential of an entry works.
///
/// # Errors
///
/// Returns [`Error::NotVerified`] with the reason.
pub(super) async fn verify_entry(
    context: &Context<'_>,
    deployed: &Deployed,
    entry: &Entry,
    rotated: Option<&Rotated>,
) -> Result<Verified> {
    match entry.by_kind() {
        ByKind::AccessKey(key) => verify(context, key, rotated).await,
        ByKind::Database(database) => verify_database(context, deployed, database, rotated).await,
    }
}

/// Asks AWS who the key's holder is until the answer is the user, several times
/// in a row.
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
        let waited = context.clock.now().duration_since(began).unsigned_abs();
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
