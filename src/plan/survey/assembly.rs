//! Joins what was observed, and decides what to look up.

use std::collections::BTreeMap;

use jiff::Timestamp;
use keyrota_contract::tag;

use super::holder::{Holder, InspectedSecret, holder};
use super::origin::Origin;
use super::report::{CredentialReport, ReportedKey, ReportedUser};
use super::verdict::{KeyFacts, days_since, is_stale, verdict};
use super::{ACTIVE, INACTIVE, LastUse, LastUsed, Survey, SurveyedKey, UserCounts};
use crate::port::{Key, User};

/// How old a credential report can be for a user without a key in it to be left out, and for the
/// last use in it to count against a key. IAM keeps a report for four hours.
const FRESH: i64 = 300;

/// A user, and its keys.
#[derive(Clone, Debug)]
pub struct ObservedUser {
    /// The user.
    pub user: User,
    /// Its keys, or `None` if they could not be listed.
    pub keys: Option<Vec<Key>>,
}

/// What was observed.
#[derive(Clone, Debug)]
pub struct SurveyInputs {
    /// The account ID.
    pub account: String,
    /// The Region of the secrets.
    pub region: String,
    /// The current time.
    pub now: Timestamp,
    /// The credential report, if there is one.
    pub report: Option<CredentialReport>,
    /// The users.
    pub users: Vec<ObservedUser>,
    /// The last use of keys that the report does not answer, by access key ID.
    pub last_uses: BTreeMap<String, LastUse>,
    /// The secrets.
    pub secrets: Vec<InspectedSecret>,
    /// Where keys are used, by access key ID. Empty without CloudTrail.
    pub origins: BTreeMap<String, Origin>,
    /// What could not be looked up.
    pub warnings: Vec<String>,
}

/// Returns whether a user's keys have to be listed. They do not if a fresh report shows that it
/// has none.
pub fn needs_listing(user: &User, report: Option<&CredentialReport>, now: Timestamp) -> bool {
    let row = report.and_then(|report| report.user(&user.arn));
    let none = row.is_some_and(|row| !row.has_key());
    !(none && is_fresh(report, now))
}

/// Returns whether the last use of a key has to be looked up: if the report does not have it, or
/// has one so old that the key should be deleted, and may have been used since the report.
pub fn needs_last_use(
    user: &ObservedUser,
    key: &Key,
    report: Option<&CredentialReport>,
    now: Timestamp,
) -> bool {
    match reported_use(user, key, report) {
        None | Some(LastUse::Unknown) => true,
        Some(last_use) => is_stale(key.created, &last_use, now) && !is_fresh(report, now),
    }
}

fn is_fresh(report: Option<&CredentialReport>, now: Timestamp) -> bool {
    let generated = report.and_then(|report| report.generated);
    generated.is_some_and(|at| now.as_second() - at.as_second() < FRESH)
}

fn reported_use(
    user: &ObservedUser,
    key: &Key,
    report: Option<&CredentialReport>,
) -> Option<LastUse> {
    let row = report?.user(&user.user.arn)?;
    row.last_use(user.keys.as_deref()?, key)
}

impl SurveyInputs {
    /// Returns the last use of a key, looked up or reported.
    pub fn last_use(&self, user: &ObservedUser, key: &Key) -> LastUse {
        let looked_up = self.last_uses.get(&key.id).cloned();
        let reported = || reported_use(user, key, self.report.as_ref());
        match looked_up {
            // A use that could not be looked up may still be in the report.
            None | Some(LastUse::Unknown) => reported(),
            found => found,
        }
        .unwrap_or(LastUse::Unknown)
    }

    fn stays(&self, user: &ObservedUser, key: &Key) -> bool {
        key.active && !is_stale(key.created, &self.last_use(user, key), self.now)
    }
}

/// Returns the Region in which CloudTrail can have events of a key, or `None` if no event can
/// change its verdict. CloudTrail records requests to global services in one Region of the
/// partition.
pub fn region_of_use(inputs: &SurveyInputs, user: &ObservedUser, key: &Key) -> Option<String> {
    let LastUse::At(last) = inputs.last_use(user, key) else {
        return None;
    };
    if !inputs.stays(user, key) {
        return None;
    }
    let named = last.region.contains('-') && last.region != "aws-global";
    Some(match (named, user.user.arn.split(':').nth(1)) {
        (true, _) => last.region,
        (false, Some("aws-cn")) => "cn-north-1".to_owned(),
        (false, Some("aws-us-gov")) => "us-gov-west-1".to_owned(),
        (false, _) => "us-east-1".to_owned(),
    })
}

