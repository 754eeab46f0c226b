//! Each state of a credential.

use super::super::{KeyRole, ObservedEntry, SecretContent, State, report};
use super::sample::{NOW, at, complete, entry, key, model, tags};
use crate::model::Content;

fn report_of(change: impl FnOnce(&mut ObservedEntry)) -> super::super::SecretReport {
    let mut seen = entry();
    change(&mut seen);
    report(&model("").access_keys[0], &seen, at(NOW))
}

/// Returns the state and its reason.
fn state(change: impl FnOnce(&mut ObservedEntry)) -> (State, String) {
    let report = report_of(change);
    (report.state, report.reason.unwrap_or_default())
}

#[test]
fn all_is_well() {
    let report = report_of(|_| {});
    assert_eq!((report.state, report.reason), (State::Ok, None));
    let roles: Vec<KeyRole> = report.keys.iter().map(|key| key.role).collect();
    assert_eq!(roles, [KeyRole::Current, KeyRole::Previous]);
    assert!(report.rotation_enabled);
}

#[test]
fn there_is_no_secret() {
    let (found, why) = state(|seen| seen.secret = None);
    assert_eq!(
        (found, why.as_str()),
        (State::Missing, "there is no such secret")
    );
    let (found, why) = state(|seen| {
        seen.secret.as_mut().unwrap().secret.deleted = Some(at(NOW));
    });
    assert_eq!(
        (found, why.as_str()),
        (State::Missing, "it is scheduled for deletion")
    );
}

#[test]
fn the_credential_does_not_work() {
    let held = |content: Content| {
        let (found, why) = state(|seen| {
            seen.secret.as_mut().unwrap().current = SecretContent::Held(content);
        });
        assert_eq!(found, State::Broken);
        why
    };
    let missing = Content::Incomplete(vec!["accesskey", "secretkey"]);
    assert_eq!(held(missing), "its value lacks accesskey, secretkey");
    assert_eq!(held(Content::Foreign), "its value is not a JSON object");
    let broken = |change: fn(&mut ObservedEntry)| {
        let (found, why) = state(change);
        assert_eq!(found, State::Broken);
        why
    };
    assert_eq!(
        broken(|seen| seen.secret.as_mut().unwrap().current = SecretContent::Absent),
        "it has no value"
    );
    assert_eq!(
        broken(|seen| seen.user_name = "bob".to_owned()),
        "its value names the user `ada`"
    );
    assert_eq!(
        broken(|seen| seen.keys[0].active = false),
        "the key AKIACURRENT is inactive"
    );
    assert_eq!(
        broken(|seen| seen.keys.clear()),
        "the user has no key AKIACURRENT"
    );
    // The user may be gone altogether.
    assert_eq!(
        broken(|seen| {
            seen.user = None;
            seen.keys.clear();
        }),
        "the user has no key AKIACURRENT"
    );
}

#[test]
fn rotation_does_not_go_on() {
    let (found, _) = state(|seen| {
        let secret = seen.secret.as_mut().unwrap();
        let pending = ("three".to_owned(), vec!["AWSPENDING".to_owned()]);
        secret.secret.versions.extend([pending]);
    });
    assert_eq!(found, State::Stuck);
    // AWSPENDING beside AWSCURRENT is how a rotation ends.
    let (found, _) = state(|seen| {
        let secret = seen.secret.as_mut().unwrap();
        let labels = secret.secret.versions.get_mut("two").unwrap();
        labels.push("AWSPENDING".to_owned());
    });
    assert_eq!(found, State::Ok);
    let (found, _) = state(|seen| seen.secret.as_mut().unwrap().secret.last_rotated = None);
    assert_eq!(found, State::NeverRotated);
    let (found, why) = state(|seen| {
        seen.secret.as_mut().unwrap().secret.rotation_enabled = false;
    });
    assert_eq!(
        (found, why.as_str()),
        (State::Overdue, "no rotation is scheduled")
    );
    let due = |moment: &str| {
        let (found, _) = state(|seen| {
            seen.secret.as_mut().unwrap().secret.next_rotation = Some(at(moment));
        });
        found
    };
    // Seven days of grace.
    assert_eq!(due("2026-10-26T09:00:00Z"), State::Ok);
    assert_eq!(due("2026-10-26T08:59:59Z"), State::Overdue);
}

#[test]
fn keys_are_told_apart_by_id() {
    let report = report_of(|seen| {
        seen.keys = ["AKIAPENDING", "AKIABEFORE", "AKIAABANDONED", "AKIAOTHER"]
            .map(key)
            .to_vec();
        seen.keys.push(key("AKIACURRENT"));
        let secret = seen.secret.as_mut().unwrap();
        secret.current = complete("AKIACURRENT");
        secret.pending_key = Some("AKIAPENDING".to_owned());
        secret.before_key = Some("AKIABEFORE".to_owned());
        let tag = [("keyrota:abandoned", "AKIAABANDONED")];
        secret.secret.tags.extend(tags(&tag));
    });
    let roles: Vec<KeyRole> = report.keys.iter().map(|key| key.role).collect();
    assert_eq!(
        roles,
        [
            KeyRole::Pending,
            KeyRole::Previous,
            KeyRole::Pending,
            KeyRole::Unknown,
            KeyRole::Current
        ]
    );
}
