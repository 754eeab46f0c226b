//! What is specific to the password of a service's user.

mod http;
mod http_answer;
mod http_request;
pub(super) mod read;
mod tag;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;

use keyrota_contract::url::HttpsUrl;

use super::{Arn, Duration, InitialPassword, PasswordRule};

pub use http::read_http_adapter;
pub use keyrota_contract::pins::service::{CharacterClass, Http, HttpRequest, Method};

/// The password of a service's user.
#[derive(Clone, Debug)]
pub struct Service {
    /// The name of the user.
    pub username: String,
    /// What knows the service.
    pub adapter: Adapter,
    /// What the adapter gets with each request. It is not secret.
    pub settings: BTreeMap<String, String>,
    /// The rule for new passwords.
    pub password: PasswordRule,
    /// The classes of which a new password must contain a character. If it is empty, one of each class
    /// that is not excluded completely.
    pub require: Vec<CharacterClass>,
    /// How long it takes until every member of a farm of servers knows a new password.
    pub propagation: Option<Duration>,
    /// The source of the first password.
    pub initial_password: InitialPassword,
    /// Whether its function runs in the manifest's network. Without a network, it is set for all.
    pub in_network: bool,
}

/// What knows a service.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Adapter {
    /// The Lambda function with this ARN, which may end with a version or an alias.
    Function(Arn),
    /// The requests in a file.
    Http(Box<HttpAdapter>),
}

/// An HTTP adapter.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HttpAdapter {
    /// The file, as the manifest names it.
    pub file: String,
    /// Its requests. `tls_ca` is the file with the trusted certificate authorities, as the adapter's
    /// file names it.
    pub requests: Http,
}

impl Adapter {
    /// Returns the ARN of the adapter's function, if it is one.
    pub const fn function(&self) -> Option<&Arn> {
        match self {
            Self::Function(arn) => Some(arn),
            Self::Http(_) => None,
        }
    }

    /// Returns the HTTP adapter, if it is one.
    pub const fn http(&self) -> Option<&HttpAdapter> {
        match self {
            Self::Http(http) => Some(http),
            Self::Function(_) => None,
        }
    }
}

impl HttpAdapter {
    /// Returns the hosts with the ports to which it sends requests, each once.
    pub fn hosts(&self) -> Vec<String> {
        let mut hosts = Vec::new();
        for request in [&self.requests.authenticate, &self.requests.change] {
            // The URLs were checked when the file was read.
            let Ok(url) = HttpsUrl::parse(&request.url) else {
                continue;
            };
            let host = match url.port {
                443 => url.host.to_owned(),
                port => format!("{}:{port}", url.host),
            };
            if !hosts.contains(&host) {
                hosts.push(host);
            }
        }
        hosts
    }

    /// Returns the file with the certificate authorities, relative to the manifest, if the adapter's
    /// file names one.
    pub fn tls_ca(&self) -> Option<String> {
        let named = self.requests.tls_ca.as_deref()?;
        let folder = self.file.rsplit_once('/').map(|(folder, _)| folder);
        Some(match folder {
            Some(folder) if !named.starts_with('/') => format!("{folder}/{named}"),
            _ => named.to_owned(),
        })
    }

    /// Returns the path in the function's zip file of these authorities.
    pub fn authorities_file(&self) -> Option<String> {
        self.tls_ca().as_deref().map(super::authorities_file)
    }

    /// Returns the requests as they are pinned: with the path of the authorities in the function's zip
    /// file.
    pub fn pinned(&self) -> Http {
        Http {
            tls_ca: self.authorities_file(),
            ..self.requests.clone()
        }
    }
}

impl Service {
    /// Returns where the password is used, for a message: the hosts of an HTTP adapter, or the function
    /// that knows the service.
    pub fn place(&self) -> String {
        match &self.adapter {
            Adapter::Function(arn) => format!("the adapter {}", function_name(arn)),
            Adapter::Http(http) => http.hosts().join(" and "),
        }
    }
}

/// Returns the name of the function in an ARN, with its version or alias.
fn function_name(arn: &Arn) -> &str {
    let [_, _, _, _, resource] = arn.parts();
    resource.strip_prefix("function:").unwrap_or(resource)
}
