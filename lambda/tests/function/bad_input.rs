//! Secrets with invalid content: every step and the sweep respond to each of them with an error
//! that names the next step, or ignore it for a good reason, and never panic.

use keyrota_function::decide::{CURRENT, PENDING, PREVIOUS};
use keyrota_function::error::NamedError;
use keyrota_function::event::Step;
use keyrota_function::port::CallErrorKind;
use serde_json::{Value, json};

use crate::fake::{
    ADMINISTRATOR_ARN, Ended, Mishap, OTHER, SECRET_ARN, TOKEN, World, key_id, run, sweep,
    sweep_all,
};

/// Text that must never appear in output, wherever it was stored.
const UNSPEAKABLE: &str = "hunter2-correct-horse-battery-staple";

/// Returns possible values, each with its name.
fn values(world: &World, good: &Value) -> Vec<(String, Option<String>)> {
    let other = world.find_key(key_id(2).as_str()).expect("a key").1;
    let mut values = vec![
        ("absent".to_owned(), None),
        ("no JSON".to_owned(), Some(UNSPEAKABLE.to_owned())),
        ("empty".to_owned(), Some(String::new())),
        ("an array".to_owned(), Some(json!([good]).to_string())),
        ("a string".to_owned(), Some(json!(UNSPEAKABLE).to_string())),
        ("null".to_owned(), Some("null".to_owned())),
        ("an empty object".to_owned(), Some("{}".to_owned())),
        ("too deep".to_owned(), Some("[".repeat(100_000))),
        (
            "another user's".to_owned(),
            Some(world.value_of(OTHER, &other, SECRET_ARN)),
        ),
    ];
    for field in ["accesskey", "secretkey", "username", "secretarn"] {
        let mut without = good.clone();
        without.as_object_mut().expect("an object").remove(field);
        values.push((format!("without {field}"), Some(without.to_string())));
        for odd in [
            json!(""),
            json!(null),
            json!(7),
            json!([UNSPEAKABLE]),
            json!({ UNSPEAKABLE: UNSPEAKABLE }),
            json!(UNSPEAKABLE),
        ] {
            let mut changed = good.clone();
            let name = format!("{field} is {odd}");
            changed[field] = odd;
            values.push((name, Some(changed.to_string())));
        }
    }
    values
}

fn world(rotate_as: &str) -> World {
    let world = World::new(rotate_as, false);
    world.guarded.set(false);
    world.never_say(UNSPEAKABLE);
    let timetable = "deactivate_after=1h delete_after=1h hold_if_used_within=1h";
    world.pin_old_key(timetable);
    world
}

/// Checks that an error names the next step.
fn helpful(ended: &Ended, case: &str) {
    match ended {
        Ended::Done => {}
        Ended::Died => panic!("{case}: it never ended"),
        Ended::Failed(error) => {
            let said = error.sentence();
            let next = [
                "keyrota ",
                "rotate again",
                "tries again",
                "the log says why",
            ];
            assert!(
                next.iter().any(|next| said.contains(next)),
                "{case}: {said}"
            );
            assert!(said.starts_with("failed to "), "{case}: {said}");
        }
    }
}

#[test]
fn every_step_and_the_sweep_answer_every_value() {
    let mut cases = 0;
    for rotate_as in ["self", "role", "ops/key-admin"] {
        let count = values(&world(rotate_as), &json!({})).len();
        for label in [CURRENT, PENDING, PREVIOUS] {
            for number in 0..count {
                for step in Step::ALL.into_iter().map(Some).chain([None]) {
                    let world = world(rotate_as);
                    let good = world.fields(CURRENT);
                    let (name, value) = values(&world, &good).swap_remove(number);
                    let case = format!("{rotate_as}: {label} is {name}, {step:?}");
                    let version = match label {
                        CURRENT => "first",
                        PENDING => TOKEN,
                        _ => "before",
                    };
                    if label != PENDING && step.is_some() {
                        world.begin(TOKEN);
                    }
                    world.store_in(SECRET_ARN, version, &[label], value);
                    world.pass(std::time::Duration::from_secs(86_400));
                    let ended = match step {
                        Some(step) => run(&world, step),
                        None => sweep(&world),
                    };
                    helpful(&ended, &case);
                    // Whatever the value was, the user's key still exists.
                    assert!(world.ids().contains(&key_id(1)), "{case}");
                    let odd = label == CURRENT || label == PENDING;
                    if odd && matches!(step, Some(Step::Finish)) {
                        let current = world.carrier(CURRENT).expect("a version");
                        assert_eq!(current.as_str(), "first", "{case}");
                    }
                    cases += 1;
                }
            }
        }
    }
    assert!(cases > 1_500, "only {cases}");
}

#[test]
fn a_binary_value_and_a_sealed_one_are_answered_too() {
    for step in Step::ALL {
        let world = world("self");
        world.begin(TOKEN);
        world.change_secret(|secret| {
            for version in secret.versions.values_mut() {
                version.details.binary = true;
            }
        });
        helpful(&run(&world, step), step.name());
    }
    for step in Step::ALL {
        let world = world("self");
        world.begin(TOKEN);
        let sealed = Mishap::Before(CallErrorKind::Undecryptable);
        world.befall_action("secretsmanager:GetSecretValue", &[sealed; 9]);
        helpful(&run(&world, step), step.name());
    }
    let world = world("self");
    world.change_secret(|secret| {
        for version in secret.versions.values_mut() {
            version.details.binary = true;
        }
    });
    assert_eq!(sweep(&world).name(), "SweepFailed");
    assert!(world.said.borrow().contains("ValueUnreadable"));
}

/// A secret that the function does not serve: it is not pinned, or does not exist.
#[test]
fn a_secret_that_it_does_not_serve_is_not_touched() {
    for step in Step::ALL {
        let world = World::new("self", false);
        world.unpin();
        world.begin(TOKEN);
        let ended = run(&world, step);
        assert_eq!(ended.name(), "NotPinned", "{}", step.name());
        helpful(&ended, step.name());
        assert!(!world.actions().iter().any(|it| it.starts_with("iam:")));

        let world = World::new("self", false);
        world.guarded.set(false);
        world.begin(TOKEN);
        world.secrets.borrow_mut().remove(SECRET_ARN);
        let ended = run(&world, step);
        assert_eq!(ended.name(), "SecretUnread", "{}", step.name());
        assert!(ended_says(&ended, "check the role's policy"));
    }
    let world = World::new("self", false);
    let ended = sweep_all(&world, &[ADMINISTRATOR_ARN]);
    assert_eq!(ended.name(), "SweepFailed");
    assert!(world.said.borrow().contains("NotPinned"));
    assert!(!world.actions().iter().any(|it| it.starts_with("iam:")));
}

fn ended_says(ended: &Ended, text: &str) -> bool {
    matches!(ended, Ended::Failed(error) if error.sentence().contains(text))
}
