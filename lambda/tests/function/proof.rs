//! The exhaustive proof: it covers every point of every state.
//!
//! A state is everything that persists while no process runs: the user's keys, the versions of
//! the secret with their labels, and the progress of a rotation. From each state, the next step
//! of the rotation is run once without a fault, once with each fault at each call, and once
//! with each pair of faults. Each result is another state, and so is the result of whatever
//! Secrets Manager, an operator, or a client does next. States that differ only in names and
//! dates count as one. The search ends when it finds no new state, so what holds in all states
//! holds after any number of faults, not only after two.
//!
//! After each call, the search checks the invariants (`FakeAws::check`). After each step, it
//! checks that no output contains a secret. From each state, it checks that a rotation without
//! further faults succeeds without a person.

mod explore;
mod fault;
mod naive;

mod outcome;
mod start;
mod state;
mod twice;

use std::time::Duration;

use keyrota_function::event::Step;
use keyrota_function::port::CallErrorKind;
use keyrota_test_function::search::{Violation, on_all_processors};
use keyrota_test_function::secrets::FakeSecrets as _;

use self::explore::{Function, explore, explore_first_keys, explore_forged};
use self::naive::Disturbed;
use self::outcome::Explored;
use self::start::{
    Start, first_key_searches, forged_searches, one_key, renaming_searches, searches,
    short_searches, sweeping_searches,
};
use crate::fake::{FakeAws, Mishap, Outcome, TOKEN, run_for};

/// Runs the searches, on as many threads as there are processors.
fn explore_all(
    searches: Vec<Vec<Start>>,
    function: Function,
    faults: usize,
) -> Result<Explored, Box<Violation>> {
    on_all_processors(searches, |starts| explore(starts, function, faults))
}

fn explore_all_forged(searches: Vec<Vec<Start>>, times: u32) -> Result<Explored, Box<Violation>> {
    on_all_processors(searches, |starts| explore_forged(starts, run_for, times))
}

/// Returns the results of the searches, or ends the test with the history of the failure.
#[expect(clippy::print_stdout, reason = "the figures are what one looks for")]
fn expect_nothing(found: Result<Explored, Box<Violation>>) -> Explored {
    let explored = found.unwrap_or_else(|found| panic!("{found}"));
    println!("{explored}");
    assert_eq!(explored.healed[2], 0, "a rotation needs two tries at most");
    assert!(explored.slowest_healing <= Duration::from_secs(60));
    explored
}

/// Up to two faults in one run of a step, and any number in consecutive runs.
#[test]
fn the_key_in_use_is_never_broken() {
    let explored = expect_nothing(explore_all(searches(), run_for, 2));
    assert!(explored.states > 15_000, "{explored}");
    assert!(explored.executions > 700_000, "{explored}");
}

/// The same with sweeps between the steps, and one fault in a run of either.
#[test]
fn nor_is_it_where_sweeps_retire_old_keys() {
    let explored = expect_nothing(explore_all(sweeping_searches(), run_for, 1));
    assert!(explored.states > 7_000, "{explored}");
    assert!(explored.sweeps > 80_000, "{explored}");
}

/// The same for a user that the stack has just created, whose first key a rotation creates.
#[test]
fn a_first_key_is_created_once_and_then_never_broken() {
    let found = on_all_processors(first_key_searches(), |starts| explore_first_keys(starts, 1));
    let explored = expect_nothing(found);
    assert!(explored.states > 500, "{explored}");
}

/// A principal that may write the secret breaks at most the secret's own credential. Between
/// any two calls, it stores values, moves labels, sends events, and creates keys of the user.
#[test]
fn who_writes_the_secret_breaks_no_other_credential() {
    let explored = expect_nothing(explore_all_forged(forged_searches(), 2));
    assert!(explored.states > 10_000, "{explored}");
}

/// A part of the search that takes seconds. It must fail if a mistake is inserted.
#[test]
#[ignore = "a part of the searches here; `.ci/mistakes` runs it"]
fn in_short() {
    expect_nothing(explore_all(short_searches(), run_for, 1));
}

/// The same while the fields of the key get other names, and are those of one key throughout.
#[test]
fn renamed_fields_name_the_key_in_use() {
    let explored = expect_nothing(explore_all(renaming_searches(), run_for, 1));
    assert!(explored.states > 4_000, "{explored}");
}

/// The same as `who_writes_the_secret_breaks_no_other_credential`, with one action of such a principal.
#[test]
#[ignore = "a part of the searches here; `.ci/mistakes` runs it"]
fn who_writes_the_secret_in_short() {
    expect_nothing(explore_all_forged(forged_searches(), 1));
}

/// The search can fail: with a single fault, it finds the lock-out in the commonly published
/// function.
#[test]
fn the_search_finds_what_is_wrong_with_the_common_function() {
    let found = explore(&[one_key()], naive::run, 1).expect_err("a lock-out");
    println!("{found}");
    assert!(found.what.contains("AWSCURRENT's key"), "{found}");
}

/// One fault at each call of a rotation, in each of four ways, followed by one retry.
#[test]
fn one_fault_locks_the_common_functions_user_out_and_not_ours() {
    let naive = disturb(naive::run);
    let ours = disturb(run_for);
    println!("the common function: {naive}\nkeyrota's: {ours}");
    assert_eq!(ours.locked_out, 0);
    assert!(naive.locked_out * 5 > naive.rotations, "{naive}");
}

fn disturb(function: Function) -> Disturbed {
    let mishaps = [
        Mishap::Before(CallErrorKind::Unclear),
        Mishap::After(CallErrorKind::Unclear),
        Mishap::DieBefore,
        Mishap::DieAfter,
    ];
    let mut disturbed = Disturbed::default();
    for mishap in mishaps {
        for call in 0.. {
            let aws = FakeAws::new("self", false);
            aws.lenient.set(true);
            aws.inject(call, mishap);
            rotate_by(function, &aws, TOKEN);
            if !aws.mishaps.borrow().is_empty() {
                // The rotation ended before the mishap could occur.
                break;
            }
            rotate_by(function, &aws, TOKEN);
            disturbed.rotations += 1;
            let works = aws.keys().iter().any(|key| key.id == aws.current_key());
            disturbed.locked_out += usize::from(!works);
        }
    }
    disturbed
}

/// Runs a rotation to its end, or to the first step that fails.
fn rotate_by(function: Function, aws: &FakeAws, token: &str) {
    aws.begin(token);
    for step in Step::ALL {
        if !matches!(function(aws, step, token), Outcome::Done(())) {
            return;
        }
    }
    aws.end();
}
