//! When a credential rotates for the first time, and what its clients notice. It follows from the
//! manifest and from what Secrets Manager reports, so it is the same in every run.

use std::fmt;

use jiff::Timestamp;
use serde::ser::{Serialize, SerializeStruct as _, Serializer};

use super::doctor::differs;
use super::{HeldSecret, LastRotation, ObservedEntry, Preflight, wanted_rotation};
use crate::model::{Entry, FirstRotation, InitialPassword, Kind, OldKey, Window};
use crate::port::{Rotation, Secret};

/// The first rotation of a credential that has never rotated.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OutstandingRotation {
    /// When it takes place: what the manifest says, or `scheduled` if the schedule rotates a
    /// credential before anyone else.
    pub when: FirstRotation,
    /// The rotation window in which it takes place, if it is scheduled.
    pub window: Option<Window>,
    /// The name of the secret.
    secret: String,
    /// Whether the manifest leaves it to the schedule or to a request, so that it is as it should
    /// be that the credential has not rotated.
    is_held_back: bool,
    /// What happens to the credential that is replaced.
    replaced: Replaced,
}

/// What happens to the credential that is replaced.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Replaced {
    /// An access key is kept for a while.
    Key(OldKey),
    /// A password stops working at once.
    Password,
    /// A service's password stops working at once, unless the service keeps it.
    ServicePassword,
    /// The administrator sets a password that nobody knows, of this user.
    Set(String),
    /// The administrator creates this user.
    Created(String),
    /// The password of a user that alternates works until that user is prepared again.
    Alternating,
}

/// Returns whether `bootstrap` leaves the first rotation of a secret to its schedule or to
/// `keyrota rotate NAME`.
pub fn is_held_back(entry: &Entry, held: HeldSecret<'_>) -> bool {
    entry.first_rotation != FirstRotation::Now && held.rotation.is_never()
}

/// Returns whether nobody has requested the first rotation of a secret that waits for it.
pub fn awaits_request(entry: &Entry, held: HeldSecret<'_>) -> bool {
    entry.first_rotation == FirstRotation::OnRequest
        && held.rotation.is_never()
        && !held.secret.rotation_enabled
}

/// Returns the rotation configuration that a deployment sets on a secret whose schedule is not in
/// the stack, after its first rotation was requested: the manifest has changed, or the deployment
/// has removed the schedule that the stack had before.
pub fn kept_rotation(
    entry: &Entry,
    before: Option<&Secret>,
    held: HeldSecret<'_>,
    function: Option<&str>,
) -> Option<Rotation> {
    if entry.first_rotation != FirstRotation::OnRequest {
        return None;
    }
    let wanted = wanted_rotation(entry, function);
    // Another function may have rotated an adopted secret, which nobody has requested here.
    let was_ours = |secret: &Secret| {
        secret.rotation_enabled && secret.rotation.function.as_deref() == function
    };
    let is_set = match held.secret.rotation_enabled {
        true => differs(entry, &wanted, &held.secret.rotation),
        false => before.is_some_and(was_ours) && !held.rotation.is_never(),
    };
    is_set.then_some(wanted)
}

/// Returns the first rotation of a deployed secret, or `None` if it has rotated or nothing will
/// rotate it although the manifest says so.
pub fn outstanding_rotation(
    entry: &Entry,
    secret: &Secret,
    rotation: LastRotation,
    now: Timestamp,
) -> Option<OutstandingRotation> {
    if !rotation.is_never() {
        return None;
    }
    match (secret.rotation_enabled, entry.first_rotation) {
        (true, _) => Some(scheduled(entry, Some(secret), now)),
        (false, FirstRotation::OnRequest) => Some(unscheduled(entry)),
        (false, FirstRotation::Now | FirstRotation::Scheduled) => None,
    }
}

/// Returns the first rotation of an entry that is deployed next, or `None` if it has rotated.
/// `adopts` is whether the deployment takes over a secret that others have rotated.
pub fn next_first_rotation(
    seen: &ObservedEntry<'_>,
    Preflight { rotates }: Preflight,
    adopts: bool,
    now: Timestamp,
) -> Option<OutstandingRotation> {
    let entry = seen.entry();
    let held = seen.held();
    let rotates_again = adopts && rotates && entry.first_rotation == FirstRotation::Now;
    if held.is_some_and(|held| !held.rotation.is_never()) && !rotates_again {
        return None;
    }
    let secret = held.map(|held| held.secret);
    let secret = secret.filter(|secret| secret.rotation_enabled);
    let first = match entry.first_rotation {
        FirstRotation::Now if rotates => unscheduled(entry),
        FirstRotation::OnRequest if secret.is_none() => unscheduled(entry),
        _ => scheduled(entry, secret, now),
    };
    Some(match held {
        Some(held) if held.is_complete => first,
        _ => first.without_password(entry),
    })
}

