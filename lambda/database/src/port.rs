//! What the steps need of the world.

pub use keyrota_function_base::clock::Clock;
pub use keyrota_function_base::moment::Moment;
pub use keyrota_function_base::vault::{
    Answer, CallError, Description, Fault, PasswordRule, Passwords, Stored, StoredVersion, Vault,
    Which,
};

use crate::arn::SecretArn;
use crate::error::Error;
use crate::log::Note;
use crate::metric::Metric;
use crate::pin::Pins;
use crate::server::Server;

/// Where decisions are recorded.
pub trait Journal {
    /// Records a decision.
    fn note(&self, note: Note);

    /// Records what went wrong with one secret, and does not end the request.
    fn trouble(&self, secret: &SecretArn, error: &Error);

    /// Records measurements.
    fn measure(&self, metrics: &[Metric]);
}

/// Everything the steps need of the world.
pub trait Ports {
    /// Secrets Manager.
    type Vault: Vault + Passwords;
    /// The database servers.
    type Server: Server;
    /// Time.
    type Clock: Clock;
    /// The log.
    type Journal: Journal;

    /// Returns Secrets Manager.
    fn vault(&self) -> &Self::Vault;
    /// Returns the database servers.
    fn server(&self) -> &Self::Server;
    /// Returns the pins that were deployed with the function.
    fn pins(&self) -> &Pins;
    /// Returns time.
    fn clock(&self) -> &Self::Clock;
    /// Returns the log.
    fn journal(&self) -> &Self::Journal;
}
