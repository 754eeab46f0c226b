//! The ports, over the AWS SDKs. No other module names a type of the SDKs.
//!
//! Each client is created when a step first needs it, and lives as long as the process. The
//! clients share one HTTP client, so that connections can be reused by later requests.

mod authenticator;
mod keys;
mod probe;
pub mod smtp;

pub use authenticator::Sts;
pub use keyrota_function_base::aws::{
    Environment, EnvironmentError, SecretsManagerClient, timestamp,
};
pub use keys::Iam;
pub use smtp::MailServers;

use keyrota_function_base::aws::http_client;
use keyrota_function_base::port;

use crate::clock::SystemClock;
use crate::error::Error;
use crate::log::KeyDetails;
use crate::permission::Permission;
use crate::pin::Pins;
use crate::port::{CallError, Journal, KeyPair, Ports, Probe};
use probe::Buckets;

/// The AWS services and the clock.
pub struct Services {
    secrets_manager: SecretsManagerClient,
    keys: Iam,
    authenticator: Sts,
    buckets: Buckets,
    mail_servers: MailServers,
    clock: SystemClock,
}

impl Services {
    /// Returns the services for the function's environment. It creates no client yet.
    pub fn new(environment: &Environment) -> Self {
        let http = http_client();
        Self {
            secrets_manager: SecretsManagerClient::new(environment.clone(), http.clone()),
            keys: Iam::new(environment.clone(), http.clone()),
            authenticator: Sts::new(environment.clone(), http.clone()),
            buckets: Buckets::new(environment.clone(), http),
            mail_servers: MailServers::new(),
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
    ) -> Request<'services, J> {
        Request {
            services: self,
            journal,
            pins,
        }
    }
}

impl Probe for Services {
    async fn attempt(&self, key: &KeyPair, permission: &Permission) -> Result<(), CallError> {
        match permission {
            Permission::ListBucket {
                partition,
                bucket,
                region,
            } => self.buckets.list(key, partition, bucket, region).await,
            Permission::AssumeRole { role } => self.authenticator.assume(key, role).await,
            Permission::LogIn(server) => self.mail_servers.log_in(key, server).await,
        }
    }
}

/// The ports of one request.
pub struct Request<'services, J> {
    services: &'services Services,
    journal: &'services J,
    pins: &'services Pins,
}

impl<J: Journal> port::Ports for Request<'_, J> {
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

impl<J: Journal<Details = KeyDetails, Error = Error>> Ports for Request<'_, J> {
    type Keys = Iam;
    type Authenticator = Sts;
    type Probe = Services;

    fn keys(&self) -> &Self::Keys {
        &self.services.keys
    }

    fn authenticator(&self) -> &Self::Authenticator {
        &self.services.authenticator
    }

    fn probe(&self) -> &Self::Probe {
        self.services
    }

    fn pins(&self) -> &Pins {
        self.pins
    }
}
