//! Carries out the response to a leaked key.

use jiff::Timestamp;

use super::super::error::{Error, Result};
use super::super::proof::key_pair;
use super::super::verify::authenticate;
use super::super::{Context, Deployed};
use super::assess::{LeakAssessment, observe, refused};
use super::replace::{abandon, replace};
use crate::model::Model;
use crate::plan::{
    DENY_SESSIONS_POLICY, DeniedSessions, LEAKED_TAG, LeakRefusal, LeakStep, ObservedAccessKey,
    OldKeyStatus, deny_sessions_policy, plan_leak, with_leak,
};
use crate::port::{CURRENT, ErrorKind, Stage};

/// More steps than a response has, even if a rotation interferes.
const MOST_STEPS: usize = 12;

/// What a response has achieved, even if it failed.
#[derive(Clone, Debug, Default)]
pub struct LeakOutcome {
    /// The status of the leaked key, or `None` if it was not observed.
    pub status: Option<OldKeyStatus>,
    /// The key in AWSCURRENT.
    pub current_key: Option<String>,
    /// The version that is AWSCURRENT.
    pub version: Option<String>,
    /// Whether the key in AWSCURRENT has authenticated since the last change.
    pub verified: bool,
    /// The key that was deleted to make room.
    pub deleted_key: Option<String>,
    /// The sessions that are denied.
    pub sessions: Option<DeniedSessions>,
}

impl LeakOutcome {
    /// Returns what an assessment says about the result.
    pub fn of(assessment: &LeakAssessment<'_>) -> Self {
        let mut outcome = Self::default();
        note(&mut outcome, assessment, &assessment.seen);
        outcome
    }
}

/// Responds to a leaked key, and sets what is known about the result even if it fails.
///
/// # Errors
///
/// Returns [`Error::Leak`] if the situation is no longer the confirmed one, and other errors of the
/// steps. The same command continues.
pub async fn respond_to_leak(
    context: &Context<'_>,
    model: &Model,
    deployed: &Deployed,
    assessment: &LeakAssessment<'_>,
    outcome: &mut LeakOutcome,
) -> Result<()> {
    let response = Response {
        context,
        model,
        deployed,
        assessment,
    };
    let responded = response.respond(outcome).await;
    if responded.is_err()
        && let Ok(seen) = observe(context, assessment.entry).await
    {
        note(outcome, assessment, &seen);
    }
    responded
}

struct Response<'a> {
    context: &'a Context<'a>,
    model: &'a Model,
    deployed: &'a Deployed,
    assessment: &'a LeakAssessment<'a>,
}

