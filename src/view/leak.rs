//! What is known about a leaked key, for people.

use std::fmt::Write as _;

use super::human::{moment, table};
use super::rotate::RotatedSecret;
use super::text::{Styling as _, paragraph, visible};
use crate::plan::{LeakReport, OldKeyStatus, TrailReport};

/// Returns what is known about the leaked key of a secret, or nothing if none leaked.
pub(super) fn human(secret: &RotatedSecret) -> Option<String> {
    let report = secret.leak.as_ref()?;
    let key = secret.old_access_key_id.as_deref().unwrap_or("-");
    let status = match secret.old_key_status {
        Some(OldKeyStatus::Active) => "STILL ACTIVE".red().bold().to_string(),
        Some(OldKeyStatus::Inactive) => "inactive".to_owned(),
        Some(OldKeyStatus::Deleted) => "deleted".to_owned(),
        None => "of unknown status".to_owned(),
    };
    let mut text = format!("\n{} is {status}.\n", visible(key));
    if let Some(deleted) = &report.deleted_key {
        let _ = writeln!(text, "{} was deleted to make room.", visible(deleted));
    }
    last_use(report, &mut text);
    trail(&report.cloudtrail, &mut text);
    sessions(report, &mut text);
    roles(report, &mut text);
    Some(text)
}

fn last_use(report: &LeakReport, text: &mut String) {
    let _ = match (report.last_used, &report.last_used_service) {
        (None, _) => writeln!(
            text,
            "IAM has no record of a use of the key before this command."
        ),
        (at, None) => writeln!(text, "Last used {}, as IAM reports it.", moment(at)),
        (at, Some(service)) => writeln!(
            text,
            "Last used {} with {} in {}, as IAM reports it.",
            moment(at),
            visible(service),
            visible(report.last_used_region.as_deref().unwrap_or("-"))
        ),
    };
}

fn trail(trail: &TrailReport, text: &mut String) {
    if let Some(why) = &trail.unavailable {
        let _ = writeln!(text, "CloudTrail cannot be read: {}", paragraph(why));
    }
    if trail.regions.is_empty() {
        return;
    }
    let regions = trail.regions.join(", ");
    if trail.events.is_empty() {
        let _ = writeln!(
            text,
            "CloudTrail has no management event of the key in {} in the last 90 days.",
            visible(&regions)
        );
        return;
    }
    let more = if trail.has_more { " or more" } else { "" };
    let _ = writeln!(
        text,
        "\n{} ({} of {}{more}, in {}; events of data, such as reading objects in S3, are not in it)",
        "CloudTrail's newest management events of the key".bold(),
        trail.events.len(),
        trail.events_read,
        visible(&regions)
    );
    let rows = trail.events.iter().map(|event| {
        let service = event.service.trim_end_matches(".amazonaws.com");
        vec![
            moment(Some(event.time)),
            event.region.clone(),
            format!("{service}:{}", event.action),
            event.source_address.clone().unwrap_or_else(|| "-".into()),
            event.error.clone().unwrap_or_default(),
        ]
    });
    text.push_str(&table(
        &["time", "Region", "action", "from", ""],
        rows.collect(),
    ));
}

fn sessions(report: &LeakReport, text: &mut String) {
    let _ = match &report.sessions {
        Some(sessions) => writeln!(
            text,
            "\nSessions of the user that were issued before {:.0} are denied by its inline policy {}. Remove the policy after {:.0}, when the last of them has expired.",
            sessions.denied_before, sessions.policy, sessions.removable_after
        ),
        None => writeln!(
            text,
            "\nSessions of the user were not denied. --deny-sessions denies them."
        ),
    };
}

fn roles(report: &LeakReport, text: &mut String) {
    if !report.roles.is_empty() {
        let _ = writeln!(
            text,
            "\n{} A session of a role does not end with the key. To revoke them:",
            "Roles that the user may have assumed.".bold()
        );
    }
    for role in &report.roles {
        let when = match role.last_assumed {
            Some(at) => format!("the key assumed it last {}", moment(Some(at))),
            None => "a policy lets the user assume it".to_owned(),
        };
        let _ = writeln!(text, "  {} ({when})", visible(&role.role));
        let _ = writeln!(text, "    {}", visible(&role.revoke));
    }
    if !report.roles_unknown.is_empty() {
        let _ = writeln!(text, "\n{}", "Unknown:".bold());
        for unknown in &report.roles_unknown {
            let _ = writeln!(text, "  {}", paragraph(unknown));
        }
    }
}
