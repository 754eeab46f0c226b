//! The fakes in a search in which two runs are interleaved.

use std::fmt::Debug;

use keyrota_service_function::port::{CallErrorKind, Description, StoredVersion};
use keyrota_service_function::service::{Previous, ServiceFault};
use keyrota_test_function::others::Others;
use keyrota_test_function::twice::{Turns, World, tell_description, tell_version};
use secrecy::{ExposeSecret, SecretString};

use super::mishap::AnyFault::{Aws, Service};
use super::mishap::Mishap;
use super::services::FakeServices;

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

impl Told for SecretString {
    fn tell(&self) -> String {
        self.expose_secret().to_owned()
    }
}

impl Told for Previous {
    fn tell(&self) -> String {
        format!("{self:?}")
    }
}

/// A read has no effect. If its answer is lost, the run ends, as if its process died.
const READ: &[Mishap] = &[Mishap::Before(Aws(CallErrorKind::Unclear))];

const WRITE: &[Mishap] = &[
    Mishap::Before(Aws(CallErrorKind::Unclear)),
    Mishap::After(Aws(CallErrorKind::Unclear)),
    Mishap::DieBefore,
    Mishap::DieAfter,
];

/// A login has no effect either.
const LOGIN: &[Mishap] = &[Mishap::Before(Service(ServiceFault::Unclear))];

const CHANGE: &[Mishap] = &[
    Mishap::Before(Service(ServiceFault::Unclear)),
    // The answer is an error or is lost, and the change was carried out.
    Mishap::After(Service(ServiceFault::WrongPassword)),
    Mishap::Pretended,
    Mishap::DieBefore,
    Mishap::DieAfter,
];

impl World for FakeServices {
    type Mishap = Mishap;

    fn fork(&self) -> Self {
        self.fork()
    }

    fn turns(&self) -> &Turns<Mishap> {
        &self.turns
    }

    fn exactly(&self) -> String {
        let secrets = self.secrets.borrow();
        let versions = secrets.values().flat_map(|secret| secret.versions.keys());
        let versions: Vec<&str> = versions.map(|id| id.as_str()).collect();
        format!(
            "{versions:?}{:?}{:?}{:?}{:?}{}",
            secrets.values().collect::<Vec<_>>(),
            self.user.borrow(),
            self.now.get(),
            self.guards(),
            self.made.get(),
        )
    }

    fn mishaps(action: &str) -> &'static [Mishap] {
        match action {
            "authenticate" => LOGIN,
            "change" => CHANGE,
            "secretsmanager:DescribeSecret"
            | "secretsmanager:GetSecretValue"
            | "secretsmanager:GetRandomPassword" => READ,
            action if action.contains(':') => WRITE,
            // Time, and the acts of others.
            _ => &[],
        }
    }

    fn changes(action: &str) -> bool {
        !matches!(
            action,
            "authenticate" | "secretsmanager:DescribeSecret" | "secretsmanager:GetSecretValue"
        )
    }

    fn kills(mishap: Mishap) -> bool {
        matches!(mishap, Mishap::DieBefore | Mishap::DieAfter)
    }

    fn violation(&self) -> Option<String> {
        self.violations.borrow().first().cloned()
    }
}

impl Others for FakeServices {
    async fn act<T: Debug>(&self, who: &'static str, act: impl FnOnce() -> T) -> T {
        let turn = self.turns.wait(who).await;
        let answer = act();
        self.check();
        self.turns.answered(turn, || format!("{answer:?}"));
        answer
    }
}