impl Response<'_> {
    async fn respond(&self, outcome: &mut LeakOutcome) -> Result<()> {
        self.record().await?;
        let mut taken = 0;
        let mut last: Option<(LeakStep, Timestamp)> = None;
        while taken < MOST_STEPS {
            let seen = observe(self.context, self.assessment.entry).await?;
            note(outcome, self.assessment, &seen);
            let steps = plan_leak(self.assessment.scene(&seen));
            let steps = steps.map_err(|refusal| refused(self.assessment.entry, refusal))?;
            match steps.first() {
                // It stays a step, and is the last one.
                None | Some(LeakStep::DenySessions) => {
                    self.prove(&seen).await?;
                    outcome.verified = true;
                    if !steps.is_empty() {
                        outcome.sessions = Some(self.deny_sessions().await?);
                    }
                    return Ok(());
                }
                Some(step) => {
                    if !self.is_confirmed(step) {
                        return Err(self.changed());
                    }
                    // IAM may list the keys as they were before the step.
                    if let Some((done, since)) = &last
                        && is_same(done, step)
                        && self.context.waited(*since) < self.context.pace.propagation
                    {
                        self.context.wait().await;
                        continue;
                    }
                    self.act(step, &seen, outcome).await?;
                    last = Some((step.clone(), self.context.clock.now()));
                    taken += 1;
                }
            }
        }
        Err(self.changed())
    }

    /// Records which key leaked, before the first change.
    async fn record(&self) -> Result<()> {
        let (context, leaked) = (self.context, &self.assessment.leaked);
        let user = self.assessment.seen.user_name.as_str();
        // Another command may have recorded another key meanwhile.
        let found = context.cloud.user(user).await?;
        let found = found.ok_or_else(|| {
            let user = user.to_owned();
            refused(self.assessment.entry, LeakRefusal::NoUser { user })
        })?;
        let now = context.clock.now();
        let value = with_leak(&found, &self.assessment.seen.keys, leaked, now);
        if found.tags.get(LEAKED_TAG) == Some(&value) {
            return Ok(());
        }
        Ok(context.cloud.tag_user(user, LEAKED_TAG, &value).await?)
    }

    /// Returns whether a step was confirmed: only a key that was named then is deleted.
    fn is_confirmed(&self, step: &LeakStep) -> bool {
        self.assessment
            .steps
            .iter()
            // Without a key, nothing is lost.
            .any(|confirmed| *step == LeakStep::Abandon(None) || is_same(confirmed, step))
    }

    fn changed(&self) -> Error {
        let user = self.assessment.seen.user_name.clone();
        refused(self.assessment.entry, LeakRefusal::Changed { user })
    }

    async fn act(
        &self,
        step: &LeakStep,
        seen: &ObservedAccessKey,
        outcome: &mut LeakOutcome,
    ) -> Result<()> {
        let (context, leaked) = (self.context, &self.assessment.leaked);
        let user = seen.user_name.as_str();
        match step {
            LeakStep::Abandon(_) => {
                abandon(context, self.model, self.deployed, self.assessment, seen).await?;
            }
            LeakStep::MakeRoom(key) => {
                context.cloud.delete_key(user, &key.id).await?;
                outcome.deleted_key = Some(key.id.clone());
                context.done(format!(
                    "{}: deleted the key {} to make room for a new one",
                    seen.secret_name, key.id
                ));
            }
            LeakStep::Replace => {
                replace(context, self.deployed, self.assessment, seen).await?;
            }
            LeakStep::Deactivate => {
                self.prove(seen).await?;
                context.cloud.deactivate_key(user, leaked).await?;
                context.done(format!(
                    "{}: deactivated the leaked key {leaked}",
                    seen.secret_name
                ));
            }
            LeakStep::Delete => {
                self.prove(seen).await?;
                context.cloud.delete_key(user, leaked).await?;
                context.done(format!(
                    "{}: deleted the leaked key {leaked}",
                    seen.secret_name
                ));
            }
            LeakStep::DenySessions => {}
        }
        Ok(())
    }

    /// Expects that the key in AWSCURRENT authenticates as the user.
    async fn prove(&self, seen: &ObservedAccessKey) -> Result<()> {
        let name = &seen.secret_name;
        self.context.stage(Stage::Verifying(name.clone()));
        let refused = |reason: String| Error::NotVerified {
            secret: name.clone(),
            reason,
        };
        let (Some(user), Some(credential)) = (&seen.user, seen.credential()) else {
            return Err(refused("AWSCURRENT contains no complete credential".into()));
        };
        let proven = authenticate(self.context, &key_pair(credential), &user.arn).await;
        proven.map_err(refused)
    }

    async fn deny_sessions(&self) -> Result<DeniedSessions> {
        let context = self.context;
        let user = self.assessment.seen.user_name.as_str();
        let sessions = DeniedSessions::until(context.clock.now());
        let document = deny_sessions_policy(sessions);
        let put = context
            .cloud
            .put_user_policy(user, DENY_SESSIONS_POLICY, &document);
        match put.await {
            Ok(()) => {
                context.done(format!(
                    "denied the sessions of {user} that were issued before {:.0}",
                    sessions.before
                ));
                Ok(sessions)
            }
            Err(error) if error.kind == ErrorKind::Limit => Err(Error::SessionsNotDenied {
                user: user.to_owned(),
                error,
                document,
            }),
            Err(error) => Err(error.into()),
        }
    }
}

/// Returns whether two steps are the same, even if a key was used in the meantime.
fn is_same(one: &LeakStep, other: &LeakStep) -> bool {
    match (one, other) {
        (LeakStep::MakeRoom(one), LeakStep::MakeRoom(other))
        | (LeakStep::Abandon(Some(one)), LeakStep::Abandon(Some(other))) => one.id == other.id,
        (one, other) => one == other,
    }
}

/// Sets what an observation says about the result.
fn note(outcome: &mut LeakOutcome, assessment: &LeakAssessment<'_>, seen: &ObservedAccessKey) {
    let listed = seen.keys.iter().find(|key| key.id == assessment.leaked);
    outcome.status = Some(match listed {
        Some(key) if key.active => OldKeyStatus::Active,
        Some(_) => OldKeyStatus::Inactive,
        None => OldKeyStatus::Deleted,
    });
    let current = seen.credential().map(|held| held.accesskey.to_string());
    outcome.current_key = current.filter(|id| *id != assessment.leaked);
    let secret = seen.secret.as_ref();
    let version = secret.and_then(|held| held.secret.version_with(CURRENT));
    outcome.version = version.map(str::to_owned);
}
