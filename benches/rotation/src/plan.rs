//! The conditions to measure under, and the number of measurements.

use std::time::Duration;

use clap::ValueEnum;

use crate::arguments::{Arguments, Name};
use crate::limit::SHARE;
use crate::measure::Condition;

/// The duration of a call under conditions in which calls take time.
const DELAY: Duration = Duration::from_millis(10);

/// Returns the selected conditions. By default: all, or in a quick run those that differ in
/// something of their own.
pub fn conditions(arguments: &Arguments) -> Vec<Condition> {
    let asked = |name: &Name| match arguments.conditions.as_slice() {
        [] => !(arguments.quick && *name == Name::Both),
        asked => asked.contains(name),
    };
    Name::value_variants()
        .iter()
        .filter(|name| asked(name))
        .map(|name| {
            let condition = condition(*name);
            let pairs = arguments.pairs.map_or(condition.pairs, usize::from);
            match arguments.quick {
                true => Condition {
                    pairs: 1,
                    warm: 1,
                    ..condition
                },
                false => Condition { pairs, ..condition },
            }
        })
        .collect()
}

fn condition(name: Name) -> Condition {
    let (limited, delayed, pairs) = match name {
        Name::Instant => (false, false, 15),
        Name::Delayed => (false, true, 9),
        // Python takes a quarter of a minute for each.
        Name::Limited => (true, false, 7),
        Name::Both => (true, true, 5),
    };
    let core = match limited {
        true => format!("{:.1} % of a core (128 MB)", SHARE * 100.0),
        false => "A whole core".to_owned(),
    };
    let calls = match delayed {
        true => "10 ms a call",
        false => "calls answered at once",
    };
    Condition {
        title: format!("{core}, {calls}"),
        delay: if delayed { DELAY } else { Duration::ZERO },
        limited,
        pairs,
        warm: if limited { 3 } else { 5 },
    }
}
