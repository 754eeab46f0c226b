//! What the User Guide shows, what is refused and why, and days that are easily
//! got wrong.

use jiff::Timestamp;

use super::super::{Calendar, Days, Grid, Nth, Schedule, Unit};
use crate::model::Duration;

fn schedule(text: &str) -> Schedule {
    Schedule::parse(text).unwrap_or_else(|fault| panic!("{fault}"))
}

/// Returns the next openings as `YYYY-MM-DD HH`.
fn opens(text: &str, from: &str, count: usize) -> Vec<String> {
    let after: Timestamp = from.parse().unwrap();
    let windows = schedule(text)
        .windows(after, None)
        .take(count)
        .collect::<Vec<_>>();
    windows
        .iter()
        .map(|window| window.opens.strftime("%Y-%m-%d %H").to_string())
        .collect()
}

#[test]
fn accepts_what_the_user_guide_shows() {
    for text in [
        "rate(4 hours)",
        "rate(1 day)",
        "rate(10 days)",
        "rate(999 days)",
        "rate(23976 hours)",
        "cron(0 /8 * * ? *)",
        "cron(0 8/8 * * ? *)",
        "cron(0 2/10 * * ? *)",
        "cron(0 4/12 * * ? *)",
        "cron(0 10 * * ? *)",
        "cron(0 18 ? * SAT *)",
        "cron(0 8 1 * ? *)",
        "cron(0 1 ? 1/3 SUN#1 *)",
        "cron(0 17 L * ? *)",
        "cron(0 8 ? * MON-FRI *)",
        "cron(0 16 1,15 * ? *)",
        "cron(0 0 ? * SUN#1 *)",
        "cron(0 0 ? 1/11 2#1 *)",
        "cron(0 2 ? * TUE#3 *)",
        "cron(0 1 ? * SUNL *)",
        "cron(0 0 ? * L *)",
        "cron(0 8 1/2 JAN,APR,JUL,OCT ? *)",
        "cron(0 23 ? JAN-JUN/2 2-6 *)",
        "cron(0 0 29 FEB ? *)",
        "cron(0 0 31 * ? *)",
        "cron(0 0 ? FEB MON#5 *)",
        "cron(0 0 * * ? *)",
        "cron(0 0 ? * * *)",
        // The two windows of a day are 20 hours apart, and no two days follow each other.
        "cron(0 2/20 1,15 * ? *)",
    ] {
        assert_eq!(schedule(text).to_string(), text);
    }
}

