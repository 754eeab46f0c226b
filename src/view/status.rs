//! The result of `status`, in both formats.

use std::fmt::Write as _;

use serde_json::{Value, json};

use super::Show;
use super::human::{moment, table};
use super::text::{Styling as _, paragraph, visible};
use crate::model::days_and_hours;
use crate::plan::{
    HoldReason, KeyReport, KeyRole, ReplicaFault, SecretReport, State, StatusReport,
};

impl Show for StatusReport {
    fn human(&self) -> String {
        let mut text = String::new();
        for stack in self.all_stacks() {
            let (name, status) = (visible(&stack.name), visible(&stack.status));
            let _ = writeln!(text, "Stack {} is {status}.", name.bold());
        }
        if text.is_empty() {
            text.push_str("The stack is not deployed.\n");
        }
        for function in &self.functions {
            if function.matches_program == Some(false) {
                let _ = writeln!(
                    text,
                    "The deployed {} differs from the one in this program; `keyrota bootstrap` updates it.",
                    function.logical_id
                );
            }
        }
        text.push('\n');
        let rows = self.secrets.iter().map(|secret| {
            vec![
                secret.name.clone(),
                secret.username.clone(),
                secret.state.to_string(),
                moment(secret.last_rotated),
                match secret.unknown.contains(&"last_proven") {
                    true => "unknown".to_owned(),
                    false => moment(secret.last_proven),
                },
                moment(secret.next_rotation),
                secret.schedule.clone(),
                secret
                    .max_key_age
                    .map_or_else(|| "-".to_owned(), days_and_hours),
            ]
        });
        text.push_str(&table(
            &[
                "secret",
                "user",
                "state",
                "last rotation",
                "last proven",
                "next rotation",
                "schedule",
                "max key age",
            ],
            rows.collect(),
        ));
        let keys = self.secrets.iter().flat_map(|secret| {
            secret.keys.iter().map(|key| {
                vec![
                    secret.username.clone(),
                    key.id.clone(),
                    key.role.to_string(),
                    key.status.to_owned(),
                    moment(key.created),
                    moment(key.last_used),
                    retirement(secret, key),
                ]
            })
        });
        let keys: Vec<_> = keys.collect();
        if !keys.is_empty() {
            text.push('\n');
            text.push_str(&table(
                &[
                    "user",
                    "key",
                    "role",
                    "status",
                    "created",
                    "last used",
                    "retirement",
                ],
                keys,
            ));
        }
        let replicas = self.secrets.iter().flat_map(|secret| {
            secret.replicas.iter().map(|replica| {
                vec![
                    secret.name.clone(),
                    replica.region.clone(),
                    replica
                        .status
                        .map_or_else(|| "missing".to_owned(), |status| status.to_string()),
                    replica.kms_key.clone().unwrap_or_else(|| "-".to_owned()),
                ]
            })
        });
        let replicas: Vec<_> = replicas.collect();
        if !replicas.is_empty() {
            text.push('\n');
            text.push_str(&table(
                &["secret", "replica", "status", "KMS key"],
                replicas,
            ));
        }
        for secret in self
            .secrets
            .iter()
            .filter(|secret| secret.state != State::Ok || secret.reason.is_some())
        {
            let reason = secret.reason.as_deref().unwrap_or_default();
            let _ = writeln!(text, "\n{}: {}", visible(&secret.name), paragraph(reason));
        }
        for secret in &self.secrets {
            if let Some(interval) = secret.follow_interval {
                let _ = writeln!(
                    text,
                    "\n{}: a host that follows it with its own key must run `keyrota follow` at least once every {}",
                    visible(&secret.name),
                    days_and_hours(interval)
                );
            }
        }
        for secret in self.secrets.iter().filter(|it| !it.tags.is_empty()) {
            let tags: Vec<String> = secret.tags.iter().map(ToString::to_string).collect();
            let _ = writeln!(
                text,
                "\n{}: {}; `keyrota bootstrap` restores the tags",
                visible(&secret.name),
                visible(&tags.join("; "))
            );
        }
        text.push_str(&drift(self));
        for secret in &self.secrets {
            for replica in &secret.replicas {
                let message = replica
                    .message
                    .as_deref()
                    .unwrap_or("no reason was reported");
                let what = match replica.fault {
                    None => continue,
                    Some(ReplicaFault::Failed) => {
                        format!("failed: {}", paragraph(message.trim_end_matches('.')))
                    }
                    Some(ReplicaFault::Missing) => "is missing".to_owned(),
                    Some(ReplicaFault::Unknown) => "is not in the manifest".to_owned(),
                };
                let _ = writeln!(
                    text,
                    "\n{}: the replica in {} {what}; `keyrota doctor` has the remedy",
                    visible(&secret.name),
                    visible(&replica.region)
                );
            }
        }
        for secret in &self.secrets {
            for key in &secret.keys {
                let because = match key.held_because {
                    None => continue,
                    Some(HoldReason::Used) => "a client still uses it instead of the secret",
                    Some(HoldReason::PossiblyUsed) => {
                        "a client may have used it shortly after it was replaced, and IAM does not record every use"
                    }
                };
                let _ = writeln!(
                    text,
                    "\n{}: the old key {} is held back, because {because}",
                    visible(&secret.name),
                    visible(&key.id)
                );
            }
        }
        for finding in &self.findings {
            let _ = writeln!(
                text,
                "\n{}: {}: {}; {}",
                visible(&finding.subject),
                finding.id,
                paragraph(&finding.evidence),
                paragraph(&finding.remedy)
            );
        }
        text
    }

    fn json(&self) -> Value {
        json!(self)
    }
}

/// Returns how the resources differ from what was deployed.
fn drift(report: &StatusReport) -> String {
    let mut text = String::new();
    for drift in report.drift.iter().flatten() {
        let (id, kind) = (visible(&drift.logical_id), visible(&drift.kind));
        let difference = paragraph(&drift.difference);
        let _ = writeln!(text, "\n{id} ({kind}): {difference}");
    }
    if !text.is_empty() {
        text.push_str(
            "\nThese resources differ from what was deployed; `keyrota doctor` has the remedies.\n",
        );
    }
    for obstacle in &report.drift_unchecked {
        let _ = writeln!(
            text,
            "\nnot compared with what was deployed: {}",
            paragraph(obstacle)
        );
    }
    text
}

/// Returns what happens to a key next, and when.
pub(super) fn retirement(secret: &SecretReport, key: &KeyReport) -> String {
    let next_rotation = secret.next_rotation;
    match (key.deactivates, key.deletes) {
        _ if secret.unknown.contains(&"keys.role") => "unknown".to_owned(),
        (Some(_), _) if key.held => {
            format!("held back until {}", moment(key.deactivates))
        }
        _ if key.held => "held back".to_owned(),
        (Some(at), deletes) if deletes != Some(at) => {
            format!("deactivated after {}", moment(Some(at)))
        }
        (_, Some(at)) if next_rotation == Some(at) => "deleted by the next rotation".to_owned(),
        (_, Some(at)) => format!("deleted after {}", moment(Some(at))),
        (_, None) if key.role == KeyRole::Previous => "deleted by the next rotation".to_owned(),
        (_, None) => "-".to_owned(),
    }
}
