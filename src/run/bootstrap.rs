//! The one command: every stage in its order.

use super::error::{Error, Result};
use super::tags::restore_tags;
use super::{
    Artifacts, Cleared, Context, Deployed, Passwords, Rotated, RotatedAll, Seeded, Verified,
    VerifiedLogin, deploy, rotate, seed, upload, verify, verify_database,
};
use crate::model::Model;

/// Everything is deployed, and every credential has proven itself.
#[derive(Clone, Debug)]
pub struct Bootstrapped {
    /// The stack.
    pub deployed: Deployed,
    /// Each function of the stack, in the order of the template.
    pub functions: Vec<Running>,
    /// One an access key, in the order of the model.
    pub secrets: Vec<Proven<Verified>>,
    /// One a database, in the order of the model.
    pub databases: Vec<Proven<VerifiedLogin>>,
}

/// A function as it is deployed.
#[derive(Clone, Debug)]
pub struct Running {
    /// Its ARN.
    pub arn: String,
    /// The SHA-256 of its code in base64, as Lambda reports it.
    pub code_sha256: String,
}

/// A secret whose credential has proven itself.
#[derive(Clone, Debug)]
pub struct Proven<T> {
    /// The secret's ARN.
    pub arn: String,
    /// It was this run that rotated it.
    pub rotated: bool,
    /// The proof.
    pub verified: T,
}

/// What is deployed, and what it takes.
#[derive(Clone, Copy)]
pub struct Order<'a> {
    /// The functions' code.
    pub artifacts: &'a Artifacts,
    /// The rendered stack.
    pub template: &'a str,
    /// The first passwords of databases whose secrets have none.
    pub passwords: &'a Passwords,
    /// What has never rotated is rotated once.
    pub rotates: bool,
}

/// Uploads, deploys, stores first credentials, rotates what has never rotated unless
/// told not to, and proves every credential.
///
/// # Errors
///
/// Returns the first failure. Run again, it goes on from there.
pub async fn bootstrap(
    context: &Context<'_>,
    model: &Model,
    cleared: &Cleared,
    order: Order<'_>,
) -> Result<Bootstrapped> {
    let Order {
        artifacts,
        template,
        passwords,
        rotates,
    } = order;
    let uploaded = upload(context, model, cleared, artifacts, template).await?;
    let deployed = deploy(context, model, cleared, &uploaded, template).await?;
    // No credential is handed to code that is not what was built.
    let mut functions = Vec::new();
    for (strategy, artifact) in artifacts.of(model)? {
        let arn = deployed.function_arn(strategy).unwrap_or_default();
        let code = context.cloud.code_sha256(arn).await?.unwrap_or_default();
        if code != artifact.code_sha256 {
            return Err(Error::OtherCode {
                function: arn.to_owned(),
                code,
                expected: artifact.code_sha256.clone(),
                object: Box::new(uploaded.object(model, strategy)),
            });
        }
        functions.push(Running {
            arn: arn.to_owned(),
            code_sha256: code,
        });
    }
    restore_tags(context, model, &deployed).await?;
    let seeded = seed(context, model, &deployed, passwords).await?;
    let (secrets, databases) = prove(context, model, &deployed, &seeded, rotates).await?;
    Ok(Bootstrapped {
        deployed,
        functions,
        secrets,
        databases,
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
) -> Result<(Vec<Proven<Verified>>, Vec<Proven<VerifiedLogin>>)> {
    let rotated = match rotates {
        true => Some(rotate(context, model, deployed, seeded).await),
        false => None,
    };
    let none = |count: usize| (0..count).map(|_| Ok(None)).collect::<Vec<_>>();
    let (keys, logins): (Vec<_>, Vec<_>) = match rotated {
        Some(RotatedAll {
            access_keys,
            databases,
        }) => (some(access_keys), some(databases)),
        None => (none(model.access_keys.len()), none(model.databases.len())),
    };
    let mut secrets = Vec::new();
    let mut databases = Vec::new();
    let mut failure = None;
    let mut fails = |error: super::Error| match failure.is_none() {
        true => failure = Some(error),
        false => context.warn(error.to_string()),
    };
    for (entry, rotated) in model.access_keys.iter().zip(keys) {
        let proven = async {
            let rotated: Option<Rotated> = rotated?;
            Ok(Proven {
                arn: deployed.secret_arn(entry)?.to_owned(),
                verified: verify(context, entry, rotated.as_ref()).await?,
                rotated: rotated.is_some_and(|rotated| rotated.rotated),
            })
        };
        match proven.await {
            Ok(proven) => secrets.push(proven),
            Err(error) => fails(error),
        }
    }
    for (entry, rotated) in model.databases.iter().zip(logins) {
        let proven = async {
            let rotated: Option<Rotated> = rotated?;
            Ok(Proven {
                arn: deployed.secret_arn(entry)?.to_owned(),
                verified: verify_database(context, deployed, entry, rotated.as_ref()).await?,
                rotated: rotated.is_some_and(|rotated| rotated.rotated),
            })
        };
        match proven.await {
            Ok(proven) => databases.push(proven),
            Err(error) => fails(error),
        }
    }
    failure.map_or(Ok((secrets, databases)), Err)
}

fn some(rotated: Vec<Result<Rotated>>) -> Vec<Result<Option<Rotated>>> {
    let rotated = rotated.into_iter();
    rotated.map(|one| one.map(Some)).collect()
}
