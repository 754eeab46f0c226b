//! What AWS knows about the use of a leaked key, and what else its holder may have. What the caller
//! may not look at is reported as unknown.

use std::collections::BTreeSet;

use super::super::Context;
use super::assess::LeakAssessment;
use super::respond::LeakOutcome;
use crate::plan::{
    DENY_SESSIONS_POLICY, LeakReport, RoleReport, RoleUse, SessionReport, TrailEventReport,
    TrailReport, assumable_roles, assumed_roles, revoke_command,
};
use crate::port::{Result, TrailEvent};

/// The number of events that are shown.
const SHOWN: usize = 20;

/// The Region in which CloudTrail records the events of global services, IAM and the global endpoint
/// of STS among them, in AWS's commercial partition.
const GLOBAL: &str = "us-east-1";

/// Returns what is known about a leaked key.
pub async fn investigate_leak(
    context: &Context<'_>,
    assessment: &LeakAssessment<'_>,
    outcome: &LeakOutcome,
) -> LeakReport {
    let user = assessment.seen.user_name.as_str();
    let user_arn = assessment.seen.user.as_ref().map(|user| user.arn.as_str());
    let account = user_arn.and_then(|arn| arn.split(':').nth(4));
    let (cloudtrail, events) = trail(context, assessment).await;
    let mut unknown = Vec::new();
    if let Some(why) = &cloudtrail.unavailable {
        unknown.push(format!(
            "which roles the key assumed, because CloudTrail cannot be read: {why}"
        ));
    }
    if !cloudtrail.regions.is_empty() {
        unknown.push(format!(
            "roles that the key assumed in other Regions than {}",
            cloudtrail.regions.join(", ")
        ));
    }
    if cloudtrail.has_more {
        unknown.push(format!(
            "roles that the key assumed before the newest {} events",
            cloudtrail.events_read
        ));
    }
    let mut uses = assumed_roles(&events);
    match granted_roles(context, user).await {
        Ok(roles) => {
            let is_known = |role: &String| uses.iter().any(|held| held.role == *role);
            let more: Vec<String> = roles.into_iter().filter(|role| !is_known(role)).collect();
            uses.extend(more.into_iter().map(|role| RoleUse {
                role,
                assumed: None,
            }));
            unknown.push(
                "roles that only the policies of the user's groups, or the roles' own trust policies, let the user assume"
                    .to_owned(),
            );
        }
        Err(error) => unknown.push(format!(
            "which roles the policies of {user} let it assume: {error}"
        )),
    }
    let now = context.clock.now();
    let roles = uses.into_iter().map(|held| RoleReport {
        revoke: revoke_command(&held.role, account.unwrap_or_default(), now),
        role: held.role,
        last_assumed: held.assumed,
    });
    let key = assessment.leaked_key();
    let used_in = key.and_then(|key| key.used_in.clone());
    LeakReport {
        last_used: key.and_then(|key| key.last_used),
        last_used_service: used_in.as_ref().map(|used| used.service.clone()),
        last_used_region: used_in.map(|used| used.region),
        cloudtrail,
        quarantine: assessment.quarantine.clone(),
        sessions: outcome.sessions.map(|sessions| SessionReport {
            policy: DENY_SESSIONS_POLICY,
            denied_before: sessions.before,
            removable_after: sessions.removable_after(),
        }),
        roles: roles.collect(),
        roles_unknown: unknown,
        deleted_key: outcome.deleted_key.clone(),
    }
}

/// Returns what CloudTrail shows of the key, for the report and in full: in the stack's Region, in
/// that of the last use, and in that of global services.
async fn trail(
    context: &Context<'_>,
    assessment: &LeakAssessment<'_>,
) -> (TrailReport, Vec<TrailEvent>) {
    let mut regions = BTreeSet::from([context.region.to_owned()]);
    let user = assessment.seen.user.as_ref();
    if user.is_some_and(|user| user.arn.starts_with("arn:aws:")) {
        regions.insert(GLOBAL.to_owned());
    }
    let used = assessment.leaked_key().and_then(|key| key.used_in.as_ref());
    regions.extend(used.map(|used| used.region.clone()));
    let mut report = TrailReport::default();
    let mut all = Vec::new();
    let mut unread = Vec::new();
    for region in regions {
        match context.cloud.key_history(&region, &assessment.leaked).await {
            Ok(history) => {
                report.has_more |= history.has_more;
                report.events_read += history.events.len();
                let shown = history.events.iter().map(|event| TrailEventReport {
                    time: event.at,
                    service: event.service.clone(),
                    action: event.action.clone(),
                    region: region.clone(),
                    source_address: event.source_address.clone(),
                    user_agent: event.user_agent.clone(),
                    error: event.error.clone(),
                });
                report.events.extend(shown);
                all.extend(history.events);
                report.regions.push(region);
            }
            Err(error) => unread.push(format!("{region}: {error}")),
        }
    }
    report.unavailable = (!unread.is_empty()).then(|| unread.join("; "));
    report
        .events
        .sort_by_key(|event| std::cmp::Reverse(event.time));
    report.events.truncate(SHOWN);
    (report, all)
}

/// Returns the roles that the user's own policies let it assume.
async fn granted_roles(context: &Context<'_>, user: &str) -> Result<BTreeSet<String>> {
    let cloud = context.cloud;
    let mut documents = Vec::new();
    for policy in cloud.inline_policies(user).await? {
        documents.extend(cloud.user_policy(user, &policy).await?);
    }
    for arn in cloud.attached_policies(user).await?.unwrap_or_default() {
        documents.extend(cloud.managed_policy(&arn).await?);
    }
    let roles = documents.iter().flat_map(|text| assumable_roles(text));
    Ok(roles.collect())
}
