//! The tags that say how the old key of a secret goes, and what its new one
//! must be allowed to do. The stack writes them from the manifest.

use std::time::Duration;

use crate::arn::SecretArn;
use crate::pin::PinError;
use crate::port::Description;
use crate::retire::{Policy, Timetable};

/// The tag that says when an old key goes.
pub const OLD_KEY: &str = "keyrota:old-key";

const UNTIL_NEXT_ROTATION: &str = "until_next_rotation";

/// Reads when the old key goes: `until_next_rotation`, or
/// `deactivate_after=1d delete_after=7d hold_if_used_within=1d`, perhaps with
/// ` force_after=30d`. Without the tag, it stays until the next rotation.
///
/// # Errors
///
/// Fails where the tag is there and makes no sense.
pub fn old_key(secret: &SecretArn, description: &Description) -> Result<Policy, PinError> {
    let Some(text) = description.tags.get(OLD_KEY) else {
        return Ok(Policy::UntilNextRotation);
    };
    if text == UNTIL_NEXT_ROTATION {
        return Ok(Policy::UntilNextRotation);
    }
    timetable(text)
        .map(Policy::Timed)
        .map_err(|problem| PinError::TagInvalid {
            secret: secret.name().to_owned(),
            tag: OLD_KEY,
            problem,
        })
}

fn timetable(text: &str) -> Result<Timetable, &'static str> {
    const FORM: &str = "neither `until_next_rotation` nor `deactivate_after=… delete_after=… \
                        hold_if_used_within=…`, perhaps with `force_after=…`";
    let mut fields = text.split(' ');
    let mut next = |name| field(fields.next()?, name);
    let required = (
        next("deactivate_after"),
        next("delete_after"),
        next("hold_if_used_within"),
    );
    let (Some(deactivate_after), Some(delete_after), Some(hold_if_used_within)) = required else {
        return Err(FORM);
    };
    let force_after = match fields.next() {
        Some(text) => Some(field(text, "force_after").ok_or(FORM)?),
        None => None,
    };
    if fields.next().is_some() {
        return Err(FORM);
    }
    if delete_after < deactivate_after {
        return Err("a contradiction: `delete_after` comes before `deactivate_after`");
    }
    if force_after.is_some_and(|patience| patience < deactivate_after) {
        return Err("a contradiction: `force_after` comes before `deactivate_after`");
    }
    Ok(Timetable {
        deactivate_after,
        delete_after,
        hold_if_used_within,
        force_after,
    })
}

fn field(text: &str, name: &str) -> Option<Duration> {
    let (found, value) = text.split_once('=')?;
    if found == name { duration(value) } else { None }
}

/// Reads `90s`, `15m`, `4h` or `1d`.
fn duration(text: &str) -> Option<Duration> {
    let unit = match text.bytes().last()? {
        b's' => 1,
        b'm' => 60,
        b'h' => 3_600,
        b'd' => 86_400,
        _ => return None,
    };
    let digits = text.get(..text.len() - 1)?;
    if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let count: u64 = digits.parse().ok()?;
    count.checked_mul(unit).map(Duration::from_secs)
}
