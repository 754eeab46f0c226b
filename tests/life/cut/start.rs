//! The states in which rotations start.

use crate::environment::Cut;

/// The state in which a rotation starts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Start {
    /// AWSCURRENT's key and AWSPREVIOUS's.
    Rotated,
    /// Only AWSCURRENT's key.
    Single,
    /// AWSCURRENT's key, and one that another principal created and uses.
    Foreign,
    /// AWSCURRENT's key, and one that another principal created for later.
    ForeignUnused,
    /// AWSCURRENT's key and AWSPREVIOUS's. After the function is killed, another principal
    /// creates a key if the function has deleted one.
    Intruder,
}

/// Which calls of a rotation are interrupted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reach {
    /// Every call.
    Whole,
    /// Every call of the first step, the only one that creates and deletes keys. The later
    /// steps depend neither on the caller of that step nor on the state before it.
    FirstStep,
}

impl Start {
    /// Returns whether an interruption makes a difference for this start.
    pub fn knows(self, cut: Cut) -> bool {
        self != Self::Intruder || cut.kills()
    }
}
