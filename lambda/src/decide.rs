//! What to do, given what was observed. Everything here is pure and
//! synchronous, and imports nothing of this crate: the values it reasons about
//! are defined in this file, so that a proof can enumerate them, or are labels
//! and versions, as pure.
//!
//! No date appears among these values. A key is kept or removed for what is
//! known of it (which version of the secret names it, whether it is active,
//! whether it was ever used), never for its age: after a failed rotation the
//! oldest of a user's keys is the one its clients are using.

use std::collections::BTreeSet;
use std::fmt;

use keyrota_contract::value::is_access_key_id;

pub use keyrota_function_base::stage::{
    CURRENT, PENDING, PREVIOUS, Stages, Standing, VersionId, carrier, is_rotating, standing,
};

/// The number of access keys IAM lets a user have, active or not.
///
/// Source: "IAM and AWS STS quotas" in the IAM User Guide.
pub const KEYS_PER_USER: usize = 2;

/// An access key's ID: the half of the key that may be shown.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct AccessKeyId(String);

impl AccessKeyId {
    /// Returns the ID, or `None` if the text cannot be one.
    ///
    /// An ID is safe to show: see [`is_access_key_id`].
    pub fn parse(text: &str) -> Option<Self> {
        is_access_key_id(text).then(|| Self(text.to_owned()))
    }

    /// Returns the ID as IAM writes it.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for AccessKeyId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

/// Whether IAM accepts requests that a key signed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Activity {
    /// Requests signed with it are accepted.
    Active,
    /// Requests signed with it are refused; it can be made active again.
    Inactive,
}

/// What is known of a key's use.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Usage {
    /// Nobody has asked yet.
    Unread,
    /// `GetAccessKeyLastUsed` knows of no use.
    Never,
    /// It was used.
    Used,
}

/// Whether a key can be one that a run of the rotation made and lost.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Origin {
    /// Nothing says so.
    Unknown,
    /// It was made when a run had written down that it would make one.
    Announced,
}

/// What is known of the secret part that a superseded version stores for a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Proof {
    /// It was not tried yet.
    Untried,
    /// It authenticates as the pinned user, so that the version really holds the key.
    Genuine,
    /// It does not authenticate. Who can write the secret can write the ID of any key
    /// into it.
    Refuted,
}

/// One of a user's access keys. It has no date on purpose.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ListedKey {
    /// The key's ID.
    pub id: AccessKeyId,
    /// Whether it is active.
    pub activity: Activity,
    /// Whether a run of the rotation can have made it.
    pub origin: Origin,
    /// What is known of its use.
    pub usage: Usage,
    /// Whether a superseded version that names it really holds it.
    pub proof: Proof,
}

/// Whose credentials make the IAM calls.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Hand {
    /// The user's own: the key in AWSCURRENT.
    Own,
    /// Another's: the function's role or an administrator.
    Another,
}

/// What is known before a key is made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Holdings {
    /// The pinned user's keys.
    pub listed: Vec<ListedKey>,
    /// The key that AWSCURRENT names.
    pub current: AccessKeyId,
    /// The key that this rotation's own version names, if any.
    pub pending: Option<AccessKeyId>,
    /// The keys named by versions that this rotation supersedes: AWSPREVIOUS,
    /// an AWSPENDING that an earlier rotation left behind, or the version of a
    /// rotation that was cancelled.
    pub superseded: BTreeSet<AccessKeyId>,
    /// Whether every key of the user is ours alone, since the stack made it.
    pub owns_user: bool,
    /// Whose credentials make the IAM calls.
    pub hand: Hand,
}

impl Holdings {
    /// Whether a key is one that no decision may touch.
    fn protects(&self, key: &AccessKeyId) -> bool {
        *key == self.current || Some(key) == self.pending.as_ref()
    }
}

/// Why a key may be removed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Because {
    /// A superseded version of the secret names it, and it is inactive or was proven
    /// to be the key that the version holds.
    Superseded,
    /// Nobody knows it and it is inactive: no client can be using it.
    Inactive,
    /// No version names it, it was never used, and it was made when a run of
    /// the rotation had said that it would make one: its secret was lost.
    Announced,
    /// No version names it, it was never used, and the user is ours alone.
    OrphanOfOurUser,
}

/// Why no room can be made without a person.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Obstacle {
    /// AWSCURRENT's key is not among the user's keys. Whatever this list shows,
    /// it does not explain the secret, so nothing in it is touched.
    CurrentMissing,
    /// AWSCURRENT's key is inactive, and it is the one that would have to ask.
    CurrentInactive,
    /// The other key is none that this secret's rotation made.
    Foreign {
        /// The key that is in the way.
        key: AccessKeyId,
    },
    /// Every key is protected.
    AllProtected,
}

/// How to come by a free place for a new key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Room {
    /// There is one.
    Free,
    /// Remove this key.
    Remove {
        /// The key to remove.
        key: AccessKeyId,
        /// Why that harms nobody.
        because: Because,
    },
    /// Ask when this key was last used, then decide again.
    ReadUsage {
        /// The key to ask about.
        key: AccessKeyId,
    },
    /// Try whether the secret part that a superseded version stores for this key
    /// authenticates, then decide again.
    Prove {
        /// The key to try.
        key: AccessKeyId,
    },
    /// Stop, having touched nothing.
    Stop(Obstacle),
}

