//! The fakes in a search in which two runs are interleaved.

use std::fmt::Debug;

use keyrota_database_function::port::{CallErrorKind, Description, StoredVersion};
use keyrota_database_function::server::{
    Dropped, Inspection, Prepared, PreviousPassword, ServerFault,
};
use keyrota_test_function::others::Others;
use keyrota_test_function::twice::{Turns, World, tell_description, tell_version};
use secrecy::{ExposeSecret, SecretString};

use super::mishap::AnyFault::{Aws, Server, Unsent};
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

impl Told for PreviousPassword {
    fn tell(&self) -> String {
        format!("{self:?}")
    }
}

impl Told for Prepared {
    fn tell(&self) -> String {
        format!("{self:?}")
    }
}

impl Told for Inspection {
    fn tell(&self) -> String {
        format!("{self:?}")
    }
}

impl Told for bool {
    fn tell(&self) -> String {
        self.to_string()
    }
}

impl Told for Dropped {
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
const LOGIN: &[Mishap] = &[Mishap::Before(Server(ServerFault::TimedOut))];

const CHANGE: &[Mishap] = &[
    Mishap::Before(Server(ServerFault::Unclear)),
    // The answer is an error or is lost, and the change was carried out.
    Mishap::After(Server(ServerFault::NotAllowed)),
    Mishap::DieBefore,
    Mishap::DieAfter,
];

/// A creation or a grant that failed is reported as one whose password was not sent.
const CREATION: &[Mishap] = &[
    Mishap::Before(Unsent(ServerFault::Unclear)),
    Mishap::After(Unsent(ServerFault::RightsNotGranted)),
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
            "{versions:?}{:?}{:?}{:?}{:?}{:?}{:?}{}",
            secrets.values().collect::<Vec<_>>(),
            self.user.borrow(),
            self.other.borrow(),
            self.last_current.borrow(),
            self.now.get(),
            self.guards(),
            self.made.get(),
        )
    }

    fn mishaps(action: &str) -> &'static [Mishap] {
        match action {
            "authenticate" | "inspect" | "has_user" => LOGIN,
            "create" | "grant" => CREATION,
            "change" | "prepare" | "prepare_granted" | "discard" => CHANGE,
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
            "authenticate"
                | "inspect"
                | "has_user"
                | "secretsmanager:DescribeSecret"
                | "secretsmanager:GetSecretValue"
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
