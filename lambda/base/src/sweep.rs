//! The common part of a sweep: it inspects every secret of the stack, several at a time. Each
//! function defines what it inspects.

use std::cell::{Cell, RefCell};
use std::time::Duration;

use crate::arn::SecretArn;
use crate::clock::Deadline;
use crate::error::RequestError;
use crate::port::{Journal, Ports};

/// The maximum number of secret names in an error.
const NAMED: usize = 10;

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
