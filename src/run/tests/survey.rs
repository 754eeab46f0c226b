//! Surveys, with a fault at every call.

use std::time::Duration;

use futures_util::FutureExt;
use serde_json::json;

use super::super::fake::{ACCOUNT, AwsState, FakeAws, Fault, FaultKind, Origin};
use super::super::{Context, LogReader, Pace, survey};
use crate::plan::{SecretMatch, Survey, SurveyOptions, Verdict};
use crate::port::{ErrorKind, ReportDocument, Result, TrailEvent};
use crate::tool::testing::Recorder;

const EVERYTHING: SurveyOptions = SurveyOptions {
    read_values: true,
    cloudtrail: true,
};

const HEADER: &str = "user,arn,password_enabled,access_key_1_active,access_key_1_last_rotated,access_key_1_last_used_date,access_key_1_last_used_service,access_key_1_last_used_region,access_key_2_active,access_key_2_last_rotated,access_key_2_last_used_date,access_key_2_last_used_service,access_key_2_last_used_region";

/// A report of these users, generated now: each has the first of its keys in it.
fn report(state: &AwsState, users: &[&str]) -> ReportDocument {
    let mut text = format!(
        "{HEADER}\n<root_account>,arn:aws:iam::{ACCOUNT}:root,not_supported,true,2020-01-01T00:00:00+00:00,N/A,N/A,N/A,false,N/A,N/A,N/A,N/A\n"
    );
    for user in users {
        let key = state.keys_of(user).first().map(|id| &state.keys[id]);
        let date = |at: Option<jiff::Timestamp>| at.map_or("N/A".to_owned(), |at| at.to_string());
        let created = date(key.map(|key| key.created));
        let used = date(key.and_then(|key| key.last_used));
        text.push_str(&format!(
            "{user},arn:aws:iam::{ACCOUNT}:user/{user},true,{},{created},{used},sts,eu-west-1,false,N/A,N/A,N/A,N/A\n",
            key.is_some_and(|key| key.active)
        ));
    }
    ReportDocument {
        text,
        generated: Some(state.now),
    }
}

/// An account with a key that is used from Lambda, and in a secret; one that is not used; and a
/// user without a key.
fn account() -> AwsState {
    let mut state = AwsState::new();
    for user in ["lambda", "person", "unused"] {
        state.add_user(user);
    }
    let lambda = state.add_key("lambda", Origin::Somebody);
    state.add_key("unused", Origin::Somebody);
    state.add_value("any", &json!({ "accesskey": lambda, "secretkey": "hush" }));
    for _ in 0..100 {
        state.next_day();
    }
    state.keys.get_mut(&lambda).unwrap().last_used = Some(state.now);
    let event = TrailEvent {
        id: "event-1".to_owned(),
        action: "PutParameter".to_owned(),
        at: state.now,
        user_agent: "exec-env/AWS_Lambda_python3.12".to_owned(),
        invoked_by: None,
        ..TrailEvent::default()
    };
    state.trail.insert(lambda, vec![event]);
    state.report = Some(report(&state, &["lambda", "person", "unused"]));
    state
}

fn run(fake: &FakeAws, options: SurveyOptions, fault: Option<Fault>) -> Option<Result<Survey>> {
    fake.begin(fault);
    let (logs, listener) = (LogReader::default(), Recorder::default());
    let context = Context {
        cloud: fake,
        clock: fake,
        listener: &listener,
        pace: Pace::AWS,
        region: "eu-west-1",
        logs: &logs,
    };
    survey(&context, ACCOUNT, options).now_or_never()
}

fn surveyed(fake: &FakeAws, options: SurveyOptions) -> Survey {
    run(fake, options, None).unwrap().unwrap()
}

fn verdicts(survey: &Survey) -> Vec<(&str, Verdict)> {
    let keys = survey.keys.iter();
    keys.map(|key| (key.user.as_str(), key.verdict)).collect()
}

#[test]
fn the_report_answers_what_it_can() {
    let fake = FakeAws::new(account());
    let found = surveyed(&fake, SurveyOptions::default());
    assert_eq!(found.warnings, Vec::<String>::new());
    assert_eq!(
        verdicts(&found),
        [
            ("lambda", Verdict::Rotate),
            ("unused", Verdict::Delete),
            ("<root_account>", Verdict::Delete),
        ]
    );
    assert_eq!(found.users.with_console_password, Some(3));
    assert_eq!(
        *fake.log.borrow(),
        [
            "iam:ListUsers",
            "iam:GenerateCredentialReport",
            "iam:GetCredentialReport",
            "iam:ListAccessKeys",
            "iam:ListAccessKeys",
            "secretsmanager:ListSecrets",
        ]
    );
    let found = surveyed(&fake, EVERYTHING);
    let lambda = &found.keys[0];
    assert_eq!(lambda.verdict, Verdict::UseRole);
    assert_eq!(lambda.secret.as_deref(), Some("any"));
    assert_eq!(lambda.secret_matched_by, Some(SecretMatch::KeyId));
    let asked = |call: &str| fake.log.borrow().iter().filter(|it| **it == call).count();
    // Nothing in CloudTrail would keep the other key.
    assert_eq!(asked("cloudtrail:LookupEvents"), 1);
}

