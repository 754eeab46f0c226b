//! The check: the rehearsal of the next rotation, which changes nothing.

use std::collections::BTreeSet;

use keyrota_function::decide::{Activity, CURRENT, PREVIOUS};
use keyrota_function::event::Invocation;
use keyrota_function::port::CallErrorKind;
use keyrota_test_function::secrets::FakeSecrets as _;
use serde_json::{Value, json};

use crate::fake::{
    ADMINISTRATOR_ARN, Checked, FakeAws, Mishap, SECRET_ARN, TOKEN, USER, check, key_id, rotate,
    sweep,
};

/// The calls that read, and those about a key that does not exist.
const HARMLESS: [&str; 8] = [
    "secretsmanager:DescribeSecret",
    "secretsmanager:GetSecretValue",
    "sts:GetCallerIdentity",
    "iam:ListAccessKeys",
    "iam:GetAccessKeyLastUsed",
    "iam:ListUserTags",
    "iam:DeleteAccessKey",
    "iam:UpdateAccessKey",
];

/// Everything that persists: the keys without their last use, the versions, and the tags.
fn persistent(aws: &FakeAws) -> String {
    let keys: Vec<_> = aws
        .users
        .borrow()
        .values()
        .flatten()
        .map(|key| {
            (
                key.id.clone(),
                key.secret.clone(),
                key.activity,
                key.created,
            )
        })
        .collect();
    let secrets = aws.secrets.borrow();
    let versions: Vec<_> = secrets
        .values()
        .flat_map(|secret| &secret.versions)
        .map(|(id, version)| {
            (
                id.as_str().to_owned(),
                version.value.clone(),
                version.labels.clone(),
            )
        })
        .collect();
    format!("{keys:?} {versions:?} {:?}", aws.tags.borrow())
}

/// Rehearses the next rotation, and expects that nothing changes.
fn rehearse(aws: &FakeAws) -> Checked {
    let before = persistent(aws);
    let calls = aws.calls.borrow().len();
    let ended = crate::fake::rehearse(aws);
    assert_eq!(persistent(aws), before);
    let calls = aws.calls.borrow()[calls..].to_vec();
    let writes = ["iam:DeleteAccessKey", "iam:UpdateAccessKey"];
    let writes = calls
        .iter()
        .filter(|(call, _)| writes.contains(call))
        .count();
    assert!(writes <= 2, "{calls:?}");
    for (call, _) in calls {
        assert!(HARMLESS.contains(&call), "{call}");
    }
    ended
}

/// Returns each call with its result, such as `role secretsmanager:GetSecretValue: failed`.
fn rehearsed(aws: &FakeAws) -> Vec<String> {
    let Checked::Done(answer) = rehearse(aws) else {
        panic!("an answer");
    };
    let calls = serde_json::to_value(&answer.calls).expect("JSON");
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let calls = calls.as_array().expect("a list").iter();
    calls
        .map(|it| {
            let on = it
                .get("resource")
                .map_or(String::new(), |it| format!(" on {}", text(it)));
            format!(
                "{} {}{on}: {}",
                text(&it["by"]),
                text(&it["call"]),
                text(&it["result"])
            )
        })
        .collect()
}

fn failed(calls: &[String]) -> Vec<&str> {
    calls
        .iter()
        .filter_map(|it| it.strip_suffix(": failed"))
        .collect()
}

#[test]
fn it_makes_the_calls_that_change_nothing_and_lists_the_others() {
    let aws = FakeAws::new("self", false);
    aws.pin_old_key("deactivate_after=1d delete_after=2d hold_if_used_within=1d");
    let expected = [
        "role secretsmanager:DescribeSecret: allowed",
        "role secretsmanager:GetSecretValue: allowed",
        "user sts:GetCallerIdentity: allowed",
        "user iam:ListAccessKeys: allowed",
        "user iam:GetAccessKeyLastUsed: allowed",
        "role iam:ListUserTags: allowed",
        "role iam:TagUser: untried",
        "user iam:DeleteAccessKey: allowed",
        "user iam:CreateAccessKey: untried",
        "role secretsmanager:PutSecretValue: untried",
        "role secretsmanager:UpdateSecretVersionStage: untried",
        "role iam:UntagUser: untried",
        "user iam:UpdateAccessKey: allowed",
    ];
    assert_eq!(rehearsed(&aws), expected);
    // Nothing is asked that no rotation asks.
    let aws = FakeAws::new("role", true);
    let expected = [
        "role secretsmanager:DescribeSecret: allowed",
        "role secretsmanager:GetSecretValue: allowed",
        "role sts:GetCallerIdentity: allowed",
        "role iam:ListAccessKeys: allowed",
        "role iam:GetAccessKeyLastUsed: allowed",
        "role iam:DeleteAccessKey: allowed",
        "role iam:CreateAccessKey: untried",
        "role secretsmanager:PutSecretValue: untried",
        "role secretsmanager:UpdateSecretVersionStage: untried",
    ];
    assert_eq!(rehearsed(&aws), expected);
}

#[test]
fn the_calls_are_those_of_a_rotation_and_its_sweep() {
    for (rotate_as, owns) in [("self", false), ("role", true), ("ops/key-admin", false)] {
        let aws = FakeAws::new(rotate_as, owns);
        aws.pin_old_key("deactivate_after=1d delete_after=2d hold_if_used_within=1d");
        let listed: BTreeSet<String> = rehearsed(&aws)
            .iter()
            .filter_map(|it| {
                it.split(' ')
                    .nth(1)
                    .map(|call| call.trim_end_matches(':').to_owned())
            })
            .collect();
        aws.calls.borrow_mut().clear();
        assert!(rotate(&aws, TOKEN).is_done());
        for _ in 0..2 {
            aws.pass(std::time::Duration::from_secs(3 * 86_400));
            assert!(sweep(&aws).is_done());
        }
        let token = "22222222-2222-3333-4444-555555555555";
        assert!(rotate(&aws, token).is_done());
        let made: BTreeSet<String> = aws.actions().into_iter().map(str::to_owned).collect();
        let missing: Vec<&String> = made.difference(&listed).collect();
        assert!(missing.is_empty(), "{rotate_as}: {missing:?}");
    }
}

