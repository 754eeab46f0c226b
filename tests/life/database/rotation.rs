//! Calls RotateSecret, and waits for the end of the rotation.

use std::time::{Duration, Instant};

use aws_smithy_types::error::metadata::ProvideErrorMetadata;

use crate::environment::TestEnvironment;

/// The maximum duration of a rotation.
const PATIENCE: Duration = Duration::from_secs(60);

/// How a rotation ended.
#[derive(Debug)]
pub enum RotationOutcome {
    /// AWSCURRENT has moved to this version.
    Well(String),
    /// This step failed, with this error.
    Badly { step: String, error: String },
}

impl RotationOutcome {
    pub fn is_well(&self) -> bool {
        matches!(self, Self::Well(_))
    }

    /// Returns whether the function's process was killed.
    pub fn is_by_death(&self) -> bool {
        matches!(self, Self::Badly { error, .. } if error == "Runtime.ExitError")
    }
}

/// Calls RotateSecret, which can resume a rotation, and waits until it ends.
pub async fn rotate(test: &TestEnvironment, secret: &str) -> RotationOutcome {
    let heard = test.emulator_log().len();
    let deadline = Instant::now() + PATIENCE;
    let version = loop {
        let request = test.secretsmanager.rotate_secret().secret_id(secret);
        let error = match request.send().await {
            Ok(answer) => break answer.version_id.expect("a version"),
            Err(error) => error,
        };
        // An unfinished rotation is resumed, unless it ended meanwhile.
        assert_eq!(error.code(), Some("InvalidRequestException"), "{error:?}");
        let labels = test.secret(secret).await.expect("the secret").labels;
        if let Some(pending) = labels.get("AWSPENDING") {
            break pending.clone();
        }
        assert!(Instant::now() < deadline, "{error:?}");
    };
    loop {
        let log = test.emulator_log();
        if let Some(ended) = failure(&log[heard..], secret) {
            return ended;
        }
        let labels = test.secret(secret).await.expect("the secret").labels;
        if labels["AWSCURRENT"] == version && !labels.contains_key("AWSPENDING") {
            return RotationOutcome::Well(version);
        }
        assert!(Instant::now() < deadline, "no end of {version}\n{log}");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

/// Returns how the rotation failed, if Secrets Manager's log says so.
fn failure(log: &str, secret: &str) -> Option<RotationOutcome> {
    let (_, line) = log.split_once(&format!("rotation of {secret}: "))?;
    let (line, _) = line.split_once('\n')?;
    let (step, error) = line.split_once(" failed with ").unwrap_or(("", line));
    Some(RotationOutcome::Badly {
        step: step.to_owned(),
        error: error.to_owned(),
    })
}
