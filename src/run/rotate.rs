//! Rotations: begun, waited for, and taken up again where one was left.

use std::time::Duration;

use futures_util::{StreamExt, stream};
use jiff::Timestamp;
use serde_json::Value;

use super::error::{Error, Result};
use super::{CONCURRENCY, Context, Deployed, Seeded};
use crate::model::{AccessKey, Model};
use crate::plan::{ObservedEntry, ObservedSecret};
use crate::port::{CURRENT, ErrorKind, Optional, PENDING, Stage};

/// A secret whose rotation ended well.
#[derive(Clone, Debug)]
pub struct Rotated {
    /// The key before.
    pub old_key: Option<String>,
    /// The version that is AWSCURRENT now.
    pub version: String,
    /// It was this run that rotated.
    pub rotated: bool,
}

/// Rotates every secret that has never rotated, or whose rotation was left
/// unfinished; the others are left alone. One failure does not stop the others.
pub async fn rotate(
    context: &Context<'_>,
    model: &Model,
    deployed: &Deployed,
    seeded: &Seeded,
) -> Vec<Result<Rotated>> {
    let pairs = model.access_keys.iter().zip(&seeded.secrets);
    stream::iter(pairs)
        .map(|(entry, secret)| async move {
            let seen = &secret.seen;
            if !secret.changed
                && let Some(held) = &seen.secret
                && held.secret.last_rotated.is_some()
                && (held.secret.unfinished().is_none() || ends_as_trial(context, held).await?)
            {
                let version = held.secret.version_with(CURRENT);
                return Ok(Rotated {
                    old_key: None,
                    version: version.unwrap_or_default().to_owned(),
                    rotated: false,
                });
            }
            rotate_secret(context, model, deployed, entry, seen).await
        })
        .buffered(CONCURRENCY)
        .collect()
        .await
}

/// Returns whether the version that is pending was the trial of a new schedule,
/// having waited for its end. A trial's version never holds a key; a rotation
/// that was left before it stored one stays as it is.
async fn ends_as_trial(context: &Context<'_>, held: &ObservedSecret) -> Result<bool> {
    if held.pending_key.is_some() {
        return Ok(false);
    }
    let began = context.clock.now();
    loop {
        let secret = context.cloud.secret(&held.secret.arn).await?;
        let current = held.secret.version_with(CURRENT);
        if secret.is_some_and(|secret| {
            secret.unfinished().is_none() && secret.version_with(CURRENT) == current
        }) {
            return Ok(true);
        }
        let waited = context.clock.now().duration_since(began).unsigned_abs();
        if waited >= context.pace.trial {
            return Ok(false);
        }
        context.wait().await;
    }
}

/// Rotates one secret and waits until AWSCURRENT has moved.
///
/// Where an earlier rotation was left unfinished, that one is taken up first;
/// if it cannot end well any more it is given up, with its key.
///
/// # Errors
///
/// Returns [`Error::Rotation`] with what the function's log says. The credential
/// in use is then as it was.
pub async fn rotate_secret(
    context: &Context<'_>,
    model: &Model,
    deployed: &Deployed,
    entry: &AccessKey,
    seen: &ObservedEntry,
) -> Result<Rotated> {
    context.stage(Stage::Rotating(entry.secret.to_string()));
    let old_key = seen.credential().map(|held| held.accesskey.clone());
    let attempt = Attempt {
        context,
        deployed,
        entry,
        arn: deployed.secret_arn(entry)?,
        budget: Duration::from_secs(4 * model.function.timeout.as_seconds() + 60),
    };
    let unfinished = seen
        .secret
        .as_ref()
        .and_then(|held| held.secret.unfinished());
    let version = match unfinished {
        None => attempt.run().await?,
        Some(version) => match attempt.resume(version).await {
            Ok(Outcome::Current) => version.to_owned(),
            // It was the trial of a new schedule, and has ended.
            Ok(Outcome::Vanished) => attempt.run().await?,
            Err(Error::Rotation { reason, .. }) => {
                context.warn(format!(
                    "{}: the unfinished rotation is given up: {reason}",
                    entry.secret
                ));
                attempt.give_up(version, seen).await?;
                attempt.run().await?
            }
            Err(error) => return Err(error),
        },
    };
    Ok(Rotated {
        old_key,
        version,
        rotated: true,
    })
}

/// What became of a version that was pending.
enum Outcome {
    /// It is AWSCURRENT.
    Current,
    /// It carries no label any more.
    Vanished,
}

struct Attempt<'a> {
    context: &'a Context<'a>,
    deployed: &'a Deployed,
    entry: &'a AccessKey,
    arn: &'a str,
    budget: Duration,
}

