//! What was measured, as tables.

use std::fmt::Write as _;
use std::time::{Duration, Instant};

use crate::heading::megabytes;
use crate::kind::FunctionKind;
use crate::measure::{Pair, Sample, Traced};
use crate::session::{Rotation, STEPS};
use crate::statistics::Spread;
use crate::stub::calls::{Call, Count};
use crate::table::Table;

/// What is known of a sample.
#[derive(Clone, Copy)]
enum Value {
    Cold,
    First,
    Processor,
    /// The rotation of a warm process at this place.
    Warm(usize),
    Memory,
}

impl Value {
    /// Takes it out of a sample, where it is there.
    fn of(self, sample: &Sample) -> Option<f64> {
        match self {
            Self::Cold => Some(milliseconds(sample.cold)),
            Self::First => Some(milliseconds(sample.first)),
            Self::Processor => sample.processor.map(milliseconds),
            Self::Warm(place) => sample.warm.get(place).copied().map(milliseconds),
            Self::Memory => sample.memory.map(mebibytes),
        }
    }
}

/// One line of a table of pairs.
struct Measure {
    name: String,
    value: Value,
    unit: &'static str,
}

/// Returns the lines of a kind's tables.
fn measures(kind: FunctionKind) -> Vec<Measure> {
    let measure = |name: &str, value, unit| Measure {
        name: name.to_owned(),
        value,
        unit,
    };
    let mut measures = vec![
        measure("cold start", Value::Cold, "ms"),
        measure("cold start + first rotation", Value::First, "ms"),
        measure("  processor time of these", Value::Processor, "ms"),
    ];
    for (place, sort) in kind.warm().iter().enumerate() {
        let name = format!("warm rotation{}", sort.which);
        measures.push(measure(&name, Value::Warm(place), "ms"));
    }
    measures.push(measure("peak memory", Value::Memory, "MiB"));
    measures
}

/// Returns how large the zips are, in bytes.
pub fn zips(ours: usize, python: Option<usize>) -> String {
    let mut table = Table::default();
    let (mut names, mut sizes) = (vec!["", "ours"], vec!["zip".to_owned(), megabytes(ours)]);
    if let Some(python) = python {
        names.extend(["Python", "Python ÷ ours"]);
        sizes.push(megabytes(python));
        sizes.push(format!("{} ×", short(python as f64 / ours as f64)));
    }
    table.row(names);
    table.row(sizes);
    table.to_string()
}

/// Returns what pairs of processes took under the condition that the title names.
pub fn pairs(kind: FunctionKind, title: &str, pairs: &[Pair]) -> String {
    let sides = [
        Side {
            name: "ours",
            of: |value, pair| value.of(&pair.ours),
            unit: None,
        },
        Side {
            name: "Python",
            of: |value, pair| value.of(pair.python.as_ref()?),
            unit: None,
        },
        Side {
            name: "Python ÷ ours",
            of: |value, pair| Some(value.of(pair.python.as_ref()?)? / value.of(&pair.ours)?),
            unit: Some("×"),
        },
    ];
    let with_python = pairs.iter().any(|pair| pair.python.is_some());
    let sides = &sides[..if with_python { sides.len() } else { 1 }];
    let mut table = Table::default();
    let heading = |cells: fn(&Side) -> [&str; 2]| {
        let cells = sides.iter().flat_map(cells);
        [""].into_iter().chain(cells).collect::<Vec<_>>()
    };
    table.row(heading(|side| [side.name, ""]));
    table.row(heading(|_| ["median", "least–greatest"]));
    for measure in measures(kind) {
        let mut row = vec![measure.name];
        for side in sides {
            let value = |pair| (side.of)(measure.value, pair);
            let values: Vec<f64> = pairs.iter().filter_map(value).collect();
            row.extend(cells(&values, side.unit.unwrap_or(measure.unit)));
        }
        table.row(row);
    }
    let runs = if pairs.len() == 1 { "pair" } else { "pairs" };
    format!("{title}, {} {runs}\n\n{table}", pairs.len())
}

