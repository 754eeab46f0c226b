//! The treatment of a replaced key, in the manifest and in the tag from which the function learns about
//! it.

use std::fmt;

use super::fields::{Fields, RETIREMENT};
use super::reader::Field;
use super::{Duration, Finding, Schedule};

/// The treatment of a replaced key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum OldKey {
    /// It stays active until the next rotation needs its place.
    UntilNextRotation,
    /// It is removed some time after it was replaced.
    After(Retirement),
}

/// How a replaced key is removed: first it is deactivated, later deleted, and neither while a
/// client uses it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Retirement {
    /// The time until it is deactivated.
    pub deactivate_after: Duration,
    /// The time until it is deleted, at least `deactivate_after`.
    pub delete_after: Duration,
    /// It is held back if it was last used within this time.
    pub hold_if_used_within: Duration,
    /// The time until it is deactivated even if it is in use.
    pub force_after: Option<Duration>,
}

/// How long Secrets Manager's caching clients keep a value by default
/// (`retrieving-secrets_cache-java`).
const CACHE: Duration = Duration::seconds(3_600);
/// IAM records one use of a key in this period, according to its credential report
/// (`id_credentials_getting-report`).
pub const USE_RECORDED_EVERY: Duration = Duration::seconds(900);
/// The maximum duration: a hundred years, since a longer one is a mistake and timestamps are
/// limited.
const LONGEST: Duration = Duration::seconds(36_500 * 86_400);

impl OldKey {
    /// Parses the tag's value, which [`fmt::Display`] writes.
    pub fn from_tag(text: &str) -> Option<Self> {
        if text == "until_next_rotation" {
            return Some(Self::UntilNextRotation);
        }
        let find = |key: &str| {
            let mut words = text.split(' ').filter_map(|word| word.split_once('='));
            words.find(|(held, _)| *held == key).map(|(_, value)| value)
        };
        let read = |key: &str| Duration::parse(find(key)?).ok();
        Some(Self::After(Retirement {
            deactivate_after: read("deactivate_after")?,
            delete_after: read("delete_after")?,
            hold_if_used_within: read("hold_if_used_within")?,
            force_after: match find("force_after") {
                Some(text) => Some(Duration::parse(text).ok()?),
                None => None,
            },
        }))
    }
}

/// Writes the value of the secret's tag. The fields are separated by spaces because a tag value
/// cannot contain a comma.
impl fmt::Display for OldKey {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self::After(retirement) = self else {
            return formatter.write_str("until_next_rotation");
        };
        let Retirement {
            deactivate_after,
            delete_after,
            hold_if_used_within,
            force_after,
        } = retirement;
        write!(
            formatter,
            "deactivate_after={deactivate_after} delete_after={delete_after} hold_if_used_within={hold_if_used_within}"
        )?;
        match force_after {
            Some(force_after) => write!(formatter, " force_after={force_after}"),
            None => Ok(()),
        }
    }
}

/// Reads the manifest's `old_key`.
pub(super) fn read(field: &Field<'_>) -> Option<OldKey> {
    if !field.is_mapping() {
        return field.parse("invalid-value", |text| match text {
            "until_next_rotation" => Ok(OldKey::UntilNextRotation),
            _ => Err(format!(
                "expected until_next_rotation or {{ deactivate_after: …, delete_after: … }}, found `{text}`"
            )),
        });
    }
    let fields = Fields::of(field, &RETIREMENT)?;
    let read = |key: &str| {
        fields.get(key).map(|field| {
            let duration = field.parse("invalid-duration", parse_duration);
            duration.map(|duration| (duration, field))
        })
    };
    let hold = fields.value("hold_if_used_within", |field| {
        field.parse("invalid-duration", parse_duration)
    });
    let force = read("force_after");
    let (deactivate, delete) = match (read("deactivate_after"), read("delete_after")) {
        (None, None) => {
            field.refuse(
                "missing",
                "`deactivate_after` or `delete_after` is required",
            );
            return None;
        }
        (Some(one), None) | (None, Some(one)) => (one.clone()?, one?),
        (Some(deactivate), Some(delete)) => (deactivate?, delete?),
    };
    if delete.0 < deactivate.0 {
        delete.1.refuse(
            "contradiction",
            "the old key cannot be deleted before it is deactivated",
        );
    }
    if let Some(Some((force, at))) = &force
        && *force < deactivate.0
    {
        at.refuse(
            "contradiction",
            "`force_after` cannot be less than `deactivate_after`",
        );
    }
    if deactivate.0 < CACHE {
        let at = &deactivate.1;
        let message = format!(
            "the old key is deactivated {} after it was replaced, but a client that caches the secret for an hour, as Secrets Manager's caching clients do, may still use it",
            deactivate.0
        );
        at.report(Finding::warning("short-grace", at.path(), message).hint(
            "use an hour or more, or let clients read the secret again when they are refused",
        ));
    }
    Some(OldKey::After(Retirement {
        deactivate_after: deactivate.0,
        delete_after: delete.0,
        hold_if_used_within: hold?,
        force_after: match force {
            Some(force) => Some(force?.0),
            None => None,
        },
    }))
}

