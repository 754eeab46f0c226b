//! The fakes in a search in which two runs are interleaved.

use std::collections::BTreeMap;
use std::fmt::Debug;

use keyrota_function::port::{
    AccessKey, CallErrorKind, Description, Identity, LastUsed, NewKey, StoredVersion,
};
use keyrota_test_function::others::Others;
use keyrota_test_function::twice::{Turns, World, tell_description, tell_version};
use secrecy::ExposeSecret;

use super::aws::FakeAws;
use super::mishap::{Mishap, READS};

/// What a run learns from the answer of a call.
pub(crate) trait Told {
    /// Returns all of it.
    fn tell(&self) -> String;
}

impl Told for () {
    fn tell(&self) -> String {
        String::new()
    }
}

impl Told for Description {
    fn tell(&self) -> String {
        tell_description(self)
    }
}

impl Told for StoredVersion {
    fn tell(&self) -> String {
        tell_version(self)
    }
}

impl Told for NewKey {
    fn tell(&self) -> String {
        format!("{} {}", self.id, self.secret.expose_secret())
    }
}

/// The answers that can be shown.
macro_rules! shown {
    ($($answer:ty),*) => {$(
        impl Told for $answer {
            fn tell(&self) -> String {
                format!("{self:?}")
            }
        }
    )*};
}

shown!(Vec<AccessKey>, Option<LastUsed>, BTreeMap<String, String>, Identity);

/// A read has no effect. If its answer is lost, the run ends, as if its process died.
const READ: &[Mishap] = &[Mishap::Before(CallErrorKind::Unclear)];

/// IAM is eventually consistent.
const LIST: &[Mishap] = &[Mishap::Before(CallErrorKind::Unclear), Mishap::OutOfDate];

/// AWS may refuse a new key for a while.
const IDENTIFY: &[Mishap] = &[Mishap::Before(CallErrorKind::NotAuthenticated)];

const WRITE: &[Mishap] = &[
    Mishap::Before(CallErrorKind::Unclear),
    Mishap::After(CallErrorKind::Unclear),
    Mishap::DieBefore,
    Mishap::DieAfter,
];

impl World for FakeAws {
    type Mishap = Mishap;

    fn fork(&self) -> Self {
        self.fork()
    }

    fn turns(&self) -> &Turns<Mishap> {
        &self.turns
    }

    fn exactly(&self) -> String {
        let secrets = self.secrets.borrow();
        // An ID shows nothing of itself.
        let versions = secrets.values().flat_map(|it| it.versions.keys());
        let versions: Vec<&str> = versions.map(|id| id.as_str()).collect();
        let secrets: Vec<String> = secrets.values().map(|it| format!("{it:?}")).collect();
        format!(
            "{versions:?}{secrets:?}{:?}{:?}{:?}{:?}{}{}",
            self.users.borrow(),
            self.before.borrow(),
            self.tags.borrow(),
            self.now.get(),
            self.guarded.get(),
            self.made.get(),
        )
    }

    fn mishaps(action: &str) -> &'static [Mishap] {
        match action {
            "iam:ListAccessKeys" => LIST,
            "sts:GetCallerIdentity" => IDENTIFY,
            action if READS.contains(&action) => READ,
            action if action.contains(':') => WRITE,
            // Time, and the acts of others.
            _ => &[],
        }
    }

    fn changes(action: &str) -> bool {
        !READS.contains(&action)
    }

    fn kills(mishap: Mishap) -> bool {
        matches!(mishap, Mishap::DieBefore | Mishap::DieAfter)
    }

    fn violation(&self) -> Option<String> {
        self.violations.borrow().first().cloned()
    }
}

impl Others for FakeAws {
    async fn act<T: Debug>(&self, who: &'static str, act: impl FnOnce() -> T) -> T {
        let turn = self.turns.wait(who).await;
        let answer = act();
        self.check();
        self.turns.answered(turn, || format!("{answer:?}"));
        answer
    }
}
