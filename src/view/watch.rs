//! `status --watch`: a tree that is drawn again on a terminal, and what changes elsewhere.

use std::time::Duration;

use jiff::Timestamp;
use serde_json::json;

use super::human::elapsed;
use super::status::retirement;
use super::text::{self, visible};
use super::tree::{Row, draw};
use super::{Format, Show as _, write_out};
use crate::plan::{KeyReport, SecretReport, State, StatusReport, status_changes};

/// Shows a report again whenever it is newer.
pub struct Watch {
    format: Format,
    is_live: bool,
    /// The number of lines that the terminal shows of the last one.
    drawn: usize,
    /// The last report, and when it was made.
    last: Option<(StatusReport, Timestamp)>,
}

impl Watch {
    pub(super) fn new(format: Format) -> Self {
        Self {
            format,
            is_live: format == Format::Human && text::stdout_is_terminal(),
            drawn: 0,
            last: None,
        }
    }

    /// Shows a report that was made at a moment. A terminal shows a tree. Elsewhere, the first one is
    /// shown whole, and then a line for each change; in JSON, each report that differs from the last
    /// one is a document on a line of its own.
    pub fn show(&mut self, report: StatusReport, at: Timestamp) {
        let last = self.last.as_ref().map(|(last, _)| last);
        let text = match (self.format, last) {
            _ if self.is_live => String::new(),
            (Format::Json, Some(last)) if json!(last) == json!(report) => String::new(),
            (Format::Json, _) => text::document_line(&json!(report)),
            (_, None) => report.human(),
            (_, Some(last)) => status_changes(last, &report)
                .iter()
                .map(|change| format!("{at:.0} {}\n", visible(change)))
                .collect(),
        };
        write_out(&text);
        self.last = Some((report, at));
        self.refresh(at);
    }

    /// Draws the last report again on a terminal, because it shows times relative to now.
    pub fn refresh(&mut self, now: Timestamp) {
        let (true, Some((report, at))) = (self.is_live, &self.last) else {
            return;
        };
        let (height, width) = text::stdout_size();
        let lines = lines(report, *at, now, width, height.saturating_sub(1));
        text::remove_lines(self.drawn);
        self.drawn = lines.len();
        let text: String = lines.iter().map(|line| format!("{line}\n")).collect();
        write_out(&text);
    }
}

/// Returns a report of `at` as a tree with the reasons below it, in at most `height` lines. Its times
/// are those until `now`.
fn lines(
    report: &StatusReport,
    at: Timestamp,
    now: Timestamp,
    width: usize,
    height: usize,
) -> Vec<String> {
    let stacks = report.all_stacks();
    let mut rows: Vec<Row> = stacks
        .iter()
        .map(|stack| Row::new(0, vec![stack.name.clone(), stack.status.clone()]))
        .collect();
    if rows.is_empty() {
        rows.push(Row::new(0, vec!["The stack is not deployed.".to_owned()]));
    }
    // A report of several stacks does not say which secret is in which.
    let depth = usize::from(stacks.len() == 1);
    for secret in &report.secrets {
        rows.push(Row::new(depth, of_secret(secret, now)));
        for key in &secret.keys {
            rows.push(Row::new(depth + 1, of_key(secret, key, now)));
        }
        for replica in &secret.replicas {
            let status = replica.status.map(|status| status.to_string());
            let status = status.unwrap_or_else(|| "missing".to_owned());
            let cells = vec![replica.region.clone(), format!("replica, {status}")];
            rows.push(Row::new(depth + 1, cells));
        }
    }
    let mut lines = draw(&rows, width);
    for secret in report.secrets.iter().filter(|it| it.state != State::Ok) {
        if let Some(reason) = &secret.reason {
            let line = visible(&format!("{}: {reason}", secret.name)).into_owned();
            lines.push(console::truncate_str(&line, width, "…").into_owned());
        }
    }
    let room = height.saturating_sub(1);
    if lines.len() > room {
        let hidden = lines.len() + 1 - room;
        lines.truncate(room.saturating_sub(1));
        lines.push(format!(
            "… and {hidden} lines more, which `keyrota status` shows"
        ));
    }
    lines.push(format!("As of {at:.0}. Press Ctrl-C to end."));
    lines
}