#[test]
fn names_the_field_that_is_refused_and_marks_the_part() {
    let long = format!("cron(0 8 {} * ? *)", "1,".repeat(200));
    for (text, field, part, why) in [
        (
            "every day",
            "",
            "every day",
            "expected rate(N days) or cron(",
        ),
        (
            "rate(4 hours",
            "",
            "rate(4 hours",
            "expected rate(N days) or cron(",
        ),
        (
            " rate(4 hours)",
            "",
            " rate(4 hours)",
            "expected rate(N days) or cron(",
        ),
        (&long, "", &long, "256 characters"),
        ("rate(3 hours)", "value", "3", "4 hours"),
        ("rate(0 days)", "value", "0", "positive"),
        ("rate(-1 days)", "value", "-1", "positive"),
        ("rate(1.5 days)", "value", "1.5", "positive"),
        ("rate(1000 days)", "value", "1000", "999"),
        ("rate(23977 hours)", "value", "23977", "23976"),
        (
            "rate(99999999999999999999 days)",
            "value",
            "99999999999999999999",
            "positive",
        ),
        ("rate(30)", "", "30", "expected"),
        ("rate(1  day)", "", "1  day", "one space"),
        ("rate(1 week)", "unit", "week", "hours or days"),
        ("cron(0 8 * * ?)", "", "0 8 * * ?", "six fields"),
        ("cron(0 8  * * ? *)", "", "0 8  * * ? *", "six fields"),
        ("cron(5 8 * * ? *)", "minutes", "5", "must be 0"),
        ("cron(0 8,20 * * ? *)", "hours", "8,20", "one hour"),
        ("cron(0 8-20 * * ? *)", "hours", "8-20", "one hour"),
        ("cron(0 * * * ? *)", "hours", "*", "one hour"),
        ("cron(0 /3 * * ? *)", "hours", "/3", "four hours"),
        ("cron(0 /7 * * ? *)", "hours", "/7", "3h apart"),
        ("cron(0 0/0 * * ? *)", "hours", "0/0", "a step from 4"),
        ("cron(0 24 * * ? *)", "hours", "24", "0 to 23"),
        ("cron(0 8 * * * *)", "day-of-week", "*", "exactly one"),
        ("cron(0 8 ? * ? *)", "day-of-week", "?", "exactly one"),
        (
            "cron(0 8 30 FEB ? *)",
            "day-of-month",
            "30",
            "does not exist",
        ),
        (
            "cron(0 8 31 APR,JUN ? *)",
            "day-of-month",
            "31",
            "does not exist",
        ),
        ("cron(0 8 32 * ? *)", "day-of-month", "32", "1-31"),
        ("cron(0 8 1,,2 * ? *)", "day-of-month", "", "1-31"),
        ("cron(0 8 1,0 * ? *)", "day-of-month", "0", "1-31"),
        ("cron(0 8 LW * ? *)", "day-of-month", "LW", "1-31"),
        ("cron(0 8 1 13 ? *)", "month", "13", "JAN-DEC"),
        ("cron(0 8 1 feb ? *)", "month", "feb", "JAN-DEC"),
        ("cron(0 8 1 NOV-FEB ? *)", "month", "NOV-FEB", "reversed"),
        (
            "cron(0 8 ? * SUN#6 *)",
            "day-of-week",
            "SUN#6",
            "at most five",
        ),
        ("cron(0 8 ? * MON,8 *)", "day-of-week", "8", "SUN-SAT"),
        ("cron(0 8 1 * ? 2027)", "year", "2027", "must be *"),
        ("cron(0 8 é * ? *)", "day-of-month", "é", "1-31"),
    ] {
        let fault = Schedule::parse(text).unwrap_err();
        assert!(fault.why.contains(why), "{text}: {fault}");
        assert_eq!(fault.field.unwrap_or_default(), field, "{text}");
        assert_eq!(&fault.expression[fault.part.clone()], part, "{text}");
        assert!(fault.to_string().chars().count() < 400, "{text}");
    }
}

