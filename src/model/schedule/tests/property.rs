//! Expressions that were made up, read and unrolled, against the hours of the
//! tests' own calendar.

use jiff::Timestamp;
use proptest::prelude::*;

use super::super::Schedule;
use super::brute::{Expression, FieldKind, Hour, Item};
use crate::model::Duration;

fn item(high: u32) -> impl Strategy<Value = Item> {
    let number = 1..=high;
    let pair = (1..=high, 1..=high).prop_map(|(one, other)| (one.min(other), one.max(other)));
    prop_oneof![
        1 => Just(Item::Every),
        4 => number.clone().prop_map(Item::One),
        2 => pair.clone().prop_map(|(from, to)| Item::Range(from, to)),
        2 => (number.clone(), number.clone()).prop_map(|(from, step)| Item::From(from, step)),
        1 => number.clone().prop_map(Item::EveryStep),
        1 => (pair, number).prop_map(|((from, to), step)| Item::RangeStep(from, to, step)),
    ]
}

fn day_of_month() -> impl Strategy<Value = Item> {
    prop_oneof![3 => item(31), 2 => (28u32..=31).prop_map(Item::One), 1 => Just(Item::Last)]
}

fn day_of_week() -> impl Strategy<Value = Item> {
    prop_oneof![
        2 => item(7),
        1 => Just(Item::Last),
        2 => (1u32..=7, 1u32..=5).prop_map(|(day, nth)| Item::Nth(day, nth)),
        2 => (1u32..=7).prop_map(Item::LastWeekday),
    ]
}

fn list(one: impl Strategy<Value = Item>) -> impl Strategy<Value = Vec<Item>> {
    prop::collection::vec(one, 1..4)
}

fn expression() -> impl Strategy<Value = Expression> {
    let days = prop_oneof![
        list(day_of_month()).prop_map(|days| (FieldKind::DayOfMonth, days)),
        list(day_of_week()).prop_map(|days| (FieldKind::DayOfWeek, days)),
    ];
    let step = prop::option::of(1u32..=23);
    (0u32..24, step, list(item(12)), days, any::<bool>()).prop_map(
        |(hour, step, months, (kind, days), names)| Expression {
            hour,
            step,
            months,
            kind,
            days,
            names,
        },
    )
}

/// Checks every window that opens in four years after a moment.
fn check_years(expression: &Expression, year: i64, into: i64, window: Option<u32>) {
    let Ok(schedule) = Schedule::parse(&expression.to_string()) else {
        return;
    };
    let length = window.map(|hours| Duration::seconds(u64::from(hours) * 3_600));
    let mut at = Hour::first_of(year);
    let after = at.hours * 3_600 + into;
    let moment = Timestamp::from_second(after).unwrap();
    let mut found = schedule.windows(moment, length);
    while at.year < year + 4 {
        if expression.opens(&at) && at.hours * 3_600 > after {
            let held = found
                .next()
                .unwrap_or_else(|| panic!("{expression} ends at {at:?}"));
            let open = match (window, expression.step) {
                (Some(hours), _) => i64::from(hours),
                (None, Some(_)) => 1,
                (None, None) => 24 - i64::from(at.hour),
            };
            assert_eq!(
                held.opens.as_second(),
                at.hours * 3_600,
                "{expression} {at:?}"
            );
            let closes = (at.hours + open) * 3_600;
            assert_eq!(held.closes.as_second(), closes, "{expression} {at:?}");
        }
        at.tick();
    }
    if let Some(next) = found.next() {
        assert!(next.opens.as_second() >= at.hours * 3_600, "{expression}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 256, failure_persistence: None, ..ProptestConfig::default() })]

    /// Years from 1970 on, and those around 2100, which is no leap year.
    #[test]
    fn windows_are_those_of_a_calendar_that_goes_hour_by_hour(
        expression in expression(),
        year in prop_oneof![1970i64..2060, 2096i64..2101],
        into in 0i64..400 * 86_400,
        window in prop::option::of(1u32..=24),
    ) {
        check_years(&expression, year, into, window);
    }

    #[test]
    fn a_rate_counts_whole_hours_and_days(
        every in 4i64..1000,
        days in any::<bool>(),
        from in 0i64..4_102_444_800,
    ) {
        let (unit, step) = if days { ("days", 86_400) } else { ("hours", 3_600) };
        let schedule = Schedule::parse(&format!("rate({every} {unit})")).unwrap();
        let mut expected = from - from % step;
        for window in schedule.windows(Timestamp::from_second(from).unwrap(), None).take(50) {
            expected += every * step;
            prop_assert_eq!(window.opens.as_second(), expected);
            prop_assert_eq!(window.closes.as_second(), expected + step);
            prop_assert!(expected > from);
        }
    }

    #[test]
    fn any_text_is_read_or_refused(text in any::<String>()) {
        if let Err(fault) = Schedule::parse(&text) {
            prop_assert!(text.is_char_boundary(fault.part.start));
            prop_assert!(text.is_char_boundary(fault.part.end));
            let _ = fault.excerpt();
        }
    }

    #[test]
    fn any_text_of_the_grammar_is_read_or_refused(text in "(rate|cron)\\([0-9A-Z*?/,#L -]{0,40}\\)") {
        if let Err(fault) = Schedule::parse(&text) {
            prop_assert!(!text[fault.part].contains('('));
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn what_never_comes_or_comes_too_often_is_refused(expression in expression(), hours in 1u32..=25) {
        let read = Schedule::parse(&expression.to_string());
        let fewest = expression.fewest_hours();
        let accepted = fewest.is_some_and(|fewest| expression.step.is_none() || fewest >= 4);
        prop_assert_eq!(read.is_ok(), accepted, "{} {:?}", expression, fewest);
        if let (Ok(schedule), Some(fewest)) = (read, fewest) {
            let fits = match expression.step {
                Some(_) => i64::from(hours) <= fewest,
                None => expression.hour + hours <= 24,
            };
            let window = Duration::seconds(u64::from(hours) * 3_600);
            prop_assert_eq!(schedule.check_window(window).is_ok(), fits && hours <= 24);
        }
    }
}
