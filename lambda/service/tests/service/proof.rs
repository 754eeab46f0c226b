//! The exhaustive proof: it covers every point of every state.
//!
//! A state is everything that persists while no process runs: the user's passwords on the service, the
//! versions of the secret with their labels, and the progress of a rotation. From each state, the next
//! step of the rotation is run once without a fault, once with each fault at each call, and once with
//! each pair of faults, and so is a sweep. The faults of a change are those of a hostile adapter: it
//! changes the password and answers any error, or answers success and does nothing. Each result is
//! another state, and so is the result of whatever Secrets Manager or an operator does next. States
//! that differ only in names and dates count as one. The search ends when it finds no new state, so
//! what holds in all states holds after any number of faults, not only after two.
//!
//! After each call, the search checks the invariants (`FakeServices::check`). After each step, it
//! checks that no output contains a secret. From each state, it checks that a rotation without
//! further faults succeeds without a person.

mod explore;
mod fault;
mod outcome;
mod start;
mod state;
mod twice;

use keyrota_test_function::search::on_all_processors;

use self::explore::{explore, explore_forged};
use self::outcome::Explored;
use self::start::{Start, forged_searches, searches, short_searches};

/// Runs the searches, or ends the test with the history of the failure.
#[expect(clippy::print_stdout, reason = "the figures are what one looks for")]
fn explore_all(searches: Vec<Vec<Start>>, faults: usize) -> Explored {
    let found = on_all_processors(searches, |starts| explore(starts, faults));
    let explored = found.unwrap_or_else(|found| panic!("{found}"));
    println!("{explored}");
    assert_eq!(explored.healed[2], 0, "a rotation needs two tries at most");
    explored
}

/// Up to two faults in one run of a step or a sweep, and any number in consecutive runs.
#[test]
fn the_user_is_never_locked_out() {
    let explored = explore_all(searches(), 2);
    assert!(explored.states > 1_000, "{explored}");
    // Each password that the user may have is tried once, and once more on a farm after its time.
    assert!(explored.most_wrong <= 5, "{explored}");
}

/// A principal that may write the secret breaks at most the secret's own credential. Between
/// any two calls, it stores values, moves labels, and sends events. No password reaches another adapter
/// or is used for another user.
#[test]
fn who_writes_the_secret_breaks_no_other_credential() {
    let found = on_all_processors(forged_searches(), |starts| explore_forged(starts));
    let explored = found.unwrap_or_else(|found| panic!("{found}"));
    println!("{explored}");
    assert!(explored.states > 10_000, "{explored}");
}

/// A part of the search that takes seconds. It must fail if a mistake is inserted.
#[test]
#[ignore = "a part of the searches here; `.ci/mistakes` runs it"]
fn in_short() {
    explore_all(short_searches(), 1);
}