/// Returns the result of a survey.
pub fn assemble(inputs: SurveyInputs) -> Survey {
    let mut keys = Vec::new();
    let mut counts = UserCounts {
        total: inputs.users.len(),
        with_keys: 0,
        with_console_password: inputs.report.as_ref().map(|_| 0),
    };
    for user in &inputs.users {
        let row = inputs.report.as_ref();
        let row = row.and_then(|report| report.user(&user.user.arn));
        let known = keys.len();
        match (&user.keys, row) {
            (Some(listed), _) => {
                keys.extend(listed.iter().map(|key| listed_key(&inputs, user, key, row)));
            }
            (None, Some(row)) => {
                let path = Some(user.user.path.clone());
                keys.extend(reported_keys(&inputs, row, path));
            }
            (None, None) => {}
        }
        counts.with_keys += usize::from(keys.len() > known);
        if let (Some(count), Some(true)) = (
            &mut counts.with_console_password,
            row.and_then(|row| row.password),
        ) {
            *count += 1;
        }
    }
    let root = inputs.report.as_ref().and_then(CredentialReport::root);
    keys.extend(
        root.into_iter()
            .flat_map(|row| reported_keys(&inputs, row, None)),
    );
    Survey {
        account: inputs.account,
        region: inputs.region,
        time: inputs.now,
        credential_report: inputs.report.and_then(|report| report.generated),
        users: counts,
        keys,
        warnings: inputs.warnings,
    }
}

fn listed_key(
    inputs: &SurveyInputs,
    user: &ObservedUser,
    key: &Key,
    row: Option<&ReportedUser>,
) -> SurveyedKey {
    let name = user.user.name();
    let known = KnownKey {
        user: name,
        arn: &user.user.arn,
        path: Some(user.user.path.clone()),
        id: Some(&key.id),
        active: key.active,
        created: key.created,
        last_use: inputs.last_use(user, key),
        password: row.and_then(|row| row.password),
    };
    let unasked = Origin::NotAsked;
    let origin = inputs.origins.get(&key.id).unwrap_or(&unasked);
    let holder = holder(&inputs.secrets, name, Some(&key.id));
    surveyed(inputs, known, origin, holder.as_ref())
}

/// Returns the keys that a row of the report shows, which has no access key IDs.
fn reported_keys(
    inputs: &SurveyInputs,
    row: &ReportedUser,
    path: Option<String>,
) -> Vec<SurveyedKey> {
    let keys = row.keys.iter().filter(|key| key.exists());
    let surveyed = |key: &ReportedKey| {
        let known = KnownKey {
            user: &row.name,
            arn: &row.arn,
            path: path.clone(),
            id: None,
            active: key.active,
            created: key.changed,
            last_use: key.last_use.clone(),
            password: row.password,
        };
        let holder = holder(&inputs.secrets, &row.name, None);
        surveyed(inputs, known, &Origin::NotAsked, holder.as_ref())
    };
    keys.map(surveyed).collect()
}

struct KnownKey<'a> {
    user: &'a str,
    arn: &'a str,
    path: Option<String>,
    id: Option<&'a str>,
    active: bool,
    created: Option<Timestamp>,
    last_use: LastUse,
    password: Option<bool>,
}

fn surveyed(
    inputs: &SurveyInputs,
    key: KnownKey<'_>,
    origin: &Origin,
    holder: Option<&Holder<'_>>,
) -> SurveyedKey {
    let (verdict, reason) = verdict(KeyFacts {
        root: key.path.is_none(),
        active: key.active,
        created: key.created,
        last_use: &key.last_use,
        origin,
        holder,
        now: inputs.now,
    });
    let known = |text: String| Some(text).filter(|text| !text.is_empty() && text != "N/A");
    SurveyedKey {
        user: key.user.to_owned(),
        arn: key.arn.to_owned(),
        path: key.path,
        access_key_id: key.id.map(str::to_owned),
        status: if key.active { ACTIVE } else { INACTIVE },
        created: key.created,
        age_days: key.created.map(|at| days_since(at, inputs.now)),
        last_used: match key.last_use {
            LastUse::Unknown => None,
            LastUse::Never => Some(LastUsed::default()),
            LastUse::At(last) => Some(LastUsed {
                date: Some(last.at),
                service: known(last.service),
                region: known(last.region),
            }),
        },
        console_password: key.password,
        secret: holder.map(|holder| holder.secret.name.clone()),
        secret_arn: holder.map(|holder| holder.secret.arn.clone()),
        secret_matched_by: holder.map(|holder| holder.matched),
        keyrota_stack: holder.and_then(|holder| holder.secret.tags.get(tag::STACK).cloned()),
        other_secrets: holder.map_or_else(Vec::new, |holder| holder.others.clone()),
        rotated_by: holder.and_then(|holder| holder.secret.rotated_by.clone()),
        verdict,
        reason,
        evidence: match origin {
            Origin::Proven(proof) => Some(proof.clone()),
            _ => None,
        },
    }
}
