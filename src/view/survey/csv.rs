//! Keys as CSV (RFC 4180, with line feeds).

use jiff::Timestamp;
use serde_json::json;

use super::super::text::visible;
use super::console;
use crate::plan::SurveyedKey;

const COLUMNS: [&str; 18] = [
    "user",
    "arn",
    "access_key_id",
    "status",
    "created",
    "age_days",
    "last_used_date",
    "last_used_service",
    "last_used_region",
    "console_password",
    "secret",
    "secret_matched_by",
    "other_secrets",
    "rotated_by",
    "keyrota_stack",
    "verdict",
    "reason",
    "evidence_event_id",
];

/// Returns the keys, below a line with the names of the columns.
pub(super) fn document(keys: &[SurveyedKey]) -> String {
    let mut text = COLUMNS.join(",") + "\n";
    for key in keys {
        let cells = cells(key).map(|cell| escaped(&cell));
        text.push_str(&cells.join(","));
        text.push('\n');
    }
    text
}

fn cells(key: &SurveyedKey) -> [String; COLUMNS.len()] {
    let text = |text: &Option<String>| text.clone().unwrap_or_default();
    let date = |at: Option<Timestamp>| at.map(|at| at.to_string()).unwrap_or_default();
    let last = key.last_used.clone().unwrap_or_default();
    let used = match (&key.last_used, last.date) {
        (None, _) => "unknown".to_owned(),
        (Some(_), None) => "never".to_owned(),
        (Some(_), at) => date(at),
    };
    let matched = key.secret_matched_by.map(|matched| json!(matched));
    let evidence = key.evidence.as_ref();
    [
        key.user.clone(),
        key.arn.clone(),
        text(&key.access_key_id),
        key.status.to_owned(),
        date(key.created),
        key.age_days
            .map(|days| days.to_string())
            .unwrap_or_default(),
        used,
        text(&last.service),
        text(&last.region),
        console(key).to_owned(),
        text(&key.secret),
        matched
            .as_ref()
            .and_then(|matched| matched.as_str())
            .unwrap_or_default()
            .to_owned(),
        key.other_secrets.join(" "),
        text(&key.rotated_by),
        text(&key.keyrota_stack),
        key.verdict.name().to_owned(),
        key.reason.clone(),
        evidence
            .map(|proof| proof.event_id.clone())
            .unwrap_or_default(),
    ]
}

/// Returns a cell. A spreadsheet reads a cell that begins with one of some characters as a
/// formula, in quotation marks too. An apostrophe before it makes it a text.
///
/// Source: "CSV Injection" (OWASP).
fn escaped(cell: &str) -> String {
    let cell = visible(cell);
    let cell = match cell.starts_with(['=', '+', '-', '@']) {
        true => format!("'{cell}"),
        false => cell.into_owned(),
    };
    match cell.contains([',', '"', ' ', ';', '\'']) {
        true => format!("\"{}\"", cell.replace('"', "\"\"")),
        false => cell,
    }
}

#[cfg(test)]
mod tests {
    use super::escaped;

    #[test]
    fn no_cell_is_a_formula_or_leaves_its_place() {
        for (cell, expected) in [
            ("ada", "ada"),
            ("", ""),
            ("=1+1", "\"'=1+1\""),
            ("+cmd", "\"'+cmd\""),
            ("-2", "\"'-2\""),
            ("@SUM(A1)", "\"'@SUM(A1)\""),
            ("a=b", "a=b"),
            ("a,b", "\"a,b\""),
            ("say \"hi\"", "\"say \"\"hi\"\"\""),
            ("a\nb\r\t", "a\\u{a}b\\u{d}\\u{9}"),
            ("\t=1", "\\u{9}=1"),
        ] {
            assert_eq!(escaped(cell), expected, "{cell:?}");
        }
    }
}
