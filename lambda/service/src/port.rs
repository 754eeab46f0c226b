//! The dependencies of the steps.

use keyrota_function_base::port;

pub use keyrota_function_base::clock::Clock;
pub use keyrota_function_base::moment::Moment;
pub use keyrota_function_base::port::Journal;
pub use keyrota_function_base::secrets_manager::{
    CallError, CallErrorKind, Description, PasswordRule, Passwords, RefusalDetails, SecretsManager,
    StoredValue, StoredVersion, VersionSelector,
};

use crate::error::Error;
use crate::log::NoDetails;
use crate::pin::Pins;
use crate::service::Service;

/// All dependencies of the steps.
pub trait Ports:
    port::Ports<SecretsManager: Passwords, Journal: Journal<Details = NoDetails, Error = Error>>
{
    /// The services, through their adapters.
    type Service: Service;

    /// Returns the services.
    fn service(&self) -> &Self::Service;
    /// Returns the pins that were deployed with the function.
    fn pins(&self) -> &Pins;
}
