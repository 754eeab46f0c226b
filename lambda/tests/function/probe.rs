//! `testSecret`: the new key, and tests of the configuration.

use std::time::Duration;

use keyrota_function::decide::{Activity, CURRENT, PENDING};
use keyrota_function::event::Step;
use keyrota_function::port::CallErrorKind;
use keyrota_test_function::secrets::FakeSecrets as _;

use crate::fake::{FakeAws, Mishap, OTHER, SECRET_ARN, TOKEN, USER, key_id, rotate, run};

const AGAIN: &str = "22222222-3333-4444-5555-666666666666";
const IDENTIFY: &str = "sts:GetCallerIdentity";

/// Returns AWS with a secret whose pending version has key 4.
fn created() -> FakeAws {
    let aws = FakeAws::new("self", false);
    aws.begin(TOKEN);
    assert_eq!(run(&aws, Step::Create).name(), "done");
    aws
}

fn test(aws: &FakeAws) -> &'static str {
    run(aws, Step::Test).name()
}

fn identifications(aws: &FakeAws) -> usize {
    aws.actions()
        .into_iter()
        .filter(|it| *it == IDENTIFY)
        .count()
}

#[test]
fn a_good_key_passes_without_waiting() {
    let aws = created();
    assert_eq!(test(&aws), "done");
    assert_eq!(identifications(&aws), 3);
    assert!(aws.slept.get().is_zero());
}

#[test]
fn a_key_is_waited_for_while_it_spreads() {
    let aws = FakeAws::new("self", false);
    aws.spread.set(Duration::from_secs(15));
    aws.begin(TOKEN);
    assert_eq!(run(&aws, Step::Create).name(), "done");
    assert_eq!(test(&aws), "done");
    assert!(aws.slept.get() < Duration::from_secs(20));
}

#[test]
fn successes_count_only_in_a_row() {
    let aws = created();
    let fault = Mishap::Before(CallErrorKind::NotAuthenticated);
    for number in [2, 4] {
        aws.inject_nth(IDENTIFY, number, fault);
    }
    assert_eq!(test(&aws), "done");
    // Two, a failure, one, a failure, three.
    assert_eq!(identifications(&aws), 8);
}

#[test]
fn what_may_pass_is_no_success() {
    for fault in [
        CallErrorKind::NotAuthenticated,
        CallErrorKind::Throttled,
        CallErrorKind::Unclear,
        CallErrorKind::Unsent,
    ] {
        let aws = created();
        aws.inject_into_action(IDENTIFY, &[Mishap::Before(fault); 999]);
        assert_eq!(test(&aws), "KeyNotUsableYet");
        assert!(aws.slept.get() > Duration::from_secs(50), "{fault:?}");
        assert!(aws.slept.get() < Duration::from_secs(60), "{fault:?}");
    }
}

#[test]
fn what_will_not_pass_is_final() {
    for fault in [CallErrorKind::NotAuthorised, CallErrorKind::Refused] {
        let aws = created();
        aws.inject_into_action(IDENTIFY, &[Mishap::Before(fault)]);
        assert_eq!(test(&aws), "KeyRefused");
        assert_eq!(identifications(&aws), 3);
    }
}

#[test]
fn the_key_must_be_the_pinned_users() {
    for arn in [
        "arn:aws:iam::111122223333:user/ci-deployer2",
        "arn:aws:iam::111122223333:root",
    ] {
        let aws = created();
        aws.identity.replace(Some(arn.to_owned()));
        assert_eq!(test(&aws), "AnotherIdentity");
    }
    // A value that names one user and contains another user's key.
    let aws = FakeAws::new("self", false);
    let other = aws.find_key(key_id(2).as_str()).expect("the other's key").1;
    aws.store(TOKEN, &[PENDING], &aws.value_of(USER, &other, SECRET_ARN));
    assert_eq!(test(&aws), "AnotherIdentity");
    assert_ne!(OTHER, USER);
}

