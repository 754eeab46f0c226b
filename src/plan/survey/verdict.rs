//! What should become of a key.

use jiff::Timestamp;
use serde::Serialize;

use super::KeyUse;
use super::LastUse;
use super::holder::{Holder, SecretMatch};
use super::origin::{Origin, OriginProof, Remedy};

/// The age and the time without use, in whole days, from which a key should be deleted.
pub const STALE: i64 = 90;

/// What should become of a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// At least 90 days old, and never used or not used for 90 days.
    Delete,
    /// An event in CloudTrail proves that its client can use a role instead.
    UseRole,
    /// Everything else.
    Rotate,
}

impl Verdict {
    /// Returns the name in results.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Delete => "delete",
            Self::UseRole => "use_role",
            Self::Rotate => "rotate",
        }
    }
}

/// What is known about a key.
#[derive(Clone, Copy, Debug)]
pub struct KeyFacts<'a> {
    /// Whether it is the root user's.
    pub root: bool,
    /// Whether it is active.
    pub active: bool,
    /// When it was created.
    pub created: Option<Timestamp>,
    /// Its last use.
    pub last_use: &'a LastUse,
    /// Where it is used.
    pub origin: &'a Origin,
    /// The secret that holds it.
    pub holder: Option<&'a Holder<'a>>,
    /// The current time.
    pub now: Timestamp,
}

/// Returns whole days since a time.
pub(super) fn days_since(at: Timestamp, now: Timestamp) -> i64 {
    (now.as_second() - at.as_second()).max(0) / 86_400
}

/// Returns whether a key is at least 90 days old, and was never used or not for 90 days. An
/// unknown age or last use is not stale.
pub fn is_stale(created: Option<Timestamp>, last_use: &LastUse, now: Timestamp) -> bool {
    let old = created.is_some_and(|at| days_since(at, now) >= STALE);
    let unused = match last_use {
        LastUse::Never => true,
        LastUse::At(last) => days_since(last.at, now) >= STALE,
        LastUse::Unknown => false,
    };
    old && unused
}

/// Returns what should become of a key, and why.
pub fn verdict(facts: KeyFacts<'_>) -> (Verdict, String) {
    let KeyFacts { active, origin, .. } = facts;
    let (verdict, mut reasons) = if is_stale(facts.created, facts.last_use, facts.now) {
        (Verdict::Delete, vec![age_and_use(facts)])
    } else if let (Origin::Proven(proof), true) = (origin, active) {
        (Verdict::UseRole, vec![proven(proof)])
    } else {
        (Verdict::Rotate, rotate(facts))
    };
    if !active && verdict == Verdict::Delete {
        reasons.push("it is inactive".to_owned());
    }
    if facts.root {
        reasons.push(
            "it belongs to the root user, which no policy restricts and keyrota cannot rotate: give its client a role or a user of its own, and delete it"
                .to_owned(),
        );
    }
    if verdict != Verdict::Delete {
        reasons.extend(facts.holder.map(held));
    }
    (verdict, reasons.join("; "))
}

fn rotate(facts: KeyFacts<'_>) -> Vec<String> {
    let mut reasons = vec![age_and_use(facts)];
    if !facts.active {
        reasons.push(
            "it is inactive, so no client can use it; delete it once nothing misses it".to_owned(),
        );
        return reasons;
    }
    if let Some(origin) = origin_unknown(facts.origin, facts.last_use) {
        reasons.push(origin);
    }
    reasons
}

/// Returns the age and the last use, in words.
fn age_and_use(facts: KeyFacts<'_>) -> String {
    let now = facts.now;
    let age = facts.created.map_or_else(
        || "of unknown age".to_owned(),
        |at| format!("{} old", days(days_since(at, now))),
    );
    match facts.last_use {
        LastUse::Unknown => format!("{age}, last use unknown"),
        LastUse::Never => format!("{age}, never used"),
        LastUse::At(last) => {
            let place = place(last);
            format!(
                "{age}, last used {} ago{place}",
                days(days_since(last.at, now))
            )
        }
    }
}

