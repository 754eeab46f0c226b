//! Looking for what is wrong, and mending what may be mended without a person.

use futures_util::{StreamExt, TryStreamExt, future, stream};
use jiff::{SignedDuration, Timestamp};
use serde_json::json;

use super::database::check;
use super::error::{Error, Result};
use super::rotate::error_in;
use super::{
    CONCURRENCY, Context, Deployed, observe_database, observe_entry, rotate_database,
    rotate_secret, verify, verify_database,
};
use crate::model::{AccessKey, Database, Duration, Model, SecretName};
use crate::plan::{
    self, Diagnosis, Examined, ExaminedDatabase, ExaminedKey, Fix, ObservedDatabase, ObservedEntry,
    Proof,
};
use crate::port::{CURRENT, ErrorKind, Invoked, KeyPair, Rotation, Secret, Stage};
use crate::render::Strategy;

/// How far back the function's log is read for what keeps a rotation from ending.
const LOG: SignedDuration = SignedDuration::from_hours(24);

/// Looks at a stack and at all that belongs to it, and says what is wrong. Writes
/// nothing.
///
/// # Errors
///
/// Returns the first call that was refused; what is missing is a finding.
pub async fn examine(context: &Context<'_>, model: &Model) -> Result<Vec<Diagnosis>> {
    context.stage(Stage::Checking);
    let deployed = deployed(context, model).await?;
    let keys = stream::iter(&model.access_keys)
        .map(|entry| examine_key(context, deployed.as_ref(), entry))
        .buffered(CONCURRENCY)
        .try_collect()
        .await?;
    let databases = stream::iter(&model.databases)
        .map(|entry| examine_database(context, deployed.as_ref(), entry))
        .buffered(CONCURRENCY)
        .try_collect()
        .await?;
    Ok(diagnose(context, model, deployed, keys, databases))
}

fn diagnose(
    context: &Context<'_>,
    model: &Model,
    deployed: Option<Deployed>,
    keys: Vec<ExaminedKey<'_>>,
    databases: Vec<ExaminedDatabase<'_>>,
) -> Vec<Diagnosis> {
    let examined = Examined {
        region: context.region.to_owned(),
        stack: deployed.map(|deployed| deployed.stack),
        keys,
        databases,
    };
    let sweep = SignedDuration::try_from(context.pace.sweep).unwrap_or(SignedDuration::MAX);
    plan::diagnose(model, &examined, context.clock.now(), sweep)
}

/// Returns the stack in whatever state it is.
async fn deployed(context: &Context<'_>, model: &Model) -> Result<Option<Deployed>> {
    let name = model.stack.as_str();
    let (stack, resources) =
        future::try_join(context.cloud.stack(name), context.cloud.resources(name)).await?;
    Ok(stack.map(|stack| Deployed {
        stack,
        resources,
        changes: 0,
    }))
}

async fn examine_key<'a>(
    context: &Context<'_>,
    deployed: Option<&Deployed>,
    entry: &'a AccessKey,
) -> Result<ExaminedKey<'a>> {
    let secret_of = |seen: &ObservedEntry| seen.secret.as_ref().map(|held| held.secret.clone());
    let seen = settled(context, secret_of, || observe_entry(context, entry)).await?;
    let proof = prove_key(context, entry, &seen).await?;
    let secret = seen.secret.as_ref().map(|held| &held.secret);
    let reported = reported(context, deployed, Strategy::AccessKeys, secret).await?;
    Ok(ExaminedKey {
        entry,
        seen,
        proof,
        reported,
    })
}

async fn examine_database<'a>(
    context: &Context<'_>,
    deployed: Option<&Deployed>,
    entry: &'a Database,
) -> Result<ExaminedDatabase<'a>> {
    let secret_of = |seen: &ObservedDatabase| seen.secret.as_ref().map(|held| held.secret.clone());
    let seen = settled(context, secret_of, || observe_database(context, entry)).await?;
    let proof = prove_login(context, deployed, entry, &seen).await?;
    let secret = seen.secret.as_ref().map(|held| &held.secret);
    let reported = reported(context, deployed, Strategy::Databases, secret).await?;
    Ok(ExaminedDatabase {
        entry,
        seen,
        proof,
        reported,
    })
}

/// Looks until no rotation is under way, or one has been for so long that it may not
/// end: one that is in good health is no fault.
async fn settled<T>(
    context: &Context<'_>,
    secret_of: impl Fn(&T) -> Option<Secret>,
    look: impl AsyncFn() -> Result<T>,
) -> Result<T> {
    let began = context.clock.now();
    loop {
        let seen = look().await?;
        let secret = secret_of(&seen);
        let under_way = secret.is_some_and(|secret| secret.unfinished().is_some());
        if !under_way || waited(context, began) >= context.pace.after_error {
            return Ok(seen);
        }
        context.wait().await;
    }
}

