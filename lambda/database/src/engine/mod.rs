//! The servers' drivers.

use std::path::Path;

use crate::server::{Before, Change, Endpoint, Fault, Login, Server, ServerError};

/// The servers, each by its driver.
pub struct Engines {}

impl Engines {
    /// Returns the servers. `task_root` is the folder of the function's package.
    pub fn new(task_root: &Path) -> Self {
        let _ = task_root;
        Self {}
    }
}

fn missing<T>() -> Result<T, ServerError> {
    Err(ServerError {
        fault: Fault::Refused,
        code: None,
    })
}

impl Server for Engines {
    async fn authenticate(&self, _: &Endpoint, _: &Login) -> Result<(), ServerError> {
        missing()
    }

    async fn change(&self, _: &Endpoint, _: &Login, _: &Change<'_>) -> Result<Before, ServerError> {
        missing()
    }

    async fn discard(&self, _: &Endpoint, _: &Login, _: &str) -> Result<(), ServerError> {
        missing()
    }
}