impl Attempt<'_> {
    /// Begins a rotation and waits for it.
    async fn run(&self) -> Result<String> {
        let since = self.context.clock.now();
        let token = self.context.clock.token();
        loop {
            match self.context.cloud.rotate(self.arn, &token).await {
                Ok(version) => {
                    return match self.wait(&version, false, since).await? {
                        Outcome::Current => Ok(version),
                        Outcome::Vanished => Err(self.error("it was cancelled".into())),
                    };
                }
                // A new schedule is tried out first (`RotateImmediatelyOnUpdate`
                // is false), and while that goes on a rotation is refused.
                Err(error)
                    if error.kind == ErrorKind::Conflict
                        && self.waited(since) < self.context.pace.trial =>
                {
                    self.context.wait().await;
                }
                Err(error) => return Err(error.into()),
            }
        }
    }

    /// Has the unfinished rotation tried again. `RotateSecret` is refused while
    /// it is unfinished, and that refusal is what makes Secrets Manager try the
    /// old one again (`API_RotateSecret`).
    async fn resume(&self, version: &str) -> Result<Outcome> {
        let since = self.context.clock.now();
        match self.context.cloud.rotate(self.arn, version).await {
            Ok(begun) => self.wait(&begun, true, since).await,
            Err(error) if error.kind == ErrorKind::Conflict => {
                self.wait(version, true, since).await
            }
            Err(error) => Err(error.into()),
        }
    }

    /// Takes an unfinished rotation back: its key first, by ID, then its label.
    /// The key is ours, since our secret's pending version holds it, and it is
    /// not the one in use.
    async fn give_up(&self, version: &str, seen: &ObservedEntry) -> Result<()> {
        let pending = seen
            .secret
            .as_ref()
            .and_then(|held| held.pending_key.as_deref());
        let current = seen.credential().map(|held| held.accesskey.as_str());
        if let Some(id) = pending
            && Some(id) != current
            && seen.keys.iter().any(|key| key.id == id)
        {
            self.context
                .cloud
                .delete_key(self.entry.user.as_str(), id)
                .await?;
        }
        let moved = self
            .context
            .cloud
            .move_label(self.arn, PENDING, Some(version), None);
        moved.await.optional()?;
        Ok(())
    }

    /// Waits until a version is AWSCURRENT and no rotation is under way. `seen` says
    /// whether the version was told of before.
    async fn wait(&self, version: &str, mut seen: bool, since: Timestamp) -> Result<Outcome> {
        let mut failed: Option<(Timestamp, String)> = None;
        loop {
            let secret = self.context.cloud.secret(self.arn).await?;
            let secret = secret.ok_or_else(|| Error::NoSecret {
                secret: self.entry.secret.to_string(),
            })?;
            if secret.version_with(CURRENT) == Some(version) && secret.unfinished().is_none() {
                return Ok(Outcome::Current);
            }
            match secret.versions.contains_key(version) {
                true => seen = true,
                // A version that has just been begun may not be told of yet.
                false if seen => return Ok(Outcome::Vanished),
                false => {}
            }
            let now = self.context.clock.now();
            if let Some(reason) = self.reported(since).await?
                && failed.as_ref().is_none_or(|(_, held)| *held != reason)
            {
                failed = Some((now, reason));
            }
            match &failed {
                Some((at, reason))
                    if now.duration_since(*at).unsigned_abs() >= self.context.pace.after_error =>
                {
                    return Err(self.error(reason.clone()));
                }
                _ if self.waited(since) >= self.budget => {
                    let reason = format!("it did not end within {} s", self.budget.as_secs());
                    return Err(self.error(reason));
                }
                _ => self.context.wait().await,
            }
        }
    }

    /// Returns the last error that the function's log has of this secret.
    async fn reported(&self, since: Timestamp) -> Result<Option<String>> {
        let Some(group) = self.deployed.log_group() else {
            return Ok(None);
        };
        let messages = match self.context.cloud.log_messages(group, since).await {
            Ok(messages) => messages,
            // Reading logs is a help to the reader and no condition.
            Err(error) if error.kind == ErrorKind::Denied || error.kind.is_transient() => {
                return Ok(None);
            }
            Err(error) => return Err(error.into()),
        };
        let secret = self.entry.secret.as_str();
        Ok(messages
            .iter()
            .rev()
            .find_map(|message| error_in(message, secret)))
    }

    fn waited(&self, since: Timestamp) -> Duration {
        self.context
            .clock
            .now()
            .duration_since(since)
            .unsigned_abs()
    }

    fn error(&self, reason: String) -> Error {
        Error::Rotation {
            secret: self.entry.secret.to_string(),
            reason,
        }
    }
}

/// Returns the reason in one of the function's log lines, where it is an error
/// about the secret.
fn error_in(message: &str, secret: &str) -> Option<String> {
    let line: Value = serde_json::from_str(message.trim()).ok()?;
    let field = |name: &str| line.get(name).and_then(Value::as_str);
    let about = field("level") == Some("ERROR") && field("secret") == Some(secret);
    about
        .then(|| field("errorMessage").map(str::to_owned))
        .flatten()
}
