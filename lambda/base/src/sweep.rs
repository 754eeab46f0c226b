//! The frame of a sweep: a look at every secret of the stack, a few at a time.
//! What is looked for is each function's own.

use std::cell::{Cell, RefCell};
use std::time::Duration;

use crate::arn::SecretArn;
use crate::clock::Deadline;
use crate::error::RequestError;
use crate::port::{Journal, Ports};

/// The most names of secrets in an error.
const NAMED: usize = 10;

/// The secrets that a sweep failed on.
#[derive(Debug, Default)]
pub struct Failed(Vec<String>);

impl Failed {
    /// Returns how many there are.
    pub fn count(&self) -> usize {
        self.0.len()
    }

    /// Returns how the sweep of `all` secrets ended.
    ///
    /// # Errors
    ///
    /// Fails where it failed on any of them, so that Lambda tries again.
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

/// What every sweep is like.
pub struct Sweep<'request, P> {
    /// What it needs of its surroundings.
    pub ports: &'request P,
    /// When it must be over.
    pub deadline: Deadline,
    /// The time that a secret takes at most in ordinary times. With less left, none is begun.
    pub enough: Duration,
    /// What it looks at, before the secret's name: `the old key of `, or nothing.
    pub subject: &'static str,
}

impl<P: Ports> Sweep<'_, P> {
    /// Has every secret looked at, in their order, four at a time, whatever becomes of the
    /// others. Records what goes wrong with each.
    pub async fn each<'secrets>(
        &self,
        secrets: &'secrets [SecretArn],
        look: impl AsyncFn(&'secrets SecretArn) -> Result<(), <P::Journal as Journal>::Error>,
    ) -> Failed
    where
        <P::Journal as Journal>::Error: From<RequestError>,
    {
        let begun = Cell::new(0);
        let failed = RefCell::new(Failed::default());
        // Takes one secret after the other that nobody has begun with.
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
