//! One rotation, of whatever a secret holds: begun, or taken up, and waited for.

use std::cell::Cell;
use std::time::Duration;

use jiff::Timestamp;
use keyrota_contract::error;
use serde_json::Value;

use super::super::error::{Error, Result};
use super::super::{Context, Deployed};
use crate::model::{Entry, FirstRotation, Model};
use crate::plan::wanted_rotation;
use crate::port::{CURRENT, ErrorKind, PENDING, PREVIOUS, Rotation, Secret};
use crate::render::Strategy;

/// How many passwords a command tries if the service's rules refuse them.
const MOST_PASSWORDS: u32 = 3;

/// What became of a version that was pending.
pub(super) enum Outcome {
    /// It is AWSCURRENT.
    Current,
    /// It carries no label any more.
    Vanished,
}

impl Outcome {
    /// Returns what became of a version, where it is pending no more.
    pub(super) fn of(secret: &Secret, version: &str) -> Option<Self> {
        match secret.unfinished() {
            Some(pending) if pending == version => None,
            _ if secret.version_with(CURRENT) == Some(version) => Some(Self::Current),
            _ => Some(Self::Vanished),
        }
    }
}

/// Returns the version of a secret that is current.
///
/// # Errors
///
/// Returns the call that was refused.
pub async fn current_version(context: &Context<'_>, secret: &str) -> Result<Option<String>> {
    let secret = context.cloud.secret(secret).await?;
    let current = secret
        .as_ref()
        .and_then(|secret| secret.version_with(CURRENT));
    Ok(current.map(str::to_owned))
}

/// What a rotation is waited for with.
pub(super) struct Attempt<'a> {
    pub(super) context: &'a Context<'a>,
    /// The secret's name.
    pub(super) name: &'a str,
    pub(super) arn: &'a str,
    /// The function's log group.
    group: Option<&'a str>,
    budget: Duration,
    /// The rotation configuration that a new rotation sets, where the stack has no schedule.
    attached: Option<Rotation>,
    /// It was said that the function's log cannot be read.
    blind: Cell<bool>,
}

impl<'a> Attempt<'a> {
    /// Returns what an entry's rotation is waited for with.
    pub(super) fn new(
        context: &'a Context<'a>,
        model: &Model,
        deployed: &'a Deployed,
        entry: &'a Entry,
    ) -> Result<Self> {
        Ok(Self {
            context,
            name: entry.secret.as_str(),
            arn: deployed.secret_arn(entry)?,
            group: deployed.log_group(Strategy::for_entry(entry)),
            budget: Duration::from_secs(4 * model.function.timeout.as_seconds() + 60),
            attached: (entry.first_rotation == FirstRotation::OnRequest)
                .then(|| wanted_rotation(entry, deployed.function_arn(Strategy::for_entry(entry)))),
            blind: Cell::new(false),
        })
    }

    /// Begins a rotation and waits for it. `from` is the version that is current. If it is not
    /// any more, another command has rotated the secret meanwhile, and that is enough.
    pub(super) async fn run(&self, from: Option<&str>) -> Result<String> {
        let mut since = self.context.clock.now();
        let mut token = self.context.clock.token();
        let mut passwords = 1;
        loop {
            let secret = self.await_other().await?;
            if let Some(version) = self.rotated_since(from, secret.as_ref()) {
                return Ok(version);
            }
            match self
                .context
                .cloud
                .rotate(self.arn, &token, self.attached.as_ref())
                .await
            {
                Ok(version) => match self.wait(&version, false, since).await? {
                    Outcome::Current => return Ok(version),
                    Outcome::Vanished => {
                        let reported = self.reported_by_now(since).await;
                        let is_rejected = reported
                            .as_ref()
                            .is_some_and(LoggedError::is_rejected_password);
                        if !is_rejected || passwords == MOST_PASSWORDS {
                            let reason =
                                reported.map_or_else(|| "it was canceled".into(), |it| it.message);
                            return Err(self.error(reason));
                        }
                        passwords += 1;
                        self.tell_rejected();
                        since = self.context.clock.now();
                        token = self.context.clock.token();
                    }
                },
                // A new schedule is tried out first (`RotateImmediatelyOnUpdate` is false), or
                // another command rotates the secret. While that goes on a rotation is refused.
                Err(error)
                    if error.kind == ErrorKind::Conflict
                        && self.context.waited(since) < self.context.pace.trial =>
                {
                    self.context.wait().await;
                }
                Err(error) => return Err(error.into()),
            }
        }
    }

    /// Returns the current version where it is another than before: another command has
    /// rotated the secret since.
    fn rotated_since(&self, from: Option<&str>, secret: Option<&Secret>) -> Option<String> {
        let now = secret?.version_with(CURRENT)?;
        if from? == now {
            return None;
        }
        self.context.done(format!(
            "{}: another command rotated it meanwhile, so it is not rotated again",
            self.name
        ));
        Some(now.to_owned())
    }