/// Returns a first rotation that no schedule starts.
fn unscheduled(entry: &Entry) -> OutstandingRotation {
    OutstandingRotation {
        when: entry.first_rotation,
        window: None,
        secret: entry.secret.to_string(),
        is_held_back: entry.first_rotation != FirstRotation::Now,
        replaced: match &entry.kind {
            Kind::AccessKey(_) => Replaced::Key(entry.old_key),
            Kind::Database(database) if database.alternate.is_some() => Replaced::Alternating,
            Kind::Database(_) => Replaced::Password,
            Kind::Service(_) => Replaced::ServicePassword,
        },
    }
}

/// Returns a first rotation that the schedule starts. Secrets Manager reports the end of its
/// window; a window that has passed without a rotation is followed by the next one.
fn scheduled(entry: &Entry, secret: Option<&Secret>, now: Timestamp) -> OutstandingRotation {
    let reported = secret.and_then(|secret| secret.next_rotation);
    let reported = reported.filter(|closes| *closes > now);
    let window = match reported {
        Some(closes) => entry.schedule.window_until(closes, entry.window),
        None => entry.schedule.windows(now, entry.window).next(),
    };
    OutstandingRotation {
        when: FirstRotation::Scheduled,
        window,
        ..unscheduled(entry)
    }
}

impl OutstandingRotation {
    /// Returns the first rotation of a secret that contains no credential yet. The rotation sets the
    /// password, if the manifest says so.
    #[must_use]
    pub fn without_password(self, entry: &Entry) -> Self {
        let Kind::Database(database) = &entry.kind else {
            return self;
        };
        if database.initial_password != InitialPassword::Set {
            return self;
        }
        let user = format!("{} at {}", database.username, database.endpoint());
        let replaced = match database.create_user {
            Some(_) => Replaced::Created(user),
            None => Replaced::Set(user),
        };
        Self { replaced, ..self }
    }

    /// Returns the name of the secret.
    pub fn secret(&self) -> &str {
        &self.secret
    }

    /// Returns whether the manifest leaves it to the schedule or to a request.
    pub const fn is_held_back(&self) -> bool {
        self.is_held_back
    }
}

/// The document that `plan`, `bootstrap`, and `status` show. The last two fields have the names of
/// the manifest's: whether the rotation sets a password that nobody knows, and whether it creates
/// the user.
impl Serialize for OutstandingRotation {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let (sets, creates) = match self.replaced {
            Replaced::Set(_) => (true, false),
            Replaced::Created(_) => (true, true),
            Replaced::Key(_)
            | Replaced::Password
            | Replaced::ServicePassword
            | Replaced::Alternating => (false, false),
        };
        let mut document = serializer.serialize_struct("OutstandingRotation", 4)?;
        document.serialize_field("when", &self.when)?;
        document.serialize_field("window", &self.window)?;
        document.serialize_field("initial_password", &sets.then_some("set"))?;
        document.serialize_field("create_user", &creates)?;
        document.end()
    }
}

/// Writes what happens, and what its clients must do before.
impl fmt::Display for OutstandingRotation {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.when, self.window) {
            (FirstRotation::Now, _) => formatter.write_str("rotated now")?,
            (FirstRotation::OnRequest, _) => write!(
                formatter,
                "no rotation until `keyrota rotate {}`",
                self.secret
            )?,
            (FirstRotation::Scheduled, Some(window)) => write!(
                formatter,
                "first rotation in the window of {}",
                window.opens.strftime("%a %Y-%m-%d %H:%M UTC")
            )?,
            (FirstRotation::Scheduled, None) => {
                formatter.write_str("first rotation as scheduled")?
            }
        }
        match (&self.replaced, self.when) {
            (Replaced::Set(user), _) => write!(
                formatter,
                "; the administrator sets the password of {user}, which voids the present one"
            ),
            (Replaced::Created(user), _) => {
                write!(formatter, "; the administrator creates the user {user}")
            }
            (Replaced::Password, FirstRotation::Now) => formatter.write_str(
                "; clients that do not read the secret cannot log in from then on, unless MySQL retains the password",
            ),
            (Replaced::Alternating, _) => formatter.write_str(
                "; clients of the current user are not refused, and must read the secret at least once per rotation: the rotation after that gives this user a new password",
            ),
            (Replaced::ServicePassword, FirstRotation::Now) => formatter.write_str(
                "; clients that do not read the secret cannot log in from then on, unless the service still accepts the old password",
            ),
            (Replaced::Password | Replaced::ServicePassword, _) => {
                formatter.write_str("; move its clients to the secret before then")
            }
            (Replaced::Key(OldKey::UntilNextRotation), _) => {
                formatter.write_str("; the replaced key works until the next rotation")
            }
            (Replaced::Key(OldKey::After(retirement)), _) => write!(
                formatter,
                "; the replaced key works for {} more",
                retirement.deactivate_after
            ),
        }
    }
}
