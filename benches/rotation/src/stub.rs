//! A stub of Secrets Manager, IAM, and STS: TLS endpoints on this machine that keep their
//! state, so that one rotation can follow another.

pub mod account;
pub mod calls;
mod password;
mod query;
mod refusal;
mod secret;
mod secrets_manager;
mod server;
mod service;
mod user;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::net::TcpListener;
use tokio::task::JoinSet;
use tokio_rustls::TlsAcceptor;

use crate::authority::{Authority, HOST};
use crate::error::Error;
use account::Account;
use calls::Call;
use server::Shared;
use service::Service;

/// The three services of one account. They stop when it is dropped.
pub struct Stub {
    shared: Arc<Shared>,
    /// The variables that point SDKs at the endpoints.
    variables: Vec<(&'static str, String)>,
    /// Aborted when dropped.
    _serving: JoinSet<()>,
}

impl Stub {
    /// Starts the services of an account, in which each call takes `delay`.
    ///
    /// # Errors
    ///
    /// Fails if no port can be listened on.
    pub async fn start(
        authority: &Authority,
        account: Account,
        delay: Duration,
    ) -> Result<Self, Error> {
        let shared = Arc::new(Shared {
            account: Mutex::new(account),
            calls: Mutex::default(),
            delay,
        });
        let mut serving = JoinSet::new();
        let mut variables = Vec::new();
        // One endpoint for each, as in AWS: no connection serves two services.
        for service in [Service::SecretsManagerClient, Service::Iam, Service::Sts] {
            let cannot = || Error::doing("listen on 127.0.0.1");
            let listener = TcpListener::bind(("127.0.0.1", 0))
                .await
                .map_err(cannot())?;
            let port = listener.local_addr().map_err(cannot())?.port();
            variables.push((
                service.endpoint_variable(),
                format!("https://{HOST}:{port}"),
            ));
            let tls = TlsAcceptor::from(Arc::clone(&authority.server));
            serving.spawn(server::serve(listener, tls, service, Arc::clone(&shared)));
        }
        Ok(Self {
            shared,
            variables,
            _serving: serving,
        })
    }

    /// Returns the variables that point SDKs at the endpoints.
    pub fn variables(&self) -> &[(&'static str, String)] {
        &self.variables
    }

    /// Returns the account.
    pub fn account(&self) -> MutexGuard<'_, Account> {
        let account = &self.shared.account;
        account.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Returns the calls since the last time.
    pub fn take_calls(&self) -> Vec<Call> {
        let calls = &self.shared.calls;
        std::mem::take(&mut calls.lock().unwrap_or_else(PoisonError::into_inner))
    }
}