    /// Waits for a rotation that others began, as long as one may take that goes well. Returns
    /// the secret then.
    async fn await_other(&self) -> Result<Option<Secret>> {
        let began = self.context.clock.now();
        loop {
            let secret = self.context.cloud.secret(self.arn).await?;
            let is_over = secret
                .as_ref()
                .is_none_or(|secret| secret.unfinished().is_none());
            if is_over || self.context.waited(began) >= self.context.pace.joining {
                return Ok(secret);
            }
            self.context.wait().await;
        }
    }

    /// Waits for the unfinished rotation, and has it tried again if it does not end.
    /// `RotateSecret` is refused while it is unfinished, and that refusal is what makes Secrets
    /// Manager try the old one again (`API_RotateSecret`). One that another command began a
    /// moment ago is better left alone: its steps would run twice at once.
    pub(super) async fn resume(&self, version: &str) -> Result<Outcome> {
        let since = self.context.clock.now();
        let secret = self.await_other().await?;
        if let Some(outcome) = secret.and_then(|secret| Outcome::of(&secret, version)) {
            return Ok(outcome);
        }
        match self.context.cloud.rotate(self.arn, version, None).await {
            Ok(begun) => self.wait(&begun, true, since).await,
            Err(error) if error.kind == ErrorKind::Conflict => {
                self.wait(version, true, since).await
            }
            Err(error) => Err(error.into()),
        }
    }

    /// Removes AWSPENDING, without which a version cannot become current.
    pub(super) async fn take_label(&self, version: &str) -> Result<()> {
        let cloud = self.context.cloud;
        let taken = cloud.move_label(self.arn, PENDING, Some(version), None);
        taken.await.map_err(Error::from)
    }

    /// Says that the rotation is tried again. What the function advises is left out: it is for
    /// an error that stays.
    fn tell_trying_again(&self, reason: &str) {
        let (failure, _) = reason.split_once("; ").unwrap_or((reason, ""));
        self.context.done(format!(
            "{}: {failure}; trying again, because this may pass: IAM may not know a recent change yet, or AWS is busy",
            self.name
        ));
    }

    /// Says that an unfinished rotation is given up.
    pub(super) fn tell_given_up(&self, reason: &str) {
        self.context.warn(format!(
            "{}: abandoning the unfinished rotation: {reason}",
            self.name
        ));
    }

    /// Says that a rotation begins again, because the new password was refused.
    fn tell_rejected(&self) {
        self.context.done(format!(
            "{}: the rules of the service refuse the new password; rotating again with another one",
            self.name
        ));
    }

    /// Says that the function gave an unfinished rotation up.
    pub(super) fn tell_vanished(&self) {
        self.context.warn(format!(
            "{}: the unfinished rotation was abandoned; starting another one",
            self.name
        ));
    }

    /// Waits until a version is AWSCURRENT and no rotation is under way. `seen` says
    /// whether the version was reported before.
    async fn wait(&self, version: &str, mut seen: bool, since: Timestamp) -> Result<Outcome> {
        let pace = self.context.pace;
        let mut failed: Option<(Timestamp, LoggedError)> = None;
        // When the steps of the rotation were last started.
        let mut started = since;
        // The error after which they were started again.
        let mut told: Option<LoggedError> = None;
        loop {
            let secret = self.context.cloud.secret(self.arn).await?;
            let secret = secret.ok_or_else(|| Error::NoSecret {
                secret: self.name.to_owned(),
            })?;
            if secret.version_with(CURRENT) == Some(version) && secret.unfinished().is_none() {
                return Ok(Outcome::Current);
            }
            // Labels of keyrota's own stay on a version whose rotation has ended.
            match secret.unfinished() == Some(version)
                || secret.version_with(CURRENT) == Some(version)
            {
                true => seen = true,
                // Secrets Manager may not report a version that was just created yet.
                // If it was current between two looks, another rotation has followed it.
                false if secret.version_with(PREVIOUS) == Some(version) => {
                    return Ok(Outcome::Current);
                }
                false if seen => return Ok(Outcome::Vanished),
                false => {}
            }
            let now = self.context.clock.now();
            if let Some(error) = self.reported(started).await
                && failed.as_ref().is_none_or(|(_, held)| *held != error)
            {
                failed = Some((now, error));
            }
            match &failed {
                Some((at, error))
                    if error.may_pass()
                        && self.context.waited(*at) >= pace.retry
                        && self.context.waited(since) < pace.propagation =>
                {
                    if told.is_none() {
                        self.tell_trying_again(&error.message);
                    }
                    told = failed.take().map(|(_, error)| error);
                    started = now;
                    self.try_again(version).await?;
                }
                Some((at, error)) if self.context.waited(*at) >= pace.after_error => {
                    return Err(self.error(error.message.clone()));
                }
                _ if self.context.waited(since) >= self.budget => {
                    let budget = self.budget.as_secs();
                    // Secrets Manager does not run the steps again while they still run.
                    let reason = match told {
                        Some(LoggedError { message, .. }) => format!(
                            "it did not end within {budget} s after its last error: {message}"
                        ),
                        None => format!("it did not end within {budget} s"),
                    };
                    return Err(self.error(reason));
                }
                _ => self.context.wait().await,
            }
        }
    }

