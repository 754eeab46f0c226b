//! The result of `doctor`, in both formats.

use std::fmt::Write as _;

use serde_json::{Value, json};

use super::Show;
use super::text::{Styling as _, paragraph, visible};
use crate::model::Severity;
use crate::plan::DoctorReport;

impl Show for DoctorReport {
    fn human(&self) -> String {
        if self.findings.is_empty() {
            return "No faults found.\n".to_owned();
        }
        let mut text = String::new();
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
