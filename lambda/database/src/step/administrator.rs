//! The administrator's login.

use super::find;
use crate::arn::SecretArn;
use crate::error::Error;
use crate::pin::{Pin, RotateAs};
use crate::port::{Ports, Which};
use crate::secret::{Content, Credential, Place};
use crate::server::{Endpoint, Engine, Login};
use crate::stage::CURRENT;

/// Whom to log in as to change another's password, and where.
pub(crate) struct Administrator {
    pub(crate) endpoint: Endpoint,
    pub(crate) login: Login,
}

/// Returns the administrator's login, where one is pinned. `credential` keeps to
/// the pin, so that its `masterarn` is the secret that the tag names.
///
/// # Errors
///
/// Fails where that secret is not of the pinned server, since its password must
/// be sent to no other.
pub(crate) async fn administrator<P: Ports>(
    ports: &P,
    pin: &Pin,
    credential: &Credential,
) -> Result<Option<Administrator>, Error> {
    let RotateAs::Administrator(_) = &pin.rotate_as else {
        return Ok(None);
    };
    let unfit = |administrator: &str, problem| Error::AdministratorUnfit {
        secret: pin.secret.name().to_owned(),
        administrator: administrator.to_owned(),
        problem,
    };
    let arn = credential
        .place
        .master
        .as_deref()
        .and_then(SecretArn::parse);
    let arn = arn.ok_or_else(|| unfit("that `masterarn` names", "is not named by its ARN"))?;
    let name = arn.name();
    let found = find(ports, &arn, Which::Labelled(CURRENT)).await?;
    let administrator = match found.content {
        Content::Complete(administrator) => administrator,
        Content::Nothing => return Err(unfit(name, "has no value")),
        Content::Unreadable(_) | Content::Partial(_) => {
            let problem =
                "is not a JSON object with `engine`, `host`, `port`, `username` and `password`";
            return Err(unfit(name, problem));
        }
    };
    let place = &administrator.place;
    let Some(problem) = elsewhere(&pin.endpoint, place) else {
        let username = place.username.clone().unwrap_or_default();
        let mut endpoint = pin.endpoint.clone();
        // MySQL lets one in without a database, and an administrator may have no
        // right to the user's.
        if place.dbname.is_some() || endpoint.engine != Engine::Postgres {
            endpoint.dbname.clone_from(&place.dbname);
        }
        return Ok(Some(Administrator {
            endpoint,
            login: administrator.login(&username),
        }));
    };
    Err(unfit(name, problem))
}

/// Returns how a value is of another server than the pinned one, if it is.
fn elsewhere(pinned: &Endpoint, place: &Place) -> Option<&'static str> {
    let host = place.host.as_deref().unwrap_or_default();
    if !host.eq_ignore_ascii_case(&pinned.host) {
        return Some("is of another `host` than the tag `keyrota:endpoint` names");
    }
    if place.port != Some(pinned.port) {
        return Some("is of another `port` than the tag `keyrota:endpoint` names");
    }
    if place.engine.as_deref() != Some(pinned.engine.name()) {
        return Some("is of another `engine` than the tag `keyrota:engine` names");
    }
    None
}
