//! Secrets Manager, the adapters, and the clock, as the ports of one request.

use std::path::Path;

use keyrota_function_base::aws::http_client;
use keyrota_function_base::port;

pub use keyrota_function_base::aws::{
    Environment, EnvironmentError, SecretsManagerClient, timestamp,
};

use crate::adapter::Adapters;
use crate::clock::SystemClock;
use crate::error::Error;
use crate::log::NoDetails;
use crate::pin::Pins;
use crate::port::{Journal, Ports};
use crate::service::Service;

/// Secrets Manager, the services, and the clock.
pub struct Services<S> {
    secrets_manager: SecretsManagerClient,
    service: S,
    clock: SystemClock,
}

impl Services<Adapters> {
    /// Returns the services for the function's environment. `package` is the folder that contains the
    /// function's package. It creates no client yet.
    pub fn new(environment: &Environment, package: &Path) -> Self {
        let http = http_client();
        Self {
            secrets_manager: SecretsManagerClient::new(environment.clone(), http.clone()),
            service: Adapters::new(environment.clone(), http, package),
            clock: SystemClock::start(),
        }
    }
}

impl<S: Service> Services<S> {
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

impl<S: Service, J: Journal> port::Ports for Request<'_, S, J> {
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

impl<S: Service, J: Journal<Details = NoDetails, Error = Error>> Ports for Request<'_, S, J> {
    type Service = S;

    fn service(&self) -> &Self::Service {
        &self.services.service
    }

    fn pins(&self) -> &Pins {
        self.pins
    }
}
