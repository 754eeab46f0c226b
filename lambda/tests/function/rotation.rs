//! Whole rotations without mishaps.

use keyrota_function::decide::{CURRENT, PENDING, PREVIOUS, VersionId};
use keyrota_function::event::Step;

use crate::fake::{ADMINISTRATOR, SECRET_ARN, TOKEN, World, key_id, rotate, run};

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
        let world = World::new(rotate_as, false);
        assert_eq!(rotate(&world, TOKEN).name(), "done", "{rotate_as}");
        assert_eq!(world.current_key(), key_id(4));
        assert_eq!(world.carrier(CURRENT), Some(VersionId::new(TOKEN)));
        assert_eq!(world.carrier(PREVIOUS), Some(VersionId::new("first")));
        assert_eq!(world.carrier(PENDING), None);
        assert_eq!(world.ids(), [key_id(1), key_id(4)]);
        let fields = world.fields(CURRENT);
        assert_eq!(fields["note"], "kept as it is");
        for (action, by) in world.key_calls() {
            assert_eq!(by, signer, "{action} as {rotate_as}");
        }
    }
}

/// The program's cost estimate counts these calls (`src/cost/calls.rs`).
#[test]
fn no_call_is_made_that_is_not_needed() {
    let world = World::new("self", false);
    world.begin(TOKEN);
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
        (Step::Set, &[DESCRIBE]),
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
                "secretsmanager:UpdateSecretVersionStage",
                "iam:UntagUser",
            ],
        ),
    ];
    const IDENTIFY: &str = "sts:GetCallerIdentity";
    for (step, calls) in expected {
        world.calls.borrow_mut().clear();
        assert_eq!(run(&world, step).name(), "done");
        assert_eq!(world.actions(), calls, "{}", step.name());
    }
    assert!(world.slept.get().is_zero());
}

#[test]
fn rotations_follow_one_another() {
    for rotate_as in ["self", "role", "ops/key-admin"] {
        let world = World::new(rotate_as, false);
        let mut before = world.current_key();
        for round in 1..=5 {
            assert_eq!(rotate(&world, &format!("{round:0>36}")).name(), "done");
            let current = world.current_key();
            assert_ne!(current, before);
            assert_eq!(world.ids(), [before, current.clone()]);
            before = current;
        }
    }
}

#[test]
fn each_step_may_be_called_again() {
    for repeated in Step::ALL {
        let world = World::new("self", false);
        world.begin(TOKEN);
        for step in Step::ALL {
            assert_eq!(run(&world, step).name(), "done");
            if step == repeated {
                // Secrets Manager may also restart with the first step.
                for again in Step::ALL
                    .into_iter()
                    .take_while(|it| *it != step)
                    .chain([step])
                {
                    assert_eq!(run(&world, again).name(), "done");
                }
            }
        }
        assert_eq!(world.ids(), [key_id(1), key_id(4)]);
        assert_eq!(world.current_key(), key_id(4));
    }
}

#[test]
fn a_finished_rotation_stays_finished() {
    let world = World::new("self", false);
    assert_eq!(rotate(&world, TOKEN).name(), "done");
    world.calls.borrow_mut().clear();
    for step in Step::ALL {
        assert_eq!(run(&world, step).name(), "done");
    }
    let writes = [
        "iam:",
        "sts:",
        "secretsmanager:Put",
        "secretsmanager:Update",
    ];
    for action in world.actions() {
        assert!(
            !writes.iter().any(|write| action.starts_with(write)),
            "{action}"
        );
    }
}

#[test]
fn only_a_pending_version_is_rotated() {
    for step in Step::ALL {
        let world = World::new("self", false);
        let another = "99999999-2222-3333-4444-555555555555";
        world.begin(another);
        assert_eq!(
            run(&world, step).name(),
            "UnknownVersion",
            "{}",
            step.name()
        );

        let world = World::new("self", false);
        world.store(TOKEN, &["AWSPREVIOUS"], &world.fields(CURRENT).to_string());
        assert_eq!(
            run(&world, step).name(),
            "VersionNotPending",
            "{}",
            step.name()
        );
        assert_eq!(world.ids(), [key_id(1)]);
    }
}

#[test]
fn the_administrators_own_keys_are_left_alone() {
    let world = World::new("ops/key-admin", false);
    assert_eq!(rotate(&world, TOKEN).name(), "done");
    let users = world.users.borrow();
    assert_eq!(users[ADMINISTRATOR].len(), 1);
    assert_eq!(
        world.fields(CURRENT)["secretarn"],
        crate::fake::ADMINISTRATOR_ARN
    );
    assert_ne!(world.fields(CURRENT)["secretarn"], SECRET_ARN);
}
