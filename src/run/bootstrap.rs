//! All stages of a bootstrap, in order.

use super::error::{Error, Result};
use super::tags::restore_tags;
use super::{
    Artifacts, Cleared, Context, Deployed, Deployment, Passwords, Recreation, Rotated, Seeded,
    Verified, deploy, drift, import, observe_entry, rotate, seed, switch_on, upload, verify,
};
use crate::model::Model;
use crate::plan::{self, Drift, MADE, Observed, ObservedEntry, Preflight};
use crate::render::Strategy;

/// Everything is deployed, and every credential authenticates.
#[derive(Clone, Debug)]
pub struct Bootstrapped {
    /// The stack.
    pub deployed: Deployed,
    /// Each function of the stack, in the order of the template.
    pub functions: Vec<DeployedFunction>,
    /// The secret of each entry, in the order of the model.
    pub secrets: Vec<Proven>,
}

/// A deployed function.
#[derive(Clone, Debug)]
pub struct DeployedFunction {
    /// Its ARN.
    pub arn: String,
    /// The SHA-256 of its code in base64, as Lambda reports it.
    pub code_sha256: String,
}

/// A secret whose credential authenticates.
#[derive(Clone, Debug)]
pub struct Proven {
    /// The secret's ARN.
    pub arn: String,
    /// Whether this run rotated it.
    pub rotated: bool,
    /// The proof.
    pub verified: Verified,
}

/// The inputs of a bootstrap.
#[derive(Clone, Copy)]
pub struct DeploymentInputs<'a> {
    /// The functions' code.
    pub artifacts: &'a Artifacts,
    /// The rendered stack.
    pub template: &'a str,
    /// The first passwords of databases whose secrets have none.
    pub passwords: &'a Passwords,
    /// Whether to rotate secrets that have never rotated and whose first rotation is now.
    pub rotates: bool,
    /// The secrets that do not exist, and that a person has asked to create again.
    pub recreated: &'a Recreation,
    /// The drift that a person was shown before they agreed, or `None` if nobody was asked.
    pub shown: Option<&'a [Drift]>,
}

/// How many times another command may change the stack before this one fails.
const OVERTAKEN: usize = 5;

/// Uploads, deploys, stores first credentials, rotates what has never rotated unless this is
/// disabled, and verifies every credential.
///
/// # Errors
///
/// Returns the first failure. Another run continues from there.
pub async fn bootstrap<'model>(
    context: &Context<'_>,
    model: &'model Model,
    cleared: &Cleared<'model>,
    inputs: DeploymentInputs<'_>,
) -> Result<Bootstrapped> {
    let DeploymentInputs {
        artifacts,
        template,
        passwords,
        rotates,
        recreated,
        shown,
    } = inputs;
    let intent = Preflight { rotates };
    let adopted = cleared.imports.adopted();
    let mut cleared = cleared.clone();
    let deployed = if model.deployed_as.is_some() {
        // The StackSet deploys the stack. What is left is to store credentials, and to prove them.
        Deployed::observe(context, model).await?
    } else {
        cleared = import::restore(context, model, cleared, intent).await?;
        cleared = drift::restore(context, model, cleared, intent, recreated, shown).await?;
        let mut overtaken = 0;
        loop {
            let uploaded = upload(context, model, &cleared, artifacts, template).await?;
            let bucket = uploaded.bucket.as_str();
            cleared = import::import(context, model, cleared, bucket, template, intent).await?;
            match deploy(context, model, &cleared, &uploaded, template).await? {
                Deployment::Done(deployed) => break deployed,
                Deployment::Overtaken { stack, .. } if overtaken < OVERTAKEN => {
                    overtaken += 1;
                    cleared.observed.stack = stack;
                }
                Deployment::Overtaken { refusal, .. } => return Err(refusal),
            }
        }
    };
    // No credential is given to code other than the code that was built.
    let mut functions = Vec::new();
    for (strategy, artifact) in artifacts.of(model)? {
        let arn = deployed.function_arn(strategy).unwrap_or_default();
        let code = context.cloud.function_code(arn).await?;
        let code = code.map(|code| code.sha256).unwrap_or_default();
        if code != artifact.code_sha256 {
            return Err(Error::OtherCode {
                function: arn.to_owned(),
                code,
                expected: artifact.code_sha256.clone(),
            });
        }
        functions.push(DeployedFunction {
            arn: arn.to_owned(),
            code_sha256: code,
        });
    }
    restore_tags(context, model, &deployed).await?;
    let mut seeded = seed(context, model, &deployed, passwords).await?;
    for one in &mut seeded.entries {
        one.changed |=
            adopted.contains(one.seen.entry().secret.as_str()) || awaits_rotation(&one.seen);
    }
    keep_schedules(context, &deployed, &cleared.observed, &mut seeded).await?;
    let secrets = prove(context, model, &deployed, &seeded, rotates).await?;
    Ok(Bootstrapped {
        deployed,
        functions,
        secrets,
    })
}

/// Returns whether the secret is adopted, and only the function of someone else has rotated it. Every
/// rotation of keyrota labels the version that it creates for an access key.
fn awaits_rotation(seen: &ObservedEntry<'_>) -> bool {
    let ObservedEntry::AccessKey(entry, seen) = seen else {
        return false;
    };
    let labelled = seen
        .secret
        .as_ref()
        .and_then(|held| held.secret.version_with(MADE));
    entry.adopt && labelled.is_none()
}

/// Sets the schedules that the stack does not have, because a request turned them on.
async fn keep_schedules(
    context: &Context<'_>,
    deployed: &Deployed,
    before: &Observed<'_>,
    seeded: &mut Seeded<'_>,
) -> Result<()> {
    for (one, before) in seeded.entries.iter_mut().zip(&before.entries) {
        let entry = one.seen.entry();
        let function = deployed.function_arn(Strategy::for_entry(entry));
        let kept = one.seen.held().and_then(|held| {
            let rotation = plan::kept_rotation(entry, before.secret(), held, function)?;
            Some((held.secret.arn.clone(), rotation))
        });
        if let Some((arn, rotation)) = kept {
            switch_on(context, &arn, &rotation).await?;
            context.done(format!("set the rotation schedule of {}", entry.secret));
            one.seen = observe_entry(context, entry).await?;
        }
    }
    Ok(())
}

/// Rotates what has never rotated, and verifies every credential. All are tried before the first
/// failure ends the command. Other failures are reported as warnings.
async fn prove(
    context: &Context<'_>,
    model: &Model,
    deployed: &Deployed,
    seeded: &Seeded<'_>,
    rotates: bool,
) -> Result<Vec<Proven>> {
    let rotated: Vec<Result<Option<Rotated>>> = match rotates {
        true => rotate(context, model, deployed, seeded).await,
        false => model.entries.iter().map(|_| Ok(None)).collect(),
    };
    let mut secrets = Vec::new();
    let mut failure = None;
    for (entry, rotated) in model.entries.iter().zip(rotated) {
        let proven = async {
            let rotated = rotated?;
            Ok(Proven {
                arn: deployed.secret_arn(entry)?.to_owned(),
                verified: verify(context, deployed, entry, rotated.as_ref()).await?,
                rotated: rotated.is_some_and(|rotated| rotated.rotated),
            })
        };
        match proven.await {
            Ok(proven) => secrets.push(proven),
            Err(error) if failure.is_none() => failure = Some(error),
            Err(error) => {
                let error: Error = error;
                context.warn(error.to_string());
            }
        }
    }
    failure.map_or(Ok(secrets), Err)
}