#[test]
fn an_excerpt_marks_the_part() {
    let fault = Schedule::parse("cron(0 8 1,32 * ? *)").unwrap_err();
    insta::assert_snapshot!(fault, @"cron(0 8 1,32 * ? *): day-of-month `32` is not a day of the month (1-31, with , - * / or L)");
    insta::assert_snapshot!(fault.excerpt().unwrap(), @"
    cron(0 8 1,32 * ? *)
               ^^
    ");
    let wide = Schedule::parse("cron(0 8 é * ? *)").unwrap_err();
    assert_eq!(wide.excerpt(), None);
    let lines = Schedule::parse("rate(1\n day)").unwrap_err();
    assert!(!lines.to_string().contains('\n'));
}

#[test]
fn a_window_fits_its_schedule() {
    let window = |text: &str, hours: u64| {
        schedule(text)
            .check_window(Duration::seconds(hours * 3_600))
            .is_ok()
    };
    assert!(window("rate(30 days)", 24) && !window("rate(30 days)", 25));
    assert!(window("rate(1 day)", 24) && !window("rate(1 day)", 0));
    assert!(window("rate(4 hours)", 4) && !window("rate(4 hours)", 5));
    assert!(window("rate(36 hours)", 24) && !window("rate(36 hours)", 25));
    assert!(window("cron(0 22 * * ? *)", 2) && !window("cron(0 22 * * ? *)", 3));
    // 22:00 to 02:00 on the next day.
    assert!(window("cron(0 2/10 * * ? *)", 4) && !window("cron(0 2/10 * * ? *)", 5));
    // No next day to run into.
    assert!(window("cron(0 2/10 1 * ? *)", 10) && !window("cron(0 2/10 1 * ? *)", 11));
    let minutes = schedule("rate(1 day)").check_window(Duration::seconds(5_400));
    assert!(minutes.unwrap_err().contains("whole number of hours"));
}

#[test]
fn taken_apart() {
    let Calendar::Cron(grid) = schedule("cron(0 2/10 ? 1,MAR-APR MON#5,SUNL,L,2 *)").calendar()
    else {
        panic!("a grid");
    };
    let expected = Grid {
        unit: Unit::Hours,
        hours: vec![2, 12, 22],
        months: vec![1, 3, 4],
        days: Days::Week {
            days: vec![2, 7],
            nth: vec![Nth { day: 2, nth: 5 }],
            last: vec![1],
        },
    };
    assert_eq!(grid, expected);
    insta::assert_snapshot!(
        serde_json::to_string(&schedule("cron(0 8 1,L FEB ? *)").calendar()).unwrap(),
        @r#"{"kind":"cron","unit":"days","hours":[8],"months":[2],"days":{"of":"month","days":[1],"last":true}}"#
    );
    insta::assert_snapshot!(
        serde_json::to_string(&schedule("rate(30 days)").calendar()).unwrap(),
        @r#"{"kind":"rate","every":30,"unit":"days"}"#
    );
    assert_eq!(
        schedule("rate(2 days)").rate(),
        Some(Duration::seconds(172_800))
    );
    assert_eq!(schedule("cron(0 8 * * ? *)").rate(), None);
}

#[test]
fn how_often_windows_open() {
    for (text, frequency) in [
        ("rate(30 days)", (1, 30)),
        ("rate(36 hours)", (24, 36)),
        ("cron(0 /4 * * ? *)", (6 * 10_227, 10_227)),
        ("cron(0 8 1 * ? *)", (28 * 12, 10_227)),
        ("cron(0 8 29 FEB ? *)", (7, 10_227)),
        ("cron(0 8/8 ? * SUN *)", (2 * 28 * 1_461 / 28, 10_227)),
        ("cron(0 8 ? FEB MON#5 *)", (1, 10_227)),
    ] {
        assert_eq!(schedule(text).frequency(), frequency, "{text}");
    }
}

#[test]
fn ends_of_months_and_leap_years() {
    let from = "2027-12-15T00:00:00Z";
    assert_eq!(
        opens("cron(0 17 L * ? *)", from, 4),
        [
            "2027-12-31 17",
            "2028-01-31 17",
            "2028-02-29 17",
            "2028-03-31 17"
        ]
    );
    assert_eq!(
        opens("cron(0 0 31 * ? *)", from, 3),
        ["2027-12-31 00", "2028-01-31 00", "2028-03-31 00"]
    );
    // 2100 is no leap year.
    assert_eq!(
        opens("cron(0 0 29 FEB ? *)", "2095-01-01T00:00:00Z", 3),
        ["2096-02-29 00", "2104-02-29 00", "2108-02-29 00"]
    );
    assert_eq!(
        opens("cron(0 0 L FEB ? *)", "2099-01-01T00:00:00Z", 2),
        ["2099-02-28 00", "2100-02-28 00"]
    );
}

#[test]
fn days_of_the_week() {
    let from = "2026-01-01T00:00:00Z"; // a Thursday
    assert_eq!(
        opens("cron(0 2 ? * TUE#3 *)", from, 2),
        ["2026-01-20 02", "2026-02-17 02"]
    );
    assert_eq!(
        opens("cron(0 2 ? * 5#1 *)", from, 2),
        ["2026-01-01 02", "2026-02-05 02"]
    );
    // Months without a fifth Friday are left out.
    assert_eq!(
        opens("cron(0 2 ? * FRI#5 *)", from, 3),
        ["2026-01-30 02", "2026-05-29 02", "2026-07-31 02"]
    );
    assert_eq!(
        opens("cron(0 1 ? * SUNL *)", from, 2),
        ["2026-01-25 01", "2026-02-22 01"]
    );
    assert_eq!(
        opens("cron(0 0 ? * L *)", from, 2),
        ["2026-01-03 00", "2026-01-10 00"]
    );
    // A February of 29 days that begins on a Monday comes once in 28 years.
    assert_eq!(
        opens("cron(0 0 ? FEB MON#5 *)", from, 2),
        ["2044-02-29 00", "2072-02-29 00"]
    );
}

#[test]
fn windows_open_strictly_after_the_moment() {
    let daily = "cron(0 8 * * ? *)";
    assert_eq!(
        opens(daily, "2026-01-01T07:59:59.999Z", 1),
        ["2026-01-01 08"]
    );
    assert_eq!(opens(daily, "2026-01-01T08:00:00Z", 1), ["2026-01-02 08"]);
    assert_eq!(
        opens(daily, "2025-12-31T23:30:00-09:00", 1),
        ["2026-01-02 08"]
    );
    assert_eq!(
        opens("cron(0 4/12 * * ? *)", "2026-01-01T10:00:00Z", 3),
        ["2026-01-01 16", "2026-01-02 04", "2026-01-02 16"]
    );
}

#[test]
fn a_rate_counts_from_the_hour_or_day_of_the_rotation() {
    let from = "2026-01-30T10:20:30.5Z";
    assert_eq!(
        opens("rate(30 days)", from, 2),
        ["2026-03-01 00", "2026-03-31 00"]
    );
    assert_eq!(
        opens("rate(5 hours)", from, 3),
        ["2026-01-30 15", "2026-01-30 20", "2026-01-31 01"]
    );
    assert_eq!(
        opens("rate(1 day)", "2026-01-30T00:00:00Z", 1),
        ["2026-01-31 00"]
    );
}

#[test]
fn windows_close_when_they_are_said_to() {
    let first = |text: &str, window: Option<u64>| {
        let window = window.map(|hours| Duration::seconds(hours * 3_600));
        let from = "2026-02-27T12:00:00Z".parse().unwrap();
        let first = schedule(text).windows(from, window).next().unwrap();
        (first.opens.to_string(), first.closes.to_string())
    };
    let pair = |opens: &str, closes: &str| (opens.to_owned(), closes.to_owned());
    assert_eq!(
        first("cron(0 8 28 * ? *)", None),
        pair("2026-02-28T08:00:00Z", "2026-03-01T00:00:00Z")
    );
    assert_eq!(
        first("cron(0 8 28 * ? *)", Some(3)),
        pair("2026-02-28T08:00:00Z", "2026-02-28T11:00:00Z")
    );
    assert_eq!(
        first("cron(0 /8 * * ? *)", None),
        pair("2026-02-27T16:00:00Z", "2026-02-27T17:00:00Z")
    );
    assert_eq!(
        first("rate(4 hours)", Some(4)),
        pair("2026-02-27T16:00:00Z", "2026-02-27T20:00:00Z")
    );
    assert_eq!(
        first("rate(1 day)", None),
        pair("2026-02-28T00:00:00Z", "2026-03-01T00:00:00Z")
    );
}

#[test]
fn dates_have_an_end() {
    for text in [
        "cron(0 8 * * ? *)",
        "cron(0 0 ? FEB MON#5 *)",
        "rate(999 days)",
        "rate(4 hours)",
    ] {
        let last = Timestamp::MAX;
        assert_eq!(schedule(text).windows(last, None).count(), 0, "{text}");
        let near: Timestamp = "9999-12-28T12:00:00Z".parse().unwrap();
        let count = schedule(text).windows(near, None).count();
        assert!(count < 20, "{text}: {count}");
    }
    let early = schedule("cron(0 8 * * ? *)")
        .windows(Timestamp::MIN, None)
        .next();
    assert!(early.is_some());
}

#[test]
fn the_window_of_a_reported_rotation() {
    let window = |text: &str, length: Option<&str>, at: &str| {
        let length = length.map(|length| Duration::parse(length).unwrap());
        let window = schedule(text).window_until(at.parse().unwrap(), length);
        let window = window.unwrap();
        format!("{} {}", window.opens, window.closes)
    };
    let sunday = "2026-12-06T02:00:00Z 2026-12-06T05:00:00Z";
    // Secrets Manager reports the end of a window, or the last second of it.
    for at in ["2026-12-06T05:00:00Z", "2026-12-06T04:59:59Z"] {
        assert_eq!(window("cron(0 2 ? * SUN *)", Some("3h"), at), sunday);
        let day = "2026-12-06T02:00:00Z 2026-12-07T00:00:00Z";
        assert_eq!(window("cron(0 2 ? * SUN *)", None, at), day);
        let rate = "2026-12-06T00:00:00Z 2026-12-06T05:00:00Z";
        assert_eq!(window("rate(30 days)", Some("5h"), at), rate);
        let hours = "2026-12-06T03:00:00Z 2026-12-06T05:00:00Z";
        assert_eq!(window("rate(8 hours)", Some("2h"), at), hours);
        let hour = "2026-12-06T04:00:00Z 2026-12-06T05:00:00Z";
        assert_eq!(window("rate(8 hours)", None, at), hour);
    }
    let midnight = "2026-12-07T00:00:00Z";
    let day = "2026-12-06T00:00:00Z 2026-12-07T00:00:00Z";
    assert_eq!(window("rate(1 day)", None, midnight), day);
    assert_eq!(window("cron(0 0 * * ? *)", Some("24h"), midnight), day);
    let four = "2026-12-06T20:00:00Z 2026-12-07T00:00:00Z";
    assert_eq!(window("cron(0 /4 * * ? *)", Some("4h"), midnight), four);
}