#[test]
fn a_path_is_part_of_the_arn_but_not_of_the_name() {
    let aws = created();
    aws.pin("path", serde_json::json!("/teams/ci/"));
    aws.identity.replace(Some(format!(
        "arn:aws:iam::111122223333:user/teams/ci/{USER}"
    )));
    assert_eq!(test(&aws), "done");
}

/// Secrets Manager's test of the configuration, in its possible forms.
#[test]
fn a_test_of_the_configuration_passes() {
    type Prepare = fn(&FakeAws);
    let forms: [(&str, Prepare); 6] = [
        ("absent", |_| {}),
        ("without a value", |aws| aws.begin(TOKEN)),
        ("the current one", |aws| {
            let current = aws.fields(CURRENT).to_string();
            aws.store(TOKEN, &[PENDING], &current);
        }),
        ("without key fields", |aws| {
            let value = serde_json::json!({ "username": USER, "secretarn": SECRET_ARN });
            aws.store(TOKEN, &[PENDING], &value.to_string());
        }),
        ("an empty object", |aws| aws.store(TOKEN, &[PENDING], "{}")),
        ("not JSON", |aws| aws.store(TOKEN, &[PENDING], "test")),
    ];
    for (form, prepare) in forms {
        let aws = FakeAws::new("self", false);
        prepare(&aws);
        assert_eq!(test(&aws), "done", "{form}");
        assert!(
            aws.output.said().contains("test of the configuration"),
            "{form}"
        );
        assert_eq!(identifications(&aws), 0, "{form}");
        // It is always treated only as a test.
        let finished = run(&aws, Step::Finish).name();
        assert_ne!(finished, "done", "{form}");
        assert_eq!(aws.current_key(), key_id(1), "{form}");
        assert!(
            !aws.actions()
                .contains(&"secretsmanager:UpdateSecretVersionStage")
        );
    }
}

#[test]
fn a_secret_that_is_only_seeded_passes_the_test_of_the_configuration() {
    let (without_suffix, _) = SECRET_ARN.rsplit_once('-').expect("a suffix");
    let in_template = serde_json::json!({ "username": USER, "secretarn": without_suffix });
    for (rotate_as, seed) in [
        ("self", Some(in_template.clone())),
        ("role", Some(in_template.clone())),
        ("ops/key-admin", Some(in_template)),
        (
            "self",
            Some(serde_json::json!({ "username": USER, "secretarn": SECRET_ARN })),
        ),
        ("self", Some(serde_json::json!({ "username": USER }))),
        ("self", None),
    ] {
        let aws = FakeAws::new(rotate_as, false);
        aws.guarded.set(false);
        aws.store_in(
            SECRET_ARN,
            "first",
            &[CURRENT],
            seed.map(|seed| seed.to_string()),
        );
        aws.begin(TOKEN);
        assert_eq!(test(&aws), "done", "{rotate_as}");
    }
}

/// Only the first value, which has no key, has an ARN without a suffix.
#[test]
fn an_incomplete_arn_beside_a_key_is_another_origin() {
    let (without_suffix, _) = SECRET_ARN.rsplit_once('-').expect("a suffix");
    for (field, value, origin) in [
        ("accesskey", "AKIAIOSFODNN7EXAMPLE", without_suffix),
        ("secretkey", "s", without_suffix),
        ("other", "field", &without_suffix[1..]),
        (
            "other",
            "field",
            &without_suffix[..without_suffix.len() - 1],
        ),
    ] {
        let aws = FakeAws::new("self", false);
        aws.guarded.set(false);
        let seed = serde_json::json!({ "username": USER, "secretarn": origin, field: value });
        aws.store("first", &[CURRENT], &seed.to_string());
        assert_eq!(test(&aws), "AnotherOrigin", "{field} {origin}");
    }
}

