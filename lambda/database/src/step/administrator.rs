//! The login of the administrator.

use keyrota_contract::value::administrator::{PinnedServer, read};
use secrecy::ExposeSecret;

use crate::error::{Error, ReadError};
use crate::pin::Pin;
use crate::port::{CallErrorKind, Ports, SecretsManager, StoredValue, VersionSelector};
use crate::server::{Endpoint, Engine, Login};
use crate::stage::CURRENT;

/// The login and the server for changing another user's password.
pub(crate) struct Administrator {
    pub(crate) endpoint: Endpoint,
    pub(crate) login: Login,
}

/// Returns the administrator's login, if an administrator is pinned.
///
/// # Errors
///
/// Fails if the administrator's secret is for another server than the pinned one, since its
/// password must not be sent to any other server.
pub(crate) async fn administrator<P: Ports>(
    ports: &P,
    pin: &Pin,
) -> Result<Option<Administrator>, Error> {
    let Some(arn) = pin.administrator() else {
        return Ok(None);
    };
    let unfit = |problem: String| Error::AdministratorUnfit {
        secret: pin.secret.name().to_owned(),
        administrator: arn.name().to_owned(),
        problem,
    };
    let current = VersionSelector::Labelled(CURRENT);
    let stored = match ports.secrets_manager().read(&arn, current).await {
        Ok(version) => version.stored,
        Err(error) => {
            return Err(match error.kind {
                CallErrorKind::NotFound => unfit("does not exist, or has no value".to_owned()),
                CallErrorKind::Undecryptable => {
                    unfit("cannot be decrypted with its KMS key".to_owned())
                }
                _ => Error::from(ReadError {
                    secret: arn.name().to_owned(),
                    source: error,
                }),
            });
        }
    };
    let StoredValue::Text(value) = &stored else {
        return Err(unfit("is binary, not text".to_owned()));
    };
    let server = PinnedServer {
        engine: pin.endpoint.engine,
        host: &pin.endpoint.host,
        port: pin.endpoint.port,
    };
    let found = read(value.expose_secret(), &pin.administrator_names, server);
    let found = found.map_err(|why| unfit(why.to_string()))?;
    Ok(Some(Administrator {
        endpoint: endpoint(&pin.endpoint),
        login: Login {
            username: found.username,
            password: found.password,
        },
    }))
}

/// Returns where an administrator logs in. A password can be changed from any database of the
/// server, and the administrator may not have access to the user's.
fn endpoint(pinned: &Endpoint) -> Endpoint {
    let mut endpoint = Endpoint {
        any_database: true,
        ..pinned.clone()
    };
    if endpoint.engine != Engine::Postgres {
        // MySQL and MariaDB accept a login without a database.
        endpoint.dbname = None;
    }
    endpoint
}
