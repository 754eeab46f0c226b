//! The grammar of schedule expressions. Each error has the part of the expression that caused it.

use std::collections::BTreeSet;

use super::HOURS_A_DAY;
use super::calendar::{Calendar, Days, Grid, Nth, Unit};
use super::fault::ScheduleFault;

/// The minimum number of hours between rotations in Secrets Manager.
const MINIMUM_HOURS: u32 = 4;
/// "The maximum rotation period is 999 days" (`rotate-secrets_schedule`).
const MAXIMUM_DAYS: u32 = 999;
/// The maximum number of characters of an expression (`API_RotationRulesType`).
const LONGEST: usize = 256;
const MONTHS: [&str; 12] = [
    "JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC",
];
const WEEKDAYS: [&str; 7] = ["SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT"];

/// A part of the expression, with its position.
#[derive(Clone, Copy)]
struct Part<'text> {
    expression: &'text str,
    field: Option<&'static str>,
    from: usize,
    to: usize,
}

impl<'text> Part<'text> {
    fn whole(expression: &'text str) -> Self {
        Self {
            expression,
            field: None,
            from: 0,
            to: expression.len(),
        }
    }

    fn text(&self) -> &'text str {
        &self.expression[self.from..self.to]
    }

    /// Returns the text escaped for a message.
    fn shown(&self) -> std::str::EscapeDebug<'text> {
        self.text().escape_debug()
    }

    fn refuse(&self, why: impl Into<String>) -> ScheduleFault {
        ScheduleFault {
            expression: self.expression.to_owned(),
            field: self.field,
            part: self.from..self.to,
            why: why.into(),
        }
    }

    fn named(self, field: &'static str) -> Self {
        Self {
            field: Some(field),
            ..self
        }
    }

    /// Returns the text between the parentheses of `name(…)`.
    fn arguments(&self, name: &str) -> Option<Self> {
        let inner = self.text().strip_prefix(name)?;
        let inner = inner.strip_prefix('(')?.strip_suffix(')')?;
        let from = self.from + name.len() + 1;
        Some(Self {
            from,
            to: from + inner.len(),
            ..*self
        })
    }

    fn split(self, separator: char) -> impl Iterator<Item = Self> {
        let mut from = self.from;
        self.text().split(separator).map(move |text| {
            let part = Self {
                from,
                to: from + text.len(),
                ..self
            };
            from = part.to + separator.len_utf8();
            part
        })
    }
}

/// Parses an expression.
pub(super) fn parse(text: &str) -> Result<Calendar, ScheduleFault> {
    let whole = Part::whole(text);
    let count = text.chars().count();
    if count > LONGEST {
        let why = format!(
            "an expression can have at most {LONGEST} characters, but this one has {count}"
        );
        return Err(whole.refuse(why));
    }
    if let Some(inner) = whole.arguments("rate") {
        rate(inner)
    } else if let Some(inner) = whole.arguments("cron") {
        cron(inner).map(Calendar::Cron)
    } else {
        Err(whole.refuse("expected rate(N days) or cron(0 HOUR DAY-OF-MONTH MONTH WEEKDAY *)"))
    }
}

fn rate(inner: Part<'_>) -> Result<Calendar, ScheduleFault> {
    let parts: Vec<Part<'_>> = inner.split(' ').collect();
    let [value, unit] = parts[..] else {
        return Err(inner.refuse("expected rate(N hours) or rate(N days), with one space"));
    };
    let (value, unit) = (value.named("value"), unit.named("unit"));
    let every = number(value.text()).filter(|every| *every > 0);
    let every = every.ok_or_else(|| {
        value.refuse(format!(
            "`{}` is not a positive whole number",
            value.shown()
        ))
    })?;
    let too_long = || {
        let hours = MAXIMUM_DAYS * u32::from(HOURS_A_DAY);
        value.refuse(format!("is at most {MAXIMUM_DAYS} days, or {hours} hours"))
    };
    match unit.text() {
        "hour" | "hours" if every < MINIMUM_HOURS => Err(value.refuse(
            "must be at least 4 hours, because Secrets Manager does not rotate more often",
        )),
        "hour" | "hours" if every > MAXIMUM_DAYS * u32::from(HOURS_A_DAY) => Err(too_long()),
        "hour" | "hours" => Ok(Calendar::Rate {
            every,
            unit: Unit::Hours,
        }),
        "day" | "days" if every > MAXIMUM_DAYS => Err(too_long()),
        "day" | "days" => Ok(Calendar::Rate {
            every,
            unit: Unit::Days,
        }),
        _ => Err(unit.refuse(format!("must be hours or days, not `{}`", unit.shown()))),
    }
}

