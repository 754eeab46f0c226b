//! The login of the administrator.

use keyrota_function_base::step;

use crate::error::Error;
use crate::pin::Pin;
use crate::port::{Ports, VersionSelector};
use crate::secret::{Content, LoginTarget};
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
/// Fails if the administrator's secret does not belong to the pinned server, since its password
/// must not be sent to any other server.
pub(crate) async fn administrator<P: Ports>(
    ports: &P,
    pin: &Pin,
) -> Result<Option<Administrator>, Error> {
    let Some(arn) = pin.administrator() else {
        return Ok(None);
    };
    let unfit = |administrator: &str, problem| Error::AdministratorUnfit {
        secret: pin.secret.name().to_owned(),
        administrator: administrator.to_owned(),
        problem,
    };
    let name = arn.name();
    let found = step::find(
        ports,
        &arn,
        VersionSelector::Labelled(CURRENT),
        &pin.administrator_names,
    )
    .await?;
    let administrator = match found.content {
        Content::Complete(administrator) => administrator,
        Content::Nothing => return Err(unfit(name, "has no value")),
        Content::Unreadable(_) | Content::Partial(_) => {
            let problem = "is not a JSON object with `engine`, `host`, `username` and `password`";
            return Err(unfit(name, problem));
        }
    };
    let target = &administrator.target;
    let Some(problem) = elsewhere(&pin.endpoint, target) else {
        let username = target.username.clone().unwrap_or_default();
        let mut endpoint = pin.endpoint.clone();
        // MySQL accepts a login without a database, and an administrator may not have access to
        // the user's database.
        if target.dbname.is_some() || endpoint.engine != Engine::Postgres {
            endpoint.dbname.clone_from(&target.dbname);
        }
        return Ok(Some(Administrator {
            endpoint,
            login: administrator.login(&username),
        }));
    };
    Err(unfit(name, problem))
}

/// Returns how a value differs from the pinned server, or `None` if it belongs to that server.
fn elsewhere(pinned: &Endpoint, target: &LoginTarget) -> Option<&'static str> {
    let host = target.host.as_deref().unwrap_or_default();
    if !host.eq_ignore_ascii_case(&pinned.host) {
        return Some("is of another `host` than the manifest names");
    }
    // Without a port, it is the engine's default port.
    if target.port.unwrap_or(pinned.engine.default_port()) != pinned.port {
        return Some("is of another `port` than the manifest names");
    }
    if !target.may_be_of(pinned.engine) {
        return Some("is of another `engine` than the manifest names");
    }
    None
}