#[test]
fn an_old_report_does_not_delete_what_was_used_since() {
    let mut state = account();
    state.next_day();
    let unused = state.keys_of("unused")[0].clone();
    state.keys.get_mut(&unused).unwrap().last_used = Some(state.now);
    // The person has a key now.
    state.add_key("person", Origin::Somebody);
    state.next_day();
    let fake = FakeAws::new(state);
    let found = surveyed(&fake, SurveyOptions::default());
    assert_eq!(
        verdicts(&found),
        [
            ("lambda", Verdict::Rotate),
            ("person", Verdict::Rotate),
            ("unused", Verdict::Rotate),
            ("<root_account>", Verdict::Delete),
        ]
    );
}

#[test]
fn a_report_that_is_being_generated_is_awaited() {
    let mut state = account();
    state.report_delay = 20;
    let fake = FakeAws::new(state);
    let found = surveyed(&fake, SurveyOptions::default());
    assert!(found.warnings.is_empty() && found.credential_report.is_some());

    let mut state = account();
    state.report_delay = 100_000;
    let fake = FakeAws::new(state);
    let found = surveyed(&fake, SurveyOptions::default());
    assert_eq!(found.credential_report, None);
    assert_eq!(found.warnings.len(), 2, "{:?}", found.warnings);
    // Every other source still counts.
    assert_eq!(
        verdicts(&found),
        [("lambda", Verdict::Rotate), ("unused", Verdict::Delete)]
    );
    assert_eq!(found.users.with_console_password, None);
}

#[test]
fn a_denied_source_is_a_warning_that_names_it() {
    for call in [
        "iam:GenerateCredentialReport",
        "iam:GetCredentialReport",
        "iam:ListAccessKeys",
        "iam:GetAccessKeyLastUsed",
        "secretsmanager:ListSecrets",
        "secretsmanager:GetSecretValue",
        "cloudtrail:LookupEvents",
    ] {
        let mut state = account();
        state.denied_calls.insert(call);
        // The last use of a key that is newer than the report is looked up.
        state.add_key("lambda", Origin::Somebody);
        state.next_day();
        state.report.as_mut().unwrap().generated = Some(state.now);
        let fake = FakeAws::new(state);
        let found = surveyed(&fake, EVERYTHING);
        let warnings = found.warnings.join("\n");
        assert!(
            warnings.contains(&format!("{call} is not allowed")),
            "{warnings}"
        );
        assert_eq!(found.warnings.len(), 1, "{warnings}");
        let listed = found.keys.iter().filter(|key| !key.is_root()).count();
        assert!(listed >= 2, "{call}");
        if call == "iam:ListAccessKeys" {
            assert!(found.keys.iter().all(|key| key.access_key_id.is_none()));
        }
    }
    let mut state = account();
    state.denied_calls.insert("iam:ListUsers");
    let error = run(&FakeAws::new(state), EVERYTHING, None)
        .unwrap()
        .unwrap_err();
    assert_eq!(
        (error.call, error.kind),
        ("iam:ListUsers", ErrorKind::Denied)
    );
}

#[test]
fn any_call_can_fail() {
    let fake = FakeAws::new(account());
    surveyed(&fake, EVERYTHING);
    let calls = fake.calls();
    for call in 1..=calls {
        for kind in [FaultKind::Throttled, FaultKind::Lost, FaultKind::SignedOut] {
            let fake = FakeAws::new(account());
            let found = run(&fake, EVERYTHING, Some(Fault { call, kind })).unwrap();
            let name = fake.log.borrow()[call - 1];
            match found {
                Ok(found) => {
                    assert_ne!(kind, FaultKind::SignedOut, "{name}");
                    let warnings = found.warnings.join("\n");
                    assert!(warnings.contains(name), "{name}: {warnings}");
                }
                Err(error) => {
                    assert_eq!(error.call, name);
                    assert!(
                        kind == FaultKind::SignedOut || name == "iam:ListUsers",
                        "{name}"
                    );
                }
            }
        }
    }
}

#[test]
fn a_use_that_is_unknown_deletes_nothing() {
    let mut state = account();
    state.report = None;
    state.denied_calls.insert("iam:GetAccessKeyLastUsed");
    let found = surveyed(&FakeAws::new(state), SurveyOptions::default());
    assert_eq!(
        verdicts(&found),
        [("lambda", Verdict::Rotate), ("unused", Verdict::Rotate)]
    );
    assert!(found.keys.iter().all(|key| key.last_used.is_none()));
}

#[test]
fn the_rates_of_iam_and_cloudtrail_are_respected() {
    const USERS: usize = 20;
    let mut state = AwsState::new();
    for number in 0..USERS {
        let user = format!("user-{number:02}");
        state.add_user(&user);
        let key = state.add_key(&user, Origin::Somebody);
        state.keys.get_mut(&key).unwrap().last_used = Some(state.now);
    }
    let elapsed = |cloudtrail: bool| {
        let fake = FakeAws::new(state.clone());
        let begun = fake.state.borrow().now;
        let options = SurveyOptions {
            read_values: false,
            cloudtrail,
        };
        surveyed(&fake, options);
        let ended = fake.state.borrow().now;
        ended.duration_since(begun).unsigned_abs()
    };
    // Two calls for each user, 20 a second.
    let base = elapsed(false);
    assert!(
        base >= Pace::AWS.survey * 2 * (USERS as u32 - 1),
        "{base:?}"
    );
    let added = elapsed(true) - base;
    assert!(
        added >= Duration::from_millis(500) * (USERS as u32 - 1),
        "{added:?}"
    );
}
