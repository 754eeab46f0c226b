//! Which key leaked, what is done about it in which order, and what else is known.

use std::collections::BTreeSet;

use jiff::SignedDuration;

use super::sample::{at, complete, entry, key};
use crate::plan::{
    DeniedSessions, KEYS_TAG, LEAKED_TAG, LeakBasis, LeakRefusal, LeakScene, LeakStep,
    ObservedAccessKey, SEEDING_TAG, SecretContent, assumable_roles, assumed_roles, denied_actions,
    deny_sessions_policy, leaked_key, plan_leak, reported_leaks, revoke_command, with_leak,
};
use crate::port::{Key, TrailEvent};

const NOW: &str = "2026-11-29T09:00:00Z";
/// The keys of the sample, with IDs that have the form of IDs.
const CURRENT: &str = "AKIACURRENT000000001";
const PREVIOUS: &str = "AKIAPREVIOUS00000001";

/// A secret that has rotated once.
fn seen() -> ObservedAccessKey {
    let mut seen = entry();
    seen.keys = vec![key(CURRENT), key(PREVIOUS)];
    let held = seen.secret.as_mut().unwrap();
    held.current = complete(CURRENT);
    held.previous_key = Some(PREVIOUS.to_owned());
    seen
}

fn tag(seen: &mut ObservedAccessKey, key: &str, value: String) {
    let user = seen.user.as_mut().unwrap();
    user.tags.insert(key.to_owned(), value);
}

fn word(key: &str, minutes_ago: i64) -> String {
    let moment = at(NOW) - SignedDuration::from_mins(minutes_ago);
    format!("{key}={}", moment.as_second())
}

fn of<'a>(seen: &'a mut ObservedAccessKey, id: &str) -> &'a mut Key {
    seen.keys.iter_mut().find(|key| key.id == id).unwrap()
}

#[test]
fn the_key_is_the_named_one_or_that_of_awscurrent() {
    let chosen = |named| leaked_key(&seen(), named, at(NOW)).unwrap();
    assert_eq!(chosen(None), (CURRENT.to_owned(), LeakBasis::Current));
    for named in [CURRENT, PREVIOUS] {
        assert_eq!(chosen(Some(named)), (named.to_owned(), LeakBasis::Named));
    }
    let error = leaked_key(&seen(), Some("AKIAOTHER00000000001"), at(NOW)).unwrap_err();
    assert!(matches!(error, LeakRefusal::NotOfUser { .. }));
    let text = error.to_string();
    assert!(
        text.contains(CURRENT) && text.contains("get-access-key-last-used"),
        "{text}"
    );
    let mut gone = seen();
    gone.user = None;
    let error = leaked_key(&gone, None, at(NOW)).unwrap_err();
    assert!(matches!(error, LeakRefusal::NoUser { .. }));
    let mut empty = seen();
    empty.secret.as_mut().unwrap().current = SecretContent::Absent;
    let error = leaked_key(&empty, None, at(NOW)).unwrap_err();
    assert!(matches!(error, LeakRefusal::NoCurrentKey { .. }), "{error}");
    assert!(leaked_key(&empty, Some(PREVIOUS), at(NOW)).is_ok());
}

/// Has AWSCURRENT stored so many minutes before now.
fn stored(seen: &mut ObservedAccessKey, minutes_ago: i64) {
    let moment = at(NOW) - SignedDuration::from_mins(minutes_ago);
    seen.secret.as_mut().unwrap().current_since = Some(moment);
}

