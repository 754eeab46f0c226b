//! What a search found.

use std::fmt;
use std::time::Duration;

/// A search that found nothing wrong.
#[derive(Debug, Default)]
pub(super) struct Explored {
    /// Starting states.
    pub(super) starts: usize,
    /// States that can be reached.
    pub(super) states: usize,
    /// Runs of a step.
    pub(super) executions: usize,
    /// Runs of a sweep.
    pub(super) sweeps: usize,
    /// Calls after which it was checked what must hold at each instant.
    pub(super) calls: usize,
    /// States from which a rotation was seen to succeed at the first, second…
    /// try once the faults were over.
    pub(super) healed: [usize; 3],
    /// States in which a person is needed: a foreign key is in the way, or
    /// AWSCURRENT's key was taken away by hand.
    pub(super) stopped: usize,
    /// The longest time that a step took to succeed with the faults over.
    pub(super) slowest_healing: Duration,
}

impl Explored {
    pub(super) fn add(&mut self, other: &Self) {
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

/// Something that must not be, and how it came about.
#[derive(Debug)]
pub(super) struct Found {
    /// The starting state, and what happened since.
    pub(super) path: Vec<String>,
    /// What must not be.
    pub(super) what: String,
}

impl fmt::Display for Found {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(formatter, "{}", self.what)?;
        for (number, step) in self.path.iter().enumerate() {
            let word = if number == 0 { "from" } else { "then" };
            writeln!(formatter, "  {word}: {step}")?;
        }
        Ok(())
    }
}
