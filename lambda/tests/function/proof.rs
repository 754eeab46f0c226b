//! The proof by exhaustion: every point of every state.
//!
//! A state is all that lasts when no process runs: the user's keys, the
//! versions of the secret with their labels, and how far a rotation has come.
//! From a state, the next step of the rotation is run once without a fault,
//! once with each fault at each call, and once with each two of them; whatever
//! comes of it is a state again, and so is what Secrets Manager, an operator or
//! a client then does. States that differ only in names and dates are one. The
//! search ends when there is no new state, so that what holds in all of them
//! holds after any number of faults, not only after two.
//!
//! After each call it is checked what must hold at each instant
//! (`World::check`), after each step that no secret was said, and from each
//! state, with the faults over, that a rotation succeeds without a person.

mod explore;
mod fault;

mod outcome;
mod start;
mod state;

use std::sync::Mutex;
use std::time::Duration;

use self::explore::{Function, explore};
use self::outcome::{Explored, Found};
use self::start::worlds;
use crate::fake::run_for;

/// How many faults befall one run of a step, at most.
const FAULTS: usize = 1;

/// Explores each world, on as many threads as there are processors.
fn explore_all(function: Function, faults: usize) -> Result<Explored, Box<Found>> {
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    let left = Mutex::new(worlds());
    let total = Mutex::new(Ok(Explored::default()));
    let next = || left.lock().expect("no panic").pop();
    std::thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| {
                while let Some(starts) = next() {
                    let found = explore(&starts, function, faults);
                    let mut total = total.lock().expect("no panic");
                    match (total.as_mut(), found) {
                        (Ok(total), Ok(explored)) => total.add(&explored),
                        (Ok(_), Err(found)) => *total = Err(found),
                        (Err(_), _) => return,
                    }
                }
            });
        }
    });
    total.into_inner().expect("no panic")
}

#[test]
fn the_key_in_use_is_never_broken() {
    let explored = match explore_all(run_for, FAULTS) {
        Ok(explored) => explored,
        Err(found) => panic!("{found}"),
    };
    println!("{explored}");
    assert!(explored.executions > 100_000, "{explored}");
    assert!(explored.slowest_healing <= Duration::from_secs(60));
}
