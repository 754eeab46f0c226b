//! Rotations: begun, waited for, and taken up again where one was left.

use std::cell::Cell;
use std::time::Duration;

use futures_util::{StreamExt, stream};
use jiff::Timestamp;
use serde_json::Value;

use super::error::{Error, Result};
use super::{CONCURRENCY, Context, Deployed, Seeded, observe_entry};
use crate::model::{AccessKey, Model};
use crate::plan::{ABANDONED_TAG, ObservedEntry, ObservedSecret};
use crate::port::{CURRENT, ErrorKind, PENDING, Secret, Stage};

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
                && !held.secret.tags.contains_key(ABANDONED_TAG)
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
    let secret = || entry.secret.to_string();
    let held = seen.secret.as_ref();
    let held = held.ok_or_else(|| Error::NoSecret { secret: secret() })?;
    let credential = held.credential();
    let credential = credential.ok_or_else(|| Error::Incomplete { secret: secret() })?;
    let attempt = Attempt {
        context,
        deployed,
        entry,
        arn: deployed.secret_arn(entry)?,
        budget: Duration::from_secs(4 * model.function.timeout.as_seconds() + 60),
        blind: Cell::new(false),
    };
    attempt.remove_abandoned(seen).await?;
    let taken_up = match held.secret.unfinished() {
        Some(version) => attempt.take_up(version, held).await?,
        None => None,
    };
    Ok(Rotated {
        old_key: Some(credential.accesskey.clone()),
        version: match taken_up {
            Some(version) => version,
            None => attempt.run().await?,
        },
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

impl Outcome {
    /// Returns what became of a version, where it is pending no more.
    fn of(secret: &Secret, version: &str) -> Option<Self> {
        match secret.unfinished() {
            Some(pending) if pending == version => None,
            _ if secret.version_with(CURRENT) == Some(version) => Some(Self::Current),
            _ => Some(Self::Vanished),
        }
    }
}

struct Attempt<'a> {
    context: &'a Context<'a>,
    deployed: &'a Deployed,
    entry: &'a AccessKey,
    arn: &'a str,
    budget: Duration,
    /// It was said that the function's log cannot be read.
    blind: Cell<bool>,
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
                        Outcome::Vanished => {
                            let reported = self.reported(since).await;
                            let reason = reported.unwrap_or_else(|| "it was cancelled".into());
                            Err(self.error(reason))
                        }
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

    /// Takes up a rotation that was left unfinished; returns its version where that
    /// has become AWSCURRENT, and nothing where another is to begin.
    async fn take_up(&self, version: &str, held: &ObservedSecret) -> Result<Option<String>> {
        let outcome = match self.resume(version).await {
            Err(Error::Rotation { reason, .. }) => {
                self.context.warn(format!(
                    "{}: the unfinished rotation is given up: {reason}",
                    self.entry.secret
                ));
                self.give_up(version).await?
            }
            // The function does so where it can never end well. What held no key may
            // have been the trial of a new schedule, which has ended.
            Ok(Outcome::Vanished) if held.pending_key.is_some() => {
                self.context.warn(format!(
                    "{}: the unfinished rotation was given up, and another begins",
                    self.entry.secret
                ));
                Outcome::Vanished
            }
            outcome => outcome?,
        };
        Ok(match outcome {
            Outcome::Current => Some(version.to_owned()),
            Outcome::Vanished => None,
        })
    }

    /// Has the unfinished rotation tried again. `RotateSecret` is refused while
    /// it is unfinished, and that refusal is what makes Secrets Manager try the
    /// old one again (`API_RotateSecret`).
    async fn resume(&self, version: &str) -> Result<Outcome> {
        let since = self.context.clock.now();
        // What was seen may have ended since, above all the trial of a new
        // schedule; a rotation under its version would find that one's value.
        let secret = self.context.cloud.secret(self.arn).await?;
        if let Some(outcome) = secret.and_then(|secret| Outcome::of(&secret, version)) {
            return Ok(outcome);
        }
        match self.context.cloud.rotate(self.arn, version).await {
            Ok(begun) => self.wait(&begun, true, since).await,
            Err(error) if error.kind == ErrorKind::Conflict => {
                self.wait(version, true, since).await
            }
            Err(error) => Err(error.into()),
        }
    }

    /// Takes an unfinished rotation back: its label first, without which it cannot
    /// be finished, then its key. The key is ours, since our secret's pending
    /// version holds it; its ID is noted on the secret first, since nothing names
    /// it any more once the label is gone.
    async fn give_up(&self, version: &str) -> Result<Outcome> {
        let cloud = self.context.cloud;
        let seen = observe_entry(self.context, self.entry).await?;
        let Some(held) = &seen.secret else {
            return Ok(Outcome::Vanished);
        };
        if let Some(outcome) = Outcome::of(&held.secret, version) {
            return Ok(outcome);
        }
        if let Some(id) = &held.pending_key {
            cloud.tag(self.arn, ABANDONED_TAG, id).await?;
        }
        let moved = cloud.move_label(self.arn, PENDING, Some(version), None);
        let moved = moved.await;
        let seen = observe_entry(self.context, self.entry).await?;
        let secret = seen.secret.as_ref();
        let outcome = secret.and_then(|held| Outcome::of(&held.secret, version));
        if outcome.is_none() {
            // Refused, and not because the rotation was finished meanwhile.
            moved?;
        }
        self.remove_abandoned(&seen).await?;
        Ok(outcome.unwrap_or(Outcome::Vanished))
    }

    /// Deletes the key of a rotation that was given up, unless that rotation was
    /// finished after all.
    async fn remove_abandoned(&self, seen: &ObservedEntry) -> Result<()> {
        let Some(held) = &seen.secret else {
            return Ok(());
        };
        let Some(id) = held.secret.tags.get(ABANDONED_TAG) else {
            return Ok(());
        };
        let cloud = self.context.cloud;
        let is_held = |key: Option<&String>| key == Some(id);
        let current = held.credential().map(|current| &current.accesskey);
        if held.credential().is_some()
            && !is_held(current)
            && !is_held(held.previous_key.as_ref())
            && !is_held(held.pending_key.as_ref())
        {
            cloud.delete_key(self.entry.user.as_str(), id).await?;
        }
        if !is_held(held.pending_key.as_ref()) {
            cloud.untag(self.arn, ABANDONED_TAG).await?;
        }
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
            // Labels of keyrota's own stay on a version whose rotation has ended.
            match secret.unfinished() == Some(version)
                || secret.version_with(CURRENT) == Some(version)
            {
                true => seen = true,
                // A version that has just been begun may not be told of yet.
                false if seen => return Ok(Outcome::Vanished),
                false => {}
            }
            let now = self.context.clock.now();
            if let Some(reason) = self.reported(since).await
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
    async fn reported(&self, since: Timestamp) -> Option<String> {
        let group = self.deployed.log_group()?;
        // Reading logs is a help to the reader and no condition.
        let messages = match self.context.cloud.log_messages(group, since).await {
            Ok(messages) => messages,
            Err(error) => {
                if error.kind == ErrorKind::Denied && !self.blind.replace(true) {
                    let unread = "what the function reports cannot be read";
                    self.context
                        .warn(format!("{}: {unread}: {error}", self.entry.secret));
                }
                return None;
            }
        };
        let name = self.entry.secret.as_str();
        messages
            .iter()
            .rev()
            .find_map(|message| error_in(message, name))
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

/// Returns the reason in a JSON log line of level ERROR about a secret:
/// `errorMessage`, which is also what Lambda's own lines call it. Those name the
/// secret, if at all, within their text.
fn error_in(message: &str, secret: &str) -> Option<String> {
    let line: Value = serde_json::from_str(message.trim()).ok()?;
    let about = match line.get("secret").and_then(Value::as_str) {
        Some(named) => named == secret,
        None => message.contains(secret),
    };
    if !about || line.get("level")?.as_str()? != "ERROR" {
        return None;
    }
    line.get("errorMessage")?.as_str().map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_is_that_of_its_own_secret() {
        let line = |secret: &str, level: &str| {
            format!(r#"{{"level":"{level}","secret":"{secret}","errorMessage":"no"}}"#)
        };
        let reads = |message: &str| error_in(message, "prod/app").is_some();
        assert!(reads(&line("prod/app", "ERROR")));
        assert!(!reads(&line("prod/app", "INFO")));
        assert!(!reads(&line("prod/app2", "ERROR")));
        assert!(reads(
            r#"{"level":"ERROR","errorMessage":"prod/app: timed out"}"#
        ));
        assert!(!reads("prod/app: not JSON"));
    }
}
