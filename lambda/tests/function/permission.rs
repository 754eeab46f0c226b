//! `testSecret`, if the new key must have a permission.

use std::time::Duration;

use keyrota_function::decide::{CURRENT, PENDING};
use keyrota_function::event::Step;
use keyrota_function::port::CallErrorKind;
use keyrota_test_function::secrets::FakeSecrets as _;

use crate::fake::{FakeAws, Mishap, TOKEN, key_id, rotate, run};

const BUCKET: &str = "s3:ListBucket arn:aws:s3:::artifacts eu-west-1";
const ROLE: &str = "sts:AssumeRole arn:aws:iam::111122223333:role/deploy";

const LIST: &str = "s3:ListBucket";
const ASSUME: &str = "sts:AssumeRole";

/// Pins the permission that a new key must have: an action, an ARN, and optionally a Region.
fn pin(aws: &FakeAws, text: &str) {
    let words: Vec<&str> = text.split(' ').collect();
    let mut probe = serde_json::json!({ "action": words[0], "resource": words[1] });
    if let Some(region) = words.get(2) {
        probe["region"] = serde_json::json!(region);
    }
    aws.pin("probe", probe);
}

/// Returns AWS with a secret whose pending version has key 4.
fn created(probe: &str) -> FakeAws {
    let aws = FakeAws::new("self", false);
    pin(&aws, probe);
    aws.begin(TOKEN);
    assert_eq!(run(&aws, Step::Create).name(), "done");
    aws.calls.borrow_mut().clear();
    aws
}

fn test(aws: &FakeAws) -> &'static str {
    run(aws, Step::Test).name()
}

fn count(aws: &FakeAws, action: &str) -> usize {
    aws.actions().iter().filter(|it| **it == action).count()
}

#[test]
fn a_key_that_may_passes_with_one_more_call_by_itself() {
    for (probe, action) in [(BUCKET, LIST), (ROLE, ASSUME)] {
        let aws = created(probe);
        assert_eq!(test(&aws), "done");
        assert_eq!(count(&aws, action), 1);
        let calls = aws.calls.borrow();
        // The probe comes last, after the key was found to belong to the user.
        assert_eq!(calls.last(), Some(&(action, key_id(4).to_string())));
        assert!(aws.slept.get().is_zero());
    }
}

#[test]
fn a_key_that_may_not_is_not_promoted() {
    for (probe, action, object) in [
        (BUCKET, LIST, "s3:ListBucket on arn:aws:s3:::artifacts"),
        (
            ROLE,
            ASSUME,
            "sts:AssumeRole on arn:aws:iam::111122223333:role/deploy",
        ),
    ] {
        let aws = created(probe);
        aws.allowed_at.set(None);
        assert_eq!(test(&aws), "ProbeDenied");
        // The step waited for it, but not until the timeout.
        assert!(count(&aws, action) > 5);
        assert!(aws.slept.get() >= Duration::from_secs(20));
        assert!(aws.slept.get() < Duration::from_secs(25));
        let said = aws.output.said();
        let expected = format!("it authenticates as ci-deployer, but may not {object}: ");
        assert!(said.contains(&expected), "{said}");
        assert!(said.contains("then rotate again"));
        assert_eq!(aws.current_key(), key_id(1));
    }
    // A whole rotation does not change that either.
    let aws = FakeAws::new("self", false);
    pin(&aws, BUCKET);
    aws.allowed_at.set(None);
    assert_eq!(rotate(&aws, TOKEN).name(), "ProbeDenied");
    assert_eq!(aws.current_key(), key_id(1));
    // The policy is corrected.
    aws.allowed_at.set(Some(Duration::ZERO));
    assert_eq!(rotate(&aws, TOKEN).name(), "done");
    assert_eq!(aws.current_key(), key_id(4));
}