fn place(last: &KeyUse) -> String {
    let known = |text: &str| !text.is_empty() && text != "N/A";
    match (known(&last.service), known(&last.region)) {
        (true, true) => format!(" ({} in {})", last.service, last.region),
        (true, false) => format!(" ({})", last.service),
        _ => String::new(),
    }
}

fn days(count: i64) -> String {
    match count {
        1 => "1 day".to_owned(),
        count => format!("{count} days"),
    }
}

fn proven(proof: &OriginProof) -> String {
    let OriginProof {
        client,
        event_id,
        event_name,
        time,
        region,
        user_agent,
        events,
        other_events,
        ..
    } = proof;
    let remedy = match proof.remedy {
        Remedy::ComputeRole => "whose role can have the permissions",
        Remedy::OpenIdConnect => "which can assume a role with OpenID Connect",
    };
    let others = match other_events {
        0 => String::new(),
        others => format!(
            ". {others} of the {events} newest events do not show their client, so check for others"
        ),
    };
    format!(
        "used by {client}, {remedy}: the user agent of {event_name} at {time} in {region} (event {event_id}) contains `{user_agent}`{others}"
    )
}

/// Returns why the origin of a used key is unknown.
fn origin_unknown(origin: &Origin, last_use: &LastUse) -> Option<String> {
    if *last_use == LastUse::Never {
        return None;
    }
    let why = match origin {
        Origin::Proven(_) => return None,
        Origin::NotAsked => "--cloudtrail looks for it".to_owned(),
        Origin::Unavailable => "CloudTrail could not be asked".to_owned(),
        Origin::NoEvents { region } => {
            format!("CloudTrail has no management event of it in {region} in the last 90 days")
        }
        Origin::Unproven { region, events } => format!(
            "{} in {region} {} not show the client",
            match events {
                1 => "the only management event".to_owned(),
                events => format!("the newest {events} management events"),
            },
            if *events == 1 { "does" } else { "do" }
        ),
    };
    Some(format!("origin unknown ({why})"))
}

