//! `status` with and without the permission to read values.

use std::collections::BTreeSet;

use super::super::fake::{FakeAws, Step};
use super::super::{Error, Values, status};
use super::scenario::Scenario;
use crate::plan::{SecretReport, State};
use crate::port::ErrorKind;

/// What a report without values may call.
const ALLOWED: [&str; 4] = [
    "cloudformation:DescribeStacks",
    "iam:GetAccessKeyLastUsed",
    "iam:ListAccessKeys",
    "secretsmanager:DescribeSecret",
];

fn report(scenario: &Scenario, fake: &FakeAws, values: Values) -> Result<SecretReport, Error> {
    let report = scenario.run(fake, None, async |context| {
        status(context, &scenario.model, values).await
    });
    Ok(report.unwrap()?.secrets.remove(0))
}

#[test]
fn without_values_nothing_is_read_and_nothing_is_called_good() {
    let scenario = Scenario::new("  - user: ada\n", |state| state.add_user("ada"));
    let fake = scenario.fake();
    scenario.bootstrap(&fake, None).unwrap().unwrap();
    let whole = report(&scenario, &fake, Values::Read).unwrap();
    assert!(whole.state == State::Ok && whole.unknown.is_empty());

    let denied = "secretsmanager:GetSecretValue";
    fake.state.borrow_mut().denied_calls.insert(denied);
    let refused = report(&scenario, &fake, Values::Read).unwrap_err();
    assert!(matches!(refused, Error::Aws(error) if error.kind == ErrorKind::Denied));

    let seen = report(&scenario, &fake, Values::Unread).unwrap();
    assert_eq!(seen.state, State::Unknown);
    assert!(seen.unknown.contains(&"state") && seen.unknown.contains(&"keys.role"));
    assert_eq!(seen.last_rotated, whole.last_rotated);
    assert_eq!(seen.next_rotation, whole.next_rotation);
    assert_eq!(seen.max_key_age, whole.max_key_age);
    let ids = |report: &SecretReport| -> Vec<String> {
        report.keys.iter().map(|key| key.id.clone()).collect()
    };
    assert_eq!(ids(&seen), ids(&whole));
    let called: BTreeSet<&str> = fake.log.borrow().iter().copied().collect();
    assert_eq!(called, BTreeSet::from(ALLOWED));
}

/// A rotation whose function still works, one whose function has failed, and one that nobody ends.
#[test]
fn a_rotation_under_way_is_not_stuck() {
    let scenario = Scenario::new("  - user: ada\n", |state| state.add_user("ada"));
    let fake = scenario.fake();
    scenario.bootstrap(&fake, None).unwrap().unwrap();
    fake.state.borrow_mut().next_day();
    let rotate = |fake: &FakeAws| {
        let token = "00000000-0000-4000-8000-abcdefabcdef";
        let rotated = fake.state.borrow_mut().rotate("keys/ada", token);
        rotated.unwrap();
    };
    let start = fake.state.borrow().clone();
    rotate(&fake);
    let shown = report(&scenario, &fake, Values::Read).unwrap();
    assert_eq!(shown.state, State::Ok, "{:?}", shown.reason);
    assert!(
        shown
            .reason
            .is_some_and(|why| why.ends_with("is under way"))
    );
    let unread = report(&scenario, &fake, Values::Unread).unwrap();
    assert_eq!(unread.state, State::Unknown);
    // Who may not look at the version does not take it for young.
    let denied = "secretsmanager:ListSecretVersionIds";
    fake.state.borrow_mut().denied_calls.insert(denied);
    let shown = report(&scenario, &fake, Values::Read).unwrap();
    assert_eq!(shown.state, State::Stuck);

    let failed = FakeAws::new(start);
    failed.state.borrow_mut().failing.insert(Step::Create, 9);
    rotate(&failed);
    let ended = scenario.run(&failed, None, async |context| {
        for _ in 0..3 {
            context.wait().await;
        }
        status(context, &scenario.model, Values::Read).await
    });
    let shown = ended.unwrap().unwrap().secrets.remove(0);
    assert_eq!(shown.state, State::Stuck);
    let why = shown.reason.unwrap();
    assert!(why.contains(failed.state.borrow().failure), "{why}");
}
