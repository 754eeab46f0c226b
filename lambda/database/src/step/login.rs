//! Logs in to the pinned server.

use crate::error::Error;
use crate::pin::{Pin, RotateAs};
use crate::port::Ports;
use crate::secret::Credential;
use crate::server::{Server, ServerError, ServerFault};

/// Logs in as the pinned user with a version's password. The server is always the pinned one,
/// whatever the version contains.
pub(crate) async fn authenticate<P: Ports>(
    ports: &P,
    pin: &Pin,
    credential: &Credential,
) -> Result<(), ServerError> {
    let login = credential.login(&pin.username);
    ports.server().authenticate(&pin.endpoint, &login).await
}

/// Returns the server's address for errors.
pub(crate) fn server(pin: &Pin) -> String {
    let (host, port) = (&pin.endpoint.host, pin.endpoint.port);
    if host.contains(':') {
        format!("[{host}]:{port}")
    } else {
        format!("{host}:{port}")
    }
}

/// Returns the error of a login that failed for a reason other than a wrong password.
pub(crate) fn no_login(pin: &Pin, version: &'static str, source: ServerError) -> Error {
    Error::NoLogin {
        secret: pin.secret.name().to_owned(),
        login: format!("{} on {}", pin.username, server(pin)),
        version,
        advice: advice(pin, source.fault),
        source,
    }
}

/// Returns the next step after a server refused a request or was unreachable.
pub(crate) fn advice(pin: &Pin, fault: ServerFault) -> &'static str {
    match (fault, &pin.rotate_as) {
        (ServerFault::WrongCredentials, _) => {
            "see that the user exists and that nothing else changes its password, then rotate again"
        }
        (ServerFault::LoginForbidden, _) => {
            "unlock the user, see that it may log in from the function's network and that the \
             database exists, then rotate again"
        }
        (ServerFault::NameUnknown, _) => {
            "check `host` in the manifest and that the function's VPC resolves it; it is tried again"
        }
        (ServerFault::Unreachable | ServerFault::TimedOut, _) => {
            "check `host`, `port` and `network` in the manifest, and that the server's security \
             group lets the function's in; it is tried again"
        }
        (ServerFault::NoTls, _) => "turn TLS on on the server; a password is never sent without it",
        (ServerFault::Untrusted, _) => {
            "check `host`, `tls` and `tls_ca` in the manifest against the server's certificate, then \
             `keyrota bootstrap`"
        }
        (ServerFault::Busy | ServerFault::Unclear, _) => "it is tried again",
        (ServerFault::PasswordRefused, _) => {
            "check `password` in the manifest against the server's rules, then `keyrota bootstrap`"
        }
        (ServerFault::NotAllowed, RotateAs::Own) => {
            "allow the user to change its own password, or set `rotate_as` in the manifest to an \
             administrator's secret, then rotate again"
        }
        (ServerFault::NotAllowed, RotateAs::Administrator(_)) => {
            "allow it to the administrator, then rotate again"
        }
        (ServerFault::UserUnknown, _) => {
            "make the user on the server, or take its entry out of the manifest"
        }
        (ServerFault::Refused, _) => {
            "look the code up in the server's manual, and into its log, then rotate again"
        }
    }
}
