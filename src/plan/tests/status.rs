//! Each state of a credential.

use super::super::{
    KeyRole, MADE, ObservedAccessKey, SecretContent, State, UnfinishedRotation, report,
    report_unfinished, report_without_values,
};
use super::sample::{NOW, at, complete, entry, key, model, observed_of, tags};
use crate::model::Content;

fn report_of(change: impl FnOnce(&mut ObservedAccessKey)) -> super::super::SecretReport {
    let mut seen = entry();
    change(&mut seen);
    report(&observed_of(model(""), seen), at(NOW))
}

/// Returns the state and its reason.
fn state(change: impl FnOnce(&mut ObservedAccessKey)) -> (State, String) {
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
        (State::Missing, "the secret does not exist")
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
    assert_eq!(
        held(Content::Malformed("accesskey")),
        "in its value, `accesskey` is not an access key ID"
    );
    let broken = |change: fn(&mut ObservedAccessKey)| {
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
        "its value is for the user `ada`"
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
fn a_rotation_that_secrets_manager_does_not_report_is_seen_by_its_effect() {
    // Another key was current before.
    let (found, _) = state(|seen| seen.secret.as_mut().unwrap().secret.last_rotated = None);
    assert_eq!(found, State::Ok);
    // A rotation made the current key, and the old version is gone.
    let (found, _) = state(|seen| {
        let held = seen.secret.as_mut().unwrap();
        held.secret.last_rotated = None;
        held.previous_key = None;
        let labels = held.secret.versions.get_mut("two").unwrap();
        labels.push(MADE.to_owned());
    });
    assert_eq!(found, State::Ok);
    // As Secrets Manager reports it while rotation is disabled.
    let (found, why) = state(|seen| {
        let secret = &mut seen.secret.as_mut().unwrap().secret;
        (secret.last_rotated, secret.rotation_enabled) = (None, false);
    });
    assert_eq!(found, State::Overdue);
    assert_eq!(why, "no rotation is scheduled");
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
    let never = |seen: &mut ObservedAccessKey| {
        let held = seen.secret.as_mut().unwrap();
        held.secret.last_rotated = None;
        held.previous_key = None;
    };
    assert_eq!(state(never).0, State::NeverRotated);
    // The same key under another version is no rotation.
    let (found, _) = state(|seen| {
        never(seen);
        seen.secret.as_mut().unwrap().previous_key = Some("AKIACURRENT".to_owned());
    });
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
fn a_key_before_is_told_with_its_dates() {
    let (now, tag) = ("2026-11-01T20:00:00Z", "keyrota:old-key");
    let told = |value: &str, change: fn(&mut ObservedAccessKey)| {
        let mut seen = entry();
        let secret = seen.secret.as_mut().unwrap();
        secret.secret.tags.extend(tags(&[(tag, value)]));
        change(&mut seen);
        let report = report(&observed_of(model(""), seen), at(now));
        let [current, previous] = report.keys.as_slice() else {
            panic!("{:?}", report.keys);
        };
        assert_eq!((current.deactivates, current.deletes), (None, None));
        assert!(!current.held);
        (previous.deactivates, previous.deletes, previous.held)
    };
    let next = Some(at("2026-12-01T09:00:00Z"));
    assert_eq!(told("until_next_rotation", |_| {}), (None, next, false));
    // Not known, so nothing retires it before that.
    assert_eq!(told("soon", |_| {}), (None, next, false));
    let week = "deactivate_after=1h delete_after=7d hold_if_used_within=1d";
    let due = Some(at("2026-11-01T10:00:00Z"));
    let gone = Some(at("2026-11-08T09:00:00Z"));
    assert_eq!(told(week, |_| {}), (due, gone, false));
    let in_use =
        |seen: &mut ObservedAccessKey| seen.keys[1].last_used = Some(at("2026-11-01T19:00:00Z"));
    assert_eq!(told(week, in_use), (None, next, true));
    // A value that was stored by hand since has replaced it anew.
    let by_hand = |seen: &mut ObservedAccessKey| {
        seen.secret.as_mut().unwrap().current_since = Some(at("2026-11-01T15:00:00Z"));
    };
    let (deactivates, ..) = told(week, by_hand);
    assert_eq!(deactivates, Some(at("2026-11-01T16:00:00Z")));
}

/// Returns the role of a key that is beside the current one, made at 09:00, after
/// a change.
fn role(change: impl FnOnce(&mut ObservedAccessKey)) -> KeyRole {
    let report = report_of(|seen| {
        seen.keys[1] = key("AKIAOTHER");
        seen.secret.as_mut().unwrap().previous_key = None;
        change(seen);
    });
    report.keys[1].role
}

fn put_label(seen: &mut ObservedAccessKey, version: &str, label: &str) {
    let secret = &mut seen.secret.as_mut().unwrap().secret;
    let labels = secret.versions.entry(version.to_owned()).or_default();
    labels.push(label.to_owned());
}

/// Records on the user that a key was made, so many seconds before 09:00.
fn announce(seen: &mut ObservedAccessKey, seconds: i64) {
    let moment = at("2026-11-01T09:00:00Z").as_second() - seconds;
    let recorded = format!("1700000000 {moment} x");
    seen.user.as_mut().unwrap().tags = tags(&[("keyrota:making", &recorded)]);
}

#[test]
fn a_key_that_could_not_be_stored_is_a_rotations() {
    assert_eq!(role(|_| {}), KeyRole::Unknown);
    for (seconds, expected) in [
        (0, KeyRole::Pending),
        (60, KeyRole::Pending),
        (61, KeyRole::Unknown),
        (-5, KeyRole::Pending),
        (-6, KeyRole::Unknown),
    ] {
        assert_eq!(role(|seen| announce(seen, seconds)), expected);
    }
    // A principal that may write the secret can put any label on it.
    let moment = at("2026-11-01T09:00:00Z").as_second();
    for label in [
        format!("KEYROTA_MAKING_{moment}"),
        "KEYROTA_MADE".to_owned(),
    ] {
        assert_eq!(
            role(|seen| put_label(seen, "two", &label)),
            KeyRole::Unknown
        );
    }
    // Used, it has a holder, who cannot be a rotation that never stored it.
    let used = |seen: &mut ObservedAccessKey| {
        announce(seen, 0);
        seen.keys[1].last_used = Some(at(NOW));
    };
    assert_eq!(role(used), KeyRole::Unknown);
    let undated = |seen: &mut ObservedAccessKey| {
        announce(seen, 0);
        seen.keys[1].created = None;
    };
    assert_eq!(role(undated), KeyRole::Unknown);
    // A version that cannot be read may name it.
    let unread = |seen: &mut ObservedAccessKey| {
        announce(seen, 0);
        seen.secret.as_mut().unwrap().read = false;
    };
    assert_eq!(role(unread), KeyRole::Unknown);
    let sealed = |seen: &mut ObservedAccessKey| {
        announce(seen, 0);
        seen.secret.as_mut().unwrap().current = SecretContent::Sealed;
    };
    assert_eq!(role(sealed), KeyRole::Unknown);
}

#[test]
fn a_key_that_was_stored_is_told_by_its_label_even_if_it_was_used() {
    let stored = |seen: &mut ObservedAccessKey| {
        put_label(seen, "three", "KEYROTA_MADE");
        seen.secret.as_mut().unwrap().made_key = Some("AKIAOTHER".to_owned());
        seen.keys[1].last_used = Some(at(NOW));
    };
    assert_eq!(role(stored), KeyRole::Pending);
    // Other labels say more.
    let previous = |seen: &mut ObservedAccessKey| {
        stored(seen);
        seen.secret.as_mut().unwrap().previous_key = Some("AKIAOTHER".to_owned());
    };
    assert_eq!(role(previous), KeyRole::Previous);
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
        seen.user.as_mut().unwrap().tags = tags(&[("keyrota:abandoned", "AKIAABANDONED")]);
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

#[test]
fn a_rotation_is_stuck_after_an_error_or_when_it_is_too_old() {
    let limit = jiff::SignedDuration::from_mins(5);
    let state = |created: Option<&str>, reported: Option<&str>, pending: bool| {
        let mut seen = entry();
        let versions = &mut seen.secret.as_mut().unwrap().secret.versions;
        if pending {
            versions.insert("three".to_owned(), vec!["AWSPENDING".to_owned()]);
        }
        let unfinished = UnfinishedRotation {
            created: created.map(at),
            reported: reported.map(str::to_owned),
            limit,
        };
        let unfinished = pending.then_some(&unfinished);
        let secret = seen.secret.as_ref().map(|held| held.secret.clone());
        let keys = seen.keys.clone();
        let shown = report_unfinished(&observed_of(model(""), seen), unfinished, at(NOW));
        let entry = &model("").entries[0];
        let blind = report_without_values(entry, secret.as_ref(), &keys, unfinished, at(NOW));
        (shown.state, shown.reason.unwrap_or_default(), blind.state)
    };
    let young = "2026-11-02T08:55:01Z";
    let (shown, why, blind) = state(Some(young), None, true);
    assert_eq!((shown, blind), (State::Ok, State::Unknown));
    assert_eq!(
        why,
        format!("a rotation started at {young} and is under way")
    );
    let (shown, why, blind) = state(Some(young), Some("no server"), true);
    assert_eq!((shown, blind), (State::Stuck, State::Stuck));
    assert!(why.contains("did not end: no server"), "{why}");
    for created in [Some("2026-11-02T08:55:00Z"), None] {
        let (shown, why, blind) = state(created, None, true);
        assert_eq!((shown, blind), (State::Stuck, State::Stuck));
        assert!(why.contains("`keyrota rotate` resumes it"), "{why}");
    }
    assert_eq!(state(None, None, false).0, State::Ok);
}

/// Returns the state that is reported without values, and the fields that are unknown.
fn without_values(
    change: impl FnOnce(&mut ObservedAccessKey),
) -> (State, Option<String>, Vec<&'static str>) {
    let mut seen = entry();
    change(&mut seen);
    let secret = seen.secret.as_ref().map(|held| &held.secret);
    let entry = &model("").entries[0];
    let report = report_without_values(entry, secret, &seen.keys, None, at(NOW));
    (report.state, report.reason, report.unknown)
}

#[test]
fn without_values_only_faults_are_certain() {
    let state = |change: fn(&mut ObservedAccessKey)| without_values(change).0;
    assert_eq!(state(|_| {}), State::Unknown);
    assert_eq!(state(|seen| seen.secret = None), State::Missing);
    assert_eq!(
        state(|seen| seen.secret.as_mut().unwrap().secret.deleted = Some(at(NOW))),
        State::Missing
    );
    assert_eq!(
        state(|seen| seen.secret.as_mut().unwrap().secret.versions.clear()),
        State::Broken
    );
    assert_eq!(state(|seen| seen.keys.clear()), State::Broken);
    let inactive = |seen: &mut ObservedAccessKey| {
        for key in &mut seen.keys {
            key.active = false;
        }
    };
    assert_eq!(state(inactive), State::Broken);
    // One of two keys may be the one in the secret, or the other.
    assert_eq!(state(|seen| seen.keys[0].active = false), State::Unknown);
    let pending = |seen: &mut ObservedAccessKey| {
        let versions = &mut seen.secret.as_mut().unwrap().secret.versions;
        versions.insert("three".to_owned(), vec!["AWSPENDING".to_owned()]);
    };
    assert_eq!(state(pending), State::Stuck);
    let never = |seen: &mut ObservedAccessKey| {
        seen.secret.as_mut().unwrap().secret.last_rotated = None;
    };
    assert_eq!(state(never), State::NeverRotated);
}

#[test]
fn without_values_the_last_rotation_is_unknown_while_rotation_is_disabled() {
    let (state, _, unknown) = without_values(|seen| {
        let secret = &mut seen.secret.as_mut().unwrap().secret;
        (secret.last_rotated, secret.rotation_enabled) = (None, false);
    });
    assert_eq!(state, State::Overdue);
    assert!(unknown.contains(&"last_rotated") && !unknown.contains(&"state"));
}

#[test]
fn the_longest_age_of_a_key_follows_from_the_schedule_and_old_key() {
    let seconds = |fields: &str| {
        let report = report(&observed_of(model(fields), entry()), at(NOW));
        report.max_key_age.unwrap().as_seconds()
    };
    let at_once = "schedule: rate(30 days), old_key: { deactivate_after: 0s, delete_after: 0s }";
    let replaced = seconds(&format!(", {at_once}"));
    let kept = seconds(", schedule: rate(30 days)");
    assert!(30 * 86_400 <= replaced && replaced < kept);
    assert!(60 * 86_400 <= kept, "{kept}");
}
