//! When the first rotation of a credential takes place.

use std::fmt;

use serde::{Serialize, Serializer};

use super::{InitialPassword, Kind};

/// When the first rotation of a credential takes place. It decides for the entry, so that no run
/// of a command replaces a password that clients still use.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum FirstRotation {
    /// `keyrota bootstrap` rotates it.
    Now,
    /// Secrets Manager rotates it in the first rotation window.
    Scheduled,
    /// `keyrota rotate NAME` rotates it, and turns on its schedule. Until then it has none.
    OnRequest,
}

impl FirstRotation {
    /// Every value, in the order of the documentation.
    pub const ALL: [Self; 3] = [Self::Now, Self::Scheduled, Self::OnRequest];

    /// Returns the name in the manifest.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Now => "now",
            Self::Scheduled => "scheduled",
            Self::OnRequest => "on_request",
        }
    }

    /// Returns the default for a kind of credential. An access key stays valid while its clients
    /// move to the new one, and so does the login of a user that alternates with another one. A
    /// password does not: whether MySQL retains it depends on the server's version and on the user's
    /// privileges, which no manifest shows. A password that nobody knows is set by a rotation.
    pub fn default_of(kind: &Kind) -> Self {
        match kind {
            Kind::AccessKey(_) => Self::Now,
            Kind::Database(database) if database.initial_password == InitialPassword::Set => {
                Self::Now
            }
            Kind::Database(database) if database.alternate.is_some() => Self::Now,
            Kind::Database(_) | Kind::Service(_) => Self::Scheduled,
        }
    }

    /// Reads a name in the manifest.
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        let found = Self::ALL.into_iter().find(|value| value.name() == text);
        found.ok_or_else(|| format!("expected now, scheduled, or on_request, found `{text}`"))
    }
}

impl fmt::Display for FirstRotation {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.name())
    }
}

impl Serialize for FirstRotation {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.serialize_str(self.name())
    }
}
