//! What a search found.

use std::fmt;

/// A search that found nothing wrong.
#[derive(Debug, Default)]
pub(super) struct Explored {
    /// Starting states.
    pub(super) starts: usize,
    /// States that can be reached.
    pub(super) states: usize,
    /// Those in which no version's password works but that of one whose rotation
    /// was broken off.
    pub(super) only_broken_off: usize,
    /// Runs of a step.
    pub(super) executions: usize,
    /// Runs of a sweep.
    pub(super) sweeps: usize,
    /// Calls after which it was checked what must hold at each instant.
    pub(super) calls: usize,
    /// States from which a rotation was seen to succeed at the first, second…
    /// try once the faults were over.
    pub(super) healed: [usize; 3],
    /// States without a rotation from which one sweep was seen to make
    /// AWSCURRENT's password work again.
    pub(super) mended: usize,
    /// States in which a person is needed: someone has changed the password on
    /// the server or dropped the user by hand, and nobody else may change it.
    pub(super) stopped: usize,
}

impl Explored {
    pub(super) fn add(&mut self, other: &Self) {
        self.starts += other.starts;
        self.states += other.states;
        self.only_broken_off += other.only_broken_off;
        self.executions += other.executions;
        self.sweeps += other.sweeps;
        self.calls += other.calls;
        for (mine, theirs) in self.healed.iter_mut().zip(other.healed) {
            *mine += theirs;
        }
        self.mended += other.mended;
        self.stopped += other.stopped;
    }
}

impl fmt::Display for Explored {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [first, second, third] = self.healed;
        write!(
            formatter,
            "{} starting states, {} states reached, {} steps and {} sweeps run, {} calls checked\n\
             in {} states the only password that works is one whose rotation was broken off\n\
             once the faults were over, a rotation succeeded at the first try from {first} states, \
             at the second from {second}, at the third from {third}; {} need a person\n\
             a sweep alone mended AWSCURRENT in {}",
            self.starts,
            self.states,
            self.executions,
            self.sweeps,
            self.calls,
            self.only_broken_off,
            self.stopped,
            self.mended,
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
