//! A state, and the equivalence of two states.

use std::fmt::Write;
use std::time::Duration;

use keyrota_database_function::event::Step;
use keyrota_database_function::mark;
use keyrota_database_function::stage::{CURRENT, PENDING, PREVIOUS, VersionId};
use keyrota_test_function::secrets::FakeSecrets as _;

use crate::fake::{FakeServices, SECRET_ARN};

/// The number of days after which nothing more happens to an old password.
const LONG_AGO: i64 = 2;

/// The progress of a rotation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Phase {
    /// No rotation is in progress.
    Idle,
    /// The rotation that creates version `token` is about to run step number `step`.
    Next {
        /// The version.
        token: String,
        /// The step's number.
        step: usize,
    },
    /// That step failed, or its process died.
    Failed {
        /// The version.
        token: String,
        /// The step's number.
        step: usize,
    },
}

/// Everything that persists while no process runs.
pub(super) struct State {
    pub(super) services: FakeServices,
    pub(super) phase: Phase,
    /// What someone has changed by hand.
    pub(super) by_hand: Option<&'static str>,
}

impl State {
    pub(super) fn fork(&self) -> Self {
        Self {
            services: self.services.fork(),
            phase: self.phase.clone(),
            by_hand: self.by_hand,
        }
    }

    /// Returns the state after an action of Secrets Manager or an operator.
    pub(super) fn then(&self, act: impl FnOnce(&mut Self)) -> Self {
        let mut state = self.fork();
        act(&mut state);
        state.settle();
        state
    }

    /// Begins a rotation with a new version.
    pub(super) fn begin(&mut self) {
        self.services.made.set(self.services.made.get() + 1);
        let token = format!("token-{:0>32}", self.services.made.get());
        self.services.begin(&token);
        self.phase = Phase::Next { token, step: 0 };
    }

    /// Records the result of a step.
    pub(super) fn after(&mut self, done: bool) {
        let Phase::Next { token, step } = self.phase.clone() else {
            return;
        };
        let last = step + 1 == Step::ALL.len();
        self.phase = match (done, last) {
            (true, true) => {
                self.services.end();
                Phase::Idle
            }
            (true, false) => Phase::Next {
                token,
                step: step + 1,
            },
            (false, _) => Phase::Failed { token, step },
        };
        self.settle();
    }

    /// Removes versions without a label, as Secrets Manager does, and a rotation whose version
    /// is no longer AWSPENDING.
    pub(super) fn settle(&mut self) {
        let pending = self.services.carrier(PENDING);
        if let Phase::Failed { token, .. } = &self.phase
            && pending.as_ref().map(VersionId::as_str) != Some(token)
        {
            self.phase = Phase::Idle;
        }
        self.services.change_secret(|secret| {
            secret
                .versions
                .retain(|_, version| !version.labels.is_empty());
        });
        self.services.forget_what_nobody_knows();
        self.services.check();
    }

    /// Returns a description that is equal for two states that differ only in names and dates.
    pub(super) fn canonical(&self) -> String {
        let services = &self.services;
        let secrets = services.secrets.borrow();
        let secret = secrets.get(SECRET_ARN).expect("the secret");
        let now = services.today().0;
        let mut versions: Vec<_> = secret.versions.iter().collect();
        versions.sort_by(|left, right| left.1.labels.cmp(&right.1.labels));

        let user = services.user.borrow();
        let mut known: Vec<&str> = Vec::new();
        let mut number = |password| match known.iter().position(|it| *it == password) {
            Some(number) => number,
            None => {
                known.push(password);
                known.len() - 1
            }
        };
        let (by_hand, forged) = (self.by_hand.is_some(), services.forged.get());
        let mut text = format!("{:?} {by_hand} {forged} ", services.guards());
        let other = services.other.borrow();
        for user in [&user, &other] {
            if let Some(user) = &**user {
                let primary = number(&user.primary);
                let secondary = user.secondary.as_deref().map(&mut number);
                let _ = write!(text, "{primary} {secondary:?} {} ", user.has_rights);
            }
            text.push('/');
        }
        for (id, version) in versions {
            let password = version.details.password.as_deref().map(&mut number);
            let _ = write!(text, "{:?}{password:?}", version.labels);
            if let Some(value) = &version.value {
                // Besides its password, only the form of a value matters.
                let shape = version.details.password.as_deref().map_or_else(
                    || value.clone(),
                    |it| value.replace(&serde_json::json!(it).to_string(), ""),
                );
                text.push_str(&shape);
            }
            if let Phase::Next { token, .. } | Phase::Failed { token, .. } = &self.phase
                && id.as_str() == token
            {
                text.push('*');
            }
        }
        let current = secret
            .versions
            .values()
            .find(|version| version.labels.contains(CURRENT));
        let promoted = secret
            .rotated
            .max(current.map(|version| version.details.created));
        // If old passwords are discarded after a time, the age of AWSCURRENT matters.
        let timed = services.setting.retains && services.setting.old_key != "until_next_rotation";
        let days = promoted
            .filter(|_| timed)
            .map(|moment| ((now - moment.0) / 86_400).min(LONG_AGO));
        let phase = match &self.phase {
            Phase::Idle => "idle".to_owned(),
            Phase::Next { step, .. } => format!("next {step}"),
            Phase::Failed { step, .. } => format!("failed {step}"),
        };
        let _ = write!(text, " {days:?} {phase}");
        text
    }

    /// Returns the IDs of the secret's versions.
    pub(super) fn versions(&self) -> Vec<String> {
        let secrets = self.services.secrets.borrow();
        let secret = secrets.get(SECRET_ARN).expect("the secret");
        let ids = secret.versions.keys();
        ids.map(|id| id.as_str().to_owned()).collect()
    }

    /// Lets time pass.
    pub(super) fn wait(&self, duration: Duration) {
        self.services.pass(duration);
    }

    /// Returns whether only the password of a broken-off rotation works.
    pub(super) fn is_only_broken_off(&self) -> bool {
        let services = &self.services;
        let current = services.version(CURRENT);
        // A rotation continues what was interrupted before there was a password.
        if current.is_none_or(|current| current.details.password.is_none()) {
            return false;
        }
        let works = [CURRENT, PENDING, PREVIOUS]
            .iter()
            .any(|label| services.logs_in(label));
        !works && mark::broken_off(&services.stages()).is_some() && services.logs_in(mark::SETTING)
    }
}
