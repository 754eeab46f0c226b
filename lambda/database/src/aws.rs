//! Secrets Manager, the servers, and the clock, as the ports of one request.

use keyrota_function_base::aws::http_client;
use keyrota_function_base::port;

pub use keyrota_function_base::aws::{
    Environment, EnvironmentError, SecretsManagerClient, timestamp,
};

use crate::clock::SystemClock;
use crate::error::Error;
use crate::log::NoDetails;
use crate::pin::Pins;
use crate::port::{Journal, Ports};
use crate::server::Server;

/// Secrets Manager, the servers, and the clock.
pub struct Services<S> {
    secrets_manager: SecretsManagerClient,
    server: S,
    clock: SystemClock,
}

impl<S: Server> Services<S> {
    /// Returns the services for the function's environment. It creates no client yet.
    pub fn new(environment: &Environment, server: S) -> Self {
        Self {
            secrets_manager: SecretsManagerClient::new(environment.clone(), http_client()),
            server,
            clock: SystemClock::start(),
        }
    }

    /// Returns the clock, which starts when the process starts.
    pub fn clock(&self) -> &SystemClock {
        &self.clock
    }

    /// Returns the ports of one request. `journal` is the log of that request.
    pub fn with<'services, J: Journal>(
        &'services self,
        journal: &'services J,
        pins: &'services Pins,
    ) -> Request<'services, S, J> {
        Request {
            services: self,
            journal,
            pins,
        }
    }
}

/// The ports of one request.
pub struct Request<'services, S, J> {
    services: &'services Services<S>,
    journal: &'services J,
    pins: &'services Pins,
}

impl<S: Server, J: Journal> port::Ports for Request<'_, S, J> {
    type SecretsManager = SecretsManagerClient;
    type Clock = SystemClock;
    type Journal = J;

    fn secrets_manager(&self) -> &Self::SecretsManager {
        &self.services.secrets_manager
    }

    fn clock(&self) -> &Self::Clock {
        &self.services.clock
    }

    fn journal(&self) -> &Self::Journal {
        self.journal
    }
}

impl<S: Server, J: Journal<Details = NoDetails, Error = Error>> Ports for Request<'_, S, J> {
    type Server = S;

    fn server(&self) -> &Self::Server {
        &self.services.server
    }

    fn pins(&self) -> &Pins {
        self.pins
    }
}
