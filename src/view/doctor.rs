//! The result of `doctor`, in both formats.

use std::fmt::Write as _;

use keyrota_contract::check::{FailureLimit, LoginLimits};
use serde_json::{Value, json};

use super::Show;
use super::human::table;
use super::text::{Styling as _, paragraph, visible};
use crate::model::Severity;
use crate::plan::{CallOutcome, DoctorReport, Rehearsal, Signer, TestMethod};

impl Show for DoctorReport {
    fn human(&self) -> String {
        let mut text = match self.lists_calls {
            true => rehearsals(&self.rehearsals),
            false => String::new(),
        };
        if self.findings.is_empty() {
            text.push_str("No faults found.\n");
            return text;
        }
        for finding in &self.findings {
            let severity = match finding.severity {
                _ if finding.fixed => "fixed".green().bold().to_string(),
                Severity::Error => "error".red().bold().to_string(),
                Severity::Warning => "warning".yellow().bold().to_string(),
            };
            let _ = writeln!(
                text,
                "{severity}[{}] {}\n  {} {}",
                finding.id,
                visible(&finding.subject).bold(),
                "evidence:".cyan(),
                paragraph(&finding.evidence)
            );
            if !finding.fixed {
                let remedy = paragraph(&finding.remedy);
                let _ = writeln!(text, "  {} {remedy}", "remedy:".cyan());
            }
        }
        let fixed = self.findings.iter().filter(|it| it.fixed).count();
        let found = match self.findings.len() {
            1 => "1 fault".to_owned(),
            count => format!("{count} faults"),
        };
        let _ = match fixed {
            0 => writeln!(text, "\n{found}."),
            _ => writeln!(text, "\n{found}, {fixed} fixed."),
        };
        text
    }

    fn json(&self) -> Value {
        json!(self)
    }
}

/// Lists the calls of each rehearsal.
fn rehearsals(all: &[Rehearsal]) -> String {
    let mut text = String::new();
    for rehearsal in all {
        let _ = writeln!(
            text,
            "The next rotation of {}:\n",
            visible(&rehearsal.secret).bold()
        );
        if let Some(error) = &rehearsal.error {
            let _ = writeln!(text, "not rehearsed: {}\n", paragraph(error));
            continue;
        }
        let rows = rehearsal.calls.iter().map(|call| {
            let by = match call.by {
                Signer::Role => "role",
                Signer::User => "user",
                Signer::Administrator => "administrator",
            };
            let how = match call.how {
                TestMethod::Tested => "tested",
                TestMethod::Simulated => "simulated",
                TestMethod::NotTestable => "not testable",
            };
            let result = match (call.result, &call.code) {
                (CallOutcome::Ok, _) => "ok".to_owned(),
                (CallOutcome::Refused, Some(code)) => format!("refused: {code}"),
                (CallOutcome::Refused, None) => "refused".to_owned(),
                (CallOutcome::Unknown, Some(code)) => format!("unknown: {code}"),
                (CallOutcome::Unknown, None) => "-".to_owned(),
            };
            let on = call.resource.clone().unwrap_or_else(|| "-".to_owned());
            vec![call.call.clone(), by.to_owned(), on, how.to_owned(), result]
        });
        text.push_str(&table(
            &["call", "by", "on", "how", "result"],
            rows.collect(),
        ));
        text.push('\n');
        if let Some(limits) = &rehearsal.limits {
            let _ = writeln!(text, "{}\n", paragraph(&describe_limits(limits)));
        }
    }
    text
}

/// Returns what the database server says about the user's logins.
fn describe_limits(limits: &LoginLimits) -> String {
    let failures = match limits.failures {
        FailureLimit::Unknown => "it is unknown how many failed logins the server tolerates, so a rotation does not try the old password".to_owned(),
        FailureLimit::After(1) => "the server refuses further logins after a failed one, so a rotation does not try the old password".to_owned(),
        FailureLimit::After(failures) => format!("the server refuses further logins after {failures} failed ones"),
        FailureLimit::Unlimited => "the server tolerates any number of failed logins".to_owned(),
    };
    let sessions = match limits.sessions {
        None => String::new(),
        Some(1) => {
            "; the user may have one session at a time, so a rotation fails while a client has it"
                .to_owned()
        }
        Some(sessions) => {
            format!("; the user may have {sessions} sessions at a time, and a rotation needs one")
        }
    };
    let methods = match limits.methods.as_slice() {
        [] | [_] => String::new(),
        all @ [first, ..] => format!(
            "; the user may authenticate with {}, and a rotation changes the password of {first} only",
            all.join(", ")
        ),
    };
    format!("What the server says about the user: {failures}{sessions}{methods}")
}
