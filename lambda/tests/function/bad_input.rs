//! Secrets with invalid content: every step and the sweep respond to each of them with an error
//! that names the next step, or ignore it for a good reason, and never panic.

use keyrota_function::decide::{CURRENT, PENDING, PREVIOUS};
use keyrota_function::error::NamedError;
use keyrota_function::event::Step;
use keyrota_function::port::CallErrorKind;
use keyrota_test_function::secrets::FakeSecrets as _;
use serde_json::{Value, json};

use crate::fake::{
    ADMINISTRATOR_ARN, FakeAws, Mishap, OTHER, Outcome, SECRET_ARN, TOKEN, key_id, run, sweep,
    sweep_all,
};

/// Text that must never appear in output, wherever it was stored.
const UNSPEAKABLE: &str = "hunter2-correct-horse-battery-staple";

/// Returns possible values, each with its name.
fn values(aws: &FakeAws, good: &Value) -> Vec<(String, Option<String>)> {
    let other = aws.find_key(key_id(2).as_str()).expect("a key").1;
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
            Some(aws.value_of(OTHER, &other, SECRET_ARN)),
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

fn aws(rotate_as: &str) -> FakeAws {
    let aws = FakeAws::new(rotate_as, false);
    aws.guarded.set(false);
    aws.never_say(UNSPEAKABLE);
    let timetable = "deactivate_after=1h delete_after=1h hold_if_used_within=1h";
    aws.pin_old_key(timetable);
    aws
}

/// Checks that an error names the next step.
fn helpful(ended: &Outcome, case: &str) {
    match ended {
        Outcome::Done(()) => {}
        Outcome::Died => panic!("{case}: it never ended"),
        Outcome::Failed(error) => {
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
        let count = values(&aws(rotate_as), &json!({})).len();
        for label in [CURRENT, PENDING, PREVIOUS] {
            for number in 0..count {
                for step in Step::ALL.into_iter().map(Some).chain([None]) {
                    let aws = aws(rotate_as);
                    let good = aws.fields(CURRENT);
                    let (name, value) = values(&aws, &good).swap_remove(number);
                    let case = format!("{rotate_as}: {label} is {name}, {step:?}");
                    let version = match label {
                        CURRENT => "first",
                        PENDING => TOKEN,
                        _ => "before",
                    };
                    if label != PENDING && step.is_some() {
                        aws.begin(TOKEN);
                    }
                    aws.store_in(SECRET_ARN, version, &[label], value);
                    aws.pass(std::time::Duration::from_secs(86_400));
                    let ended = match step {
                        Some(step) => run(&aws, step),
                        None => sweep(&aws),
                    };
                    helpful(&ended, &case);
                    // Whatever the value was, the user's key still exists.
                    assert!(aws.ids().contains(&key_id(1)), "{case}");
                    let odd = label == CURRENT || label == PENDING;
                    if odd && matches!(step, Some(Step::Finish)) {
                        let current = aws.carrier(CURRENT).expect("a version");
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
        let aws = aws("self");
        aws.begin(TOKEN);
        aws.change_secret(|secret| {
            for version in secret.versions.values_mut() {
                version.details.binary = true;
            }
        });
        helpful(&run(&aws, step), step.name());
    }
    for step in Step::ALL {
        let aws = aws("self");
        aws.begin(TOKEN);
        let sealed = Mishap::Before(CallErrorKind::Undecryptable);
        aws.inject_into_action("secretsmanager:GetSecretValue", &[sealed; 9]);
        helpful(&run(&aws, step), step.name());
    }
    let aws = aws("self");
    aws.change_secret(|secret| {
        for version in secret.versions.values_mut() {
            version.details.binary = true;
        }
    });
    assert_eq!(sweep(&aws).name(), "SweepFailed");
    assert!(aws.output.said().contains("ValueUnreadable"));
}

/// A secret that the function does not serve: it is not pinned, or does not exist.
#[test]
fn a_secret_that_it_does_not_serve_is_not_touched() {
    for step in Step::ALL {
        let aws = FakeAws::new("self", false);
        aws.unpin();
        aws.begin(TOKEN);
        let ended = run(&aws, step);
        assert_eq!(ended.name(), "NotPinned", "{}", step.name());
        helpful(&ended, step.name());
        assert!(!aws.actions().iter().any(|it| it.starts_with("iam:")));

        let aws = FakeAws::new("self", false);
        aws.guarded.set(false);
        aws.begin(TOKEN);
        aws.secrets.borrow_mut().remove(SECRET_ARN);
        let ended = run(&aws, step);
        assert_eq!(ended.name(), "SecretUnread", "{}", step.name());
        assert!(ended_says(&ended, "check that the secret exists"));
    }
    let aws = FakeAws::new("self", false);
    let ended = sweep_all(&aws, &[ADMINISTRATOR_ARN]);
    assert_eq!(ended.name(), "SweepFailed");
    assert!(aws.output.said().contains("NotPinned"));
    assert!(!aws.actions().iter().any(|it| it.starts_with("iam:")));
}

fn ended_says(ended: &Outcome, text: &str) -> bool {
    matches!(ended, Outcome::Failed(error) if error.sentence().contains(text))
}
