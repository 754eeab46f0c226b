//! Makes the server discard the password before AWSCURRENT's, if it still works.

use std::time::Duration;

use crate::decide;
use crate::error::Error;
use crate::log::Note;
use crate::mark::RETAINED;
use crate::moment::Moment;
use crate::pin::{Hosts, Pin};
use crate::port::{Clock, Journal, Ports};
use crate::secret::Credential;
use crate::server::Server;
use crate::stage::{self, CURRENT};
use crate::step::{administrator, advice_on_change, describe, server, unlabel};

/// Makes the server discard the old password. `current` is the content of AWSCURRENT, and
/// `promoted` is when it became AWSCURRENT.
///
/// # Errors
///
/// Fails if it is not certain that this is done. The operation is idempotent.
pub(crate) async fn discard<P: Ports>(
    ports: &P,
    pin: &Pin,
    current: &Credential,
    promoted: Moment,
) -> Result<(), Error> {
    let secret = &pin.secret;
    let administrator = administrator(ports, pin).await?;
    // The labels are read again, because the server might now discard AWSCURRENT's own password.
    let stages = describe(ports, secret).await?.stages;
    let after = pin.old_password.unwrap_or(Duration::MAX);
    let now = ports.clock().moment();
    let Some(version) = stage::carrier(&stages, CURRENT)
        .filter(|_| decide::may_discard(&stages, promoted, after, now))
    else {
        return Ok(());
    };
    let note = Note::new("discard", "the time of the old password is over");
    ports.journal().note(note.of(secret));
    let (endpoint, login) = match administrator {
        Some(it) => (it.endpoint, it.login),
        None => (pin.endpoint.clone(), current.login(&pin.username)),
    };
    let every = pin.hosts == Some(Hosts::All);
    let discarded = ports
        .server()
        .discard(&endpoint, &login, &pin.username, every);
    discarded.await.map_err(|source| Error::NotDiscarded {
        server: server(pin),
        username: pin.username.clone(),
        advice: advice_on_change(pin, &source),
        source,
    })?;
    unlabel(ports, secret, RETAINED, version).await;
    Ok(())
}