/// Asks AWS whose the current key is, where that is to be expected to go well. A key
/// that a rotation has just made may not be known everywhere yet.
async fn prove_key(
    context: &Context<'_>,
    entry: &AccessKey,
    seen: &ObservedEntry,
) -> Result<Proof> {
    let (Some(credential), Some(user)) = (seen.credential(), &seen.user) else {
        return Ok(Proof::Untried);
    };
    let listed = seen.keys.iter().find(|key| key.id == credential.accesskey);
    if !listed.is_some_and(|key| key.active) || credential.username != entry.user.as_str() {
        return Ok(Proof::Untried);
    }
    let key = KeyPair {
        id: credential.accesskey.clone(),
        secret: credential.secretkey.clone(),
    };
    let began = context.clock.now();
    loop {
        let error = match context.cloud.holder(&key).await {
            Ok(caller) if caller.arn == user.arn => return Ok(Proof::Accepted),
            Ok(caller) => return Ok(Proof::Refused(format!("it is {}'s", caller.arn))),
            Err(error) => error,
        };
        let again = error.kind.is_transient() || error.kind == ErrorKind::Credentials;
        if again && waited(context, began) < context.pace.after_error {
            context.wait().await;
        } else if error.kind == ErrorKind::Credentials {
            return Ok(Proof::Refused(error.to_string()));
        } else {
            return Err(error.into());
        }
    }
}

/// Has the function log in, as it does for `bootstrap`: it changes nothing.
async fn prove_login(
    context: &Context<'_>,
    deployed: Option<&Deployed>,
    entry: &Database,
    seen: &ObservedDatabase,
) -> Result<Proof> {
    let (Some(deployed), Some(held), Some(login)) = (deployed, &seen.secret, seen.login()) else {
        return Ok(Proof::Untried);
    };
    let Some(version) = held.secret.version_with(CURRENT) else {
        return Ok(Proof::Untried);
    };
    if login.username != entry.username || login.engine != entry.engine {
        return Ok(Proof::Untried);
    }
    let (name, arn) = (entry.secret.as_str(), held.secret.arn.as_str());
    match check(context, deployed, name, arn, version).await {
        Ok(answer) => Ok(answer.refusal().map_or(Proof::Accepted, Proof::Refused)),
        Err(Error::NotAsked { reason, .. }) => Ok(Proof::Unknown(reason)),
        Err(error) => Err(error),
    }
}

/// Returns what the function last said of a rotation that is unfinished. To read the
/// log is a help, and no condition.
async fn reported(
    context: &Context<'_>,
    deployed: Option<&Deployed>,
    strategy: Strategy,
    secret: Option<&Secret>,
) -> Result<Option<String>> {
    let group = deployed.and_then(|deployed| deployed.log_group(strategy));
    let secret = secret.filter(|secret| secret.unfinished().is_some());
    let (Some(group), Some(secret)) = (group, secret) else {
        return Ok(None);
    };
    let now = context.clock.now();
    let since = now.checked_sub(LOG).unwrap_or(now);
    match context.cloud.log_messages(group, since).await {
        Ok(messages) => {
            let mut errors = messages.iter().rev();
            Ok(errors.find_map(|message| error_in(message, &secret.name)))
        }
        Err(error) if error.kind == ErrorKind::Denied => {
            let unread = "what the function reports cannot be read";
            context.warn(format!("{}: {unread}: {error}", secret.name));
            Ok(None)
        }
        Err(error) => Err(error.into()),
    }
}

fn waited(context: &Context<'_>, since: Timestamp) -> std::time::Duration {
    context.clock.now().duration_since(since).unsigned_abs()
}

/// Does what may be done without a person about each of these faults that has such a
/// remedy, having looked once more whether it is still as it was. One that does not go
/// well stops none of the others; its failure is told and returned.
///
/// # Errors
///
/// Returns the first call that was refused while looking.
pub async fn treat(
    context: &Context<'_>,
    model: &Model,
    diagnoses: &[Diagnosis],
) -> Result<Vec<Error>> {
    let mut fixes: Vec<(&Diagnosis, Fix)> = diagnoses
        .iter()
        .filter_map(|diagnosis| Some((diagnosis, diagnosis.fix?)))
        .collect();
    fixes.sort_by_key(|(_, fix)| *fix);
    let mut failures = Vec::new();
    for (diagnosis, fix) in fixes {
        let Some(secret) = &diagnosis.secret else {
            continue;
        };
        if let Err(error) = treat_one(context, model, secret, diagnosis, fix).await {
            context.warn(format!("{}: {error}", diagnosis.subject));
            failures.push(error);
        }
    }
    Ok(failures)
}

/// An entry as it is now.
enum Ward<'a> {
    Key(Box<ExaminedKey<'a>>),
    Database(Box<ExaminedDatabase<'a>>),
}

impl Ward<'_> {
    fn secret(&self) -> Option<&Secret> {
        match self {
            Self::Key(it) => it.seen.secret.as_ref().map(|held| &held.secret),
            Self::Database(it) => it.seen.secret.as_ref().map(|held| &held.secret),
        }
    }

    fn strategy(&self) -> Strategy {
        match self {
            Self::Key(..) => Strategy::AccessKeys,
            Self::Database(..) => Strategy::Databases,
        }
    }

    /// Returns what the manifest says of its rotation.
    fn rotation(&self, deployed: &Deployed) -> Rotation {
        let (schedule, window): (_, Option<Duration>) = match self {
            Self::Key(it) => (&it.entry.schedule, it.entry.window),
            Self::Database(it) => (&it.entry.schedule, it.entry.window),
        };
        let function = deployed.function_arn(self.strategy());
        Rotation {
            function: function.map(str::to_owned),
            schedule: Some(schedule.to_string()),
            window: window.map(|window| window.to_string()),
        }
    }
}