/// After the promotion, AWSCURRENT contains the new key. The command without `--key` must not take it
/// for the leaked one, as long as it can be a repetition.
#[test]
fn a_recent_report_decides_and_an_old_one_is_ambiguous() {
    // When the key was reported, and when AWSCURRENT was stored.
    let chosen = |reported: i64, current: i64, leaked: &str, active: bool| {
        let mut seen = seen();
        tag(&mut seen, LEAKED_TAG, word(leaked, reported));
        stored(&mut seen, current);
        of(&mut seen, leaked).active = active;
        leaked_key(&seen, None, at(NOW)).map(|(key, basis)| (key, basis != LeakBasis::Current))
    };
    let reported = Ok((PREVIOUS.to_owned(), true));
    let current = Ok((CURRENT.to_owned(), false));
    for active in [true, false] {
        assert_eq!(chosen(2, 1, PREVIOUS, active), reported);
        assert_eq!(chosen(59, 58, PREVIOUS, active), reported);
        // The times are in whole seconds.
        assert_eq!(chosen(1, 1, PREVIOUS, active), reported);
        // The response may have ended, and this may be another incident.
        let error = chosen(61, 60, PREVIOUS, active).unwrap_err();
        assert!(matches!(error, LeakRefusal::Ambiguous { .. }));
        let text = error.to_string();
        for key in [CURRENT, PREVIOUS] {
            assert!(text.contains(&format!("--key {key}")), "{text}");
        }
    }
    // The response to a key that was not AWSCURRENT's has ended.
    assert_eq!(chosen(1, 90, PREVIOUS, false), current);
    assert_eq!(chosen(61, 90, PREVIOUS, false), current);
    // It has not ended, or the clock of the other machine is ahead.
    for (reported, current) in [(1, 90), (61, 90), (-5, 4)] {
        let error = chosen(reported, current, PREVIOUS, true).unwrap_err();
        assert!(matches!(error, LeakRefusal::Ambiguous { .. }), "{error}");
    }
    // The first change has not been made yet.
    assert_eq!(chosen(1, 90, CURRENT, true), current);
    assert_eq!(chosen(61, 90, CURRENT, true), current);
}

#[test]
fn a_deleted_key_is_still_the_reported_one() {
    let mut seen = seen();
    seen.keys.retain(|key| key.id == CURRENT);
    tag(&mut seen, LEAKED_TAG, word(PREVIOUS, 5));
    stored(&mut seen, 4);
    let (key, basis) = leaked_key(&seen, None, at(NOW)).unwrap();
    assert_eq!(key, PREVIOUS);
    assert!(matches!(basis, LeakBasis::Reported(_)));
    assert!(leaked_key(&seen, Some(PREVIOUS), at(NOW)).is_ok());
    // It was not AWSCURRENT's key, so another command means another one.
    stored(&mut seen, 6);
    let chosen = leaked_key(&seen, None, at(NOW)).unwrap();
    assert_eq!(chosen, (CURRENT.to_owned(), LeakBasis::Current));
}

#[test]
fn two_open_reports_are_ambiguous() {
    let mut seen = seen();
    seen.keys.push(key("AKIATHIRD00000000001"));
    let words = [word(PREVIOUS, 5), word("AKIATHIRD00000000001", 2)];
    tag(&mut seen, LEAKED_TAG, words.join(" "));
    let error = leaked_key(&seen, None, at(NOW)).unwrap_err();
    assert!(matches!(error, LeakRefusal::Ambiguous { .. }));
}

#[test]
fn a_report_keeps_its_time_and_forgets_what_is_gone() {
    let now = at(NOW);
    let mut seen = seen();
    let user = |seen: &ObservedAccessKey| seen.user.clone().unwrap();
    let first = with_leak(&user(&seen), &seen.keys, CURRENT, now);
    assert_eq!(first, word(CURRENT, 0));
    tag(&mut seen, LEAKED_TAG, word(CURRENT, 10));
    let again = with_leak(&user(&seen), &seen.keys, CURRENT, now);
    assert_eq!(again, word(CURRENT, 10));
    let old = [
        word("AKIAGONE000000000001", 90),
        word(PREVIOUS, 90),
        "?".to_owned(),
    ];
    tag(&mut seen, LEAKED_TAG, old.join(" "));
    let more = with_leak(&user(&seen), &seen.keys, CURRENT, now);
    assert_eq!(more, [word(PREVIOUS, 90), word(CURRENT, 0)].join(" "));
    let anew = with_leak(&user(&seen), &seen.keys, PREVIOUS, now);
    assert_eq!(anew, word(PREVIOUS, 0));
    let many: Vec<String> = (0..9)
        .map(|n| word(&format!("AKIAMANY{n:012}"), n))
        .collect();
    tag(&mut seen, LEAKED_TAG, many.join(" "));
    let value = with_leak(&user(&seen), &seen.keys, CURRENT, now);
    assert!(
        value.len() <= 256 && value.ends_with(&word(CURRENT, 0)),
        "{value}"
    );
    tag(
        &mut seen,
        LEAKED_TAG,
        "akia=1 =5 AKIA AKIACURRENT000000001=x".to_owned(),
    );
    assert_eq!(reported_leaks(&user(&seen)), []);
}

