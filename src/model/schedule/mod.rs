//! Secrets Manager's schedule expressions and rotation windows.
//!
//! The grammar is AWS's own and more restrictive than cron's; see "Rotation schedules" in the AWS
//! Secrets Manager User Guide (`rotate-secrets_schedule`). All times are in UTC.

mod calendar;
mod fault;
mod grammar;
#[cfg(test)]
mod tests;
mod window;

use std::fmt;

use jiff::Timestamp;

use super::Duration;

pub use calendar::{Calendar, Days, Grid, Nth, Unit};
pub use fault::ScheduleFault;
pub use window::Window;

const HOURS_A_DAY: u8 = 24;
/// An hour in seconds.
const HOUR: u64 = 3_600;

/// A schedule expression that Secrets Manager accepts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Schedule {
    text: String,
    calendar: Calendar,
}

impl Schedule {
    /// Parses `rate(…)` or `cron(…)`.
    ///
    /// # Errors
    ///
    /// Returns which field is refused, and why.
    pub fn parse(text: &str) -> Result<Self, ScheduleFault> {
        let calendar = grammar::parse(text)?;
        Ok(Self {
            text: text.to_owned(),
            calendar,
        })
    }

    /// Returns the expression as written.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// Returns the parsed form.
    pub fn calendar(&self) -> Calendar {
        self.calendar.clone()
    }

    /// Checks whether a rotation window of this length fits the schedule.
    ///
    /// # Errors
    ///
    /// Returns why it does not: windows last whole hours, 1 to 24; a window of a schedule in hours
    /// must close before the next one opens; a window of a schedule in days must close by the end
    /// of the UTC day.
    pub fn check_window(&self, window: Duration) -> Result<(), String> {
        let hours = window
            .as_hours()
            .and_then(|hours| u8::try_from(hours).ok())
            .filter(|hours| (1..=HOURS_A_DAY).contains(hours))
            .ok_or_else(|| {
                format!("a window must be a whole number of hours from 1h to 24h, not {window}")
            })?;
        match self.calendar.unit() {
            Unit::Hours => match self.calendar.shortest_gap() {
                gap if u32::from(hours) > gap => Err(format!(
                    "a window of {hours}h overlaps the next one, which opens after {gap}h"
                )),
                _ => Ok(()),
            },
            Unit::Days => match self.calendar.first_hour() {
                hour if hour + hours > HOURS_A_DAY => Err(format!(
                    "a window of {hours}h that opens at {hour:02}:00 exceeds the end of the UTC day"
                )),
                _ => Ok(()),
            },
        }
    }

    /// Returns the time between rotations, if the expression is `rate(…)`.
    pub fn rate(&self) -> Option<Duration> {
        match self.calendar {
            Calendar::Rate { every, unit } => {
                let hours = match unit {
                    Unit::Hours => every,
                    Unit::Days => every * u32::from(HOURS_A_DAY),
                };
                Some(Duration::seconds(u64::from(hours) * 3_600))
            }
            Calendar::Cron(_) => None,
        }
    }

    /// Returns the longest time from one rotation to the `count`-th rotation after it: the first
    /// one may start as soon as its window opens, and the last one when its window closes.
    ///
    /// `rate(…)` in hours counts from the hour of the last rotation, so each window adds its
    /// length. In days it counts from the beginning of the day.
    pub fn longest_wait(&self, count: u32, window: Option<Duration>) -> Duration {
        let unit = self.calendar.unit();
        let window = self.window_length(window);
        let seconds = match &self.calendar {
            Calendar::Cron(grid) => grid.longest_wait(count as usize) * HOUR + window,
            Calendar::Rate { .. } => {
                let rate = self.gap();
                let windows = match unit {
                    Unit::Hours => u64::from(count),
                    Unit::Days => 1,
                };
                u64::from(count) * rate + windows * window
            }
        };
        Duration::seconds(seconds)
    }

    /// Returns the shortest time from one scheduled rotation to the next: the first one may end
    /// when its window closes, and the next one may start as soon as its window opens.
    ///
    /// `rate(…)` in hours counts from the hour of the last rotation. In days it counts from the
    /// beginning of the day.
    pub fn shortest_wait(&self, window: Option<Duration>) -> Duration {
        let (gap, window) = match (&self.calendar, self.calendar.unit()) {
            (Calendar::Rate { .. }, Unit::Hours) => (self.gap(), HOUR),
            (Calendar::Rate { .. }, Unit::Days) => (self.gap(), self.window_length(window)),
            (Calendar::Cron(grid), _) => (grid.shortest_wait() * HOUR, self.window_length(window)),
        };
        Duration::seconds(gap.saturating_sub(window))
    }

    /// Returns the time between rotations in seconds, or 0 if the expression is `cron(…)`.
    fn gap(&self) -> u64 {
        self.rate().map_or(0, Duration::as_seconds)
    }

    /// Returns the length of a window in seconds, which AWS chooses if none is given.
    fn window_length(&self, window: Option<Duration>) -> u64 {
        window.map_or_else(
            || match self.calendar.unit() {
                Unit::Hours => HOUR,
                Unit::Days => u64::from(HOURS_A_DAY - self.calendar.first_hour()) * HOUR,
            },
            Duration::as_seconds,
        )
    }

    /// Returns how many windows open in how many days, on average.
    pub fn frequency(&self) -> (u64, u64) {
        match &self.calendar {
            Calendar::Rate { every, unit } => match unit {
                Unit::Hours => (HOURS_A_DAY.into(), u64::from(*every)),
                Unit::Days => (1, u64::from(*every)),
            },
            Calendar::Cron(grid) => grid.frequency(),
        }
    }

    /// Returns the windows that open after a moment, in order, until the end of the calendar.
    ///
    /// Without a length, a window of a schedule in hours is open for an hour, and a window of a
    /// schedule in days until the end of the UTC day. `rate(…)` counts from the last rotation,
    /// which is assumed to have been in a window that was open at that moment, so from the
    /// beginning of that hour or day.
    pub fn windows(
        &self,
        after: Timestamp,
        window: Option<Duration>,
    ) -> impl Iterator<Item = Window> {
        window::windows(&self.calendar, after, window)
    }

    /// Returns the window in which a rotation takes place that Secrets Manager reports for this
    /// moment at the latest: the end of its window, or shortly before that.
    pub fn window_until(&self, at: Timestamp, window: Option<Duration>) -> Option<Window> {
        window::window_until(&self.calendar, at, window)
    }
}

impl fmt::Display for Schedule {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.text)
    }
}
