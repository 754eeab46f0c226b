//! The common part of a sweep: it inspects every secret of the stack, several at a time. Each
//! function defines what it inspects, and all of them look for rotations that are overdue or do
//! not end.

use std::cell::{Cell, RefCell};
use std::time::Duration;

use crate::arn::SecretArn;
use crate::clock::{Clock, Deadline};
use crate::error::{ReadError, RequestError};
use crate::log::Note;
use crate::metric::Metric;
use crate::moment::Moment;
use crate::port::{Journal, Ports};
use crate::secret::{Content, Credential};
use crate::secrets_manager::{CallErrorKind, Description, SecretsManager, VersionSelector};
use crate::stage::{self, PENDING};
use crate::step::{SecretVersion, describe, unread};

/// The maximum number of secret names in an error.
const NAMED: usize = 10;

/// The maximum time of the four steps of a rotation, each of which may take 15 minutes, the
/// longest timeout of a function. A rotation that is retried for longer is reported too.
const LONGEST_ROTATION: Duration = Duration::from_secs(3_600);

/// Returns whether a rotation of the secret began so long ago that it must be reported, because
/// AWSPENDING is still on a version other than AWSCURRENT's. Records it in the log.
///
/// Secrets Manager does not invoke the function for a rotation that it no longer retries, or that it
/// cannot invoke the function for, so no step can report it. `DescribeSecret` does not return
/// when a version was created. The last change of the secret is never earlier than that, but
/// may be later, for example if something writes a tag every hour. Then the version itself is
/// read, which has no date if the rotation has stored no value.
///
/// # Errors
///
/// Fails if the pending version must be read and the call fails.
async fn is_stuck<P: Ports>(
    ports: &P,
    secret: &SecretArn,
    description: &Description,
) -> Result<bool, ReadError> {
    if !stage::is_rotating(&description.stages) {
        return Ok(false);
    }
    let now = ports.clock().moment();
    let is_old = |date: Option<Moment>| date.is_some_and(|date| now.since(date) > LONGEST_ROTATION);
    let mut stuck = is_old(description.last_changed);
    if !stuck {
        let pending = VersionSelector::Labelled(PENDING);
        stuck = match ports.secrets_manager().read(secret, pending).await {
            Ok(found) => is_old(found.created),
            Err(error) if has_no_date(error.kind) => false,
            Err(source) => return Err(unread(secret, source)),
        };
    }
    if stuck {
        let reason = "a rotation of the secret began more than an hour ago";
        let note = Note::new("stuck", reason);
        ports.journal().note(note.of(secret));
    }
    Ok(stuck)
}

/// Returns whether a pending version that was not read has no value that could be read.
fn has_no_date(kind: CallErrorKind) -> bool {
    matches!(kind, CallErrorKind::NotFound | CallErrorKind::Undecryptable)
}

/// What a sweep has found so far, for the metrics that the alarms need.
#[derive(Debug, Default)]
pub struct Findings {
    overdue: Cell<usize>,
    stuck: Cell<usize>,
    ages: RefCell<Vec<Duration>>,
}

impl Findings {
    /// Returns a secret's description, and records a rotation that is overdue or does not end.
    ///
    /// # Errors
    ///
    /// Fails if a call fails.
    pub async fn describe<P: Ports>(
        &self,
        ports: &P,
        secret: &SecretArn,
    ) -> Result<Description, ReadError> {
        let description = describe(ports, secret).await?;
        if description.is_overdue(ports.clock().moment()) {
            self.overdue.update(|count| count + 1);
        }
        if is_stuck(ports, secret, &description).await? {
            self.stuck.update(|count| count + 1);
        }
        Ok(description)
    }

    /// Records the age of a secret's current value, if it is complete.
    pub fn record_age<C: Credential>(&self, current: &SecretVersion<C>, now: Moment) {
        if let (Content::Complete(_), Some(created)) = (&current.content, current.created) {
            self.ages.borrow_mut().push(now.since(created));
        }
    }

    /// Returns the metrics of a sweep.
    pub fn into_metrics(self, failed: &FailedSecrets) -> [Metric; 4] {
        [
            Metric::Failures(failed.count()),
            Metric::RotationsOverdue(self.overdue.get()),
            Metric::RotationsStuck(self.stuck.get()),
            Metric::CredentialAge(self.ages.into_inner()),
        ]
    }
}

/// The secrets that a sweep failed for.
#[derive(Debug, Default)]
pub struct FailedSecrets(Vec<String>);

impl FailedSecrets {
    /// Returns the number of secrets that failed.
    pub fn count(&self) -> usize {
        self.0.len()
    }

    /// Returns the result of a sweep of `all` secrets.
    ///
    /// # Errors
    ///
    /// Fails if the sweep failed for any secret, so that Lambda tries again.
    pub fn into_result(self, all: usize) -> Result<(), RequestError> {
        if self.0.is_empty() {
            return Ok(());
        }
        let failed = self.count();
        let mut names = self.0[..failed.min(NAMED)].join(", ");
        if failed > NAMED {
            names.push_str(", …");
        }
        Err(RequestError::SweepFailed { failed, all, names })
    }
}

/// The common settings of a sweep.
pub struct Sweep<'request, P> {
    /// The dependencies.
    pub ports: &'request P,
    /// When the sweep must end.
    pub deadline: Deadline,
    /// The maximum time that a secret normally takes. The sweep begins no secret with less time
    /// left.
    pub enough: Duration,
    /// The text before a secret's name in errors: `the old key of `, or nothing.
    pub subject: &'static str,
}

impl<P: Ports> Sweep<'_, P> {
    /// Inspects every secret, in order and four at a time. A failure of one does not stop the
    /// others. Records each failure.
    pub async fn each<'secrets>(
        &self,
        secrets: &'secrets [SecretArn],
        look: impl AsyncFn(&'secrets SecretArn) -> Result<(), <P::Journal as Journal>::Error>,
    ) -> FailedSecrets
    where
        <P::Journal as Journal>::Error: From<RequestError>,
    {
        let begun = Cell::new(0);
        let failed = RefCell::new(FailedSecrets::default());
        // Takes the next secret that has not been started.
        let work = async || {
            while let Some(secret) = secrets.get(begun.get()) {
                begun.set(begun.get() + 1);
                let ended = if self.deadline.remaining_time(self.ports.clock()) < self.enough {
                    let subject = format!("{}{}", self.subject, secret.name());
                    Err(RequestError::SweepTooShort { subject }.into())
                } else {
                    look(secret).await
                };
                if let Err(error) = ended {
                    self.ports.journal().trouble(secret, &error);
                    failed.borrow_mut().0.push(secret.name().to_owned());
                }
            }
        };
        tokio::join!(work(), work(), work(), work());
        failed.into_inner()
    }
}