struct Case {
    name: &'static str,
    leaked: &'static str,
    delete: bool,
    deny: bool,
    proven: bool,
    change: fn(&mut ObservedAccessKey),
    steps: &'static [&'static str],
}

const CASE: Case = Case {
    name: "",
    leaked: CURRENT,
    delete: false,
    deny: false,
    proven: true,
    change: |_| {},
    steps: &[],
};

fn one_key(seen: &mut ObservedAccessKey) {
    seen.keys.retain(|key| key.id == CURRENT);
    seen.secret.as_mut().unwrap().previous_key = None;
}

fn unfinished(seen: &mut ObservedAccessKey) {
    let held = seen.secret.as_mut().unwrap();
    let versions = &mut held.secret.versions;
    versions.insert("three".to_owned(), vec!["AWSPENDING".to_owned()]);
    held.previous_key = None;
    held.pending_key = Some(PREVIOUS.to_owned());
}

fn reported(seen: &mut ObservedAccessKey) {
    tag(seen, LEAKED_TAG, word(PREVIOUS, 90));
}

const CASES: &[Case] = &[
    Case {
        name: "the place is taken by a key that leaked before",
        change: |seen| {
            reported(seen);
            of(seen, PREVIOUS).active = false;
        },
        steps: &["reported: AKIAPREVIOUS00000001"],
        ..CASE
    },
    Case {
        name: "the same, with a request to delete the leaked key",
        delete: true,
        change: |seen| {
            reported(seen);
            of(seen, PREVIOUS).active = false;
        },
        steps: &[
            "make room: AKIAPREVIOUS00000001",
            "replace",
            "deactivate",
            "delete",
        ],
        ..CASE
    },
    Case {
        name: "the key of an unfinished rotation leaked before",
        change: |seen| {
            reported(seen);
            unfinished(seen);
        },
        steps: &["reported: AKIAPREVIOUS00000001"],
        ..CASE
    },
    Case {
        name: "an unknown active key leaked before",
        proven: false,
        change: |seen| {
            reported(seen);
            seen.secret.as_mut().unwrap().previous_key = None;
        },
        steps: &["no room: AKIAPREVIOUS00000001"],
        ..CASE
    },
    Case {
        name: "the current key, and there is room",
        change: one_key,
        steps: &["replace", "deactivate"],
        ..CASE
    },
    Case {
        name: "the current key, and keyrota's previous one has the place",
        steps: &["make room: AKIAPREVIOUS00000001", "replace", "deactivate"],
        ..CASE
    },
    Case {
        name: "the place is taken by a key that only the secret calls the previous one",
        proven: false,
        steps: &["no room: AKIAPREVIOUS00000001"],
        ..CASE
    },
    Case {
        name: "the same, and it is recorded on the user",
        proven: false,
        change: |seen| tag(seen, KEYS_TAG, PREVIOUS.to_owned()),
        steps: &["make room: AKIAPREVIOUS00000001", "replace", "deactivate"],
        ..CASE
    },
    Case {
        name: "the same, and it is inactive",
        proven: false,
        change: |seen| of(seen, PREVIOUS).active = false,
        steps: &["make room: AKIAPREVIOUS00000001", "replace", "deactivate"],
        ..CASE
    },
    Case {
        name: "an unknown active key has the place",
        proven: false,
        change: |seen| seen.secret.as_mut().unwrap().previous_key = None,
        steps: &["no room: AKIAPREVIOUS00000001"],
        ..CASE
    },
    Case {
        name: "a command was interrupted after it created a key",
        proven: false,
        change: |seen| {
            tag(seen, SEEDING_TAG, format!("2026-11-01T08:59:00Z {CURRENT}"));
            seen.secret.as_mut().unwrap().previous_key = None;
        },
        steps: &["replace", "deactivate"],
        ..CASE
    },
    Case {
        name: "a rotation is unfinished, and has a key",
        change: unfinished,
        steps: &["abandon: AKIAPREVIOUS00000001", "replace", "deactivate"],
        ..CASE
    },
    Case {
        name: "the pending version names a key that is not proven",
        proven: false,
        change: unfinished,
        steps: &["no room: AKIAPREVIOUS00000001"],
        ..CASE
    },
    Case {
        name: "a rotation is unfinished, and has no key yet",
        change: |seen| {
            unfinished(seen);
            one_key(seen);
            seen.secret.as_mut().unwrap().pending_key = None;
        },
        steps: &["abandon", "replace", "deactivate"],
        ..CASE
    },
    Case {
        name: "the new key is current, and the leaked one is still active",
        leaked: PREVIOUS,
        steps: &["deactivate"],
        ..CASE
    },
    Case {
        name: "nothing is left to do",
        leaked: PREVIOUS,
        change: |seen| of(seen, PREVIOUS).active = false,
        ..CASE
    },
    Case {
        name: "nothing is left to do, but sessions are denied again",
        leaked: PREVIOUS,
        deny: true,
        change: |seen| of(seen, PREVIOUS).active = false,
        steps: &["deny sessions"],
        ..CASE
    },
    Case {
        name: "with a request to delete the leaked key",
        delete: true,
        deny: true,
        change: one_key,
        steps: &["replace", "deactivate", "delete", "deny sessions"],
        ..CASE
    },
    Case {
        name: "it is inactive already, and to be deleted",
        leaked: PREVIOUS,
        delete: true,
        change: |seen| of(seen, PREVIOUS).active = false,
        steps: &["delete"],
        ..CASE
    },
    Case {
        name: "somebody has deleted the current key",
        change: |seen| seen.keys.retain(|key| key.id == PREVIOUS),
        steps: &["replace"],
        ..CASE
    },
    Case {
        name: "AWSCURRENT names a key that does not exist, and the others may be in use",
        change: |seen| {
            of(seen, CURRENT).id = "AKIAOTHER00000000001".to_owned();
            tag(seen, KEYS_TAG, PREVIOUS.to_owned());
        },
        steps: &["no room: AKIAOTHER00000000001"],
        ..CASE
    },
    Case {
        name: "somebody has deactivated the current key",
        change: |seen| {
            one_key(seen);
            of(seen, CURRENT).active = false;
        },
        steps: &["replace"],
        ..CASE
    },
    Case {
        name: "a previous key leaked, and the current one is inactive",
        leaked: PREVIOUS,
        change: |seen| of(seen, CURRENT).active = false,
        steps: &["no replacement"],
        ..CASE
    },
    Case {
        name: "a previous key leaked, and the current one does not exist",
        leaked: PREVIOUS,
        change: |seen| seen.keys.retain(|key| key.id == PREVIOUS),
        steps: &["no replacement"],
        ..CASE
    },
    Case {
        name: "a previous key leaked, and the value is damaged",
        leaked: PREVIOUS,
        change: |seen| seen.secret.as_mut().unwrap().current = SecretContent::Sealed,
        steps: &["no replacement"],
        ..CASE
    },
    Case {
        name: "a key that keyrota does not know leaked",
        leaked: PREVIOUS,
        proven: false,
        change: |seen| seen.secret.as_mut().unwrap().previous_key = None,
        steps: &["deactivate"],
        ..CASE
    },
];

