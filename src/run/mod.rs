//! Carries out plans over the ports.
//!
//! Each stage takes the value of the previous one, so the types enforce the order: [`Cleared`] →
//! [`Uploaded`] → [`Deployed`] → [`Seeded`] → [`Rotated`] → [`Verified`]. Every stage is
//! idempotent: it recognizes and keeps what is already done, so another run completes an
//! interrupted one.

mod account;
mod bootstrap;
mod bucket;
mod change_set;
mod current;
mod database;
mod deploy;
mod discover;
mod doctor;
mod drift;
mod encrypt;
mod error;
#[cfg(test)]
mod fake;
mod follow;
mod import;
mod kept_fields;
mod key_policy;
mod leak;
mod log;
mod lookup;
mod new_key;
mod notify;
mod observe;
mod operation;
mod preflight;
mod proof;
mod recover;
mod rehearse;
mod replica;
mod restore;
mod rotate;
mod seed;
mod service;
mod stack_set;
mod status;
mod survey;
mod tags;
mod teardown;
#[cfg(test)]
mod tests;
mod unfinished;
mod upload;
mod verify;

use std::time::Duration;

use jiff::Timestamp;

use crate::port::{Clock, Cloud, Event, Listener, Stage};

pub use account::guard_account;
pub use bootstrap::{Bootstrapped, DeployedFunction, DeploymentInputs, Proven, bootstrap};
pub use change_set::preview;
pub use database::Passwords;
pub use deploy::{Deployed, Deployment, deploy};
pub use discover::{discover, look_up};
use doctor::switch_on;
pub use doctor::{Health, examine, fix};
pub use drift::{Recreation, observe_drift};
pub use error::Error;
pub use follow::{FollowError, FollowRequest, Followed, follow};
pub use import::{ImportReport, Imports};
pub use leak::{
    LeakAssessment, LeakOutcome, LeakRequest, assess_leak, investigate_leak, respond_to_leak,
};
pub use log::LogReader;
pub use new_key::{KeyReplacement, KeySource, NewKey, replace_key};
pub use observe::{observe, observe_entry};
pub use preflight::{Cleared, preflight};
pub use proof::key_pair;
pub use restore::{Restored, restore};
pub use rotate::{Rotated, current_version, rotate, rotate_entry, rotate_since};
pub use seed::{Seeded, SeededEntry, seed};
pub use stack_set::{locate, stack_set};
pub use status::{Values, checked_status, status, with_drift};
pub use survey::survey;
pub use teardown::{TeardownReport, observe_teardown, teardown};
pub use upload::{Artifact, Artifacts, Uploaded, upload};
pub use verify::{Verified, verify};

/// What every stage needs: the ports, and the waiting times.
#[derive(Clone, Copy)]
pub struct Context<'a> {
    /// AWS.
    pub cloud: &'a dyn Cloud,
    /// Time and randomness.
    pub clock: &'a dyn Clock,
    /// The receiver of progress events.
    pub listener: &'a dyn Listener,
    /// The waiting times.
    pub pace: Pace,
    /// The Region.
    pub region: &'a str,
    /// The functions' logs.
    pub logs: &'a LogReader,
}

/// The waiting times and intervals of the stages.
#[derive(Clone, Copy, Debug)]
pub struct Pace {
    /// How long another detection of drift, or an operation on the stack, may keep CloudFormation
    /// from starting one, and how long Lambda may take to update the code of a function.
    pub detection: Duration,
    /// The interval between two queries of an operation's state.
    pub poll: Duration,
    /// How long a rotation may continue after its function reported an error. Secrets Manager
    /// retries a failed rotation by itself.
    pub after_error: Duration,
    /// The time between an error that the function reported and the next attempt, if the error
    /// may pass.
    pub retry: Duration,
    /// How long the configuration test of a new schedule may take. Secrets Manager refuses
    /// rotations until the function has passed it.
    pub trial: Duration,
    /// How long a new key may take to propagate.
    pub propagation: Duration,
    /// How long a new key may be missing from its user's list, and a secret's changed tags from its
    /// description.
    pub listing: Duration,
    /// How long after its removal time an old key may still be unchanged. The function sweeps every
    /// hour.
    pub sweep: Duration,
    /// How long another command may take between creating a first key and storing it. Until then,
    /// the key is not considered left over from an interrupted run.
    pub seeding: Duration,
    /// The longest time for which an unfinished rotation counts as under way, whatever the timeout of its
    /// function.
    pub under_way: Duration,
    /// How long to wait for a rotation that another command or the schedule started, before another
    /// attempt.
    pub joining: Duration,
    /// The time between the failed deletion of a stack and the second attempt.
    pub deletion: Duration,
    /// How long after a use of a key IAM may still not show it. IAM records at most one use in
    /// 15 minutes, and shows it some minutes later.
    pub usage: Duration,
    /// The time between two looks of `status --watch`. IAM's rates are not documented, and all
    /// callers in the account share them.
    pub watch: Duration,
    /// The time between two calls to IAM in a survey, which makes thousands of them. IAM's rates
    /// are not documented, and all callers in the account share them.
    pub survey: Duration,
    /// The time between two look-ups in CloudTrail in a Region. The quota is two a second
    /// (`WhatIsCloudTrail-Limits`).
    pub lookup: Duration,
}

impl Pace {
    /// The values for AWS.
    pub const AWS: Self = Self {
        detection: Duration::from_secs(300),
        poll: Duration::from_secs(1),
        after_error: Duration::from_secs(30),
        retry: Duration::from_secs(5),
        trial: Duration::from_secs(60),
        propagation: Duration::from_secs(120),
        listing: Duration::from_secs(20),
        sweep: Duration::from_secs(2 * 3_600),
        seeding: Duration::from_secs(30),
        under_way: Duration::MAX,
        joining: Duration::from_secs(30),
        deletion: Duration::from_secs(30),
        usage: Duration::from_secs(20 * 60),
        watch: Duration::from_secs(30),
        survey: Duration::from_millis(50),
        lookup: Duration::from_millis(550),
    };
    /// The values for a local AWS that shows changes at once, where queries cost nothing.
    pub const LOCAL: Self = Self {
        detection: Duration::from_secs(20),
        poll: Duration::from_millis(150),
        after_error: Duration::from_millis(500),
        retry: Duration::from_millis(100),
        trial: Duration::from_secs(10),
        propagation: Duration::from_secs(5),
        listing: Duration::ZERO,
        sweep: Duration::from_secs(2),
        seeding: Duration::from_secs(2),
        under_way: Duration::ZERO,
        joining: Duration::from_secs(3),
        deletion: Duration::from_millis(100),
        usage: Duration::ZERO,
        watch: Duration::from_secs(1),
        survey: Duration::ZERO,
        lookup: Duration::ZERO,
    };
}

/// The number of secrets that are processed concurrently.
pub const CONCURRENCY: usize = 8;

impl Context<'_> {
    fn stage(&self, stage: Stage) {
        self.listener.on(Event::Stage(stage));
    }

    fn done(&self, what: impl Into<String>) {
        self.listener.on(Event::Done(what.into()));
    }

    fn verified(&self, secret: &str) {
        self.listener.on(Event::Verified(secret.to_owned()));
    }

    fn warn(&self, what: impl Into<String>) {
        self.listener.on(Event::Warning(what.into()));
    }

    /// Returns how long ago a moment was.
    fn waited(&self, since: Timestamp) -> Duration {
        self.clock.now().duration_since(since).unsigned_abs()
    }

    async fn wait(&self) {
        self.clock.sleep(self.pace.poll).await;
    }
}
