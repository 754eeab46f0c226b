//! Rotation windows in UTC.

use jiff::civil::{Date, DateTime};
use jiff::tz::Offset;
use jiff::{SignedDuration, Timestamp};
use serde::Serialize;

use super::calendar::{Calendar, Grid, Unit};
use crate::model::Duration;

/// A period in which Secrets Manager starts a rotation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Window {
    /// When it opens, on the hour.
    pub opens: Timestamp,
    /// When it closes.
    pub closes: Timestamp,
}

pub(super) fn windows(
    calendar: &Calendar,
    after: Timestamp,
    length: Option<Duration>,
) -> impl Iterator<Item = Window> {
    let unit = calendar.unit();
    let window = move |opens: Timestamp| {
        Some(Window {
            opens,
            closes: closes(opens, unit, length)?,
        })
    };
    openings(calendar, after).map_while(window)
}

pub(super) fn window_until(
    calendar: &Calendar,
    at: Timestamp,
    length: Option<Duration>,
) -> Option<Window> {
    let last = civil(at.checked_sub(SignedDuration::from_secs(1)).ok()?);
    match calendar {
        // A rate has no grid: its window is as long as it says, before this moment.
        Calendar::Rate { unit, .. } => {
            let hours = length.and_then(Duration::as_hours).unwrap_or(1);
            let opens = match unit {
                Unit::Hours => timestamp(last.date().at(last.hour(), 0, 0, 0))?
                    .checked_sub(SignedDuration::from_hours(i64::try_from(hours).ok()? - 1))
                    .ok()?,
                Unit::Days => timestamp(last.date().at(0, 0, 0, 0))?,
            };
            let closes = closes(opens, *unit, length)?;
            Some(Window { opens, closes })
        }
        // No window is longer than a day.
        Calendar::Cron(_) => {
            let before = at.checked_sub(SignedDuration::from_hours(25)).ok()?;
            let windows = windows(calendar, before, length);
            windows.take_while(|window| window.opens < at).last()
        }
    }
}

fn openings(calendar: &Calendar, after: Timestamp) -> Box<dyn Iterator<Item = Timestamp> + '_> {
    match calendar {
        Calendar::Rate { every, unit } => Box::new(counted(after, *every, *unit)),
        Calendar::Cron(grid) => Box::new(on_grid(grid, after)),
    }
}

/// Counts from the beginning of the hour or day of a rotation. Windows open on the hour, those of a
/// rate in days at midnight.
fn counted(after: Timestamp, every: u32, unit: Unit) -> impl Iterator<Item = Timestamp> {
    let now = civil(after);
    let (start, hours) = match unit {
        Unit::Hours => (now.date().at(now.hour(), 0, 0, 0), every),
        Unit::Days => (now.date().at(0, 0, 0, 0), every * 24),
    };
    let step = SignedDuration::from_hours(hours.into());
    let next = move |moment: &Timestamp| moment.checked_add(step).ok();
    std::iter::successors(timestamp(start), next).skip(1)
}

fn on_grid(grid: &Grid, after: Timestamp) -> impl Iterator<Item = Timestamp> {
    let days = std::iter::successors(Some(civil(after).date()), |day| following(grid, *day));
    let hours = |day: Date| {
        let hour = move |hour: &u8| timestamp(day.at(hour.cast_signed(), 0, 0, 0));
        grid.hours.iter().filter_map(hour)
    };
    days.filter(|day| grid.has(*day))
        .flat_map(hours)
        .filter(move |opens| *opens > after)
}

/// Returns the next day, or the first day of the next month if this month has no window.
fn following(grid: &Grid, day: Date) -> Option<Date> {
    if grid.months.contains(&day.month().unsigned_abs()) {
        day.tomorrow().ok()
    } else {
        day.last_of_month().tomorrow().ok()
    }
}

fn closes(opens: Timestamp, unit: Unit, length: Option<Duration>) -> Option<Timestamp> {
    let length = match (length, unit) {
        (Some(length), _) => length,
        (None, Unit::Hours) => Duration::seconds(3_600),
        (None, Unit::Days) => {
            let midnight = civil(opens).date().tomorrow().ok()?;
            return timestamp(midnight.at(0, 0, 0, 0));
        }
    };
    let seconds = i64::try_from(length.as_seconds()).ok()?;
    opens.checked_add(SignedDuration::from_secs(seconds)).ok()
}

fn civil(moment: Timestamp) -> DateTime {
    Offset::UTC.to_datetime(moment)
}

/// Returns the timestamp of a date and time in UTC, or `None` after the last timestamp.
fn timestamp(at: DateTime) -> Option<Timestamp> {
    Offset::UTC.to_timestamp(at).ok()
}
