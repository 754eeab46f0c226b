//! Secrets Manager's schedule expressions and rotation windows.
//!
//! The grammar is AWS's own and narrower than cron's; see "Schedule expressions"
//! in the AWS Secrets Manager User Guide (`rotate-secrets_schedule`). All times
//! are UTC.

use std::fmt;

use super::Duration;

/// Secrets Manager rotates no more often than this, in hours.
const MINIMUM_HOURS: u32 = 4;
const HOURS_A_DAY: u32 = 24;
const MONTHS: [&str; 12] = [
    "JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC",
];
const WEEKDAYS: [&str; 7] = ["SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT"];
/// The longest each month gets, January first.
const MONTH_DAYS: [u32; 12] = [31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];

/// A schedule expression that Secrets Manager accepts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Schedule {
    text: String,
    rhythm: Rhythm,
}

/// How often the windows open.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Rhythm {
    /// Every so many hours: from `rate(N hours)`, or a cron hour with a step.
    Hours { shortest_gap: u32 },
    /// On days, at one hour of the day.
    Days { hour: u32, rate: Option<u32> },
}

impl Schedule {
    /// Reads `rate(…)` or `cron(…)`.
    ///
    /// # Errors
    ///
    /// Returns which field is refused, and why.
    pub fn parse(text: &str) -> Result<Self, String> {
        let rhythm = if let Some(inner) = arguments(text, "rate") {
            parse_rate(inner)?
        } else if let Some(inner) = arguments(text, "cron") {
            parse_cron(inner)?
        } else {
            return Err(format!(
                "`{text}` is neither rate(N days) nor cron(0 HOUR DAY MONTH WEEKDAY *)"
            ));
        };
        Ok(Self {
            text: text.to_owned(),
            rhythm,
        })
    }

    /// Returns the expression as written.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// Says whether a rotation window of this length fits the schedule.
    ///
    /// # Errors
    ///
    /// Returns why it does not: windows last whole hours, 1 to 24; a schedule
    /// in hours must leave room before the next one; a schedule in days must
    /// end with the UTC day.
    pub fn check_window(&self, window: Duration) -> Result<(), String> {
        let hours = window
            .as_hours()
            .and_then(|hours| u32::try_from(hours).ok())
            .filter(|hours| (1..=HOURS_A_DAY).contains(hours))
            .ok_or_else(|| format!("a window lasts whole hours from 1h to 24h, not {window}"))?;
        match self.rhythm {
            Rhythm::Hours { shortest_gap } if hours > shortest_gap => Err(format!(
                "a window of {hours}h runs into the next one, which opens after {shortest_gap}h"
            )),
            Rhythm::Days { hour, .. } if hour + hours > HOURS_A_DAY => Err(format!(
                "a window of {hours}h that opens at {hour:02}:00 runs past the end of the UTC day"
            )),
            _ => Ok(()),
        }
    }

    /// Returns the time between rotations where the expression is `rate(…)`.
    pub fn rate(&self) -> Option<Duration> {
        let hours = match self.rhythm {
            Rhythm::Days { rate, .. } => rate? * HOURS_A_DAY,
            Rhythm::Hours { shortest_gap } if self.text.starts_with("rate(") => shortest_gap,
            Rhythm::Hours { .. } => return None,
        };
        Some(Duration::seconds(u64::from(hours) * 3_600))
    }
}

impl fmt::Display for Schedule {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.text)
    }
}

fn arguments<'text>(text: &'text str, name: &str) -> Option<&'text str> {
    text.strip_prefix(name)?
        .strip_prefix('(')?
        .strip_suffix(')')
}

fn parse_rate(inner: &str) -> Result<Rhythm, String> {
    let refused = || format!("rate({inner}): expected rate(N hours) or rate(N days)");
    let (count, unit) = inner.split_once(' ').ok_or_else(refused)?;
    let count = number(count)
        .filter(|count| *count > 0)
        .ok_or_else(|| format!("rate({inner}): `{count}` is not a positive whole number"))?;
    match unit {
        "hour" | "hours" if count < MINIMUM_HOURS => Err(format!(
            "rate({inner}): Secrets Manager rotates no more often than every four hours"
        )),
        "hour" | "hours" => Ok(Rhythm::Hours {
            shortest_gap: count,
        }),
        "day" | "days" if count > 999 => {
            Err(format!("rate({inner}): at most 999 days are accepted"))
        }
        "day" | "days" => Ok(Rhythm::Days {
            hour: 0,
            rate: Some(count),
        }),
        _ => Err(format!(
            "rate({inner}): the unit is hours or days, not `{unit}`"
        )),
    }
}