/// Looks at the entry of a secret alone.
async fn look<'a>(
    context: &Context<'_>,
    model: &'a Model,
    deployed: &Deployed,
    name: &SecretName,
) -> Result<Option<Ward<'a>>> {
    let key = model.access_keys.iter().find(|it| it.secret == *name);
    if let Some(entry) = key {
        let seen = examine_key(context, Some(deployed), entry).await?;
        return Ok(Some(Ward::Key(Box::new(seen))));
    }
    let database = model.databases.iter().find(|it| it.secret == *name);
    match database {
        Some(entry) => {
            let seen = examine_database(context, Some(deployed), entry).await?;
            Ok(Some(Ward::Database(Box::new(seen))))
        }
        None => Ok(None),
    }
}

async fn treat_one(
    context: &Context<'_>,
    model: &Model,
    name: &SecretName,
    diagnosis: &Diagnosis,
    fix: Fix,
) -> Result<()> {
    let Some(deployed) = deployed(context, model).await? else {
        return Ok(());
    };
    let Some(ward) = look(context, model, &deployed, name).await? else {
        return Ok(());
    };
    // What was done before, or somebody else did, may have mended it or made it worse.
    if !stands(context, model, &deployed, &ward, diagnosis) {
        return Ok(());
    }
    let Some(secret) = ward.secret() else {
        return Ok(());
    };
    match fix {
        Fix::Restore => {
            context.cloud.restore_secret(&secret.arn).await?;
            context.done(format!("{name}: its deletion was taken back"));
            Ok(())
        }
        Fix::Schedule => switch_on(context, &secret.arn, &ward.rotation(&deployed)).await,
        Fix::Resume | Fix::Rotate => rotate(context, model, &deployed, &ward).await,
        Fix::Sweep => sweep(context, &deployed, ward.strategy(), name, &secret.arn).await,
    }
}

/// Returns whether a fault is still there, and still has its remedy.
fn stands(
    context: &Context<'_>,
    model: &Model,
    deployed: &Deployed,
    ward: &Ward<'_>,
    diagnosis: &Diagnosis,
) -> bool {
    let (keys, databases) = match ward {
        Ward::Key(it) => (vec![it.as_ref().clone()], Vec::new()),
        Ward::Database(it) => (Vec::new(), vec![it.as_ref().clone()]),
    };
    let found = diagnose(context, model, Some(deployed.clone()), keys, databases);
    let same = |held: &Diagnosis| held.is_same(diagnosis) && held.fix == diagnosis.fix;
    found.iter().any(same)
}

/// Sets schedule and function, and waits for the function's trial of them: until that
/// has ended a rotation is refused.
async fn switch_on(context: &Context<'_>, arn: &str, rotation: &Rotation) -> Result<()> {
    let token = context.clock.token();
    context.cloud.schedule(arn, &token, rotation).await?;
    let began = context.clock.now();
    while let Some(secret) = context.cloud.secret(arn).await?
        && secret.unfinished().is_some()
        && waited(context, began) < context.pace.trial
    {
        context.wait().await;
    }
    Ok(())
}

/// Rotates as `keyrota rotate` does.
async fn rotate(
    context: &Context<'_>,
    model: &Model,
    deployed: &Deployed,
    ward: &Ward<'_>,
) -> Result<()> {
    match ward {
        Ward::Key(it) => {
            let (entry, seen) = (it.entry, &it.seen);
            let rotated = rotate_secret(context, model, deployed, entry, seen).await?;
            verify(context, entry, Some(&rotated)).await?;
        }
        Ward::Database(it) => {
            let (entry, seen) = (it.entry, &it.seen);
            let rotated = rotate_database(context, model, deployed, entry, seen).await?;
            verify_database(context, deployed, entry, Some(&rotated)).await?;
        }
    }
    Ok(())
}

/// Has the function look at one secret, as the hourly rule does.
async fn sweep(
    context: &Context<'_>,
    deployed: &Deployed,
    strategy: Strategy,
    name: &SecretName,
    arn: &str,
) -> Result<()> {
    let failed = |reason: String| Error::NotSwept {
        secret: name.to_string(),
        reason,
    };
    let function = deployed.function_arn(strategy);
    let function = function.ok_or_else(|| failed("the stack has no such function".into()))?;
    let event = json!({ "keyrota": "sweep", "secrets": [arn] }).to_string();
    match context.cloud.invoke(function, &event).await? {
        Invoked::Answered(_) => Ok(()),
        Invoked::Failed(reason) => Err(failed(reason)),
    }
}
