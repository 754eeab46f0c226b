//! A calendar that goes from hour to hour, written from the User Guide and not
//! from the implementation: it shares no code with it, and has dates of its own.

use std::fmt;

/// An hour of the calendar.
#[derive(Clone, Copy, Debug)]
pub(super) struct Hour {
    pub(super) year: i64,
    pub(super) month: u32,
    pub(super) day: u32,
    pub(super) hour: u32,
    /// 0 is Sunday.
    pub(super) weekday: u32,
    /// Since 1970 began.
    pub(super) hours: i64,
}

fn is_leap(year: i64) -> bool {
    (year % 4 == 0 && year % 100 != 0) || year % 400 == 0
}

fn length(year: i64, month: u32) -> u32 {
    match month {
        2 if is_leap(year) => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

impl Hour {
    /// Returns the first hour of a year from 1970 on.
    pub(super) fn first_of(year: i64) -> Self {
        let mut days = 0;
        for before in 1970..year {
            days += if is_leap(before) { 366 } else { 365 };
        }
        Self {
            year,
            month: 1,
            day: 1,
            hour: 0,
            // 1 January 1970 was a Thursday.
            weekday: u32::try_from((days + 4) % 7).unwrap(),
            hours: days * 24,
        }
    }

    pub(super) fn tick(&mut self) {
        self.hours += 1;
        self.hour += 1;
        if self.hour == 24 {
            self.hour = 0;
            self.weekday = (self.weekday + 1) % 7;
            self.day += 1;
        }
        if self.day > length(self.year, self.month) {
            self.day = 1;
            self.month += 1;
        }
        if self.month == 13 {
            self.month = 1;
            self.year += 1;
        }
    }

    /// Goes on to the same hour of the next day.
    fn tick_day(&mut self) {
        for _ in 0..24 {
            self.tick();
        }
    }
}

/// An item of a list: what is written, and which numbers it is for.
#[derive(Clone, Debug)]
pub(super) enum Item {
    Every,
    One(u32),
    Range(u32, u32),
    From(u32, u32),
    EveryStep(u32),
    RangeStep(u32, u32, u32),
    Last,
    Nth(u32, u32),
    LastWeekday(u32),
}

/// Which of the three fields an item stands in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum FieldKind {
    Month,
    DayOfMonth,
    DayOfWeek,
}

impl Item {
    fn covers(&self, number: u32) -> bool {
        match *self {
            Self::Every => true,
            Self::One(one) => number == one,
            Self::Range(from, to) => from <= number && number <= to,
            Self::From(from, step) => number >= from && (number - from).is_multiple_of(step),
            Self::EveryStep(step) => (number - 1).is_multiple_of(step),
            Self::RangeStep(from, to, step) => {
                from <= number && number <= to && (number - from).is_multiple_of(step)
            }
            Self::Last | Self::Nth(..) | Self::LastWeekday(_) => false,
        }
    }

    fn matches(&self, kind: FieldKind, at: &Hour) -> bool {
        let days = length(at.year, at.month);
        match (kind, self) {
            (FieldKind::Month, item) => item.covers(at.month),
            (FieldKind::DayOfMonth, Self::Last) => at.day == days,
            (FieldKind::DayOfMonth, item) => item.covers(at.day),
            // The last day of the week is Saturday.
            (FieldKind::DayOfWeek, Self::Last) => at.weekday == 6,
            (FieldKind::DayOfWeek, Self::Nth(day, nth)) => {
                // So many such days have there been in this month, with this one.
                let mut count = 0;
                let mut back = i64::from(at.day);
                while back >= 1 {
                    count += 1;
                    back -= 7;
                }
                at.weekday + 1 == *day && count == *nth
            }
            (FieldKind::DayOfWeek, Self::LastWeekday(day)) => {
                at.weekday + 1 == *day && at.day + 7 > days
            }
            (FieldKind::DayOfWeek, item) => item.covers(at.weekday + 1),
        }
    }

    fn write(&self, kind: FieldKind, names: bool) -> String {
        const MONTHS: &str = "JANFEBMARAPRMAYJUNJULAUGSEPOCTNOVDEC";
        const DAYS: &str = "SUNMONTUEWEDTHUFRISAT";
        let name = |number: u32| {
            let place = (number as usize - 1) * 3;
            match kind {
                FieldKind::Month if names => MONTHS[place..place + 3].to_owned(),
                FieldKind::DayOfWeek if names => DAYS[place..place + 3].to_owned(),
                _ => number.to_string(),
            }
        };
        match *self {
            Self::Every => "*".to_owned(),
            Self::One(one) => name(one),
            Self::Range(from, to) => format!("{}-{}", name(from), name(to)),
            Self::From(from, step) => format!("{}/{step}", name(from)),
            Self::EveryStep(step) => format!("*/{step}"),
            Self::RangeStep(from, to, step) => format!("{}-{}/{step}", name(from), name(to)),
            Self::Last => "L".to_owned(),
            Self::Nth(day, nth) => format!("{}#{nth}", name(day)),
            Self::LastWeekday(day) => format!("{}L", name(day)),
        }
    }
}

/// An expression as it is made up, with names or numbers.
#[derive(Clone, Debug)]
pub(super) struct Expression {
    pub(super) hour: u32,
    pub(super) step: Option<u32>,
    pub(super) months: Vec<Item>,
    pub(super) kind: FieldKind,
    pub(super) days: Vec<Item>,
    pub(super) names: bool,
}

impl fmt::Display for Expression {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let list = |kind: FieldKind, items: &[Item]| {
            let items: Vec<String> = items
                .iter()
                .map(|item| item.write(kind, self.names))
                .collect();
            items.join(",")
        };
        let hours = match self.step {
            Some(step) if self.hour == 0 && self.names => format!("/{step}"),
            Some(step) => format!("{}/{step}", self.hour),
            None => self.hour.to_string(),
        };
        let months = list(FieldKind::Month, &self.months);
        let days = list(self.kind, &self.days);
        match self.kind {
            FieldKind::DayOfWeek => write!(formatter, "cron(0 {hours} ? {months} {days} *)"),
            _ => write!(formatter, "cron(0 {hours} {days} {months} ? *)"),
        }
    }
}

impl Expression {
    fn has_day(&self, at: &Hour) -> bool {
        self.months
            .iter()
            .any(|item| item.matches(FieldKind::Month, at))
            && self.days.iter().any(|item| item.matches(self.kind, at))
    }

    /// Says whether a window opens at this hour.
    pub(super) fn opens(&self, at: &Hour) -> bool {
        let hour = match self.step {
            None => at.hour == self.hour,
            Some(step) => at.hour >= self.hour && (at.hour - self.hour).is_multiple_of(step),
        };
        hour && self.has_day(at)
    }

    /// Returns the fewest hours between two openings in the 400 years after which
    /// the calendar begins again; nothing where no window ever opens.
    pub(super) fn fewest_hours(&self) -> Option<i64> {
        let mut at = Hour::first_of(2000);
        let mut last: Option<i64> = None;
        let mut fewest = i64::MAX;
        while at.year < 2400 {
            if self.has_day(&at) {
                let mut hour = at;
                for _ in 0..24 {
                    if self.opens(&hour) {
                        fewest = fewest.min(last.map_or(i64::MAX, |last| hour.hours - last));
                        last = Some(hour.hours);
                    }
                    hour.tick();
                }
                // Enough to know: no two can be closer than an hour.
                if fewest == 1 {
                    break;
                }
            }
            at.tick_day();
        }
        last.map(|_| fewest)
    }
}