fn parse_cron(inner: &str) -> Result<Rhythm, String> {
    let fields: Vec<&str> = inner.split(' ').collect();
    let [minutes, hours, day, month, weekday, year] = fields[..] else {
        return Err(format!(
            "cron({inner}): expected six fields (minutes hours day month weekday year), not {}",
            fields.len()
        ));
    };
    let within = |field: &str, why: String| format!("cron({inner}): {field} {why}");
    if minutes != "0" {
        return Err(within("minutes", format!("must be 0, not `{minutes}`")));
    }
    let rhythm = parse_hours(hours).map_err(|why| within("hours", why))?;
    let months = parse_months(month).map_err(|why| within("month", why))?;
    match (day, weekday) {
        ("?", "?") => {
            let why = "and weekday: exactly one of the two is `?`".to_owned();
            return Err(within("day", why));
        }
        ("?", _) => parse_weekdays(weekday).map_err(|why| within("weekday", why))?,
        (_, "?") => parse_days(day, &months).map_err(|why| within("day", why))?,
        _ => {
            let why = "and weekday: exactly one of the two is `?`".to_owned();
            return Err(within("day", why));
        }
    }
    if year != "*" {
        return Err(within("year", format!("must be *, not `{year}`")));
    }
    Ok(rhythm)
}

/// One hour, `START/STEP` or `/STEP`; steps count anew from every midnight.
fn parse_hours(field: &str) -> Result<Rhythm, String> {
    let hour_of = |text: &str| number(text).filter(|hour| *hour < HOURS_A_DAY);
    let Some((start, step)) = field.split_once('/') else {
        return hour_of(field)
            .map(|hour| Rhythm::Days { hour, rate: None })
            .ok_or_else(|| {
                format!("must be one hour from 0 to 23, START/STEP or /STEP, not `{field}`")
            });
    };
    let start = if start.is_empty() {
        Some(0)
    } else {
        hour_of(start)
    };
    let (Some(start), Some(step)) = (
        start,
        number(step).filter(|step| (1..HOURS_A_DAY).contains(step)),
    ) else {
        return Err(format!(
            "`{field}` is not START/STEP with hours from 0 to 23"
        ));
    };
    let opened: Vec<u32> = (start..HOURS_A_DAY).step_by(step as usize).collect();
    let overnight = start + HOURS_A_DAY - opened.last().copied().unwrap_or(start);
    let shortest_gap = if opened.len() > 1 {
        step.min(overnight)
    } else {
        overnight
    };
    if shortest_gap < MINIMUM_HOURS {
        return Err(format!(
            "`{field}` opens windows {shortest_gap}h apart; Secrets Manager rotates no more often than every four hours"
        ));
    }
    Ok(Rhythm::Hours { shortest_gap })
}

/// Returns the months as a list of numbers from 1.
fn parse_months(field: &str) -> Result<Vec<u32>, String> {
    let refused = |item: &str| format!("`{item}` is not a month (1-12 or JAN-DEC, with , - * /)");
    let mut months = Vec::new();
    for item in field.split(',') {
        let range = parse_range(item, 1, 12, |text| named(text, &MONTHS));
        months.extend(range.ok_or_else(|| refused(item))?);
    }
    Ok(months)
}

/// Days of the month; refuses a set that never comes, such as 30 February.
fn parse_days(field: &str, months: &[u32]) -> Result<(), String> {
    let mut days = Vec::new();
    for item in field.split(',') {
        if item == "L" {
            return Ok(());
        }
        let range = parse_range(item, 1, 31, number);
        days.extend(range.ok_or_else(|| {
            format!("`{item}` is not a day of the month (1-31, with , - * / or L)")
        })?);
    }
    let comes = |day: &u32| {
        months
            .iter()
            .any(|month| *day <= MONTH_DAYS[*month as usize - 1])
    };
    if days.iter().any(comes) {
        Ok(())
    } else {
        Err(format!("`{field}` never comes in the months asked for"))
    }
}

/// Days of the week: 1 (Sunday) to 7, names, `TUE#3`, `SUNL`, `L`.
fn parse_weekdays(field: &str) -> Result<(), String> {
    let weekday = |text: &str| named(text, &WEEKDAYS);
    for item in field.split(',') {
        let accepted = if item == "L" {
            true
        } else if let Some((day, nth)) = item.split_once('#') {
            weekday(day).is_some() && number(nth).is_some_and(|nth| (1..=5).contains(&nth))
        } else if let Some(day) = item.strip_suffix('L') {
            weekday(day).is_some()
        } else {
            parse_range(item, 1, 7, weekday).is_some()
        };
        if !accepted {
            return Err(format!(
                "`{item}` is not a day of the week (1-7 or SUN-SAT, with , - * / # or L)"
            ));
        }
    }
    Ok(())
}

