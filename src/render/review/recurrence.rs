//! Describes a schedule in words.

use super::prose::{self, words};
use crate::model::schedule::{Calendar, Days, Grid, Unit};
use crate::model::{Duration, Schedule};

const WEEKDAYS: [&str; 7] = [
    "Sunday",
    "Monday",
    "Tuesday",
    "Wednesday",
    "Thursday",
    "Friday",
    "Saturday",
];
const MONTHS: [&str; 12] = [
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
];
const ORDINALS: [&str; 5] = ["first", "second", "third", "fourth", "fifth"];

/// Returns when a rotation is due, such as `every 30 days` or `at 02:00 UTC every Sunday`.
pub fn when(schedule: &Schedule) -> String {
    match schedule.calendar() {
        Calendar::Rate { every, unit } => {
            let unit = match unit {
                Unit::Hours => "hour",
                Unit::Days => "day",
            };
            match every {
                1 => format!("every {unit}"),
                more => format!("every {more} {unit}s"),
            }
        }
        Calendar::Cron(grid) => format!("at {} UTC {}", hours(&grid), days(&grid)),
    }
}

/// Returns how long after that a rotation may begin.
pub fn window(schedule: &Schedule, window: Option<Duration>) -> String {
    match (window, schedule.calendar().unit()) {
        (Some(window), _) => format!("within {}", prose::duration(window)),
        (None, Unit::Hours) => "within an hour".to_owned(),
        (None, Unit::Days) => "before the end of the UTC day".to_owned(),
    }
}

fn hours(grid: &Grid) -> String {
    let hours: Vec<String> = grid
        .hours
        .iter()
        .map(|hour| format!("{hour:02}:00"))
        .collect();
    words(hours.iter().map(String::as_str), "and")
}

fn days(grid: &Grid) -> String {
    let months = months(&grid.months);
    match &grid.days {
        Days::Month { days, .. } if days.len() == 31 => match months.as_str() {
            "" => "every day".to_owned(),
            months => format!("every day of {months}"),
        },
        Days::Month { days, last } => {
            let mut named = runs(days);
            if *last {
                named.push("the last day".to_owned());
            }
            let named = words(named.iter().map(String::as_str), "and");
            let of = if months.is_empty() {
                "every month"
            } else {
                &months
            };
            format!("on {named} of {of}")
        }
        Days::Week { days, .. } if days.len() == 7 => match months.as_str() {
            "" => "every day".to_owned(),
            months => format!("every day of {months}"),
        },
        Days::Week { days, nth, last } => {
            let name = |day: u8| WEEKDAYS[usize::from(day - 1) % 7];
            let every = days.iter().map(|day| format!("every {}", name(*day)));
            let nth = nth.iter().map(|one| {
                let which = ORDINALS[usize::from(one.nth - 1) % 5];
                let there = if one.nth == 5 {
                    ", if there is one,"
                } else {
                    ""
                };
                format!("on the {which} {}{there}", name(one.day))
            });
            let last = last.iter().map(|day| format!("on the last {}", name(*day)));
            let monthly: Vec<String> = nth.chain(last).collect();
            let of = match (monthly.is_empty(), months.as_str()) {
                (true, "") => String::new(),
                (false, "") => " of the month".to_owned(),
                (true, months) => format!(" in {months}"),
                (false, months) => format!(" of {months}"),
            };
            let all: Vec<String> = every.chain(monthly).collect();
            words(all.iter().map(String::as_str), "and") + &of
        }
    }
}

/// Returns the days, such as `the 1st to the 5th` or `the 15th`.
fn runs(days: &[u8]) -> Vec<String> {
    let mut runs: Vec<(u8, u8)> = Vec::new();
    for day in days {
        match runs.last_mut() {
            Some((_, to)) if *to + 1 == *day => *to = *day,
            _ => runs.push((*day, *day)),
        }
    }
    let named = runs.into_iter().flat_map(|(from, to)| match to - from {
        0 => vec![format!("the {}", ordinal(from))],
        1 => vec![
            format!("the {}", ordinal(from)),
            format!("the {}", ordinal(to)),
        ],
        _ => vec![format!("the {} to the {}", ordinal(from), ordinal(to))],
    });
    named.collect()
}

fn ordinal(day: u8) -> String {
    let end = match (day % 10, day / 10) {
        (_, 1) => "th",
        (1, _) => "st",
        (2, _) => "nd",
        (3, _) => "rd",
        _ => "th",
    };
    format!("{day}{end}")
}

/// Returns the months, or nothing for every month.
fn months(months: &[u8]) -> String {
    match months.len() {
        12 => String::new(),
        _ => words(
            months
                .iter()
                .map(|month| MONTHS[usize::from(month - 1) % 12]),
            "and",
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_schedule_is_said_in_words() {
        for (expression, said) in [
            ("rate(30 days)", "every 30 days"),
            ("rate(1 day)", "every day"),
            ("rate(4 hours)", "every 4 hours"),
            ("cron(0 2 ? * SUN *)", "at 02:00 UTC every Sunday"),
            (
                "cron(0 /8 * * ? *)",
                "at 00:00, 08:00 and 16:00 UTC every day",
            ),
            (
                "cron(0 4 1 * ? *)",
                "at 04:00 UTC on the 1st of every month",
            ),
            (
                "cron(0 16 L * ? *)",
                "at 16:00 UTC on the last day of every month",
            ),
            (
                "cron(0 8 1-3,11,12,22 FEB ? *)",
                "at 08:00 UTC on the 1st to the 3rd, the 11th, the 12th and the 22nd of February",
            ),
            (
                "cron(0 2 ? * TUE#3 *)",
                "at 02:00 UTC on the third Tuesday of the month",
            ),
            (
                "cron(0 1 ? JAN,JUL SUNL *)",
                "at 01:00 UTC on the last Sunday of January and July",
            ),
            (
                "cron(0 1 ? * 2#5 *)",
                "at 01:00 UTC on the fifth Monday, if there is one, of the month",
            ),
            ("cron(0 0 ? * L *)", "at 00:00 UTC every Saturday"),
            ("cron(0 9 ? * * *)", "at 09:00 UTC every day"),
            (
                "cron(0 9 ? MAR MON-FRI *)",
                "at 09:00 UTC every Monday, every Tuesday, every Wednesday, every Thursday and every Friday in March",
            ),
        ] {
            assert_eq!(
                when(&Schedule::parse(expression).unwrap()),
                said,
                "{expression}"
            );
        }
    }
}
