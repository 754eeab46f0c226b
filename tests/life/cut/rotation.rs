//! RotateSecret, and how a rotation ends.

use std::time::{Duration, Instant};

use aws_smithy_types::error::metadata::ProvideErrorMetadata;

use super::SECRET;
use super::trial::Trial;
use crate::environment::{Fault, ObservedCalls};

/// How long a rotation may take.
const PATIENCE: Duration = Duration::from_secs(60);

/// How a rotation ended.
#[derive(Debug)]
pub enum RotationOutcome {
    Well,
    Badly { step: String, error: String },
}

impl RotationOutcome {
    pub fn is_well(&self) -> bool {
        matches!(self, Self::Well)
    }

    /// Returns whether the function's process was ended.
    pub fn is_by_death(&self) -> bool {
        matches!(self, Self::Badly { error, .. } if error == "Runtime.ExitError")
    }
}

/// A rotation that was begun.
#[derive(Default)]
pub struct Rotation {
    pub version: String,
    /// The key that it replaces.
    pub before: Option<String>,
}

impl Trial<'_> {
    /// Has Secrets Manager rotate, or take up what was left, and waits for the end.
    /// Returns it with what the function did.
    pub(super) async fn rotate(&self, fault: Fault) -> (RotationOutcome, ObservedCalls) {
        self.proxy.meet(fault);
        let heard = self.test.emulator_log().len();
        let request = self.test.secretsmanager.rotate_secret();
        match request.secret_id(SECRET).send().await {
            Ok(answer) => {
                let mut rotation = self.rotation.borrow_mut();
                rotation.version = answer.version_id.expect("a version");
                let current = self.key_state.borrow().key("AWSCURRENT").map(str::to_owned);
                rotation.before = current;
            }
            Err(error) => {
                let code = error.code();
                assert_eq!(code, Some("InvalidRequestException"), "{error:?}");
                let said = error.message().unwrap_or_default().to_owned();
                self.said.borrow_mut().insert(said);
            }
        }
        let ended = self.end(heard).await;
        (ended, self.proxy.meet(Fault::None))
    }

    /// Returns how the rotation ends, the log having been heard up to a place.
    async fn end(&self, heard: usize) -> RotationOutcome {
        let deadline = Instant::now() + PATIENCE;
        let mut calls = 0;
        loop {
            tokio::time::sleep(Duration::from_millis(10)).await;
            let log = self.test.emulator_log();
            if let Some(ended) = failure(&log[heard..]) {
                return ended;
            }
            let now = self.now.borrow().clone();
            assert!(Instant::now() < deadline, "{now}: no end\n{log}");
            // It has not ended while it makes calls, and not well before one of
            // them was to move AWSCURRENT.
            let seen = self.proxy.seen();
            let rests = seen.calls.len() == calls;
            calls = seen.calls.len();
            if rests && seen.calls.iter().any(|call| call.promotes) {
                let held = self.test.secret(SECRET).await.expect("the secret");
                if held.labels["AWSCURRENT"] == self.rotation.borrow().version
                    && !held.labels.contains_key("AWSPENDING")
                {
                    return RotationOutcome::Well;
                }
            }
        }
    }
}

/// Returns how the rotation failed, if Secrets Manager's log says that it did.
fn failure(log: &str) -> Option<RotationOutcome> {
    let (_, line) = log.split_once(&format!("rotation of {SECRET}: "))?;
    let (line, _) = line.split_once('\n')?;
    let (step, error) = line.split_once(" failed with ").unwrap_or(("", line));
    Some(RotationOutcome::Badly {
        step: step.to_owned(),
        error: error.to_owned(),
    })
}