/// Returns how to come by a free place for a new key.
///
/// AWSCURRENT's key and this rotation's own are never removed; where
/// AWSCURRENT's key is not among the user's keys, nothing is. An active key is
/// removed only where something that a writer of the secret cannot forge says that it
/// is ours: its secret part, which a version of the secret holds; an intent, recorded
/// on the IAM user; or the pin by which the stack created the user. That it was never
/// used says nothing by itself: somebody may keep it in reserve.
///
/// An inactive AWSCURRENT stops a rotation that it would have to authorise
/// itself, since IAM would refuse each call. Where the role or an administrator
/// authorises, a new key is made all the same: every client of the secret is
/// being refused already, so a new key can take nothing from anyone and is the
/// way back to a credential that works; and the inactive key stays as it is for
/// whoever is looking into it. To suspend a user on purpose, cancel its
/// rotation or deny it by policy: a key's status is not a lock, since anyone
/// who may rotate may make another.
pub fn room(holdings: &Holdings) -> Room {
    let Some(current) = holdings
        .listed
        .iter()
        .find(|key| key.id == holdings.current)
    else {
        return Room::Stop(Obstacle::CurrentMissing);
    };
    if current.activity == Activity::Inactive && holdings.hand == Hand::Own {
        return Room::Stop(Obstacle::CurrentInactive);
    }
    if holdings.listed.len() < KEYS_PER_USER {
        return Room::Free;
    }

    let mut spare: Vec<&ListedKey> = holdings
        .listed
        .iter()
        .filter(|key| !holdings.protects(&key.id))
        .collect();
    spare.sort_by(|left, right| left.id.cmp(&right.id));

    let first = |fits: &dyn Fn(&ListedKey) -> bool| {
        spare.iter().find(|key| fits(key)).map(|key| key.id.clone())
    };
    let superseded = |key: &ListedKey| holdings.superseded.contains(&key.id);
    let is_certain =
        |key: &ListedKey| key.activity == Activity::Inactive || key.proof == Proof::Genuine;
    if let Some(key) = first(&|key| superseded(key) && is_certain(key)) {
        return Room::Remove {
            key,
            because: Because::Superseded,
        };
    }
    if let Some(key) = first(&|key| key.activity == Activity::Inactive) {
        return Room::Remove {
            key,
            because: Because::Inactive,
        };
    }
    if let Some(key) = first(&|key| superseded(key) && key.proof == Proof::Untried) {
        return Room::Prove { key };
    }
    // What is left is active, and no version holds it.
    let ours = |key: &ListedKey| holdings.owns_user || key.origin == Origin::Announced;
    if let Some(key) = first(&|key| ours(key) && key.usage == Usage::Unread) {
        return Room::ReadUsage { key };
    }
    let lost = spare
        .iter()
        .find(|key| ours(key) && key.usage == Usage::Never);
    if let Some(key) = lost {
        return Room::Remove {
            key: key.id.clone(),
            because: match key.origin {
                Origin::Announced => Because::Announced,
                Origin::Unknown => Because::OrphanOfOurUser,
            },
        };
    }
    match first(&|_| true) {
        Some(key) => Room::Stop(Obstacle::Foreign { key }),
        None => Room::Stop(Obstacle::AllProtected),
    }
}

/// How a `PutSecretValue` that was not confirmed ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Put {
    /// Secrets Manager said no, and would say so again.
    Refused,
    /// Secrets Manager said that the version has another value already.
    Taken,
    /// Secrets Manager did not take the call, and may take the next.
    Postponed,
    /// Nobody knows whether it was carried out.
    Unclear,
}

/// What the version was found to hold afterwards.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ReadBack {
    /// The value that was put.
    Ours,
    /// Another value.
    Another,
    /// No value.
    Nothing,
    /// It could not be read.
    Unclear,
}

/// What to do with a new key after a `PutSecretValue` that was not confirmed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AfterPut {
    /// The value is stored: go on.
    Stored,
    /// Another run of this rotation stored its key first: remove this one and
    /// go on.
    StoredByAnother,
    /// Put the same value again.
    TryAgain,
    /// The value is certainly not stored: remove the key and fail.
    Remove,
    /// The value may be stored: leave the key and fail. The retry finds either
    /// the value, or a key that nobody knows.
    Leave,
}

/// Returns what to do with a new key after a `PutSecretValue` that was not
/// confirmed. The key is only given up where the value is certainly not stored:
/// a version that names a removed key could never be promoted nor replaced.
///
/// `maybe_stored` says that this put or one before it may have been carried
/// out; `time_left` that there is time for another.
pub fn after_put(put: Put, maybe_stored: bool, read_back: ReadBack, time_left: bool) -> AfterPut {
    let again = time_left && matches!(put, Put::Postponed | Put::Unclear);
    match read_back {
        ReadBack::Ours => AfterPut::Stored,
        ReadBack::Another => AfterPut::StoredByAnother,
        ReadBack::Nothing if again => AfterPut::TryAgain,
        ReadBack::Nothing => AfterPut::Remove,
        ReadBack::Unclear if again => AfterPut::TryAgain,
        ReadBack::Unclear if put == Put::Taken || maybe_stored => AfterPut::Leave,
        ReadBack::Unclear => AfterPut::Remove,
    }
}
