//! The dependencies that the steps and sweeps of every function share.

use crate::clock::Clock;
use crate::secrets_manager::SecretsManager;

pub use crate::log::Journal;

/// The dependencies that the steps and sweeps of every function share.
pub trait Ports {
    /// Secrets Manager.
    type SecretsManager: SecretsManager;
    /// The clock.
    type Clock: Clock;
    /// The log.
    type Journal: Journal;

    /// Returns Secrets Manager.
    fn secrets_manager(&self) -> &Self::SecretsManager;
    /// Returns the clock.
    fn clock(&self) -> &Self::Clock;
    /// Returns the log.
    fn journal(&self) -> &Self::Journal;
}
