//! Decides what to do, given what was observed. Everything here is pure and synchronous, and
//! imports only other pure code of this project: the values that it reasons about are defined
//! in this file, so that a proof can enumerate them, or are labels and versions.
//!
//! These values contain no dates. A key is kept or removed because of what is known about it
//! (which version of the secret names it, whether it is active, whether it was ever used), and
//! never because of its age. After a failed rotation, the oldest of a user's keys is the one
//! that its clients use.

use std::collections::BTreeSet;
use std::fmt;

use keyrota_contract::value::is_access_key_id;

pub use keyrota_function_base::stage::{
    CURRENT, PENDING, PREVIOUS, Stages, VersionId, VersionState, carrier, is_rotating,
    version_state,
};

/// The number of access keys that IAM lets a user have, active or not.
///
/// Source: "IAM and AWS STS quotas" in the IAM User Guide.
pub const KEYS_PER_USER: usize = 2;

/// An access key's ID: the part of the key that may be shown.
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

/// Whether IAM accepts requests that are signed with a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Activity {
    /// Requests signed with it are accepted.
    Active,
    /// Requests signed with it are refused. It can be activated again.
    Inactive,
}

/// What is known about a key's use.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Usage {
    /// It has not been read yet.
    Unread,
    /// `GetAccessKeyLastUsed` reports no use.
    Never,
    /// The key was used.
    Used,
}

/// Whether a run of the rotation may have created a key and lost it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Origin {
    /// Nothing indicates that.
    Unknown,
    /// The key was created when a run had recorded that it was about to create one.
    Announced,
}

/// What is known about the secret access key that a superseded version stores for a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Proof {
    /// It has not been tried yet.
    Untried,
    /// It authenticates as the pinned user, so the version really contains the key.
    Genuine,
    /// It does not authenticate. A principal that can write the secret can write the ID of any
    /// key into it.
    Refuted,
}

/// One of a user's access keys. It has no date on purpose.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ListedKey {
    /// The key's ID.
    pub id: AccessKeyId,
    /// Whether it is active.
    pub activity: Activity,
    /// Whether a run of the rotation may have created it.
    pub origin: Origin,
    /// What is known about its use.
    pub usage: Usage,
    /// Whether a superseded version that names it really contains it.
    pub proof: Proof,
}

/// The principal whose credentials make the IAM calls.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CallerIdentity {
    /// The user: the key in AWSCURRENT.
    Own,
    /// Another principal: the execution role or an administrator.
    Another,
}

/// What is known before a key is created.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyInventory {
    /// The pinned user's keys.
    pub listed: Vec<ListedKey>,
    /// The key that AWSCURRENT names, or `None` if the user gets its first key.
    pub current: Option<AccessKeyId>,
    /// The key that this rotation's own version names, if any.
    pub pending: Option<AccessKeyId>,
    /// The keys named by versions that this rotation supersedes: AWSPREVIOUS, an AWSPENDING
    /// that an earlier rotation left behind, or the version of a cancelled rotation.
    pub superseded: BTreeSet<AccessKeyId>,
    /// Whether every key of the user belongs to keyrota, because the stack created the user.
    pub owns_user: bool,
    /// The principal whose credentials make the IAM calls.
    pub caller_identity: CallerIdentity,
}

impl KeyInventory {
    /// Returns whether no decision may touch this key.
    fn protects(&self, key: &AccessKeyId) -> bool {
        Some(key) == self.current.as_ref() || Some(key) == self.pending.as_ref()
    }
}

/// Why a key may be removed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RemovalReason {
    /// A superseded version of the secret names it, and either it is inactive or it was proven
    /// to be the key that the version contains.
    Superseded,
    /// No version names it and it is inactive, so no client can be using it.
    Inactive,
    /// No version names it, it was never used, and it was created when a run of the rotation
    /// had recorded that it was about to create one. Its secret access key was lost.
    Announced,
    /// No version names it, it was never used, and the stack created the user.
    OrphanOfOurUser,
}