fn told(step: &LeakStep) -> String {
    match step {
        LeakStep::Abandon(None) => "abandon".to_owned(),
        LeakStep::Abandon(Some(key)) => format!("abandon: {}", key.id),
        LeakStep::MakeRoom(key) => format!("make room: {}", key.id),
        LeakStep::Replace => "replace".to_owned(),
        LeakStep::Deactivate => "deactivate".to_owned(),
        LeakStep::Delete => "delete".to_owned(),
        LeakStep::DenySessions => "deny sessions".to_owned(),
    }
}

#[test]
fn each_situation_has_its_steps() {
    for case in CASES {
        let mut seen = seen();
        (case.change)(&mut seen);
        let proven = match case.proven {
            true => BTreeSet::from([PREVIOUS.to_owned()]),
            false => BTreeSet::new(),
        };
        let planned = plan_leak(LeakScene {
            seen: &seen,
            proven: &proven,
            leaked: case.leaked,
            delete_old_key: case.delete,
            deny_sessions: case.deny,
        });
        let steps = match &planned {
            Ok(steps) => steps.iter().map(told).collect(),
            Err(LeakRefusal::NoRoom { key, .. }) => vec![format!("no room: {}", key.id)],
            Err(LeakRefusal::ReportedInTheWay { key, .. }) => {
                vec![format!("reported: {}", key.id)]
            }
            Err(LeakRefusal::NoReplacement { .. }) => vec!["no replacement".to_owned()],
            Err(other) => panic!("{}: {other}", case.name),
        };
        assert_eq!(steps, case.steps, "{}", case.name);
        // The leaked key is never deleted without the option, and no other key after the new one.
        let deletes = steps.iter().any(|step| step == "delete");
        assert!(!deletes || case.delete, "{}", case.name);
        if let Some(replaced) = steps.iter().position(|step| step == "replace") {
            let early = &steps[..replaced];
            assert!(
                !early.iter().any(|step| step.starts_with("de")),
                "{}",
                case.name
            );
        }
    }
}

