//! What is tested: an adapter, however it runs.

use keyrota_contract::adapter::{Operation, Request, VERSION};
use keyrota_service_function::service::{Previous, ServiceError};
use secrecy::SecretString;
use std::collections::BTreeMap;

/// An adapter that answers requests.
#[expect(async_fn_in_trait, reason = "the test runs on one thread")]
pub trait Subject {
    /// Sends a request, once, and returns what the service function makes of the answer.
    ///
    /// # Errors
    ///
    /// Fails unless the answer means `success`.
    async fn send(&self, request: &Request<'_>) -> Result<Previous, ServiceError>;

    /// Ends the adapter's process. The next request starts another one.
    async fn end_process(&self);

    /// Returns whether the adapter has a process of its own, which can die.
    fn has_process(&self) -> bool;

    /// Returns what the adapter has written to its standard output and standard error.
    fn output(&self) -> String;
}

/// The user with whom an adapter is tested.
#[derive(Clone, Debug)]
pub struct User {
    /// The user name.
    pub username: String,
    /// The settings that the adapter gets with each request.
    pub settings: BTreeMap<String, String>,
}

impl User {
    /// Asks the adapter to log in.
    ///
    /// # Errors
    ///
    /// Fails unless the answer means `success`.
    pub async fn authenticate(
        &self,
        subject: &impl Subject,
        password: &SecretString,
    ) -> Result<(), ServiceError> {
        let request = self.request(Operation::Authenticate, password, None);
        subject.send(&request).await.map(drop)
    }

    /// Asks the adapter to change the password.
    ///
    /// # Errors
    ///
    /// Fails unless the answer means `success`.
    pub async fn change(
        &self,
        subject: &impl Subject,
        password: &SecretString,
        new_password: &SecretString,
    ) -> Result<Previous, ServiceError> {
        let request = self.request(Operation::Change, password, Some(new_password));
        subject.send(&request).await
    }

    fn request<'request>(
        &'request self,
        request: Operation,
        password: &'request SecretString,
        new_password: Option<&'request SecretString>,
    ) -> Request<'request> {
        Request {
            version: VERSION,
            request,
            username: &self.username,
            password,
            new_password,
            settings: &self.settings,
        }
    }
}
