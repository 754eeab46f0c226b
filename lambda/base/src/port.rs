//! What the steps and sweeps of every function need of their surroundings.

use crate::clock::Clock;
use crate::secrets_manager::SecretsManager;

pub use crate::log::Journal;

/// What the steps and sweeps of every function need.
pub trait Ports {
    /// Secrets Manager.
    type SecretsManager: SecretsManager;
    /// Time.
    type Clock: Clock;
    /// The log.
    type Journal: Journal;

    /// Returns Secrets Manager.
    fn secrets_manager(&self) -> &Self::SecretsManager;
    /// Returns time.
    fn clock(&self) -> &Self::Clock;
    /// Returns the log.
    fn journal(&self) -> &Self::Journal;
}
