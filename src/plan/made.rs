//! Which keys an unfinished rotation made. A key carries no description, so the
//! function puts staging labels of its own on the secret's versions: see
//! `mark.rs` there.

use jiff::{SignedDuration, Timestamp};

use crate::port::{Key, Secret};

/// The label that the function puts, beside AWSPENDING, on the version that it
/// stores a new key in. It stays where that rotation does not end.
pub const MADE: &str = "KEYROTA_MADE";

/// How the labels begin by which the function says, in seconds since 1970, that
/// it makes a key now.
pub const MAKING: &str = "KEYROTA_MAKING_";

/// How long after such a moment the key may have been made.
const LATEST: SignedDuration = SignedDuration::from_secs(60);
/// How far IAM's clock may lag behind the function's.
const SKEW: SignedDuration = SignedDuration::from_secs(5);

/// Returns whether a key that no version names must come of a rotation that died
/// before it could store it: it was made when one said that it would, and nobody
/// ever used it.
pub(super) fn is_orphan(secret: &Secret, key: &Key) -> bool {
    let (Some(created), None) = (key.created, key.last_used) else {
        return false;
    };
    let covers = |moment: Timestamp| {
        let after = created.duration_since(moment);
        after <= LATEST && after >= -SKEW
    };
    let labels = secret.versions.values().flatten();
    let mut moments = labels.filter_map(|label| moment(label));
    moments.any(covers)
}

fn moment(label: &str) -> Option<Timestamp> {
    let seconds = label.strip_prefix(MAKING)?.parse().ok()?;
    Timestamp::from_second(seconds).ok()
}
