//! Looking for users, which changes nothing and asks no more than it must.

use futures_util::FutureExt;

use super::super::fake::{AwsState, FakeAws, Fault, FaultKind, Origin};
use super::super::{discover, look_up};

fn account_with_users(count: usize) -> FakeAws {
    let mut state = AwsState::new();
    for number in (0..count).rev() {
        let user = format!("user-{number:03}");
        state.add_user(&user);
        state.add_key(&user, Origin::Somebody);
    }
    // As long as it takes a key to be known everywhere.
    state.next_day();
    FakeAws::new(state)
}

/// Drives a call of the fake, which waits for nothing but its own clock.
fn now<T>(future: impl Future<Output = T>) -> T {
    future.now_or_never().expect("nothing is waited for")
}

#[test]
fn users_come_by_name_and_the_first_fifty_with_their_keys() {
    let fake = account_with_users(60);
    let found = now(discover(&fake)).unwrap();
    let names: Vec<&str> = found.iter().map(|one| one.name.as_str()).collect();
    assert!(names.is_sorted() && names.len() == 60, "{names:?}");
    let looked_at = found.iter().filter(|one| one.keys.is_some()).count();
    assert_eq!(looked_at, 50);
    assert_eq!(found[0].keys.as_ref().map(Vec::len), Some(1));
    let asked = fake.log.borrow();
    let count = |call: &str| asked.iter().filter(|held| **held == call).count();
    assert_eq!(
        (count("iam:ListUsers"), count("iam:ListAccessKeys")),
        (1, 50)
    );
    assert_eq!(asked.len(), 51, "and nothing else");
}

#[test]
fn a_call_that_fails_is_told() {
    for call in 1..=3 {
        let fake = account_with_users(2);
        fake.begin(Some(Fault {
            call,
            kind: FaultKind::Throttled,
        }));
        assert!(now(discover(&fake)).is_err(), "{call}");
    }
}

#[test]
fn a_user_that_is_not_there_is_no_failure() {
    let fake = account_with_users(1);
    let there = now(look_up(&fake, "user-000")).unwrap();
    assert_eq!(there.path.as_deref(), Some("/"));
    assert_eq!(there.keys.map(|keys| keys.len()), Some(1));
    let nobody = now(look_up(&fake, "nobody")).unwrap();
    assert!(nobody.path.is_none() && nobody.keys.is_none());
}
