//! Proves that a key is keyrota's before it is deleted: the stored secret access key authenticates
//! as the expected user.
//!
//! A principal that may write a secret can make one of its versions name any key, but does not know
//! the secret access key. The proof does not show who created the key: any principal that has a
//! complete key of the user can store it.

use jiff::Timestamp;

use super::Context;
use super::error::Result;
use crate::model::{Content, Credential, Names};
use crate::plan::OwnershipProof;
use crate::port::{ErrorKind, Key, KeyPair, Optional};

/// Returns the key in a stored credential.
pub fn key_pair(credential: &Credential) -> KeyPair {
    KeyPair {
        id: credential.accesskey.to_string(),
        secret: credential.secretkey.clone(),
    }
}

/// Returns the ARN of the principal that a stored credential authenticates as, or `None` if AWS
/// refuses it. A version that was stored at this time may hold a new key, which is refused until it
/// has propagated.
///
/// # Errors
///
/// Returns a call without a response.
pub(super) async fn holder(
    context: &Context<'_>,
    credential: &Credential,
    stored: Option<Timestamp>,
) -> Result<Option<String>> {
    loop {
        match context.cloud.holder(&key_pair(credential)).await {
            Ok(caller) => return Ok(Some(caller.arn)),
            Err(error) if error.kind != ErrorKind::Credentials => return Err(error.into()),
            Err(_) if stored.is_some_and(|at| context.waited(at) < context.pace.propagation) => {
                context.wait().await;
            }
            Err(_) => return Ok(None),
        }
    }
}

/// Authenticates to AWS with a stored credential. Returns why it is not the user's key, or `None`
/// if it is.
///
/// An inactive key does not authenticate. A new key does not authenticate until it has propagated,
/// which this function waits for. The call counts as a use of the key, so evidence of its last use
/// must be read before.
///
/// # Errors
///
/// Returns a call without a response.
pub(super) async fn prove(
    context: &Context<'_>,
    credential: &Credential,
    listed: &Key,
    user_arn: &str,
) -> Result<std::result::Result<(), String>> {
    let key = key_pair(credential);
    let began = context.clock.now();
    loop {
        let error = match context.cloud.holder(&key).await {
            Ok(caller) if caller.arn == user_arn => return Ok(Ok(())),
            Ok(caller) => return Ok(Err(format!("it belongs to {}", caller.arn))),
            Err(error) => error,
        };
        let now = context.clock.now();
        let since = |moment| now.duration_since(moment).unsigned_abs();
        let is_new = listed
            .created
            .is_some_and(|created| since(created) < context.pace.propagation);
        let may_help = match error.kind {
            ErrorKind::Credentials => is_new,
            kind => kind.is_transient(),
        };
        if may_help && since(began) < context.pace.propagation {
            context.wait().await;
        } else if error.kind == ErrorKind::Credentials {
            return Ok(Err(format!(
                "the stored secret access key does not authenticate: {error}"
            )));
        } else {
            return Err(error.into());
        }
    }
}

/// Proves the key in the version that has a label now, in a value whose fields have these names. Returns why it is not proven, or `None` if
/// it is.
///
/// # Errors
///
/// Returns a call without a response.
pub(super) async fn prove_stored(
    context: &Context<'_>,
    secret: &str,
    names: &Names,
    proof: &OwnershipProof,
) -> Result<std::result::Result<(), String>> {
    let unread = |reason: String| {
        Ok(Err(format!(
            "its secret access key cannot be read: {reason}"
        )))
    };
    let value = match context.cloud.value(secret, proof.label).await.optional() {
        Ok(value) => value.flatten(),
        Err(error) if error.kind.is_transient() => return Err(error.into()),
        Err(error) => return unread(error.to_string()),
    };
    let content = value.map(|value| Credential::read(&value.text, names));
    match content {
        Some(Content::Complete(held)) if held.accesskey == proof.key.id => {
            prove(context, &held, &proof.key, &proof.user_arn).await
        }
        _ => unread(format!("{} no longer contains this key", proof.label)),
    }
}
