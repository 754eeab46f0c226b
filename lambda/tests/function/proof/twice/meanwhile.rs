//! The runs that overlap: requests to the function, and what Secrets Manager and an operator do.

use std::fmt;

use keyrota_function::decide::{AccessKeyId, Activity, CURRENT, PENDING, VersionId};
use keyrota_function::event::Step;
use keyrota_test_function::others::{self, NEXT, Others as _};
use keyrota_test_function::secrets::FakeSecrets as _;
use keyrota_test_function::twice::{self, Run};

use crate::fake::{FakeAws, Outcome, SECRET_ARN, run_for, step_in_turns, sweep_in_turns};

/// What a run does.
#[derive(Clone, Debug)]
pub(super) enum Work {
    /// One step of the rotation that creates a version. Secrets Manager does not wait for it.
    Step(usize, String),
    /// Secrets Manager calls this step and those after it, and ends the rotation.
    Rest(usize, String),
    /// Secrets Manager begins a rotation, and calls its steps.
    Rotation,
    /// A sweep.
    Sweep,
    /// `keyrota rotate --restore-previous`: see `src/run/restore.rs`.
    Restore,
    /// `keyrota rotate` abandons an unfinished rotation: see `src/run/rotate/key.rs`.
    GiveUp(String),
}

impl Work {
    /// Returns what the run does, without the names of versions.
    pub(super) fn kind(&self) -> String {
        match self {
            Self::Step(step, _) => format!("step {step}"),
            Self::Rest(step, _) => format!("rest {step}"),
            Self::GiveUp(_) => "give up".to_owned(),
            Self::Rotation => "rotation".to_owned(),
            Self::Sweep => "sweep".to_owned(),
            Self::Restore => "restore".to_owned(),
        }
    }
}

impl twice::Work<FakeAws> for Work {
    fn begin<'aws>(&self, aws: &'aws FakeAws) -> Run<'aws> {
        match self.clone() {
            Self::Step(step, token) => {
                Box::pin(async move { step_in_turns(aws, Step::ALL[step], &token).await.name() })
            }
            Self::Rest(step, token) => Box::pin(async move { rest(aws, step, &token).await }),
            Self::Rotation => Box::pin(rotation(aws)),
            Self::Sweep => Box::pin(async { sweep_in_turns(aws).await.name() }),
            Self::Restore => Box::pin(others::restore(aws, |version| works(aws, version))),
            Self::GiveUp(token) => Box::pin(async move { give_up(aws, &token).await }),
        }
    }
}

/// Calls a step and those after it. A rotation that fails stays as it is.
async fn rest(aws: &FakeAws, from: usize, token: &str) -> &'static str {
    for (number, step) in Step::ALL.into_iter().enumerate().skip(from) {
        let ended = match step {
            // These change nothing, so nothing needs to come between their calls.
            Step::Set | Step::Test if number > from => {
                let run = || Quiet(aws.turns.at_once(|| run_for(aws, step, token)));
                aws.act(step.name(), run).await.0
            }
            _ => step_in_turns(aws, step, token).await,
        };
        if !ended.is_done() {
            return ended.name();
        }
    }
    others::end(aws, token).await;
    "done"
}

/// The result of a step, which shows its name only.
struct Quiet(Outcome);

impl fmt::Debug for Quiet {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.0.name())
    }
}

/// Begins a rotation, unless one is in progress.
async fn rotation(aws: &FakeAws) -> &'static str {
    match others::begin(aws, NEXT).await {
        true => rest(aws, 0, NEXT).await,
        false => "refused",
    }
}

/// Returns whether the key in a version works.
fn works(aws: &FakeAws, version: &VersionId) -> bool {
    let id = key_of(aws, version.as_str());
    let key = id.and_then(|id| aws.find_key(&id));
    key.is_some_and(|(_, key)| key.activity == Activity::Active)
}

/// Gives up a rotation with its key.
async fn give_up(aws: &FakeAws, token: &str) -> &'static str {
    let version = VersionId::new(token);
    let pending = || (aws.carrier(PENDING).as_ref() == Some(&version)).then(|| key_of(aws, token));
    let seen = aws.act("an operator reads the secret", pending).await;
    let Some(key) = seen else {
        return "refused";
    };
    let take = || {
        if aws.carrier(PENDING).as_ref() == Some(&version) {
            aws.relabel_by_hand(PENDING, None);
        }
    };
    aws.act("an operator removes AWSPENDING", take).await;
    let is_named = || {
        let named =
            [CURRENT, PENDING].map(|label| aws.version(label).and_then(|it| it.details.key));
        named.contains(&key)
    };
    if aws.act("an operator looks again", is_named).await {
        return "kept";
    }
    let delete = || {
        let key = key.as_deref().and_then(AccessKeyId::parse);
        key.into_iter().for_each(|key| aws.take_key(&key));
    };
    aws.act("an operator deletes the key", delete).await;
    "done"
}

/// Returns the ID of the key in a version.
fn key_of(aws: &FakeAws, version: &str) -> Option<String> {
    let secrets = aws.secrets.borrow();
    let version = secrets[SECRET_ARN].versions.get(&VersionId::new(version))?;
    version.details.key.clone()
}