fn held(holder: &Holder<'_>) -> String {
    let name = &holder.secret.name;
    let mut text = match holder.matched {
        SecretMatch::KeyId => format!("the secret {name} holds it"),
        SecretMatch::Tags => format!("the secret {name} has keyrota's tags for its user"),
        SecretMatch::Name => format!(
            "the secret {name} is matched by its name only, which does not prove that it holds the key (--read-values checks)"
        ),
    };
    if let Some(function) = &holder.secret.rotated_by {
        text.push_str(&format!(", and {function} rotates that secret"));
    }
    if holder.secret.deleted {
        text.push_str(", which is scheduled for deletion");
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::port::ListedSecret;

    fn now() -> Timestamp {
        "2026-11-28T12:00:00Z".parse().unwrap()
    }

    fn ago(days: i64) -> Timestamp {
        Timestamp::from_second(now().as_second() - days * 86_400).unwrap()
    }

    fn used(days: i64) -> LastUse {
        LastUse::At(KeyUse {
            at: ago(days),
            service: "s3".to_owned(),
            region: "eu-west-1".to_owned(),
        })
    }

    fn proof() -> Origin {
        Origin::Proven(OriginProof {
            client: "AWS Lambda",
            remedy: Remedy::ComputeRole,
            event_id: "e-1".to_owned(),
            event_name: "PutParameter".to_owned(),
            time: ago(1),
            region: "eu-west-1".to_owned(),
            user_agent: "exec-env/AWS_Lambda_python3.12".to_owned(),
            events: 4,
            other_events: 1,
        })
    }

    fn facts<'a>(created: Option<i64>, last_use: &'a LastUse, origin: &'a Origin) -> KeyFacts<'a> {
        KeyFacts {
            root: false,
            active: true,
            created: created.map(ago),
            last_use,
            origin,
            holder: None,
            now: now(),
        }
    }

    #[test]
    fn age_and_last_use_decide_about_deletion() {
        for (created, last_use, expected) in [
            (Some(90), LastUse::Never, Verdict::Delete),
            (Some(89), LastUse::Never, Verdict::Rotate),
            (Some(400), used(90), Verdict::Delete),
            (Some(400), used(89), Verdict::Rotate),
            // A date before the creation does not make a young key old.
            (Some(10), used(200), Verdict::Rotate),
            (Some(400), LastUse::Unknown, Verdict::Rotate),
            (None, LastUse::Never, Verdict::Rotate),
            (None, used(300), Verdict::Rotate),
        ] {
            // Neither evidence nor an inactive key changes this.
            let (found, reason) = verdict(facts(created, &last_use, &Origin::NotAsked));
            assert_eq!(found, expected, "{created:?} {last_use:?}: {reason}");
            let stale = is_stale(created.map(ago), &last_use, now());
            assert_eq!(stale, expected == Verdict::Delete);
            let inactive = KeyFacts {
                active: false,
                ..facts(created, &last_use, &Origin::NotAsked)
            };
            let (found, reason) = verdict(inactive);
            assert_eq!(found, expected);
            assert!(reason.contains("it is inactive"), "{reason}");
        }
        let second = Timestamp::from_second(ago(90).as_second() + 1).unwrap();
        assert!(!is_stale(Some(second), &LastUse::Never, now()));
    }

    #[test]
    fn only_proof_makes_it_a_role() {
        let last_use = used(1);
        for origin in [
            Origin::NotAsked,
            Origin::Unavailable,
            Origin::NoEvents {
                region: "eu-west-1".to_owned(),
            },
            Origin::Unproven {
                region: "eu-west-1".to_owned(),
                events: 7,
            },
        ] {
            let (found, reason) = verdict(facts(Some(400), &last_use, &origin));
            assert_eq!(found, Verdict::Rotate);
            assert!(reason.contains("origin unknown"), "{reason}");
        }
        let origin = proof();
        let (found, reason) = verdict(facts(Some(400), &last_use, &origin));
        assert_eq!(found, Verdict::UseRole);
        assert_eq!(
            reason,
            "used by AWS Lambda, whose role can have the permissions: the user agent of PutParameter at 2026-11-27T12:00:00Z in eu-west-1 (event e-1) contains `exec-env/AWS_Lambda_python3.12`. 1 of the 4 newest events do not show their client, so check for others"
        );
        // Nobody uses a stale or an inactive key.
        let (found, _) = verdict(facts(Some(400), &used(90), &origin));
        assert_eq!(found, Verdict::Delete);
        let inactive = KeyFacts {
            active: false,
            ..facts(Some(400), &last_use, &origin)
        };
        assert_eq!(verdict(inactive).0, Verdict::Rotate);
    }

    #[test]
    fn a_key_that_was_never_used_has_no_origin() {
        let (found, reason) = verdict(facts(Some(3), &LastUse::Never, &Origin::NotAsked));
        assert_eq!(
            (found, reason.as_str()),
            (Verdict::Rotate, "3 days old, never used")
        );
    }

    #[test]
    fn the_root_users_key_is_judged_alike_and_named() {
        let last_use = used(1);
        let root = KeyFacts {
            root: true,
            ..facts(Some(400), &last_use, &Origin::NotAsked)
        };
        let (found, reason) = verdict(root);
        assert_eq!(found, Verdict::Rotate);
        assert!(reason.contains("root user"), "{reason}");
    }

    #[test]
    fn the_reason_names_the_secret_and_what_rotates_it() {
        let secret = ListedSecret {
            name: "prod/ada".to_owned(),
            rotated_by: Some("arn:aws:lambda:eu-west-1:1:function:rotate".to_owned()),
            deleted: true,
            ..ListedSecret::default()
        };
        let last_use = used(1);
        let reason = |matched| {
            let holder = Holder {
                secret: &secret,
                matched,
                others: Vec::new(),
            };
            let held = KeyFacts {
                holder: Some(&holder),
                ..facts(Some(400), &last_use, &Origin::NotAsked)
            };
            verdict(held).1
        };
        assert!(reason(SecretMatch::KeyId).ends_with(
            "the secret prod/ada holds it, and arn:aws:lambda:eu-west-1:1:function:rotate rotates that secret, which is scheduled for deletion"
        ));
        assert!(reason(SecretMatch::Tags).contains("keyrota's tags"));
        assert!(reason(SecretMatch::Name).contains("does not prove"));
    }
}
