//! The parsed form of a schedule: a rate, or a grid of hours and days.

use jiff::civil::{Date, date};
use serde::Serialize;

use super::HOURS_A_DAY;

/// When windows open.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Calendar {
    /// A fixed time after the last rotation, without a fixed grid.
    Rate {
        /// The number of hours or days.
        every: u32,
        /// The unit.
        unit: Unit,
    },
    /// At fixed hours of fixed days.
    Cron(Grid),
}

/// The unit of a schedule, which decides the default length of a rotation window.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Unit {
    /// Hours. A window may last until the next one opens.
    Hours,
    /// Days. A window lasts at most until the end of the UTC day.
    Days,
}

/// The hours and days of a `cron(…)`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Grid {
    /// Hours if the hour field has a step, otherwise days.
    pub unit: Unit,
    /// The hours of the day, 0 to 23.
    pub hours: Vec<u8>,
    /// The months, 1 to 12.
    pub months: Vec<u8>,
    /// The days.
    pub days: Days,
}

/// The days of a `cron(…)`: of the month, or of the week.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "of", rename_all = "snake_case")]
pub enum Days {
    /// Days of the month.
    Month {
        /// 1 to 31.
        days: Vec<u8>,
        /// Whether the last day of the month is included.
        last: bool,
    },
    /// Days of the week, numbered from 1 (Sunday) to 7.
    Week {
        /// Days of every week.
        days: Vec<u8>,
        /// Days once a month.
        nth: Vec<Nth>,
        /// The last such day of a month.
        last: Vec<u8>,
    },
}

/// The n-th such day of a month.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Nth {
    /// 1 (Sunday) to 7.
    pub day: u8,
    /// 1 to 5. Not every month has a fifth.
    pub nth: u8,
}

impl Calendar {
    /// Returns the unit of the schedule.
    pub fn unit(&self) -> Unit {
        match self {
            Self::Rate { unit, .. } => *unit,
            Self::Cron(grid) => grid.unit,
        }
    }

    /// Returns the hour at which the first window of a day opens. A rate in days starts at
    /// midnight.
    pub(super) fn first_hour(&self) -> u8 {
        match self {
            Self::Rate { .. } => 0,
            Self::Cron(grid) => grid.hours.first().copied().unwrap_or_default(),
        }
    }

    /// Returns the minimum number of hours between two openings, if it is less than a day.
    pub(super) fn shortest_gap(&self) -> u32 {
        match self {
            Self::Rate { every, unit } => match unit {
                Unit::Hours => *every,
                Unit::Days => every * u32::from(HOURS_A_DAY),
            },
            Self::Cron(grid) => grid.shortest_gap().into(),
        }
    }
}

impl Grid {
    /// Returns whether windows open on this day.
    pub(super) fn has(&self, day: Date) -> bool {
        if !self.months.contains(&day.month().unsigned_abs()) {
            return false;
        }
        let of_month = day.day().unsigned_abs();
        let length = day.days_in_month().unsigned_abs();
        match &self.days {
            Days::Month { days, last } => days.contains(&of_month) || (*last && of_month == length),
            Days::Week { days, nth, last } => {
                let weekday = day.weekday().to_sunday_one_offset().unsigned_abs();
                let this = Nth {
                    day: weekday,
                    nth: (of_month - 1) / 7 + 1,
                };
                days.contains(&weekday)
                    || nth.contains(&this)
                    || (last.contains(&weekday) && of_month + 7 > length)
            }
        }
    }

    /// Returns whether there is a day on which windows open.
    pub(super) fn comes(&self) -> bool {
        cycle().any(|day| self.has(day))
    }

    /// Returns how many windows open in how many days.
    pub(super) fn frequency(&self) -> (u64, u64) {
        let (mut opened, mut days) = (0, 0);
        for day in cycle() {
            days += 1;
            if self.has(day) {
                opened += self.hours.len() as u64;
            }
        }
        (opened, days)
    }

    /// Returns the maximum number of hours from one opening to the `count`-th opening after it. The
    /// cycle repeats, except across a year such as 2100, which is not a leap year.
    pub(super) fn longest_wait(&self, count: usize) -> u64 {
        self.waits(count).into_iter().max().unwrap_or_default()
    }

    /// Returns the minimum number of hours from one opening to the next.
    pub(super) fn shortest_wait(&self) -> u64 {
        self.waits(1).into_iter().min().unwrap_or_default()
    }

    /// Returns the hours from each opening of the cycle to the `count`-th opening after it.
    fn waits(&self, count: usize) -> Vec<u64> {
        let mut openings: Vec<u64> = Vec::new();
        let mut length = 0;
        for day in cycle() {
            if self.has(day) {
                openings.extend(self.hours.iter().map(|hour| length + u64::from(*hour)));
            }
            length += u64::from(HOURS_A_DAY);
        }
        let waits = openings.iter().enumerate().map(|(index, opens)| {
            let index = index + count;
            let cycles = (index / openings.len()) as u64;
            openings[index % openings.len()] + cycles * length - opens
        });
        waits.collect()
    }

    /// Returns the minimum number of hours between two openings. 24 means a day or more.
    pub(super) fn shortest_gap(&self) -> u8 {
        let neighbours = self.hours.iter().zip(self.hours.iter().skip(1));
        let within = neighbours.map(|(one, next)| next - one).min();
        let (Some(first), Some(last)) = (self.hours.first(), self.hours.last()) else {
            return HOURS_A_DAY;
        };
        let overnight = first + HOURS_A_DAY - last;
        let within = within.unwrap_or(HOURS_A_DAY);
        if overnight < within && self.has_neighbours() {
            overnight
        } else {
            within
        }
    }

    /// Returns whether windows open on two consecutive days.
    fn has_neighbours(&self) -> bool {
        cycle().any(|day| self.has(day) && day.tomorrow().is_ok_and(|next| self.has(next)))
    }
}

/// Returns the days of 28 years, which contain every combination of month, month length, and
/// weekday of the first day.
fn cycle() -> impl Iterator<Item = Date> {
    date(2000, 1, 1)
        .series(jiff::Span::new().days(1))
        .take_while(|day| day.year() < 2028)
}