fn of_secret(secret: &SecretReport, now: Timestamp) -> Vec<String> {
    vec![
        secret.name.clone(),
        secret.state.to_string(),
        secret.last_rotated.map_or_else(
            || "not rotated yet".to_owned(),
            |at| format!("rotated {} ago", between(at, now)),
        ),
        match secret.next_rotation {
            _ if !secret.rotation_enabled => "rotation is off".to_owned(),
            Some(at) if at > now => format!("next in {}", between(now, at)),
            Some(at) => format!("due since {}", between(at, now)),
            None => "-".to_owned(),
        },
    ]
}

fn of_key(secret: &SecretReport, key: &KeyReport, now: Timestamp) -> Vec<String> {
    vec![
        key.id.clone(),
        format!("{}, {}", key.role, key.status.to_lowercase()),
        key.last_used.map_or_else(
            || "not used".to_owned(),
            |at| format!("used {} ago", between(at, now)),
        ),
        retirement(secret, key),
    ]
}

/// Returns the time between two moments.
fn between(from: Timestamp, to: Timestamp) -> String {
    let time = to.duration_since(from);
    elapsed(Duration::try_from(time).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::super::tests::status::{at, one};
    use super::*;

    const NOW: &str = "2026-11-03T10:30:30Z";

    /// Draws a report of half a minute ago.
    fn drawn(report: &StatusReport, width: usize, height: usize) -> Vec<String> {
        let at = "2026-11-03T10:30:00Z".parse().expect("a moment");
        lines(report, at, NOW.parse().expect("a moment"), width, height)
    }

    #[test]
    fn a_tree_has_the_ages_of_everything() {
        let report = one(State::Ok, None);
        let expected = "\
keys CREATE_COMPLETE
└─ prod/app      ok                 rotated 2d 1h ago  -
   ├─ AKIANEW    current, active    used 1d 2h ago     -
   └─ AKIAOLD    previous, active   not used           deleted by the next rotation
As of 2026-11-03T10:30:00Z. Press Ctrl-C to end.";
        let text = drawn(&report, 100, 30).join("\n");
        let squeeze = |text: &str| text.split_whitespace().collect::<Vec<_>>().join(" ");
        assert_eq!(squeeze(&text), squeeze(expected));
    }

    #[test]
    fn it_never_needs_more_lines_than_the_terminal_has() {
        let report = one(State::Stuck, Some("a\nlong \u{1b}[31mreason"));
        for height in 2..8 {
            assert!(drawn(&report, 80, height).len() <= height, "{height}");
        }
        assert!(
            drawn(&report, 80, 30).contains(&"prod/app: a\\u{a}long \\u{1b}[31mreason".to_owned())
        );
        assert!(drawn(&report, 80, 3)[1].starts_with("… and 4 lines more"));
    }

    #[test]
    fn what_changed_is_told_and_nothing_else() {
        let before = one(State::Ok, None);
        let mut after = before.clone();
        assert!(status_changes(&before, &after).is_empty());
        let secret = &mut after.secrets[0];
        (secret.state, secret.reason) = (State::Stuck, Some("a rotation began".to_owned()));
        secret.last_rotated = at("2026-11-03T09:00:00Z");
        secret.rotation_enabled = false;
        secret.keys[0].role = crate::plan::KeyRole::Previous;
        secret.keys[1].id = "AKIATHIRD".to_owned();
        after.stack.as_mut().expect("a stack").status = "UPDATE_FAILED".to_owned();
        assert_eq!(
            status_changes(&before, &after),
            [
                "stack keys: UPDATE_FAILED",
                "prod/app: stuck: a rotation began",
                "prod/app: rotated at 2026-11-03T09:00:00Z",
                "prod/app: rotation is off",
                "prod/app: the key AKIANEW is previous, active; it was current, active",
                "prod/app: the key AKIATHIRD is new: previous, active",
                "prod/app: the key AKIAOLD is deleted",
            ]
        );
        after.stack = None;
        let gone = status_changes(&before, &after);
        assert_eq!(gone[0], "stack keys: not deployed");
    }
}