/// Reads `*`, `N`, `A-B`, and each with `/STEP`; returns the numbers it means.
fn parse_range(
    item: &str,
    low: u32,
    high: u32,
    value: impl Fn(&str) -> Option<u32>,
) -> Option<Vec<u32>> {
    let value = |text: &str| value(text).filter(|number| (low..=high).contains(number));
    let (body, step) = match item.split_once('/') {
        Some((body, step)) => (body, Some(number(step).filter(|step| *step > 0)?)),
        None => (item, None),
    };
    let (from, to) = match body.split_once('-') {
        _ if body == "*" || (body.is_empty() && step.is_some()) => (low, high),
        Some((from, to)) => (value(from)?, value(to)?),
        None => {
            let from = value(body)?;
            (from, if step.is_some() { high } else { from })
        }
    };
    (from <= to).then(|| (from..=to).step_by(step.unwrap_or(1) as usize).collect())
}

/// A number, or the place of a name in `names` counted from 1.
fn named(text: &str, names: &[&str]) -> Option<u32> {
    number(text).or_else(|| {
        let place = names.iter().position(|name| *name == text)?;
        u32::try_from(place + 1).ok()
    })
}

fn number(text: &str) -> Option<u32> {
    let digits =
        !text.is_empty() && text.len() <= 4 && text.bytes().all(|byte| byte.is_ascii_digit());
    digits.then(|| text.parse().ok()).flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn accepts_what_the_user_guide_shows() {
        for text in [
            "rate(4 hours)",
            "rate(1 day)",
            "rate(10 days)",
            "rate(999 days)",
            "rate(8765 hours)",
            "cron(0 8 ? * SUN *)",
            "cron(0 /8 * * ? *)",
            "cron(0 4/12 * * ? *)",
            "cron(0 2/10 * * ? *)",
            "cron(0 16 L * ? *)",
            "cron(0 2 ? * TUE#3 *)",
            "cron(0 1 ? * SUNL *)",
            "cron(0 8 1,15 * ? *)",
            "cron(0 8 1 1/3 ? *)",
            "cron(0 0 29 FEB ? *)",
            "cron(0 23 ? JAN-JUN/2 2-6 *)",
            "cron(0 0 ? * L *)",
        ] {
            assert_eq!(
                Schedule::parse(text).map(|schedule| schedule.to_string()),
                Ok(text.to_owned())
            );
        }
    }

    #[test]
    fn names_the_field_that_is_refused() {
        for (text, part) in [
            ("every day", "neither"),
            ("rate(3 hours)", "four hours"),
            ("rate(0 days)", "positive"),
            ("rate(-1 days)", "positive"),
            ("rate(1000 days)", "999"),
            ("rate(30)", "expected"),
            ("rate(1 week)", "unit"),
            ("rate(1  day)", "unit"),
            ("cron(0 8 * * ?)", "six fields"),
            ("cron(5 8 * * ? *)", "minutes"),
            ("cron(0 8,20 * * ? *)", "hours"),
            ("cron(0 8-20 * * ? *)", "hours"),
            ("cron(0 /3 * * ? *)", "four hours"),
            ("cron(0 /7 * * ? *)", "3h apart"),
            ("cron(0 24 * * ? *)", "hours"),
            ("cron(0 8 * * * *)", "exactly one"),
            ("cron(0 8 ? * ? *)", "exactly one"),
            ("cron(0 8 30 FEB ? *)", "never comes"),
            ("cron(0 8 31 APR,JUN ? *)", "never comes"),
            ("cron(0 8 32 * ? *)", "day"),
            ("cron(0 8 1 13 ? *)", "month"),
            ("cron(0 8 1 feb ? *)", "month"),
            ("cron(0 8 ? * SUN#6 *)", "weekday"),
            ("cron(0 8 ? * 8 *)", "weekday"),
            ("cron(0 8 1 * ? 2027)", "year"),
        ] {
            let error = Schedule::parse(text).unwrap_err();
            assert!(error.contains(part), "{text}: {error}");
        }
    }

    #[test]
    fn a_window_fits_its_schedule() {
        let window = |schedule: &str, hours: u64| {
            Schedule::parse(schedule)
                .unwrap()
                .check_window(Duration::seconds(hours * 3_600))
        };
        assert!(window("rate(30 days)", 24).is_ok());
        assert!(window("rate(30 days)", 25).is_err());
        assert!(window("rate(4 hours)", 4).is_ok());
        assert!(window("rate(4 hours)", 5).is_err());
        assert!(window("cron(0 22 * * ? *)", 2).is_ok());
        assert!(window("cron(0 22 * * ? *)", 3).is_err());
        assert!(window("cron(0 2/10 * * ? *)", 5).is_err());
        let minutes = Schedule::parse("rate(1 day)")
            .unwrap()
            .check_window(Duration::seconds(1_800));
        assert!(minutes.is_err());
    }
}
