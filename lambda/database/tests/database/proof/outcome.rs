//! The result of a search.

use std::fmt;

use keyrota_test_function::search;

/// The result of a search that found no violation.
#[derive(Debug, Default)]
pub(super) struct Explored {
    /// The number of starting states.
    pub(super) starts: usize,
    /// The number of reachable states.
    pub(super) states: usize,
    /// The number of states in which the only password that works is that of a version whose
    /// rotation was interrupted.
    pub(super) only_broken_off: usize,
    /// The number of runs of a step.
    pub(super) executions: usize,
    /// The number of runs of a sweep.
    pub(super) sweeps: usize,
    /// The number of calls after which the invariants were checked.
    pub(super) calls: usize,
    /// The number of states from which a rotation succeeded at the first, second, … attempt
    /// after the faults ended.
    pub(super) healed: [usize; 3],
    /// The number of states without a rotation from which one sweep made AWSCURRENT's password
    /// work again.
    pub(super) repaired: usize,
    /// The number of states that need a person: someone changed the password on the server or
    /// dropped the user by hand, and nobody else may change it.
    pub(super) stopped: usize,
}

impl search::Explored for Explored {
    fn add(&mut self, other: &Self) {
        self.starts += other.starts;
        self.states += other.states;
        self.only_broken_off += other.only_broken_off;
        self.executions += other.executions;
        self.sweeps += other.sweeps;
        self.calls += other.calls;
        for (mine, theirs) in self.healed.iter_mut().zip(other.healed) {
            *mine += theirs;
        }
        self.repaired += other.repaired;
        self.stopped += other.stopped;
    }
}

impl fmt::Display for Explored {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [first, second, third] = self.healed;
        write!(
            formatter,
            "{} starting states, {} states reached, {} steps and {} sweeps run, {} calls checked\n\
             in {} states the only password that works is one whose rotation was interrupted\n\
             once the faults were over, a rotation succeeded at the first try from {first} states, \
             at the second from {second}, at the third from {third}; {} need a person\n\
             a sweep alone repaired AWSCURRENT in {}",
            self.starts,
            self.states,
            self.executions,
            self.sweeps,
            self.calls,
            self.only_broken_off,
            self.stopped,
            self.repaired,
        )
    }
}
