//! A state, and the equivalence of two states.

use std::collections::BTreeSet;
use std::fmt::Write;
use std::time::Duration;

use keyrota_function::decide::{AccessKeyId, Activity, CURRENT, PENDING, PREVIOUS, VersionId};
use keyrota_function::event::Step;
use keyrota_function::mark::{CLEARING, REPLACED, Record};
use keyrota_function::retire::KeyUse;
use keyrota_test_function::secrets::FakeSecrets as _;

use crate::fake::{FakeAws, Key, SECRET_ARN, USER, key_names};

/// How long an intent can explain a key that is created.
const LAPSED: i64 = 60;

/// The number of days after which nothing more happens to an old key.
const LONG_AGO: i64 = 3;

/// A `hold_if_used_within` that IAM can measure, as in the timetables of the searches.
const HOLD: Duration = Duration::from_secs(86_400);

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
    pub(super) aws: FakeAws,
    pub(super) phase: Phase,
    /// Whether someone has changed the user's keys by hand.
    pub(super) by_hand: bool,
    /// Whether sweeps retire old keys.
    pub(super) sweeps: bool,
}

impl State {
    pub(super) fn fork(&self) -> Self {
        Self {
            aws: self.aws.fork(),
            phase: self.phase.clone(),
            by_hand: self.by_hand,
            sweeps: self.sweeps,
        }
    }

    /// Returns the state after an action of Secrets Manager, an operator, or a client.
    pub(super) fn then(&self, act: impl FnOnce(&mut Self)) -> Self {
        let mut state = self.fork();
        act(&mut state);
        state.settle();
        state
    }

    /// Begins a rotation with a new version.
    pub(super) fn begin(&mut self) {
        // Keys and versions share one counter, so each has a unique number.
        let token = format!("token-{:0>32}", self.aws.made.get() + 1);
        self.aws.made.set(self.aws.made.get() + 1);
        self.aws.begin(&token);
        self.phase = Phase::Next { token, step: 0 };
    }

    /// Lets time pass.
    pub(super) fn wait(&self, duration: Duration) {
        self.aws.now.set(self.aws.now.get() + duration);
        self.aws.before.replace(self.aws.keys());
    }