fn cron(inner: Part<'_>) -> Result<Grid, ScheduleFault> {
    let fields: Vec<Part<'_>> = inner.split(' ').collect();
    let [minutes, hours, day, month, weekday, year] = fields[..] else {
        return Err(inner.refuse(format!(
            "expected six fields (minutes hours day-of-month month day-of-week year) with one space between, not {}",
            fields.len()
        )));
    };
    let minutes = minutes.named("minutes");
    if minutes.text() != "0" {
        let why = format!(
            "must be 0, not `{}`, because windows open on the hour",
            minutes.shown()
        );
        return Err(minutes.refuse(why));
    }
    let hours = hours.named("hours");
    let (unit, opened) = parse_hours(hours)?;
    let (day, weekday, month) = (
        day.named("day-of-month"),
        weekday.named("day-of-week"),
        month.named("month"),
    );
    let months = parse_months(month)?;
    let days = match (day.text(), weekday.text()) {
        ("?", "?") => {
            return Err(weekday.refuse("and day-of-month: exactly one of the two must be `?`"));
        }
        ("?", _) => parse_weekdays(weekday)?,
        (_, "?") => parse_days(day)?,
        _ => return Err(weekday.refuse("and day-of-month: exactly one of the two must be `?`")),
    };
    let year = year.named("year");
    if year.text() != "*" {
        return Err(year.refuse(format!("must be *, not `{}`", year.shown())));
    }
    let grid = Grid {
        unit,
        hours: opened,
        months,
        days,
    };
    if !grid.comes() {
        let why = format!("`{}` does not exist in `{}`", day.shown(), month.shown());
        return Err(day.refuse(why));
    }
    let gap = grid.shortest_gap();
    if unit == Unit::Hours && u32::from(gap) < MINIMUM_HOURS {
        return Err(hours.refuse(format!(
            "`{}` opens windows {gap}h apart, but Secrets Manager rotates at most every four hours",
            hours.shown()
        )));
    }
    Ok(grid)
}

/// Parses one hour, `START/STEP`, or `/STEP`. Steps start again at midnight. Lists and ranges of
/// hours are not documented.
fn parse_hours(field: Part<'_>) -> Result<(Unit, Vec<u8>), ScheduleFault> {
    let text = field.text();
    let hour_of = |text: &str| small(text).filter(|hour| *hour < HOURS_A_DAY);
    let Some((start, step)) = text.split_once('/') else {
        let hour = hour_of(text).ok_or_else(|| {
            field.refuse(format!(
                "must be one hour from 0 to 23, START/STEP, or /STEP, not `{}`",
                field.shown()
            ))
        })?;
        return Ok((Unit::Days, vec![hour]));
    };
    let start = if start.is_empty() {
        Some(0)
    } else {
        hour_of(start)
    };
    let step = small(step).filter(|step| (1..HOURS_A_DAY).contains(step));
    let (Some(start), Some(step)) = (start, step) else {
        return Err(field.refuse(format!(
            "`{}` is not START/STEP with a start from 0 to 23 and a step from 4 to 23",
            field.shown()
        )));
    };
    let opened = (start..HOURS_A_DAY).step_by(step.into()).collect();
    Ok((Unit::Hours, opened))
}

fn parse_months(field: Part<'_>) -> Result<Vec<u8>, ScheduleFault> {
    let mut months = BTreeSet::new();
    for item in field.split(',') {
        let accepted = "a month (1-12 or JAN-DEC, with , - * /)";
        months.extend(range(item, 12, accepted, |text| named(text, &MONTHS))?);
    }
    Ok(months.into_iter().collect())
}

