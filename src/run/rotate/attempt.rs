//! One rotation of a secret of any kind: starts or resumes it, and waits for it to end.

use std::cell::Cell;
use std::time::Duration;

use jiff::Timestamp;

use super::super::error::{Error, Result};
use super::super::{Context, Deployed};
use super::logged_error::LoggedError;
use crate::model::{Entry, FirstRotation, Model};
use crate::plan::{longest_rotation, wanted_rotation};
use crate::port::{CURRENT, ErrorKind, PENDING, PREVIOUS, Rotation, Secret};
use crate::render::Strategy;

/// How many passwords a command tries if the service's rules refuse them.
const MOST_PASSWORDS: u32 = 3;

/// How the rotation of a pending version ended.
pub(super) enum Outcome {
    /// It is AWSCURRENT.
    Current,
    /// It no longer has a staging label.
    Vanished,
}

impl Outcome {
    /// Returns how the rotation of a version ended, or `None` if the version is still pending.
    pub(super) fn of(secret: &Secret, version: &str) -> Option<Self> {
        match secret.unfinished() {
            Some(pending) if pending == version => None,
            _ if secret.version_with(CURRENT) == Some(version) => Some(Self::Current),
            _ => Some(Self::Vanished),
        }
    }
}

/// Returns the ID of the current version of a secret.
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

/// An attempt to rotate a secret.
pub(super) struct Attempt<'a> {
    pub(super) context: &'a Context<'a>,
    /// The secret's name.
    pub(super) name: &'a str,
    pub(super) arn: &'a str,
    /// The function's log group.
    group: Option<&'a str>,
    /// How long a rotation may take.
    budget: Duration,
    /// How long the function may write nothing to its log: the timeout of one invocation, and the time in
    /// which its last error would have ended the wait.
    silence: Duration,
    /// The rotation configuration that a new rotation sets, if the stack has no schedule.
    attached: Option<Rotation>,
    /// Whether a warning has said that the function's log cannot be read.
    blind: Cell<bool>,
}