#[test]
fn a_refusal_names_the_key_and_the_commands() {
    let mut seen = seen();
    seen.secret.as_mut().unwrap().previous_key = None;
    of(&mut seen, PREVIOUS).last_used = Some(at("2026-11-20T10:00:00Z"));
    let refusal = plan_leak(LeakScene {
        seen: &seen,
        proven: &BTreeSet::new(),
        leaked: CURRENT,
        delete_old_key: false,
        deny_sessions: false,
    });
    let text = refusal.unwrap_err().to_string();
    for part in [
        PREVIOUS,
        "created 2026-11-01T09:00:00Z",
        "last used 2026-11-20T10:00:00Z",
        "aws iam update-access-key --status Inactive --user-name ada --access-key-id AKIAPREVIOUS00000001",
        "aws iam delete-access-key --user-name ada --access-key-id AKIAPREVIOUS00000001",
    ] {
        assert!(text.contains(part), "{part}: {text}");
    }
}

#[test]
fn a_leaked_key_that_takes_the_place_is_named_with_the_next_step() {
    let mut seen = seen();
    reported(&mut seen);
    of(&mut seen, PREVIOUS).active = false;
    let refusal = plan_leak(LeakScene {
        seen: &seen,
        proven: &BTreeSet::new(),
        leaked: CURRENT,
        delete_old_key: false,
        deny_sessions: false,
    });
    let text = refusal.unwrap_err().to_string();
    for part in [
        "AKIAPREVIOUS00000001 was reported as leaked",
        "--delete-old-key",
        "aws iam delete-access-key --user-name ada --access-key-id AKIAPREVIOUS00000001",
    ] {
        assert!(text.contains(part), "{part}: {text}");
    }
}

#[test]
fn the_policy_denies_sessions_of_before_and_is_read_again() {
    let sessions = DeniedSessions::until(at("2026-11-29T09:00:00.4Z"));
    assert_eq!(sessions.before, at("2026-11-29T09:00:01Z"));
    assert_eq!(sessions.removable_after(), at("2026-11-30T21:00:01Z"));
    let document = deny_sessions_policy(sessions);
    // A user has 2,048 characters for all inline policies (`reference_iam-quotas`).
    assert!(document.len() < 200, "{}", document.len());
    assert_eq!(DeniedSessions::read(&document), Some(sessions));
    for other in [
        "",
        "{}",
        r#"{"Statement":{"Effect":"Allow","Condition":{"DateLessThan":{"aws:TokenIssueTime":"2026-11-29T09:00:01Z"}}}}"#,
        r#"{"Statement":[{"Effect":"Deny"}]}"#,
        r#"{"Statement":[{"Effect":"Deny"},{"Effect":"Allow"}]}"#,
    ] {
        assert_eq!(DeniedSessions::read(other), None, "{other}");
    }
}