fn parse_days(field: Part<'_>) -> Result<Days, ScheduleFault> {
    let (mut days, mut last) = (BTreeSet::new(), false);
    for item in field.split(',') {
        if item.text() == "L" {
            last = true;
            continue;
        }
        let accepted = "a day of the month (1-31, with , - * / or L)";
        days.extend(range(item, 31, accepted, small)?);
    }
    Ok(Days::Month {
        days: days.into_iter().collect(),
        last,
    })
}

/// Parses days of the week: 1 (Sunday) to 7, names, `TUE#3`, `SUNL`, `L`.
fn parse_weekdays(field: Part<'_>) -> Result<Days, ScheduleFault> {
    let weekday = |text: &str| named(text, &WEEKDAYS).filter(|day| (1..=7).contains(day));
    let (mut days, mut nths, mut last) = (BTreeSet::new(), BTreeSet::new(), BTreeSet::new());
    let accepted = "a day of the week (1-7 or SUN-SAT, with , - * / # or L)";
    let refused = |item: Part<'_>| item.refuse(format!("`{}` is not {accepted}", item.shown()));
    for item in field.split(',') {
        if item.text() == "L" {
            // The last day of a week that begins on Sunday.
            days.insert(7);
        } else if let Some((day, nth)) = item.text().split_once('#') {
            let day = weekday(day).ok_or_else(|| refused(item))?;
            let nth = small(nth).filter(|nth| (1..=5).contains(nth));
            let nth = nth.ok_or_else(|| {
                item.refuse(format!(
                    "`{}`: a month has at most five of these days",
                    item.shown()
                ))
            })?;
            nths.insert(Nth { day, nth });
        } else if let Some(day) = item.text().strip_suffix('L') {
            last.insert(weekday(day).ok_or_else(|| refused(item))?);
        } else {
            days.extend(range(item, 7, accepted, |text| named(text, &WEEKDAYS))?);
        }
    }
    Ok(Days::Week {
        days: days.into_iter().collect(),
        nth: nths.into_iter().collect(),
        last: last.into_iter().collect(),
    })
}

/// Parses `*`, `N`, `A-B`, and each with `/STEP`. Returns the numbers, from 1 to `high`.
fn range(
    item: Part<'_>,
    high: u8,
    accepted: &str,
    value: impl Fn(&str) -> Option<u8>,
) -> Result<Vec<u8>, ScheduleFault> {
    let text = item.text();
    let refused = || item.refuse(format!("`{}` is not {accepted}", item.shown()));
    let value = |text: &str| value(text).filter(|number| (1..=high).contains(number));
    let (body, step) = match text.split_once('/') {
        Some((body, step)) => {
            let step = small(step).filter(|step| (1..=high).contains(step));
            (body, Some(step.ok_or_else(refused)?))
        }
        None => (text, None),
    };
    let (from, to) = match body.split_once('-') {
        _ if body == "*" || (body.is_empty() && step.is_some()) => (1, high),
        Some((from, to)) => (
            value(from).ok_or_else(refused)?,
            value(to).ok_or_else(refused)?,
        ),
        None => {
            let from = value(body).ok_or_else(refused)?;
            (from, if step.is_some() { high } else { from })
        }
    };
    if from > to {
        return Err(item.refuse(format!(
            "the range `{}` is reversed; use two ranges",
            item.shown()
        )));
    }
    Ok((from..=to).step_by(step.unwrap_or(1).into()).collect())
}

/// Parses a number, or the position of a name in `names` counted from 1.
fn named(text: &str, names: &[&str]) -> Option<u8> {
    small(text).or_else(|| {
        let place = names.iter().position(|name| *name == text)?;
        u8::try_from(place + 1).ok()
    })
}

fn small(text: &str) -> Option<u8> {
    number(text).and_then(|number| u8::try_from(number).ok())
}

fn number(text: &str) -> Option<u32> {
    let digits =
        !text.is_empty() && text.len() <= 9 && text.bytes().all(|byte| byte.is_ascii_digit());
    digits.then(|| text.parse().ok()).flatten()
}