#[test]
fn each_call_that_is_refused_is_named_with_its_code() {
    let aws = FakeAws::new("self", false);
    aws.pin_old_key("deactivate_after=1d delete_after=2d hold_if_used_within=1d");
    let calls = {
        let aws = aws.fork();
        rehearsed(&aws);
        aws.actions()
    };
    for (number, call) in calls.iter().enumerate() {
        let aws = aws.fork();
        aws.inject(number, Mishap::Before(CallErrorKind::NotAuthorised));
        let Checked::Done(answer) = rehearse(&aws) else {
            panic!("an answer");
        };
        let refused = answer.calls.iter().filter(|it| it.code.is_some());
        let refused: Vec<_> = refused
            .map(|it| (it.call.as_str(), it.code.as_deref()))
            .collect();
        assert_eq!(refused, [(*call, Some("AccessDenied"))], "{number}");
    }
    // A service that cannot be reached, and one that is busy.
    for (kind, code, suffix) in [
        (CallErrorKind::Unsent, "unreachable", "failed"),
        (CallErrorKind::Unclear, "no_answer", "failed"),
        (CallErrorKind::Throttled, "Throttling", "busy"),
    ] {
        let aws = aws.fork();
        aws.inject(3, Mishap::Before(kind));
        let Checked::Done(answer) = rehearse(&aws) else {
            panic!("an answer");
        };
        let call = answer
            .calls
            .iter()
            .find(|it| it.code.is_some())
            .expect("a failure");
        assert_eq!(call.code.as_deref(), Some(code));
        assert_eq!(serde_json::to_value(call.result).unwrap(), suffix);
    }
}

/// IAM counts every signed request as a use of its key.
#[test]
fn it_signs_with_no_previous_key_and_with_the_current_one_only_if_a_rotation_does() {
    for (rotate_as, signers) in [
        ("self", ["role", "AKIAFAKE000000000001"]),
        ("role", ["role", "role"]),
        ("ops/key-admin", ["role", "AKIAFAKE000000000003"]),
    ] {
        let aws = FakeAws::new(rotate_as, false);
        let previous = aws.give_key(USER, true);
        aws.record(&previous);
        let value = aws.value(&previous, SECRET_ARN);
        aws.store("before", &[PREVIOUS], &value);
        assert_eq!(failed(&rehearsed(&aws)), [""; 0]);
        let signed: BTreeSet<String> = aws
            .calls
            .borrow()
            .iter()
            .map(|(_, by)| by.clone())
            .collect();
        assert_eq!(signed, signers.map(str::to_owned).into(), "{rotate_as}");
    }
}

#[test]
fn during_a_rotation_it_signs_nothing() {
    let aws = FakeAws::new("self", false);
    aws.begin(TOKEN);
    let Checked::Done(answer) = rehearse(&aws) else {
        panic!("an answer");
    };
    assert!(answer.rotating);
    assert!(aws.calls.borrow().iter().all(|(_, by)| by == "role"));
    assert_eq!(aws.key_calls(), []);
}

#[test]
fn a_key_that_does_not_work_an_administrator_without_a_key_and_another_user_are_found() {
    let aws = FakeAws::new("self", false);
    aws.guarded.set(false);
    aws.change_key(&key_id(1), |key| key.activity = Activity::Inactive);
    let calls = rehearsed(&aws);
    assert_eq!(
        failed(&calls),
        ["user sts:GetCallerIdentity", "user iam:ListAccessKeys"]
    );

    let aws = FakeAws::new("ops/key-admin", false);
    aws.store_in(ADMINISTRATOR_ARN, "only", &[CURRENT], Some("{}".to_owned()));
    let calls = rehearsed(&aws);
    let unreadable = "role secretsmanager:GetSecretValue on ops/key-admin";
    assert_eq!(failed(&calls), [unreadable]);

    let aws = FakeAws::new("self", false);
    let arn = "arn:aws:iam::111122223333:user/somebody-else";
    aws.identity.replace(Some(arn.to_owned()));
    assert_eq!(failed(&rehearsed(&aws)), ["user sts:GetCallerIdentity"]);
    // Nothing else was signed by it.
    assert!(!aws.actions().contains(&"iam:DeleteAccessKey"));
}

#[test]
fn what_is_not_pinned_or_names_a_version_is_refused() {
    let aws = FakeAws::new("self", false);
    let event = json!({ "keyrota": "check", "secret": SECRET_ARN, "version": "first" });
    assert_eq!(check(&aws, &event).name(), "CheckNamesVersion");
    assert_eq!(aws.actions(), [""; 0]);
    aws.unpin();
    assert_eq!(rehearse(&aws).name(), "NotPinned");
    assert_eq!(aws.key_calls(), []);
    for event in [
        json!({ "keyrota": "check" }),
        json!({ "keyrota": "check", "secret": "prod/ci-deployer" }),
        json!({ "keyrota": "check", "secret": SECRET_ARN, "version": 1 }),
    ] {
        assert!(Invocation::parse(&event).is_err(), "{event}");
    }
}