fn parse_duration(text: &str) -> Result<Duration, String> {
    match Duration::parse(text)? {
        duration if duration <= LONGEST => Ok(duration),
        duration => Err(format!("{duration} is more than {LONGEST}")),
    }
}

/// Warns if the next rotation starts before the old key would be deleted.
pub(super) fn check_interval(old_key: OldKey, schedule: &Schedule, field: &Field<'_>) {
    let OldKey::After(Retirement { delete_after, .. }) = old_key else {
        return;
    };
    if let Some(interval) = schedule.rate()
        && delete_after >= interval
    {
        let message = format!(
            "the old key would be deleted {delete_after} after it was replaced, but the next rotation deletes it after {interval}"
        );
        let part = |key: &str| field.any_mapping()?.get(key);
        let at = part("delete_after").or_else(|| part("deactivate_after"));
        let at = at.as_ref().unwrap_or(field);
        at.report(
            Finding::warning("old-key-outlived", at.path(), message)
                .hint("rotate less often, or retire the old key earlier"),
        );
    }
}

/// Warns if the last use of an old key is not yet known when its removal is decided.
///
/// IAM records one use of a key in 15 minutes, the first. The rotation itself may be that use,
/// because with `rotate_as: self` it signs with the old key.
pub(super) fn check_measurable(old_key: OldKey, field: &Field<'_>) {
    let OldKey::After(retirement) = old_key else {
        return;
    };
    let times = [
        ("deactivate_after", retirement.deactivate_after),
        ("hold_if_used_within", retirement.hold_if_used_within),
    ];
    for (key, time) in times {
        if time > USE_RECORDED_EVERY {
            continue;
        }
        let message = match key {
            "deactivate_after" => format!(
                "the old key is deactivated {time} after it was replaced, but IAM records only one use of a key in 15 minutes, so that a client may still use it"
            ),
            _ => format!(
                "a key that was not used within {time} counts as unused, but IAM records only one use of a key in 15 minutes, and with a hold this short, a use that is not recorded does not hold the key back"
            ),
        };
        let part = |key: &str| field.any_mapping()?.get(key);
        let at = part(key).or_else(|| part("delete_after"));
        let at = at.as_ref().unwrap_or(field);
        at.report(
            Finding::warning("unmeasured-use", at.path(), message)
                .hint("use more than 15m, or make sure that clients read the secret again first"),
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tag_reads_as_it_was_written() {
        for text in [
            "until_next_rotation",
            "deactivate_after=1d delete_after=7d hold_if_used_within=1d",
            "deactivate_after=0s delete_after=90s hold_if_used_within=15m force_after=30d",
        ] {
            let old_key = OldKey::from_tag(text).unwrap();
            assert_eq!(old_key.to_string(), text);
            let allowed = |one: char| one.is_alphanumeric() || " _.:/=+-@".contains(one);
            assert!(text.chars().all(allowed));
        }
        for text in [
            "",
            "never",
            "deactivate_after=1d",
            "deactivate_after=1d delete_after=7d hold_if_used_within=soon",
            "deactivate_after=1d delete_after=7d hold_if_used_within=1d force_after=x",
        ] {
            assert_eq!(OldKey::from_tag(text), None, "{text}");
        }
    }
}
