//! What rotations begin with.

use crate::environment::Cut;

/// What a rotation begins with.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Start {
    /// AWSCURRENT's key and AWSPREVIOUS's.
    Rotated,
    /// AWSCURRENT's key alone.
    Single,
    /// AWSCURRENT's key, and one that somebody else has made and uses.
    Foreign,
    /// AWSCURRENT's key, and one that somebody else has made for later.
    ForeignUnused,
    /// AWSCURRENT's key and AWSPREVIOUS's; once the function is ended, somebody
    /// else takes the place that it has made, if it has.
    Intruder,
}

/// How far rotations are cut.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reach {
    /// At every call.
    Whole,
    /// At every call of the first step, which alone makes and deletes keys: what
    /// comes behind it asks neither whose rights it does that with, nor what was
    /// there before.
    FirstStep,
}

impl Start {
    /// Returns whether a cut makes a difference to it.
    pub fn knows(self, cut: Cut) -> bool {
        self != Self::Intruder || cut.kills()
    }
}
