//! The one command: every stage in its order.

use super::error::Result;
use super::{
    Artifact, Cleared, Context, Deployed, Rotated, Seeded, Verified, deploy, rotate, seed, upload,
    verify,
};
use crate::model::Model;

/// Everything is deployed, and every credential has proven itself.
#[derive(Clone, Debug)]
pub struct Bootstrapped {
    /// The stack.
    pub deployed: Deployed,
    /// The SHA-256 of the function's code in base64, as Lambda reports it.
    pub code_sha256: String,
    /// One an entry, in the order of the model.
    pub secrets: Vec<Proven>,
}

/// A secret whose credential has proven itself.
#[derive(Clone, Debug)]
pub struct Proven {
    /// The secret's ARN.
    pub arn: String,
    /// It was this run that rotated it.
    pub rotated: bool,
    /// The proof.
    pub verified: Verified,
}

/// Uploads, deploys, stores first keys, rotates what has never rotated unless told
/// not to, and proves every credential.
///
/// # Errors
///
/// Returns the first failure. Run again, it goes on from there.
pub async fn bootstrap(
    context: &Context<'_>,
    model: &Model,
    cleared: &Cleared,
    artifact: &Artifact,
    template: &str,
    rotates: bool,
) -> Result<Bootstrapped> {
    let uploaded = upload(context, model, cleared, artifact, template).await?;
    let deployed = deploy(context, model, cleared, &uploaded, template).await?;
    let seeded = seed(context, model, &deployed).await?;
    let secrets = prove(context, model, &deployed, &seeded, rotates).await?;
    let code = match deployed.function_arn() {
        Some(arn) => context.cloud.code_sha256(arn).await?,
        None => None,
    };
    Ok(Bootstrapped {
        deployed,
        code_sha256: code.unwrap_or_default(),
        secrets,
    })
}

/// Rotates what has never rotated and proves every credential. All are tried
/// before the first failure ends the command; the others are told as warnings.
async fn prove(
    context: &Context<'_>,
    model: &Model,
    deployed: &Deployed,
    seeded: &Seeded,
    rotates: bool,
) -> Result<Vec<Proven>> {
    let rotated: Vec<Result<Option<Rotated>>> = if rotates {
        let rotated = rotate(context, model, deployed, seeded).await;
        rotated.into_iter().map(|one| one.map(Some)).collect()
    } else {
        model.access_keys.iter().map(|_| Ok(None)).collect()
    };
    let mut secrets = Vec::new();
    let mut failure = None;
    for (entry, rotated) in model.access_keys.iter().zip(rotated) {
        let proven = async {
            let rotated = rotated?;
            Ok(Proven {
                arn: deployed.secret_arn(entry)?.to_owned(),
                verified: verify(context, entry, rotated.as_ref()).await?,
                rotated: rotated.is_some_and(|rotated| rotated.rotated),
            })
        };
        match proven.await {
            Ok(proven) => secrets.push(proven),
            Err(error) if failure.is_none() => failure = Some(error),
            Err(error) => context.warn(super::Error::to_string(&error)),
        }
    }
    failure.map_or(Ok(secrets), Err)
}
