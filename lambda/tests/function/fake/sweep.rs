//! The stack's rule, which starts a sweep every hour.

use std::time::Duration;

use keyrota_function::event::Invocation;
use keyrota_function::log::{Level, Lines};
use keyrota_function::port::Clock;
use keyrota_function::step::Deadline;
use keyrota_function::sweep;
use serde_json::json;

use super::aws::{FakeAws, SECRET_ARN};
use super::rotation::{Outcome, Request, conclude, poll};

/// The timeout of a sweep.
const TIMEOUT: Duration = Duration::from_secs(60);

/// Sweeps the secret.
pub(crate) fn sweep(aws: &FakeAws) -> Outcome {
    sweep_all(aws, &[SECRET_ARN])
}

/// Sweeps these secrets.
pub(crate) fn sweep_all(aws: &FakeAws, secrets: &[&str]) -> Outcome {
    let event = json!({ "keyrota": "sweep", "secrets": secrets });
    let Ok(Invocation::Sweep(secrets)) = Invocation::parse(&event) else {
        panic!("a sweep");
    };
    let lines = Lines::new(
        Vec::new(),
        Level::Info,
        || "2026-11-22T00:00:00Z".into(),
        "r-2".into(),
    );
    let lines = lines.metering(Some("rotator".to_owned()), || 1_795_305_600_000);
    let request = Request {
        aws,
        lines: lines.sweeping(),
    };
    let deadline = Deadline {
        at: aws.now() + TIMEOUT,
    };
    let ended = poll(sweep::run(&request, &secrets, deadline));
    conclude(request, ended)
}
