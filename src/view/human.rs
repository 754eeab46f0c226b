//! Text for people: aligned, and with the same meaning without color.

use std::fmt::Write as _;
use std::time::Duration;

use comfy_table::presets::NOTHING;
use comfy_table::{CellAlignment, ContentArrangement, Table};
use jiff::Timestamp;

use super::Failure;
use super::text::{Styling as _, paragraph, visible};
use crate::model::{Finding, Severity};
use crate::plan::Item;

/// Returns the findings in a list, each with its place and its hint.
pub(super) fn findings(findings: &[Finding]) -> String {
    let mut text = String::new();
    for finding in findings {
        let severity = match finding.severity {
            Severity::Error => "error".red().bold().to_string(),
            Severity::Warning => "warning".yellow().bold().to_string(),
        };
        let line = finding
            .line
            .map_or(String::new(), |line| format!("line {line}: "));
        let path = match finding.path.as_str() {
            "" => String::new(),
            path => format!("{}: ", visible(path)),
        };
        let _ = writeln!(
            text,
            "{severity}[{}] {line}{path}{}",
            finding.kind,
            paragraph(&finding.message)
        );
        if let Some(hint) = &finding.hint {
            let _ = writeln!(text, "  {} {}", "hint:".cyan(), paragraph(hint));
        }
    }
    text
}

/// Returns a failure, below its findings.
pub(super) fn failure(failure: &Failure) -> String {
    let mut text = findings(&failure.findings);
    let message = paragraph(&failure.message);
    let _ = writeln!(text, "{} {message}", "error:".red().bold());
    if let Some(hint) = &failure.hint {
        let _ = writeln!(text, "{} {}", "hint:".cyan().bold(), paragraph(hint));
    }
    text
}

/// Returns a table without lines. Columns are two spaces apart.
pub(super) fn table(header: &[&str], rows: Vec<Vec<String>>) -> String {
    aligned(header, rows, &[])
}

/// Returns such a table. Columns are left-aligned by default.
pub(super) fn aligned(
    header: &[&str],
    rows: Vec<Vec<String>>,
    alignments: &[CellAlignment],
) -> String {
    let mut table = Table::new();
    table
        .load_style(NOTHING)
        .set_content_arrangement(ContentArrangement::Disabled)
        .set_header(header.iter().map(|cell| cell.to_uppercase()));
    for row in rows {
        table.add_row(row.iter().map(|cell| visible(cell)));
    }
    for column in table.column_iter_mut() {
        column.set_padding((0, 2));
    }
    for (column, alignment) in table.column_iter_mut().zip(alignments) {
        column.set_cell_alignment(*alignment);
    }
    let lines: Vec<String> = table
        .lines()
        .map(|line| line.trim_end().to_owned())
        .collect();
    lines.join("\n") + "\n"
}

/// Returns how long something takes or took, in its two largest units.
pub(super) fn elapsed(time: Duration) -> String {
    let seconds = time.as_secs();
    let (minutes, hours, days) = (seconds / 60, seconds / 3_600, seconds / 86_400);
    match (days, hours, minutes) {
        (0, 0, 0) => format!("{seconds}s"),
        (0, 0, minutes) => format!("{minutes}m {:02}s", seconds % 60),
        (0, hours, minutes) => format!("{hours}h {:02}m", minutes % 60),
        (days, hours, _) => format!("{days}d {}h", hours % 24),
    }
}

/// Returns a time in UTC to the minute, or a dash.
pub(super) fn moment(moment: Option<Timestamp>) -> String {
    moment.map_or_else(
        || "-".to_owned(),
        |at| at.strftime("%Y-%m-%d %H:%M UTC").to_string(),
    )
}

/// Returns items below a heading, or nothing if there are none.
pub(super) fn items(heading: &str, items: &[Item]) -> String {
    if items.is_empty() {
        return String::new();
    }
    let mut text = format!("{}\n", heading.bold());
    let width = items
        .iter()
        .map(|item| item.kind.len())
        .max()
        .unwrap_or_default();
    for item in items {
        let note = item
            .note
            .as_deref()
            .map_or(String::new(), |note| format!(" ({})", visible(note)));
        let name = visible(&item.name);
        let _ = writeln!(text, "  {:width$}  {name}{note}", item.kind);
    }
    text
}