#[test]
fn a_test_of_the_configuration_checks_what_it_can() {
    let aws = FakeAws::new("self", false);
    aws.unpin();
    assert_eq!(test(&aws), "NotPinned");

    let aws = FakeAws::new("self", false);
    aws.guarded.set(false);
    let seed = serde_json::json!({ "username": OTHER, "secretarn": SECRET_ARN });
    aws.store("first", &[CURRENT], &seed.to_string());
    assert_eq!(test(&aws), "AnotherUser");

    let aws = FakeAws::new("self", false);
    aws.guarded.set(false);
    aws.store("first", &[CURRENT], "hunter2");
    assert_eq!(test(&aws), "ValueUnreadable");

    let aws = FakeAws::new("self", false);
    let seed = serde_json::json!({ "username": OTHER });
    aws.store(TOKEN, &[PENDING], &seed.to_string());
    assert_eq!(test(&aws), "AnotherUser");
}

#[test]
fn half_a_credential_is_no_test_of_the_configuration() {
    for value in [
        serde_json::json!({ "accesskey": key_id(1).as_str(), "username": USER }),
        serde_json::json!({ "secretkey": "s", "username": USER }),
    ] {
        let aws = FakeAws::new("self", false);
        aws.store(TOKEN, &[PENDING], &value.to_string());
        assert_eq!(test(&aws), "PendingIncomplete");
    }
}

/// The current ID with a different secret key is an invalid value, and not the current one.
#[test]
fn the_current_id_with_another_secret_key_is_tested() {
    let aws = FakeAws::new("self", false);
    let mut value = aws.fields(CURRENT);
    value["secretkey"] = serde_json::json!("wrong/secret+0123456789");
    aws.store(TOKEN, &[PENDING], &value.to_string());
    assert_eq!(test(&aws), "KeyNotUsableYet");
}

/// The value of a version cannot be changed, so a rotation whose key no longer exists would
/// fail forever.
#[test]
fn a_rotation_whose_key_is_gone_is_given_up_and_the_next_succeeds() {
    type Interfere = fn(&FakeAws);
    // An inactive key is visible in the list. A missing key is looked up twice.
    let ways: [(Interfere, u64); 2] = [
        (|aws| aws.take_key(&key_id(4)), 20),
        (
            |aws| aws.change_key(&key_id(4), |key| key.activity = Activity::Inactive),
            5,
        ),
    ];
    for rotate_as in ["self", "role", "ops/key-admin"] {
        for (interfere, seconds) in ways {
            let aws = FakeAws::new(rotate_as, false);
            aws.begin(TOKEN);
            assert_eq!(run(&aws, Step::Create).name(), "done");
            interfere(&aws);
            assert_eq!(test(&aws), "GivenUp");
            assert!(aws.slept.get() < Duration::from_secs(seconds));
            assert!(aws.version(PENDING).is_none());
            assert_eq!(rotate(&aws, AGAIN).name(), "done");
            assert_eq!(aws.ids(), [key_id(1), key_id(5)]);
        }
    }
}

/// IAM's lists are eventually consistent, as its keys are.
#[test]
fn a_key_that_a_list_lacks_once_is_not_given_up() {
    let aws = FakeAws::new("role", false);
    aws.spread.set(Duration::from_secs(15));
    aws.begin(TOKEN);
    assert_eq!(run(&aws, Step::Create).name(), "done");
    aws.inject_into_action("iam:ListAccessKeys", &[Mishap::OutOfDate]);
    assert_eq!(test(&aws), "done");
    assert!(aws.actions().contains(&"iam:ListAccessKeys"));
}

/// Whatever timeout the manifest sets for a step.
#[test]
fn a_key_that_is_gone_is_given_up_when_the_time_is_up() {
    let aws = created();
    aws.take_key(&key_id(4));
    aws.take_per_call(Duration::from_secs(4));
    assert_eq!(test(&aws), "GivenUp");
}

#[test]
fn a_rotation_that_cannot_be_given_up_says_so() {
    let aws = created();
    aws.take_key(&key_id(4));
    let fault = Mishap::Before(CallErrorKind::NotAuthorised);
    aws.inject_into_action("secretsmanager:UpdateSecretVersionStage", &[fault]);
    assert_eq!(test(&aws), "NotGivenUp");
    assert_eq!(test(&aws), "GivenUp");
}
