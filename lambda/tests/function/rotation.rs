//! Whole rotations without mishaps.

use keyrota_function::decide::{CURRENT, PENDING, PREVIOUS, VersionId};
use keyrota_function::event::Step;
use keyrota_function::mark::REPLACED;
use keyrota_function::port::CallErrorKind;
use keyrota_test_function::secrets::FakeSecrets as _;

use crate::fake::{ADMINISTRATOR, FakeAws, Mishap, SECRET_ARN, TOKEN, key_id, rotate, run};

const DESCRIBE: &str = "secretsmanager:DescribeSecret";
const READ: &str = "secretsmanager:GetSecretValue";

#[test]
fn a_rotation_ends_with_a_new_current_key_in_each_way() {
    for (rotate_as, signer) in [
        ("self", key_id(1).to_string()),
        ("role", "role".to_owned()),
        ("ops/key-admin", key_id(3).to_string()),
        (crate::fake::ADMINISTRATOR_ARN, key_id(3).to_string()),
    ] {
        let aws = FakeAws::new(rotate_as, false);
        assert_eq!(rotate(&aws, TOKEN).name(), "done", "{rotate_as}");
        assert_eq!(aws.current_key(), key_id(4));
        assert_eq!(aws.carrier(CURRENT), Some(VersionId::new(TOKEN)));
        assert_eq!(aws.carrier(PREVIOUS), Some(VersionId::new("first")));
        assert_eq!(aws.carrier(REPLACED), Some(VersionId::new("first")));
        assert_eq!(aws.carrier(PENDING), None);
        assert_eq!(aws.ids(), [key_id(1), key_id(4)]);
        let fields = aws.fields(CURRENT);
        assert_eq!(fields["note"], "kept as it is");
        for (action, by) in aws.key_calls() {
            assert_eq!(by, signer, "{action} as {rotate_as}");
        }
    }
}

/// The label only says where to look for the old key if someone stores a value by hand.
#[test]
fn a_version_that_cannot_get_the_label_is_replaced_all_the_same() {
    for fault in [CallErrorKind::Unclear, CallErrorKind::LimitExceeded] {
        let aws = FakeAws::new("self", false);
        aws.begin(TOKEN);
        assert_eq!(run(&aws, Step::Create).name(), "done");
        aws.inject_into_action(
            "secretsmanager:UpdateSecretVersionStage",
            &[Mishap::Before(fault)],
        );
        for step in [Step::Set, Step::Test, Step::Finish] {
            assert_eq!(run(&aws, step).name(), "done");
        }
        assert_eq!(aws.current_key(), key_id(4));
        assert_eq!(aws.carrier(REPLACED), None);
        assert!(aws.output.said().contains("KEYROTA_REPLACED"));
    }
}

/// The program's cost estimate counts these calls (`src/cost/calls.rs`).
#[test]
fn no_call_is_made_that_is_not_needed() {
    let aws = FakeAws::new("self", false);
    aws.begin(TOKEN);
    let expected: [(Step, &[&str]); 4] = [
        (
            Step::Create,
            &[
                DESCRIBE,
                READ,
                READ,
                READ,
                "iam:ListAccessKeys",
                "iam:ListUserTags",
                DESCRIBE,
                "iam:TagUser",
                "iam:CreateAccessKey",
                "secretsmanager:PutSecretValue",
                "iam:TagUser",
            ],
        ),
        (Step::Set, &[DESCRIBE, LABEL]),
        (
            Step::Test,
            &[DESCRIBE, READ, READ, IDENTIFY, IDENTIFY, IDENTIFY],
        ),
        (
            Step::Finish,
            &[
                DESCRIBE,
                READ,
                READ,
                IDENTIFY,
                IDENTIFY,
                IDENTIFY,
                LABEL,
                "iam:UntagUser",
            ],
        ),
    ];
    const IDENTIFY: &str = "sts:GetCallerIdentity";
    const LABEL: &str = "secretsmanager:UpdateSecretVersionStage";
    for (step, calls) in expected {
        aws.calls.borrow_mut().clear();
        assert_eq!(run(&aws, step).name(), "done");
        assert_eq!(aws.actions(), calls, "{}", step.name());
    }
    assert!(aws.slept.get().is_zero());
}

#[test]
fn rotations_follow_one_another() {
    for rotate_as in ["self", "role", "ops/key-admin"] {
        let aws = FakeAws::new(rotate_as, false);
        let mut before = aws.current_key();
        for round in 1..=5 {
            assert_eq!(rotate(&aws, &format!("{round:0>36}")).name(), "done");
            let current = aws.current_key();
            assert_ne!(current, before);
            assert_eq!(aws.ids(), [before, current.clone()]);
            before = current;
        }
    }
}

#[test]
fn each_step_may_be_called_again() {
    for repeated in Step::ALL {
        let aws = FakeAws::new("self", false);
        aws.begin(TOKEN);
        for step in Step::ALL {
            assert_eq!(run(&aws, step).name(), "done");
            if step == repeated {
                // Secrets Manager may also restart with the first step.
                for again in Step::ALL
                    .into_iter()
                    .take_while(|it| *it != step)
                    .chain([step])
                {
                    assert_eq!(run(&aws, again).name(), "done");
                }
            }
        }
        assert_eq!(aws.ids(), [key_id(1), key_id(4)]);
        assert_eq!(aws.current_key(), key_id(4));
    }
}

#[test]
fn a_finished_rotation_stays_finished() {
    let aws = FakeAws::new("self", false);
    assert_eq!(rotate(&aws, TOKEN).name(), "done");
    aws.calls.borrow_mut().clear();
    for step in Step::ALL {
        assert_eq!(run(&aws, step).name(), "done");
    }
    let writes = [
        "iam:",
        "sts:",
        "secretsmanager:Put",
        "secretsmanager:Update",
    ];
    for action in aws.actions() {
        assert!(
            !writes.iter().any(|write| action.starts_with(write)),
            "{action}"
        );
    }
}

#[test]
fn only_a_pending_version_is_rotated() {
    for step in Step::ALL {
        let aws = FakeAws::new("self", false);
        let another = "99999999-2222-3333-4444-555555555555";
        aws.begin(another);
        assert_eq!(run(&aws, step).name(), "UnknownVersion", "{}", step.name());

        let aws = FakeAws::new("self", false);
        aws.store(TOKEN, &["AWSPREVIOUS"], &aws.fields(CURRENT).to_string());
        assert_eq!(
            run(&aws, step).name(),
            "VersionNotPending",
            "{}",
            step.name()
        );
        assert_eq!(aws.ids(), [key_id(1)]);
    }
}

#[test]
fn the_administrators_own_keys_are_left_alone() {
    let aws = FakeAws::new("ops/key-admin", false);
    assert_eq!(rotate(&aws, TOKEN).name(), "done");
    let users = aws.users.borrow();
    assert_eq!(users[ADMINISTRATOR].len(), 1);
    assert_eq!(
        aws.fields(CURRENT)["secretarn"],
        crate::fake::ADMINISTRATOR_ARN
    );
    assert_ne!(aws.fields(CURRENT)["secretarn"], SECRET_ARN);
}
