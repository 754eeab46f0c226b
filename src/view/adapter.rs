//! The result of an adapter's test, in both formats.

use std::fmt::Write as _;

use keyrota_adapter_test::report::{Report, State};
use serde_json::{Value, json};

use super::Show;
use super::human::table;
use super::text::{Styling as _, visible};

/// What a test of an adapter found.
#[derive(Clone, Debug)]
pub struct AdapterResult {
    /// What was tested, as the command line names it.
    pub adapter: String,
    /// Whether the real service's user has the password from before the test. Absent with the mock
    /// service.
    pub is_restored: Option<bool>,
    /// What was found.
    pub report: Report,
}

impl AdapterResult {
    fn service(&self) -> &'static str {
        match self.is_restored {
            Some(_) => "the real service",
            None => "the mock service",
        }
    }
}

const fn word(state: State) -> &'static str {
    match state {
        State::NotTested => "not tested",
        State::Holds => "holds",
        State::Weak => "weak",
        State::Broken => "broken",
    }
}

impl Show for AdapterResult {
    fn human(&self) -> String {
        let rows = self.report.verdicts().map(|(guarantee, verdict)| {
            vec![
                word(verdict.state).to_owned(),
                verdict.cases.to_string(),
                guarantee.sentence().to_owned(),
            ]
        });
        let mut text = table(&["result", "cases", "guarantee"], rows.collect());
        for (guarantee, verdict) in self.report.verdicts() {
            if verdict.reasons.is_empty() {
                continue;
            }
            let heading = format!("{}: {}", word(verdict.state), guarantee.sentence());
            let _ = writeln!(text, "\n{}", heading.bold());
            for reason in &verdict.reasons {
                let _ = writeln!(text, "  {}", visible(reason));
            }
        }
        let adapter = visible(&self.adapter).into_owned();
        let service = self.service();
        let _ = match self.report.is_sound() {
            true => writeln!(
                text,
                "\nThe adapter {adapter} keeps its guarantees with {service}."
            ),
            false => writeln!(
                text,
                "\nThe adapter {adapter} does not keep its guarantees with {service}: do not rotate a \
                 password with it."
            ),
        };
        text
    }

    fn json(&self) -> Value {
        let guarantees = self.report.verdicts().map(|(guarantee, verdict)| {
            json!({
                "id": guarantee.id(),
                "guarantee": guarantee.sentence(),
                "state": verdict.state,
                "cases": verdict.cases,
                "reasons": verdict.reasons,
            })
        });
        json!({
            "adapter": self.adapter,
            "service": match self.is_restored {
                Some(_) => "real",
                None => "mock",
            },
            "password_restored": self.is_restored,
            "sound": self.report.is_sound(),
            "guarantees": guarantees.collect::<Vec<_>>(),
        })
    }
}
