//! The result of `init`, and what is known about its users.

use std::fmt::Write as _;

use jiff::Timestamp;
use serde_json::{Value, json};

use super::Show;
use super::human::{moment, table};
use super::text::{Styling as _, visible};
use crate::model::Draft;
use crate::plan::{Candidate, age_in_days};
use crate::port::Key;

/// The result of `init`.
#[derive(Clone, Debug)]
pub struct InitResult {
    /// The manifest's path.
    pub manifest: String,
    /// The manifest's content.
    pub draft: Draft,
    /// The users that were found in the account.
    pub candidates: Vec<Candidate>,
    /// The current time, for the age of keys.
    pub now: Timestamp,
}

impl Show for InitResult {
    fn human(&self) -> String {
        let mut text = String::new();
        let rows: Vec<Vec<String>> = self
            .candidates
            .iter()
            .flat_map(|candidate| {
                let keys = candidate.keys.iter().flatten();
                keys.map(|key| {
                    vec![
                        candidate.name.clone(),
                        key.id.clone(),
                        status(key).to_owned(),
                        moment(key.created),
                        age(key, self.now),
                    ]
                })
            })
            .collect();
        if !rows.is_empty() {
            text = table(&["user", "key", "status", "created", "age"], rows) + "\n";
        }
        for candidate in &self.candidates {
            if let Some(obstacle) = candidate.obstacle() {
                let _ = writeln!(
                    text,
                    "{} {}: {obstacle}",
                    "warning:".yellow().bold(),
                    visible(&candidate.name)
                );
            } else if let Some(remark) = candidate.remark() {
                let _ = writeln!(text, "{}: {remark}", visible(&candidate.name));
            }
        }
        let users = match self.draft.entries.len() {
            1 => "1 user".to_owned(),
            count => format!("{count} users"),
        };
        let _ = writeln!(
            text,
            "Wrote {}: stack {} with {users}.\nNext: run keyrota generate, keyrota plan, and keyrota bootstrap.",
            visible(&self.manifest).bold(),
            self.draft.stack
        );
        text
    }

    fn json(&self) -> Value {
        let key = |key: &Key| {
            json!({
                "id": key.id,
                "status": status(key),
                "created": key.created,
                "age_days": age_in_days(key, self.now),
            })
        };
        let user = |name: &str| {
            let found = self
                .candidates
                .iter()
                .find(|candidate| candidate.name.eq_ignore_ascii_case(name));
            let keys = found.and_then(|found| found.keys.as_ref());
            json!({
                "name": name,
                "path": found.and_then(|found| found.path.as_ref()),
                "keys": keys.map(|keys| keys.iter().map(key).collect::<Vec<_>>()),
                "obstacle": found.and_then(Candidate::obstacle),
            })
        };
        let entries = self.draft.entries.iter();
        let users = entries.map(|entry| user(entry.user.as_str()));
        json!({
            "manifest": self.manifest,
            "stack": self.draft.stack.as_str(),
            "account": self.draft.account.as_ref().map(ToString::to_string),
            "region": self.draft.region.as_ref().map(ToString::to_string),
            "users": users.collect::<Vec<_>>(),
        })
    }
}

/// Returns a line about a user.
pub fn candidate_note(candidate: &Candidate, now: Timestamp) -> String {
    if let Some(obstacle) = candidate.obstacle() {
        return obstacle;
    }
    let Some(keys) = &candidate.keys else {
        return String::new();
    };
    if keys.is_empty() {
        return "no access key".to_owned();
    }
    let described = keys
        .iter()
        .map(|key| format!("{} {} {}", key.id, status(key), age(key, now)));
    described.collect::<Vec<_>>().join(", ")
}

fn status(key: &Key) -> &'static str {
    match key.active {
        true => "active",
        false => "inactive",
    }
}

fn age(key: &Key, now: Timestamp) -> String {
    match age_in_days(key, now) {
        Some(1) => "1 day".to_owned(),
        Some(days) => format!("{days} days"),
        None => "-".to_owned(),
    }
}
