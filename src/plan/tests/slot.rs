//! Which key makes room for a new one.

use super::super::{SPENT, SPENT_ON_REQUEST, Slot, Spent, slot};
use super::sample::{at, complete, entry, key, tags};
use crate::model::{AccessKeyId, Content, Credential};
use crate::plan::{ObservedAccessKey, SecretContent};

/// Returns which key makes room after a change, and why, or nothing if none does.
fn room(
    owns_user: bool,
    accepted: &[Spent],
    change: impl FnOnce(&mut ObservedAccessKey),
) -> Option<(String, Spent)> {
    let mut seen = entry();
    change(&mut seen);
    match slot(&seen, owns_user, accepted) {
        Slot::Spent(key, why) => Some((key.id, why)),
        Slot::Taken(keys) => {
            assert_eq!(keys.len(), 2);
            None
        }
        Slot::Free => panic!("there are two keys"),
    }
}

fn record(seen: &mut ObservedAccessKey, keys: &str) {
    seen.user.as_mut().unwrap().tags = tags(&[("keyrota:keys", keys)]);
}

const PREVIOUS: &str = "AKIA0123456PREVIOUS";
const CURRENT: &str = "AKIA01234567CURRENT";
const OTHER: &str = "AKIA0123456789OTHER";

/// AWSCURRENT's key and AWSPREVIOUS's, with IDs as IAM makes them, both recorded.
fn both(seen: &mut ObservedAccessKey) {
    seen.keys = vec![key(CURRENT), key(PREVIOUS)];
    let held = seen.secret.as_mut().unwrap();
    held.current = complete(CURRENT);
    held.previous_key = Some(PREVIOUS.to_owned());
    record(seen, &format!("{PREVIOUS} {CURRENT}"));
}

#[test]
fn a_user_with_one_key_has_room() {
    let mut seen = entry();
    seen.keys.pop();
    assert_eq!(slot(&seen, false, &[]), Slot::Free);
}

#[test]
fn nothing_makes_room_that_the_caller_does_not_accept() {
    let inactive = |seen: &mut ObservedAccessKey| {
        both(seen);
        seen.keys[0].active = false;
        seen.keys[1].active = false;
    };
    assert_eq!(room(false, &[], inactive), None);
    let chosen = Some((PREVIOUS.to_owned(), Spent::Inactive));
    assert_eq!(room(false, &SPENT, inactive), chosen);
}

#[test]
fn an_inactive_current_key_makes_room_on_request_and_last() {
    let current = |other: &'static str| {
        move |seen: &mut ObservedAccessKey| {
            both(seen);
            seen.keys[0].active = false;
            seen.keys[1] = key(other);
        }
    };
    let foreign = || current(OTHER);
    assert_eq!(room(false, &SPENT, foreign()), None);
    let chosen = Some((CURRENT.to_owned(), Spent::InactiveCurrent));
    assert_eq!(room(false, &SPENT_ON_REQUEST, foreign()), chosen);
    let accepted = [Spent::InactiveCurrent, Spent::Previous];
    let chosen = Some((PREVIOUS.to_owned(), Spent::Previous));
    assert_eq!(room(false, &accepted, current(PREVIOUS)), chosen);
}

#[test]
fn a_previous_key_makes_room_only_if_it_is_ours_and_not_in_use() {
    let accepted = [Spent::Previous];
    assert_eq!(room(false, &SPENT, both), None);
    let chosen = Some((PREVIOUS.to_owned(), Spent::Previous));
    assert_eq!(room(false, &accepted, both), chosen);
    let unrecorded = |seen: &mut ObservedAccessKey| {
        both(seen);
        record(seen, "");
    };
    assert_eq!(room(false, &accepted, unrecorded), None);
    assert_eq!(room(true, &accepted, unrecorded), chosen);
    let used = |seen: &mut ObservedAccessKey| {
        both(seen);
        seen.keys[1].last_used = Some(at("2026-11-02T07:00:00Z"));
    };
    assert_eq!(room(false, &accepted, used), None);
    let accepted = [Spent::PreviousInUse];
    let chosen = Some((PREVIOUS.to_owned(), Spent::PreviousInUse));
    assert_eq!(room(false, &accepted, used), chosen);
}

/// Of a user that the stack created, or right after an intent, and never used.
#[test]
fn a_key_that_was_lost_makes_room() {
    let lost = |making: &'static str| {
        move |seen: &mut ObservedAccessKey| {
            both(seen);
            seen.keys[1] = key(OTHER);
            let record = [("keyrota:making", making)];
            seen.user.as_mut().unwrap().tags = tags(&record);
        }
    };
    // The time at which each key of the sample was created.
    let made = at("2026-11-01T09:00:00Z").as_second().to_string();
    let made: &'static str = made.leak();
    let chosen = Some((OTHER.to_owned(), Spent::Lost));
    assert_eq!(room(false, &SPENT, lost(made)), chosen);
    assert_eq!(room(false, &SPENT, lost("1")), None);
    assert_eq!(room(true, &SPENT, lost("1")), chosen);
}

/// Any principal that may write the secret can store a value that names a key that does not exist.
#[test]
fn no_active_key_makes_room_if_the_current_one_does_not_exist() {
    let forged = |seen: &mut ObservedAccessKey| {
        both(seen);
        seen.keys[0] = key(OTHER);
    };
    let all = [
        Spent::Inactive,
        Spent::Lost,
        Spent::Previous,
        Spent::PreviousInUse,
        Spent::InactiveCurrent,
    ];
    assert_eq!(room(false, &all, forged), None);
    assert_eq!(room(true, &all, forged), None);
}

/// A client may have either key, so neither is deleted.
#[test]
fn without_a_current_key_no_active_key_makes_room() {
    let damaged = |content: SecretContent| {
        move |seen: &mut ObservedAccessKey| {
            both(seen);
            seen.secret.as_mut().unwrap().current = content;
        }
    };
    let text = || damaged(SecretContent::Held(Content::Foreign));
    assert_eq!(room(false, &SPENT_ON_REQUEST, text()), None);
    assert_eq!(room(true, &SPENT_ON_REQUEST, text()), None);
    let id = AccessKeyId::of_iam(CURRENT);
    let anothers = Credential::new(id, "hush".into(), "bob".into(), "arn:own".into());
    let anothers = SecretContent::Held(Content::Complete(anothers));
    assert_eq!(room(false, &SPENT_ON_REQUEST, damaged(anothers)), None);
}

#[test]
fn a_key_that_may_still_become_current_makes_no_room() {
    let awaited = |staged: bool| {
        move |seen: &mut ObservedAccessKey| {
            both(seen);
            seen.keys[1] = key(OTHER);
            record(seen, OTHER);
            let held = seen.secret.as_mut().unwrap();
            held.previous_key = None;
            match staged {
                true => held.staged_key = Some(OTHER.to_owned()),
                false => held.pending_key = Some(OTHER.to_owned()),
            }
        }
    };
    for staged in [true, false] {
        let accepted = [Spent::Lost, Spent::Previous];
        assert_eq!(room(false, &accepted, awaited(staged)), None, "{staged}");
    }
}
