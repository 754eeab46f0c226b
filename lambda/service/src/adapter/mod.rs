//! The adapters: what a service's user or owner supplies, and what sends requests through it.
//!
//! | module | content |
//! | --- | --- |
//! | [`function`] | invokes a Lambda function with a request |
//! | [`response`] | reads its answer; pure |
//! | [`http`] | sends the requests that an adapter's file describes |
//!
//! No request is repeated here, and none is logged. Of an answer, only its outcome and its code leave
//! this module.

pub mod function;
pub mod http;
pub mod response;

use std::path::Path;

use aws_smithy_runtime_api::client::http::SharedHttpClient;
use keyrota_contract::adapter::{Operation, Request, VERSION};
use keyrota_function_base::aws::Environment;
use secrecy::{ExposeSecret, SecretString};

use self::function::FunctionAdapter;
use self::http::HttpAdapter;
use crate::service::{Account, Adapter, Previous, Service, ServiceError};

/// Both kinds of adapters.
pub struct Adapters {
    function: FunctionAdapter,
    http: HttpAdapter,
}

impl Adapters {
    /// Returns the adapters for the function's environment. `package` is the folder that contains the
    /// function's package. It creates no client yet.
    pub fn new(environment: Environment, http: SharedHttpClient, package: &Path) -> Self {
        Self {
            function: FunctionAdapter::new(environment, http),
            http: HttpAdapter::new(package),
        }
    }

    async fn send(
        &self,
        operation: Operation,
        account: &Account,
        password: &SecretString,
        new_password: Option<&SecretString>,
    ) -> Result<Previous, ServiceError> {
        let request = Request {
            version: VERSION,
            request: operation,
            username: &account.username,
            password,
            new_password,
            settings: &account.settings,
        };
        let answer = match &account.adapter {
            Adapter::Function(arn) => self.function.send(arn, &request).await,
            Adapter::Http(http) => self.http.send(http, &request).await,
        };
        answer.map_err(|error| without_secrets(error, [Some(password), new_password]))
    }
}

/// Removes a code that repeats a password. An adapter must not send such a code.
fn without_secrets(mut error: ServiceError, secrets: [Option<&SecretString>; 2]) -> ServiceError {
    let is_repeated = |code: &String| {
        let mut secrets = secrets.into_iter().flatten();
        secrets.any(|secret| code.contains(secret.expose_secret()))
    };
    error.code = error.code.filter(|code| !is_repeated(code));
    error
}

impl Service for Adapters {
    async fn authenticate(
        &self,
        account: &Account,
        password: &SecretString,
    ) -> Result<(), ServiceError> {
        let sent = self.send(Operation::Authenticate, account, password, None);
        sent.await.map(drop)
    }

    async fn change(
        &self,
        account: &Account,
        password: &SecretString,
        new_password: &SecretString,
    ) -> Result<Previous, ServiceError> {
        let sent = self.send(Operation::Change, account, password, Some(new_password));
        sent.await
    }
}