/// Some columns of a table of pairs.
struct Side {
    name: &'static str,
    of: fn(Value, &Pair) -> Option<f64>,
    /// The measure's own where there is none.
    unit: Option<&'static str>,
}

fn cells(values: &[f64], unit: &str) -> [String; 2] {
    match Spread::of(values) {
        Some(spread) => [
            format!("{} {unit}", short(spread.middle)),
            format!("{}–{}", short(spread.least), short(spread.greatest)),
        ],
        None => ["–".to_owned(), String::new()],
    }
}

/// Returns a number with three digits that count, or all of a longer one.
fn short(number: f64) -> String {
    match number {
        _ if number < 9.995 => format!("{number:.2}"),
        _ if number < 99.95 => format!("{number:.1}"),
        _ => format!("{number:.0}"),
    }
}

/// Returns how many calls each step makes.
pub fn calls(title: &str, ours: &Traced, python: Option<&Traced>) -> String {
    let mut table = Table::default();
    let sides: Vec<(&str, &Traced)> = [("ours", Some(ours)), ("Python", python)]
        .into_iter()
        .filter_map(|(name, traced)| Some((name, traced?)))
        .collect();
    let mut heading = vec![String::new()];
    for (name, _) in &sides {
        heading.extend([(*name).to_owned(), String::new(), String::new()]);
    }
    table.row(heading);
    for (place, (name, _)) in ours.0.iter().enumerate() {
        let mut heading = vec![name.clone()];
        for _ in &sides {
            heading.extend(["calls", "in series", "connections"].map(str::to_owned));
        }
        table.row(heading);
        let counts: Vec<Vec<Count>> = sides
            .iter()
            .map(|(_, traced)| counts(&traced.0[place].1))
            .collect();
        for (number, step) in STEPS.iter().enumerate() {
            let counts = counts.iter().map(|counts| counts[number]);
            table.row(numbers(&format!("  {step}"), counts));
        }
        let sums = counts
            .iter()
            .map(|counts| counts.iter().copied().fold(Count::default(), Count::plus));
        table.row(numbers("  together", sums));
    }
    format!("{title}\n\n{table}")
}

fn counts(rotation: &Rotation) -> Vec<Count> {
    let steps = rotation.steps.iter();
    steps.map(|step| Count::of(&step.calls)).collect()
}

fn numbers(name: &str, counts: impl Iterator<Item = Count>) -> Vec<String> {
    let mut row = vec![name.to_owned()];
    for count in counts {
        row.extend([count.calls, count.in_series, count.connections].map(|n| n.to_string()));
    }
    row
}

/// Returns each call, with the moments at which it began and ended.
pub fn trace(name: &str, traced: &Traced) -> String {
    let mut text = String::new();
    for (kind, rotation) in &traced.0 {
        let mut table = Table::default();
        for (step, name) in rotation.steps.iter().zip(STEPS) {
            table.row([
                name.to_owned(),
                since(step.began, step.began),
                since(step.began, step.ended),
            ]);
            for call in &step.calls {
                table.row(traced_call(step.began, call));
            }
        }
        // Text grows without fail.
        let _ = writeln!(text, "{name}, {kind}: ms after the step began\n\n{table}");
    }
    text
}

fn traced_call(began: Instant, call: &Call) -> [String; 5] {
    [
        format!("  {}", call.action),
        since(began, call.began),
        since(began, call.ended),
        call.refused.unwrap_or_default().to_owned(),
        if call.connects { "connects" } else { "" }.to_owned(),
    ]
}

fn since(began: Instant, moment: Instant) -> String {
    format!(
        "{:.1}",
        milliseconds(moment.saturating_duration_since(began))
    )
}

fn milliseconds(duration: Duration) -> f64 {
    duration.as_secs_f64() * 1_000.0
}

fn mebibytes(bytes: u64) -> f64 {
    bytes as f64 / f64::from(1 << 20)
}
