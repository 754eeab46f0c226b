//! The runs that overlap: requests to the function, and what Secrets Manager and an operator do.

use keyrota_database_function::event::Step;
use keyrota_database_function::mark::SETTING;
use keyrota_database_function::stage::{PENDING, VersionId};
use keyrota_test_function::others::{self, NEXT, Others as _};
use keyrota_test_function::secrets::FakeSecrets as _;
use keyrota_test_function::twice::{self, Run};

use crate::fake::{FakeServices, SECRET_ARN, check_in_turns, step_in_turns, sweep_in_turns};

/// What a run does.
#[derive(Clone, Debug)]
pub(super) enum Work {
    /// One step of the rotation that creates a version. Secrets Manager does not wait for it.
    Step(usize, String),
    /// Secrets Manager calls this step and those after it, and ends the rotation.
    Rest(usize, String),
    /// An operator cancels the rotation, and begins another one.
    CancelAndNext,
    /// Secrets Manager begins a rotation, and calls its steps.
    Rotation,
    /// A check whether a version's password works.
    Check(String),
    /// A sweep.
    Sweep,
    /// `keyrota rotate --restore`: see `src/run/restore.rs`.
    Restore,
    /// `keyrota rotate` abandons an unfinished rotation: see `src/run/rotate/database.rs`.
    GiveUp(String),
}

impl Work {
    /// Returns what the run does, without the names of versions.
    pub(super) fn kind(&self) -> String {
        match self {
            Self::Step(step, _) => format!("step {step}"),
            Self::Rest(step, _) => format!("rest {step}"),
            Self::GiveUp(_) => "give up".to_owned(),
            Self::Check(_) => "check".to_owned(),
            Self::CancelAndNext => "cancel and next".to_owned(),
            Self::Rotation => "rotation".to_owned(),
            Self::Sweep => "sweep".to_owned(),
            Self::Restore => "restore".to_owned(),
        }
    }
}

impl twice::Work<FakeServices> for Work {
    fn begin<'services>(&self, services: &'services FakeServices) -> Run<'services> {
        match self.clone() {
            Self::Step(step, token) => Box::pin(async move {
                step_in_turns(services, Step::ALL[step], &token)
                    .await
                    .name()
            }),
            Self::Rest(step, token) => Box::pin(async move { rest(services, step, &token).await }),
            Self::CancelAndNext => Box::pin(async move {
                others::cancel(services).await;
                rotation(services).await
            }),
            Self::Rotation => Box::pin(rotation(services)),
            Self::Check(version) => {
                Box::pin(async move { check_in_turns(services, &version).await.name() })
            }
            Self::Sweep => Box::pin(async { sweep_in_turns(services).await.name() }),
            Self::Restore => Box::pin(others::restore(services, |version| {
                works(services, version)
            })),
            Self::GiveUp(token) => Box::pin(async move { give_up(services, &token).await }),
        }
    }
}

/// Calls a step and those after it. A rotation that fails stays as it is.
async fn rest(services: &FakeServices, from: usize, token: &str) -> &'static str {
    for step in Step::ALL.into_iter().skip(from) {
        let ended = step_in_turns(services, step, token).await;
        if !ended.is_done() {
            return ended.name();
        }
    }
    others::end(services, token).await;
    "done"
}

/// Begins a rotation, unless one is in progress.
async fn rotation(services: &FakeServices) -> &'static str {
    match others::begin(services, NEXT).await {
        true => rest(services, 0, NEXT).await,
        false => "refused",
    }
}

/// Returns whether the password in a version works.
fn works(services: &FakeServices, version: &VersionId) -> bool {
    let secrets = services.secrets.borrow();
    let version = secrets[SECRET_ARN].versions.get(version);
    version.is_some_and(|version| services.can_use(&version.details))
}

/// Gives up a rotation, unless its password may have been sent.
async fn give_up(services: &FakeServices, token: &str) -> &'static str {
    let is_on = |label| services.carrier(label) == Some(VersionId::new(token));
    let may_give_up = || is_on(PENDING) && !is_on(SETTING);
    if !services
        .act("an operator reads the labels", may_give_up)
        .await
    {
        return "refused";
    }
    let take = || {
        if is_on(PENDING) {
            services.relabel_by_hand(PENDING, None);
        }
    };
    services.act("an operator removes AWSPENDING", take).await;
    "done"
}
