//! RotateSecret, and how a rotation ends.

use std::time::{Duration, Instant};

use aws_smithy_types::error::metadata::ProvideErrorMetadata;

use crate::environment::TestEnvironment;

/// How long a rotation may take.
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

    /// Returns whether the function's process was ended.
    pub fn is_by_death(&self) -> bool {
        matches!(self, Self::Badly { error, .. } if error == "Runtime.ExitError")
    }
}

/// Has Secrets Manager rotate, or take up what was left, and waits for the end.
pub async fn rotate(test: &TestEnvironment, secret: &str) -> RotationOutcome {
    let heard = test.emulator_log().len();
    let request = test.secretsmanager.rotate_secret().secret_id(secret);
    let version = match request.send().await {
        Ok(answer) => answer.version_id.expect("a version"),
        // What was left is taken up.
        Err(error) => {
            assert_eq!(error.code(), Some("InvalidRequestException"), "{error:?}");
            let labels = test.secret(secret).await.expect("the secret").labels;
            labels["AWSPENDING"].clone()
        }
    };
    let deadline = Instant::now() + PATIENCE;
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

/// Returns how the rotation failed, if Secrets Manager's log says that it did.
fn failure(log: &str, secret: &str) -> Option<RotationOutcome> {
    let (_, line) = log.split_once(&format!("rotation of {secret}: "))?;
    let (line, _) = line.split_once('\n')?;
    let (step, error) = line.split_once(" failed with ").unwrap_or(("", line));
    Some(RotationOutcome::Badly {
        step: step.to_owned(),
        error: error.to_owned(),
    })
}