/// A mail server refuses a login that it does not know yet like a wrong one, so that the step uses
/// all its time.
#[test]
fn a_login_that_is_refused_is_tried_again_while_there_is_time() {
    const LOGIN: &str = "smtp email-smtp.eu-west-1.amazonaws.com:587 eu-west-1";
    let aws = FakeAws::new("self", false);
    aws.pin("smtp", serde_json::json!(["eu-west-1"]));
    pin(&aws, LOGIN);
    aws.allowed_at.set(Some(Duration::from_secs(40)));
    assert_eq!(rotate(&aws, TOKEN).name(), "done");
    assert_eq!(aws.current_key(), key_id(4));

    let aws = FakeAws::new("self", false);
    aws.pin("smtp", serde_json::json!(["eu-west-1"]));
    pin(&aws, LOGIN);
    aws.allowed_at.set(None);
    assert_eq!(rotate(&aws, TOKEN).name(), "ProbeDenied");
    assert!(
        aws.slept.get() > Duration::from_secs(45),
        "{:?}",
        aws.slept.get()
    );
    assert_eq!(aws.current_key(), key_id(1));
    let said = aws.output.said();
    let object = "log in at email-smtp.eu-west-1.amazonaws.com:587 by SMTP";
    assert!(said.contains(object), "{said}");
    assert!(
        said.contains("check that the server is Amazon SES"),
        "{said}"
    );

    // The password of another Region is not in the value.
    let aws = FakeAws::new("self", false);
    aws.pin("smtp", serde_json::json!(["us-east-1"]));
    pin(&aws, LOGIN);
    assert_eq!(rotate(&aws, TOKEN).name(), "PinInvalid");
}

#[test]
fn a_permission_is_waited_for_while_it_spreads() {
    let aws = created(ROLE);
    aws.allowed_at
        .set(Some(aws.now.get() + Duration::from_secs(15)));
    assert_eq!(test(&aws), "done");
    assert!(aws.slept.get() < Duration::from_secs(20));
    assert!(aws.output.said().contains(r#""decision":"wait""#));
}

#[test]
fn what_may_pass_is_waited_out_within_the_time_there_is() {
    for fault in [
        CallErrorKind::NotAuthenticated,
        CallErrorKind::Throttled,
        CallErrorKind::Unclear,
        CallErrorKind::Unsent,
    ] {
        let aws = created(BUCKET);
        aws.inject_into_action(LIST, &[Mishap::Before(fault); 4]);
        assert_eq!(test(&aws), "done", "{fault:?}");
        assert_eq!(count(&aws, LIST), 5);

        let aws = created(BUCKET);
        aws.inject_into_action(LIST, &[Mishap::Before(fault); 999]);
        assert_eq!(test(&aws), "ProbeUnclear", "{fault:?}");
        assert!(aws.slept.get() > Duration::from_secs(50), "{fault:?}");
        assert!(aws.slept.get() < Duration::from_secs(60), "{fault:?}");
        assert_eq!(aws.current_key(), key_id(1));
    }
}

#[test]
fn what_will_not_pass_is_final() {
    for fault in [
        CallErrorKind::NotFound,
        CallErrorKind::Refused,
        CallErrorKind::LimitExceeded,
    ] {
        let aws = created(BUCKET);
        aws.inject_into_action(LIST, &[Mishap::Before(fault)]);
        assert_eq!(test(&aws), "ProbeRefused", "{fault:?}");
        assert_eq!(count(&aws, LIST), 1);
        assert!(
            aws.output
                .said()
                .contains("correct `probe` in the manifest")
        );
    }
}

#[test]
fn a_denial_is_final_where_no_time_is_left() {
    let aws = created(BUCKET);
    aws.allowed_at.set(None);
    aws.take_per_call(Duration::from_secs(9));
    assert_eq!(test(&aws), "ProbeDenied");
}

#[test]
fn no_attempt_begins_that_would_not_end_in_time() {
    let aws = created(BUCKET);
    aws.inject_into_action(LIST, &[Mishap::Before(CallErrorKind::Unclear); 999]);
    aws.take_per_call(Duration::from_secs(7));
    let began = aws.now.get();
    assert_eq!(test(&aws), "ProbeUnclear");
    let took = aws.now.get() - began;
    assert!(took < Duration::from_secs(60), "{took:?}");
}

#[test]
fn a_pin_that_makes_no_sense_stops_it_before_any_call_with_the_key() {
    let aws = created(BUCKET);
    pin(&aws, "s3:ListBucket everything");
    assert_eq!(test(&aws), "PinInvalid");
    assert_eq!(count(&aws, "sts:GetCallerIdentity"), 0);
    // A test of the configuration detects this too.
    let aws = FakeAws::new("self", false);
    pin(&aws, "nonsense everything");
    assert_eq!(test(&aws), "PinInvalid");
}

#[test]
fn a_test_of_the_configuration_has_no_key_to_try() {
    let aws = FakeAws::new("self", false);
    pin(&aws, BUCKET);
    let current = aws.fields(CURRENT).to_string();
    aws.store(TOKEN, &[PENDING], &current);
    assert_eq!(test(&aws), "done");
    assert_eq!(count(&aws, LIST), 0);
}