/// Why a person must make room for a new key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Obstacle {
    /// AWSCURRENT's key is not among the user's keys. The list does not match the secret, so
    /// nothing in it is touched.
    CurrentMissing {
        /// AWSCURRENT's key.
        key: AccessKeyId,
    },
    /// AWSCURRENT's key is inactive, and it would have to make the calls.
    CurrentInactive {
        /// AWSCURRENT's key.
        key: AccessKeyId,
    },
    /// The other key was not created by this secret's rotation.
    Foreign {
        /// The key that is in the way.
        key: AccessKeyId,
    },
    /// The user gets its first key, but has this one, which clients may be using.
    NotTheFirst {
        /// The key that the user has.
        key: AccessKeyId,
    },
    /// Every key is protected.
    AllProtected,
}

/// How to make room for a new key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SlotDecision {
    /// There is room.
    Free,
    /// Remove this key.
    Remove {
        /// The key to remove.
        key: AccessKeyId,
        /// Why its removal is safe.
        because: RemovalReason,
    },
    /// Read when this key was last used, then decide again.
    ReadUsage {
        /// The key to read.
        key: AccessKeyId,
    },
    /// Test whether the secret access key that a superseded version stores for this key
    /// authenticates, then decide again.
    Prove {
        /// The key to test.
        key: AccessKeyId,
    },
    /// Stop without touching anything.
    Stop(Obstacle),
}

/// Returns how to make room for a new key.
///
/// AWSCURRENT's key and this rotation's own key are never removed. If AWSCURRENT's key is not
/// among the user's keys, no key is. An active key is removed only if evidence that a writer of
/// the secret cannot forge shows that keyrota created it: its secret access key, which a version of
/// the secret contains; an intent, recorded on the IAM user; or the pin, which says that the
/// stack created the user. That a key was never used proves nothing by itself, since someone
/// may keep it in reserve.
///
/// An inactive AWSCURRENT stops a rotation that it would have to authorise itself, since IAM
/// would refuse each call. If the role or an administrator authorises the rotation, a new key
/// is created anyway: AWS already refuses every client of the secret, so a new key takes
/// nothing from anyone and restores a working credential. The inactive key stays as it is for
/// anyone who investigates it. To suspend a user on purpose, cancel its rotation or deny it by
/// policy. A key's status is not a lock, since anyone who may rotate may create another key.
pub fn decide_slot(inventory: &KeyInventory) -> SlotDecision {
    let Some(current) = &inventory.current else {
        return decide_first(inventory);
    };
    let named = || current.clone();
    let Some(current) = inventory.listed.iter().find(|key| key.id == *current) else {
        return SlotDecision::Stop(Obstacle::CurrentMissing { key: named() });
    };
    if current.activity == Activity::Inactive && inventory.caller_identity == CallerIdentity::Own {
        return SlotDecision::Stop(Obstacle::CurrentInactive { key: named() });
    }
    if inventory.listed.len() < KEYS_PER_USER {
        return SlotDecision::Free;
    }

    let mut spare: Vec<&ListedKey> = inventory
        .listed
        .iter()
        .filter(|key| !inventory.protects(&key.id))
        .collect();
    spare.sort_by(|left, right| left.id.cmp(&right.id));

    let first = |fits: &dyn Fn(&ListedKey) -> bool| {
        spare.iter().find(|key| fits(key)).map(|key| key.id.clone())
    };
    let superseded = |key: &ListedKey| inventory.superseded.contains(&key.id);
    let is_certain =
        |key: &ListedKey| key.activity == Activity::Inactive || key.proof == Proof::Genuine;
    if let Some(key) = first(&|key| superseded(key) && is_certain(key)) {
        return SlotDecision::Remove {
            key,
            because: RemovalReason::Superseded,
        };
    }
    if let Some(key) = first(&|key| key.activity == Activity::Inactive) {
        return SlotDecision::Remove {
            key,
            because: RemovalReason::Inactive,
        };
    }
    if let Some(key) = first(&|key| superseded(key) && key.proof == Proof::Untried) {
        return SlotDecision::Prove { key };
    }
    // The remaining keys are active, and no version contains them.
    let ours = |key: &ListedKey| inventory.owns_user || key.origin == Origin::Announced;
    if let Some(key) = first(&|key| ours(key) && key.usage == Usage::Unread) {
        return SlotDecision::ReadUsage { key };
    }
    let lost = spare
        .iter()
        .find(|key| ours(key) && key.usage == Usage::Never);
    if let Some(key) = lost {
        return SlotDecision::Remove {
            key: key.id.clone(),
            because: match key.origin {
                Origin::Announced => RemovalReason::Announced,
                Origin::Unknown => RemovalReason::OrphanOfOurUser,
            },
        };
    }
    match first(&|_| true) {
        Some(key) => SlotDecision::Stop(Obstacle::Foreign { key }),
        None => SlotDecision::Stop(Obstacle::AllProtected),
    }
}

