//! The result of a search.

use std::fmt;
use std::time::Duration;

use keyrota_test_function::search;

/// The result of a search that found no violation.
#[derive(Debug, Default)]
pub(super) struct Explored {
    /// The number of starting states.
    pub(super) starts: usize,
    /// The number of reachable states.
    pub(super) states: usize,
    /// The number of runs of a step.
    pub(super) executions: usize,
    /// The number of runs of a sweep.
    pub(super) sweeps: usize,
    /// The number of calls after which the invariants were checked.
    pub(super) calls: usize,
    /// The number of states from which a rotation succeeded at the first, second, … attempt
    /// after the faults ended.
    pub(super) healed: [usize; 3],
    /// The number of states that need a person: a foreign key is in the way, or someone removed
    /// AWSCURRENT's key by hand.
    pub(super) stopped: usize,
    /// The longest time that a step took to succeed without faults.
    pub(super) slowest_healing: Duration,
}

impl search::Explored for Explored {
    fn add(&mut self, other: &Self) {
        self.starts += other.starts;
        self.states += other.states;
        self.executions += other.executions;
        self.sweeps += other.sweeps;
        self.calls += other.calls;
        for (mine, theirs) in self.healed.iter_mut().zip(other.healed) {
            *mine += theirs;
        }
        self.stopped += other.stopped;
        self.slowest_healing = self.slowest_healing.max(other.slowest_healing);
    }
}

impl fmt::Display for Explored {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [first, second, third] = self.healed;
        write!(
            formatter,
            "{} starting states, {} states reached, {} steps and {} sweeps run, {} calls checked\n\
             once the faults were over, a rotation succeeded at the first try from {first} states, \
             at the second from {second}, at the third from {third}; {} need a person",
            self.starts, self.states, self.executions, self.sweeps, self.calls, self.stopped
        )
    }
}