    /// Records the result of a step.
    pub(super) fn after(&mut self, done: bool) {
        let Phase::Next { token, step } = self.phase.clone() else {
            return;
        };
        let last = step + 1 == Step::ALL.len();
        self.phase = match (done, last) {
            (true, true) => {
                self.aws.end();
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
        let pending = self.aws.carrier(PENDING);
        if let Phase::Failed { token, .. } = &self.phase
            && pending.as_ref().map(VersionId::as_str) != Some(token)
        {
            self.phase = Phase::Idle;
        }
        self.aws.change_secret(|secret| {
            secret
                .versions
                .retain(|_, version| !version.labels.is_empty());
        });
        self.aws.forget_what_nobody_knows();
    }

    /// Returns a description that is equal for two states that differ only in names and dates.
    pub(super) fn canonical(&self) -> String {
        let aws = &self.aws;
        let secrets = aws.secrets.borrow();
        let versions = &secrets.get(SECRET_ARN).expect("the secret").versions;
        let now = aws.today().0;
        let keys = aws.users.borrow().get(USER).cloned().unwrap_or_default();
        let before = aws.before.borrow();

        // `KEYROTA_CLEARING` means something on AWSCURRENT alone, and `KEYROTA_REPLACED` on a version
        // without AWS's labels alone. Such a version gets that label when it is replaced. If it could
        // not get it, the version that keeps it names a key that is gone: the user has two keys, those
        // of AWSCURRENT and of the version that was replaced.
        let rotating = match &self.phase {
            Phase::Next { token, .. } | Phase::Failed { token, .. } => Some(token.as_str()),
            Phase::Idle => None,
        };
        let versions = versions.iter().filter_map(|(id, version)| {
            let is_rotating = rotating == Some(id.as_str());
            let mut labels = version.labels.clone();
            let is_current = labels.contains(CURRENT);
            labels.retain(|label| label != CLEARING || is_current);
            let mut of_aws = [CURRENT, PENDING, PREVIOUS].iter();
            let is_of_aws = of_aws.any(|label| labels.contains(*label));
            labels.retain(|label| label != REPLACED || !is_of_aws);
            (!labels.is_empty()).then_some((is_rotating, labels, version))
        });
        let versions: Vec<_> = versions.collect();

        let named = versions
            .iter()
            .filter_map(|(_, _, version)| version.details.key.clone());
        let mut ids: BTreeSet<String> = named.collect();
        ids.extend(keys.iter().map(|key| key.id.to_string()));
        ids.extend(before.iter().map(|key| key.id.to_string()));
        let ids: Vec<String> = ids.into_iter().collect();
        let number = |id: &str| ids.iter().position(|known| known == id);

        let record = Record::read(&aws.tags.borrow());
        let intents: Vec<i64> = record.intents.iter().map(|at| at.0).collect();
        let explained = |key: &Key| {
            intents
                .iter()
                .any(|at| (at - 5..=at + LAPSED).contains(&key.created.0))
        };
        // For AWSCURRENT's key, it matters whether the key works. For the other keys, it
        // matters how they were created and whether they were used.
        let current = aws.current_key_if_any();
        let describe = |key: &Key| {
            let mut text = format!("{:?}", number(key.id.as_str()));
            text.push(if key.activity == Activity::Active {
                'A'
            } else {
                'I'
            });
            if Some(&key.id) != current.as_ref() {
                text.push(if key.used { 'U' } else { '-' });
                text.push(if key.foreign { 'F' } else { '-' });
                text.push(if explained(key) { 'E' } else { '-' });
            }
            text.push(if record.keys.contains(&key.id) {
                'R'
            } else {
                '-'
            });
            let unknown = key.known_at.saturating_sub(aws.now.get());
            format!("{text}{} ", unknown.as_secs())
        };
        let shown = |keys: &[Key]| -> Vec<(AccessKeyId, Activity)> {
            keys.iter()
                .map(|key| (key.id.clone(), key.activity))
                .collect()
        };
        let (guarded, forged) = (aws.guarded.get(), aws.forged.get());
        let mut text = format!(
            "guarded {guarded} forged {forged} by hand {} ",
            self.by_hand
        );
        text.extend(keys.iter().map(describe));
        if shown(&keys) != shown(&before) {
            text.push_str(" before ");
            text.extend(before.iter().map(describe));
        }
        if self.sweeps {
            let _ = write!(text, " {:?}", self.ages());
        }
        // The position of an intent does not matter, only that it exists.
        for young in [true, false] {
            let is_young = |at: &i64| now - *at <= LAPSED;
            let _ = write!(text, " {}", intents.iter().any(|at| is_young(at) == young));
        }
        let mut lines: Vec<String> = Vec::new();
        for (is_rotating, labels, version) in &versions {
            let value = version
                .value
                .as_deref()
                .map(|value| match &version.details.key {
                    // For an existing key, the secret access key is either genuine or forged.
                    Some(id) => match aws.find_key(id) {
                        Some((_, key)) if !value.contains(&key.secret) => {
                            format!("{:?} made up", number(id))
                        }
                        _ => format!("{:?}", number(id)),
                    },
                    None => value.to_owned(),
                });
            let mut line = format!("{labels:?}{value:?}");
            if aws.renames() {
                let _ = write!(line, "{:?}", version.value.as_deref().map(key_names));
            }
            if *is_rotating {
                line.push('*');
            }
            lines.push(line);
        }
        lines.sort();
        let phase = match &self.phase {
            Phase::Idle => "idle".to_owned(),
            Phase::Next { step, .. } => format!("next {step}"),
            Phase::Failed { step, .. } => format!("failed {step}"),
        };
        let _ = write!(text, " {lines:?} {phase}");
        text
    }

    /// Returns the input of a sweep: the number of days since AWSCURRENT was promoted, since
    /// AWSPREVIOUS's key was last used, and whether a use of it may be concealed.
    fn ages(&self) -> (Option<i64>, [(Option<i64>, bool); 2]) {
        let secrets = self.aws.secrets.borrow();
        let secret = secrets.get(SECRET_ARN).expect("the secret");
        let version = |label: &str| {
            let mut versions = secret.versions.values();
            versions.find(|version| version.labels.contains(label))
        };
        let promoted = secret
            .rotated
            .max(version(CURRENT).map(|version| version.details.created));
        let previous = version(PREVIOUS).and_then(|version| version.details.key.clone());
        let last_used = self.aws.keys().into_iter().find_map(|key| {
            let is_it = key.used && Some(key.id.as_str()) == previous.as_deref();
            is_it.then_some(key.last_used)
        });
        // Whether the key signs the calls of its own rotation depends on the pin.
        let used = [true, false]
            .map(|own| promoted.map(|promoted| KeyUse::since(promoted, last_used, HOLD, own)));
        let days = |since: i64| ((self.aws.today().0 - since) / 86_400).min(LONG_AGO);
        (
            promoted.map(|moment| days(moment.0)),
            used.map(|used| {
                let last = match used {
                    Some(KeyUse::Last(moment)) => Some(days(moment.0)),
                    _ => None,
                };
                (last, matches!(used, Some(KeyUse::Possible(_))))
            }),
        )
    }

    /// Returns the IDs of the secret's versions.
    pub(super) fn versions(&self) -> Vec<String> {
        let secrets = self.aws.secrets.borrow();
        let secret = secrets.get(SECRET_ARN).expect("the secret");
        let ids = secret.versions.keys();
        ids.map(|id| id.as_str().to_owned()).collect()
    }

    /// Returns whether an intent to create a key exists.
    pub(super) fn intends(&self) -> bool {
        self.aws.intends()
    }

    /// Returns whether an active foreign key occupies the other place.
    pub(super) fn has_active_foreign_key(&self) -> bool {
        let keys = self.aws.keys();
        let foreign = |key: &&Key| key.foreign && key.activity == Activity::Active;
        keys.len() > 1 && keys.iter().any(|key| foreign(&key))
    }

    /// Returns whether AWSCURRENT's key can sign requests.
    pub(super) fn works(&self) -> bool {
        let current = self.aws.current_key_if_any();
        let keys = self.aws.keys();
        keys.iter()
            .any(|key| Some(&key.id) == current.as_ref() && key.activity == Activity::Active)
    }
}
