//! Logs in to the pinned server.

use super::advice::{self, Signer};
use crate::error::Error;
use crate::pin::{Pin, RotateAs};
use crate::port::Ports;
use crate::secret::Credential;
use crate::server::{Endpoint, Engine, Server, ServerError, ServerFault};

/// Logs in as the pinned user with a version's password. The server is always the pinned one,
/// whatever the version contains.
pub(crate) async fn authenticate<P: Ports>(
    ports: &P,
    pin: &Pin,
    credential: &Credential,
) -> Result<(), ServerError> {
    let login = pin.login(credential);
    ports.server().authenticate(&pin.endpoint, &login).await
}

/// Returns where a login shows the password of a user that may lack rights. MySQL and MariaDB accept
/// a login without a database, and refuse one to a database on which the user has no privilege.
pub(crate) fn without_database(endpoint: &Endpoint) -> Endpoint {
    let mut endpoint = endpoint.clone();
    if endpoint.engine.has_hosts() {
        endpoint.dbname = None;
    }
    endpoint
}

/// Returns the server's address for errors.
pub(crate) fn server(pin: &Pin) -> String {
    place(&pin.endpoint)
}

/// Returns an address for errors.
pub(super) fn place(endpoint: &Endpoint) -> String {
    let (host, port) = (&endpoint.host, endpoint.port);
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
        advice: advice(&source),
        source,
    }
}

/// Returns the error after the server called every password wrong that may be tried: those of the
/// versions with these labels.
pub(crate) fn none_works(pin: &Pin, tried: &[&str]) -> Error {
    Error::NoPasswordWorks {
        advice: advice_on_passwords(pin),
        secret: pin.secret.name().to_owned(),
        server: server(pin),
        username: pin.username.clone(),
        tried: tried.join(", "),
    }
}

/// Returns the next step after a request with the user's own login failed.
pub(crate) fn advice(error: &ServerError) -> &'static str {
    advice::find(Signer::User, error)
}

/// Returns the next step after the server called every password of the user wrong.
pub(crate) fn advice_on_passwords(pin: &Pin) -> &'static str {
    let code = match pin.endpoint.engine {
        Engine::Postgres => "28P01",
        Engine::MySql | Engine::MariaDb => "1045",
    };
    advice(&ServerError {
        fault: ServerFault::WrongCredentials,
        code: Some(code.to_owned()),
    })
}

/// Returns the next step after a request that the pinned principal made for the user failed.
pub(crate) fn advice_on_change(pin: &Pin, error: &ServerError) -> &'static str {
    let by = match pin.rotate_as {
        RotateAs::Own => Signer::User,
        RotateAs::Administrator(_) => Signer::Administrator,
    };
    advice::find(by, error)
}

/// Returns the error of a password change that was not sent. It says whose login failed.
pub(super) fn not_sent(pin: &Pin, source: ServerError) -> Error {
    match pin.administrator() {
        Some(administrator) if is_of_login(source.fault) => Error::NoAdministratorLogin {
            server: server(pin),
            administrator: administrator.name().to_owned(),
            username: pin.username.clone(),
            advice: advice_on_change(pin, &source),
            source,
        },
        _ => Error::NotChanged {
            server: server(pin),
            username: pin.username.clone(),
            advice: advice_on_change(pin, &source),
            tested: "the change was not sent",
            source,
        },
    }
}

/// Returns the error of a password change that was sent and not made. The login before it succeeded,
/// so a fault that a login could have is not one of a login here.
pub(super) fn refused(pin: &Pin, source: ServerError, tested: &'static str) -> Error {
    let advised = ServerError {
        fault: match is_of_login(source.fault) {
            true => ServerFault::Refused,
            false => source.fault,
        },
        code: source.code.clone(),
    };
    Error::NotChanged {
        server: server(pin),
        username: pin.username.clone(),
        advice: advice_on_change(pin, &advised),
        tested,
        source,
    }
}

/// Returns whether a fault is one of the login, and not of the change after it.
pub(super) fn is_of_login(fault: ServerFault) -> bool {
    matches!(
        fault,
        ServerFault::WrongCredentials
            | ServerFault::LoginForbidden
            | ServerFault::PasswordExpired
            | ServerFault::UserLimit
            | ServerFault::Pooler
    )
}