    /// Has Secrets Manager run the steps of an unfinished rotation again: it does so when it
    /// refuses another one (`API_RotateSecret`).
    async fn try_again(&self, version: &str) -> Result<()> {
        match self.context.cloud.rotate(self.arn, version, None).await {
            Err(error) if error.kind != ErrorKind::Conflict => Err(error.into()),
            _ => Ok(()),
        }
    }

    /// Returns the last error that the function's log has of this secret.
    async fn reported(&self, since: Timestamp) -> Option<LoggedError> {
        // Reading logs is a help to the reader and no condition.
        let context = self.context;
        let messages = match context.logs.messages(context, self.group?, since).await {
            Ok(messages) => messages,
            Err(error) => {
                if error.kind == ErrorKind::Denied && !self.blind.replace(true) {
                    let unread = "cannot read the function's log";
                    context.warn(format!("{}: {unread}: {error}", self.name));
                }
                return None;
            }
        };
        messages
            .iter()
            .rev()
            .find_map(|message| LoggedError::about(self.name, message))
    }

    /// Returns the same for a rotation that was given up, which the log may tell
    /// later than the labels do.
    async fn reported_by_now(&self, since: Timestamp) -> Option<LoggedError> {
        let began = self.context.clock.now();
        loop {
            let reported = self.reported(since).await;
            let cannot_come = self.group.is_none() || self.blind.get();
            if reported.is_some()
                || cannot_come
                || self.context.waited(began) >= self.context.pace.after_error
            {
                return reported;
            }
            self.context.wait().await;
        }
    }

    fn error(&self, reason: String) -> Error {
        Error::Rotation {
            secret: self.name.to_owned(),
            reason,
        }
    }
}

/// The error codes of AWS, which the functions' messages contain, that may disappear without a
/// change: IAM does not know a new key, a new
/// user, or a new policy of the function's role or the user at every endpoint yet, or there are
/// too many requests in the account.
const PASSING: [&str; 7] = [
    "AccessDenied",
    "InvalidClientTokenId",
    "NoSuchEntity",
    "SignatureDoesNotMatch",
    "Throttling",
    "TooManyRequestsException",
    "UnrecognizedClientException",
];

/// An error that a function's log reports.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::run) struct LoggedError {
    /// The error's name, if the log has one.
    name: Option<String>,
    /// What happened, and the next step.
    pub(in crate::run) message: String,
}

impl LoggedError {
    /// Returns the error in a JSON log line of level ERROR about a secret. Lambda's own lines
    /// name the secret, if at all, within their text.
    pub(in crate::run) fn about(secret: &str, line: &str) -> Option<Self> {
        let object: Value = serde_json::from_str(line.trim()).ok()?;
        let text = |field: &str| object.get(field).and_then(Value::as_str);
        let is_about = match text("secret") {
            Some(named) => named == secret,
            None => line.contains(secret),
        };
        if !is_about || text("level")? != "ERROR" {
            return None;
        }
        Some(Self {
            name: text(error::TYPE_FIELD).map(str::to_owned),
            message: text(error::MESSAGE_FIELD)?.to_owned(),
        })
    }

    /// Returns whether the service's rules refuse the new password, so that the next rotation, which makes
    /// another, may succeed.
    fn is_rejected_password(&self) -> bool {
        self.name.as_deref() == Some(error::PASSWORD_REJECTED)
    }

    /// Returns whether the error may disappear without a change.
    fn may_pass(&self) -> bool {
        self.name.as_deref() == Some(error::CURRENT_KEY_MISSING)
            || PASSING.iter().any(|code| self.message.contains(code))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_may_pass_is_tried_again() {
        let may_pass = |name: &str, message: &str| {
            let error = LoggedError {
                name: Some(name.to_owned()),
                message: message.to_owned(),
            };
            error.may_pass()
        };
        assert!(may_pass("KeyNotMade", "it is not allowed (AccessDenied)"));
        assert!(may_pass(
            "KeyNotMade",
            "AWS is busy (Throttling, request 1)"
        ));
        assert!(may_pass(error::CURRENT_KEY_MISSING, "not among the keys"));
        assert!(!may_pass(
            "KeyNotMade",
            "a quota is used up (LimitExceeded)"
        ));
    }

    #[test]
    fn an_error_is_that_of_its_own_secret() {
        let line = |secret: &str, level: &str| {
            format!(r#"{{"level":"{level}","secret":"{secret}","errorMessage":"no"}}"#)
        };
        let reads = |line: &str| LoggedError::about("prod/app", line).is_some();
        assert!(reads(&line("prod/app", "ERROR")));
        assert!(!reads(&line("prod/app", "INFO")));
        assert!(!reads(&line("prod/app2", "ERROR")));
        assert!(reads(
            r#"{"level":"ERROR","errorMessage":"prod/app: timed out"}"#
        ));
        assert!(!reads("prod/app: not JSON"));
    }
}