#[test]
fn roles_come_from_events_and_policies() {
    let assumed = |role: Option<&str>, at_: &str| TrailEvent {
        action: "AssumeRole".to_owned(),
        at: at(at_),
        role: role.map(str::to_owned),
        ..TrailEvent::default()
    };
    let admin = "arn:aws:iam::111122223333:role/ops/admin";
    let events = [
        assumed(Some(admin), "2026-11-20T10:00:00Z"),
        assumed(Some(admin), "2026-11-21T10:00:00Z"),
        assumed(None, "2026-11-22T10:00:00Z"),
        TrailEvent {
            action: "ListRoles".to_owned(),
            ..assumed(
                Some("arn:aws:iam::111122223333:role/other"),
                "2026-11-22T10:00:00Z",
            )
        },
    ];
    let uses = assumed_roles(&events);
    assert_eq!(uses.len(), 1);
    assert_eq!(uses[0].role, admin);
    assert_eq!(uses[0].assumed, Some(at("2026-11-21T10:00:00Z")));

    let roles = |action: &str, resource: &str| {
        assumable_roles(&format!(
            r#"{{"Statement":[{{"Effect":"Allow",{action},{resource}}}]}}"#
        ))
    };
    let one = r#""Resource":"arn:aws:iam::111122223333:role/ops/admin""#;
    for action in [
        r#""Action":"sts:AssumeRole""#,
        r#""Action":["s3:*","STS:assume*"]"#,
        r#""Action":"*""#,
        r#""Action":"sts:Assume?ole""#,
        r#""NotAction":"s3:*""#,
    ] {
        assert_eq!(roles(action, one), [admin], "{action}");
    }
    for action in [
        r#""Action":"sts:AssumeRoleWithSAML""#,
        r#""Action":"s3:*""#,
        r#""NotAction":"sts:*""#,
    ] {
        assert!(roles(action, one).is_empty(), "{action}");
    }
    let all = roles(
        r#""Action":"*""#,
        r#""Resource":["*","arn:aws:s3:::bucket"]"#,
    );
    assert_eq!(all, ["*"]);
    let others = roles(r#""Action":"*""#, r#""NotResource":"arn:aws:s3:::bucket""#);
    assert_eq!(others, ["*"]);
    assert!(assumable_roles("not JSON").is_empty());
}

#[test]
fn how_to_revoke_depends_on_whose_role_it_is() {
    let revoke = |role: &str| revoke_command(role, "111122223333", at(NOW));
    let own = revoke("arn:aws:iam::111122223333:role/ops/admin");
    assert!(
        own.starts_with("aws iam put-role-policy --role-name admin "),
        "{own}"
    );
    assert!(own.contains("2026-11-29T09:00:01Z"), "{own}");
    assert!(revoke("arn:aws:iam::999900001111:role/x").contains("account 999900001111"));
    assert!(revoke("arn:aws:iam::111122223333:role/*").contains("each role that matches"));
    assert!(revoke("*").contains("each role"));
}

#[test]
fn denied_actions_are_those_of_denials() {
    let document = r#"{"Statement":[
        {"Effect":"Deny","Action":["iam:CreateAccessKey","iam:UpdateAccessKey"],"Resource":"*"},
        {"Effect":"Allow","Action":"s3:*","Resource":"*"},
        {"Effect":"Deny","Action":"ec2:RunInstances","Resource":"*"}]}"#;
    let expected = [
        "iam:CreateAccessKey",
        "iam:UpdateAccessKey",
        "ec2:RunInstances",
    ];
    assert_eq!(denied_actions(document), expected);
    assert!(denied_actions("").is_empty());
}
