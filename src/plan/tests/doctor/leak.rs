//! What a response to a leaked key has left.

use super::super::sample::at;
use super::{expect, found};
use crate::plan::{DeniedSessions, LEAKED_TAG};

#[test]
fn a_leaked_key_that_is_active_is_an_error() {
    const KEY: &str = "AKIALEAKED0000000001";
    let with = |active: bool| {
        found(|changed| {
            let user = changed.seen.user.as_mut().unwrap();
            let word = format!("{KEY}={}", at("2026-11-01T10:00:00Z").as_second());
            user.tags.insert(LEAKED_TAG.to_owned(), word);
            let mut key = super::super::sample::key(KEY);
            key.active = active;
            changed.seen.keys[1] = key;
            let held = changed.seen.secret.as_mut().unwrap();
            held.previous_key = Some(KEY.to_owned());
        })
    };
    let remedy = format!("keyrota rotate --compromised keys/ada --key {KEY}");
    let evidence = [KEY, "2026-11-01T10:00:00Z"];
    expect(&with(true), "leaked-key-active", None, &evidence, &remedy);
    assert!(with(false).is_empty());
}

/// The key in AWSCURRENT is missing.
#[test]
fn a_leaked_key_does_not_become_current_again() {
    const KEY: &str = "AKIALEAKED0000000001";
    let action = |is_leaked: bool| {
        let found = found(|changed| {
            changed.seen.keys = vec![super::super::sample::key(KEY)];
            changed.seen.secret.as_mut().unwrap().previous_key = Some(KEY.to_owned());
            if is_leaked {
                let user = changed.seen.user.as_mut().unwrap();
                let word = format!("{KEY}={}", at("2026-11-01T10:00:00Z").as_second());
                user.tags.insert(LEAKED_TAG.to_owned(), word);
            }
        });
        let mut found = found.into_iter();
        let missing = found.find(|it| it.fault.id == "current-key-missing");
        missing.and_then(|it| it.action).unwrap()
    };
    let (back, new) = (
        "makes the version with AWSPREVIOUS current",
        "creates a new key",
    );
    let told = action(false);
    assert!(told.contains(back) && told.contains(new), "{told}");
    let told = action(true);
    assert!(!told.contains(back) && told.contains(new), "{told}");
}

#[test]
fn denied_sessions_are_told_with_the_time_when_they_have_expired() {
    let denied = DeniedSessions {
        before: at("2026-11-01T10:00:00Z"),
    };
    let found = found(|changed| changed.denied_sessions = Some(denied));
    let evidence = ["2026-11-01T10:00:00Z", "2026-11-02T22:00:00Z"];
    let remedy = "after 2026-11-02T22:00:00Z, run `aws iam delete-user-policy --user-name ada --policy-name keyrota-deny-sessions`";
    expect(&found, "sessions-denied", None, &evidence, remedy);
}