/// Returns how to make room for the first key of a user.
///
/// No key was ever AWSCURRENT, so no client got one from the secret. A key that a version contains is
/// the one of a first rotation that was cancelled. Any other key is removed only if the stack
/// created the user and it was never used: an earlier run has created it and lost it. With a
/// key that someone uses, a person has to look.
fn decide_first(inventory: &KeyInventory) -> SlotDecision {
    let mut keys: Vec<&ListedKey> = inventory.listed.iter().collect();
    keys.sort_by(|left, right| left.id.cmp(&right.id));
    let Some(key) = keys.first() else {
        return SlotDecision::Free;
    };
    let named = || key.id.clone();
    let is_superseded = inventory.superseded.contains(&key.id);
    if !inventory.owns_user || inventory.protects(&key.id) {
        return SlotDecision::Stop(Obstacle::NotTheFirst { key: named() });
    }
    match (is_superseded, key.proof, key.usage) {
        (true, Proof::Genuine, _) => SlotDecision::Remove {
            key: named(),
            because: RemovalReason::Superseded,
        },
        (true, Proof::Untried, _) => SlotDecision::Prove { key: named() },
        (_, _, Usage::Unread) => SlotDecision::ReadUsage { key: named() },
        (_, _, Usage::Never) => SlotDecision::Remove {
            key: named(),
            because: RemovalReason::OrphanOfOurUser,
        },
        (_, _, Usage::Used) => SlotDecision::Stop(Obstacle::NotTheFirst { key: named() }),
    }
}

/// How an unconfirmed `PutSecretValue` ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PutOutcome {
    /// Secrets Manager refused it, and would refuse it again.
    Refused,
    /// Secrets Manager reported that the version already has a different value.
    Taken,
    /// Secrets Manager did not accept the call, and may accept the next one.
    Postponed,
    /// It is unknown whether the call was carried out.
    Unclear,
}

/// What a later read found in the version.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ReadBack {
    /// The value that the call was to store.
    Ours,
    /// Another value.
    Another,
    /// No value.
    Nothing,
    /// It could not be read.
    Unclear,
}

/// What to do with a new key after an unconfirmed `PutSecretValue`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AfterPut {
    /// The value is stored: continue.
    Stored,
    /// Another run of this rotation stored its key first: remove this one and continue.
    StoredByAnother,
    /// Send the same call again.
    TryAgain,
    /// The value is certainly not stored: remove the key and fail.
    Remove,
    /// The value may be stored: leave the key and fail. The retry finds either the value, or a
    /// key that no version names.
    Leave,
}

/// Returns what to do with a new key after an unconfirmed `PutSecretValue`. The key is abandoned
/// only if the value is certainly not stored, since a version that names a removed key could be
/// neither promoted nor replaced.
///
/// `maybe_stored` says whether this call or an earlier one may have been carried out, and
/// `time_left` whether there is time for another one.
pub fn after_put(
    put: PutOutcome,
    maybe_stored: bool,
    read_back: ReadBack,
    time_left: bool,
) -> AfterPut {
    let again = time_left && matches!(put, PutOutcome::Postponed | PutOutcome::Unclear);
    match read_back {
        ReadBack::Ours => AfterPut::Stored,
        ReadBack::Another => AfterPut::StoredByAnother,
        ReadBack::Nothing if again => AfterPut::TryAgain,
        ReadBack::Nothing => AfterPut::Remove,
        ReadBack::Unclear if again => AfterPut::TryAgain,
        ReadBack::Unclear if put == PutOutcome::Taken || maybe_stored => AfterPut::Leave,
        ReadBack::Unclear => AfterPut::Remove,
    }
}