impl<'a> Attempt<'a> {
    /// Returns an attempt to rotate an entry's secret.
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
            budget: longest_rotation(model).unsigned_abs(),
            silence: Duration::from_secs(model.function.timeout.as_seconds())
                + context.pace.after_error,
            attached: (entry.first_rotation == FirstRotation::OnRequest)
                .then(|| wanted_rotation(entry, deployed.function_arn(Strategy::for_entry(entry)))),
            blind: Cell::new(false),
        })
    }

    /// Starts a rotation and waits for it. `from` is the version that was current when the command
    /// started. If another version is current now, another command has rotated the secret in the
    /// meantime, and this one does not rotate it again.
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
                        self.report_rejected_password();
                        since = self.context.clock.now();
                        token = self.context.clock.token();
                    }
                },
                // Secrets Manager refuses a rotation while it tests the configuration of a new
                // schedule (`RotateImmediatelyOnUpdate` is false), and during another rotation.
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

    /// Returns the current version if it differs from `from`, because another command has rotated
    /// the secret.
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

    /// Waits for a rotation that another command started, as long as a successful rotation may take.
    /// Returns the secret as it is then.
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

    /// Waits for the unfinished rotation, and retries it if it does not end. Secrets Manager refuses
    /// `RotateSecret` while a rotation is unfinished, and retries that rotation when it refuses
    /// (`API_RotateSecret`). A rotation that another command has just started is not retried, because
    /// its steps would run twice at the same time.
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

    /// Removes AWSPENDING from a version, which cannot become current without it.
    pub(super) async fn remove_pending_label(&self, version: &str) -> Result<()> {
        let cloud = self.context.cloud;
        let removed = cloud.move_label(self.arn, PENDING, Some(version), None);
        removed.await.map_err(Error::from)
    }

    /// Reports that the rotation is retried. Omits the advice in the function's message, because it
    /// is for an error that does not disappear by itself.
    fn report_retry(&self, reason: &str) {
        let (failure, _) = reason.split_once("; ").unwrap_or((reason, ""));
        self.context.done(format!(
            "{}: {failure}; trying again, because this may pass: IAM may not know a recent change yet, or AWS is busy",
            self.name
        ));
    }

    /// Warns that an unfinished rotation is abandoned.
    pub(super) fn report_abandoning(&self, reason: &str) {
        self.context.warn(format!(
            "{}: abandoning the unfinished rotation: {reason}",
            self.name
        ));
    }

    /// Reports that another rotation starts, because the service refused the new password.
    fn report_rejected_password(&self) {
        self.context.done(format!(
            "{}: the rules of the service refuse the new password; rotating again with another one",
            self.name
        ));
    }

    /// Warns that the function has abandoned the unfinished rotation.
    pub(super) fn report_abandoned_by_function(&self) {
        self.context.warn(format!(
            "{}: the unfinished rotation was abandoned; starting another one",
            self.name
        ));
    }

    /// Waits until a version is AWSCURRENT and no rotation is in progress. `seen` is whether Secrets
    /// Manager has already shown the version.
    async fn wait(&self, version: &str, mut seen: bool, since: Timestamp) -> Result<Outcome> {
        let pace = self.context.pace;
        let mut failed: Option<(Timestamp, LoggedError)> = None;
        // When the steps of the rotation were last started.
        let mut started = since;
        // The error after which they were started again.
        let mut retried: Option<LoggedError> = None;
        // The last sign that the function works: a line in its log, or a label that has moved.
        let mut sign = (since, (0, None));
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
                // Secrets Manager may not show a version yet that was just created. If the version
                // was current between two requests, another rotation has followed.
                false if secret.version_with(PREVIOUS) == Some(version) => {
                    return Ok(Outcome::Current);
                }
                false if seen => return Ok(Outcome::Vanished),
                false => {}
            }
            let now = self.context.clock.now();
            let state = (
                self.messages(since).await.len(),
                Some(secret.versions.clone()),
            );
            if sign.1 != state {
                sign = (now, state);
            }
            if let Some(error) = self.reported(started).await
                && failed.as_ref().is_none_or(|(_, held)| *held != error)
            {
                failed = Some((now, error));
            }
            match &failed {
                Some((at, error))
                    if error.is_transient()
                        && self.context.waited(*at) >= pace.retry
                        && self.context.waited(since) < pace.propagation =>
                {
                    if retried.is_none() {
                        self.report_retry(&error.message);
                    }
                    retried = failed.take().map(|(_, error)| error);
                    started = now;
                    self.retry(version).await?;
                }
                Some((at, error)) if self.context.waited(*at) >= pace.after_error => {
                    return Err(self.error(error.message.clone()));
                }
                None if self.reads_log() && self.context.waited(sign.0) >= self.silence => {
                    return Err(self.error(self.silent()));
                }
                _ if self.context.waited(since) >= self.budget => {
                    let budget = self.budget.as_secs();
                    // Secrets Manager does not run the steps again while they still run.
                    let reason = match retried {
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

    /// Makes Secrets Manager run the steps of an unfinished rotation again, which it does when it
    /// refuses another rotation (`API_RotateSecret`).
    async fn retry(&self, version: &str) -> Result<()> {
        match self.context.cloud.rotate(self.arn, version, None).await {
            Err(error) if error.kind != ErrorKind::Conflict => Err(error.into()),
            _ => Ok(()),
        }
    }

    /// Returns whether the function's log can be read, as far as is known.
    fn reads_log(&self) -> bool {
        self.group.is_some() && !self.blind.get()
    }

    /// Returns why the command stops waiting for a rotation whose function is silent. Lambda does not let
    /// an invocation run longer than the timeout, and Lambda writes a line when it ends.
    fn silent(&self) -> String {
        let silence = self.silence.as_secs();
        let group = self.group.unwrap_or_default();
        format!(
            "the function has written nothing to its log for {silence} s, which is longer than its timeout, so Lambda has ended it, or has not started it; look for errors of Lambda in the log group {group}, and check the state and the reserved concurrency of the function with `aws lambda get-function`"
        )
    }

    /// Returns the last error about this secret in the function's log.
    async fn reported(&self, since: Timestamp) -> Option<LoggedError> {
        let messages = self.messages(since).await;
        messages
            .iter()
            .rev()
            .find_map(|message| LoggedError::about(self.name, message))
    }

    /// Returns the messages in the function's log, or none if they cannot be read. They explain a failure,
    /// and the rotation does not depend on them.
    async fn messages(&self, since: Timestamp) -> Vec<String> {
        let context = self.context;
        let Some(group) = self.group else {
            return Vec::new();
        };
        match context.logs.messages(context, group, since).await {
            Ok(messages) => messages,
            Err(error) => {
                if error.kind == ErrorKind::Denied && !self.blind.replace(true) {
                    let unread = "cannot read the function's log";
                    context.warn(format!("{}: {unread}: {error}", self.name));
                }
                Vec::new()
            }
        }
    }

    /// Returns the same for a rotation that was abandoned. The log may show its error later than the
    /// labels change.
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
