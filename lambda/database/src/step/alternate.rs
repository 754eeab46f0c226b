//! `setSecret` if two users alternate: prepares the user that is not current.
//!
//! AWSCURRENT's value says who is current, and only the other user is ever changed. Whatever fails,
//! clients can log in as the current user. Therefore no label has to record what was sent to the
//! server, and no password has to be repaired: the next try, or the next rotation, prepares the other
//! user again.
//!
//! Labels may move while the step runs. Therefore it reads them again right before the change: if
//! AWSCURRENT has moved, clients may log in as the user that was not current before.

use keyrota_function_base::pin::EntryError;

use super::administrator::administrator;
use super::login::{advice_on_change, is_of_login, not_sent, server};
use super::outcome::{Attempt, failed};
use super::{Admission, abandon, accounts, admit, describe, is_current};
use crate::decide;
use crate::error::Error;
use crate::event::Event;
use crate::log::Note;
use crate::pin::Pin;
use crate::port::{Journal, Ports};
use crate::secret::Credential;
use crate::server::{Change, ChangeError, Endpoint, Login, NewUser, Prepared, Rights, Server};
use crate::stage::{self, CURRENT, VersionId};

/// What the step knows after it has read the secret.
pub(super) struct Alternation<'step> {
    pub(super) event: &'step Event,
    pub(super) pin: &'step Pin,
    /// The user that the rotation prepares.
    pub(super) next: &'step str,
    /// The version that was AWSCURRENT.
    pub(super) version: Option<&'step VersionId>,
    pub(super) current: &'step Credential,
    pub(super) pending: &'step Credential,
}

pub(super) async fn run<P: Ports>(ports: &P, it: &Alternation<'_>) -> Result<(), Error> {
    let &Alternation {
        event,
        pin,
        next,
        version,
        current,
        pending,
    } = it;
    if pin.user_of(pending) != next {
        let reason = is_current(pin, pending);
        return Err(abandon(ports, event, None, reason).await.into());
    }
    let Some(administrator) = administrator(ports, pin).await? else {
        let (secret, field) = (event.secret.name().to_owned(), "alternate");
        return Err(EntryError::PinInvalid { secret, field }.into());
    };
    let (endpoint, login) = (&administrator.endpoint, &administrator.login);
    if pin.has_user(&login.username) {
        // The rotation after the next would void the administrator's own password.
        return Err(Error::AdministratorUnfit {
            secret: event.secret.name().to_owned(),
            administrator: pin
                .administrator()
                .map_or_else(String::new, |arn| arn.name().to_owned()),
            problem: "names one of the two users that alternate".to_owned(),
        });
    }
    let of_pending = pin.of(pending);
    // The other user receives the accounts of the current one.
    let of_current = pin.of(current);
    let (server_port, username) = (ports.server(), &of_current.username);
    let every = match server_port.inspect(endpoint, login, username).await {
        Ok(inspection) => accounts::admit(ports, &of_current, &inspection)?,
        Err(error) => return Err(not_sent(&of_pending, error)),
    };

    let description = describe(ports, &event.secret).await?;
    if admit(ports, event, &description).await? == Admission::Done {
        return Ok(());
    }
    if stage::carrier(&description.stages, CURRENT) != version {
        return Err(Error::LabelsMoved {
            secret: event.secret.name().to_owned(),
        });
    }
    match prepare(ports, it, endpoint, login, every).await {
        Ok(prepared) => {
            let note = match prepared {
                Prepared::Created => {
                    Note::new("create", "the user that is not current was missing")
                }
                Prepared::Existed => Note::new("set", "the current user was not changed"),
            };
            ports.journal().note(note);
            Ok(())
        }
        Err(ChangeError::Unsent(source)) if !is_of_login(source.fault) => Err(Error::NotPrepared {
            server: server(pin),
            username: of_pending.username.clone(),
            current: of_current.username.clone(),
            advice: advice_on_change(pin, &source),
            source,
        }),
        Err(error) => {
            let attempt = Attempt {
                event,
                pin: &of_pending,
                pending,
                endpoint: &of_pending.endpoint,
                // Nobody logs in as this user yet.
                is_strict: false,
                creates: false,
            };
            failed(ports, &attempt, None, error).await
        }
    }
}

/// Prepares the user that is not current.
async fn prepare<P: Ports>(
    ports: &P,
    it: &Alternation<'_>,
    endpoint: &Endpoint,
    login: &Login,
    every: bool,
) -> Result<Prepared, ChangeError> {
    let (username, password) = (it.next, it.pending.password());
    let is_first = username == it.pin.username;
    if !decide::may_create(it.pin.endpoint.engine, is_first) {
        let change = Change {
            username,
            password,
            retain: false,
            every,
        };
        let changed = ports.server().change(endpoint, login, &change).await;
        return changed.map(|_| Prepared::Existed);
    }
    let user = NewUser {
        username,
        password,
        rights: Rights::Of(it.pin.user_of(it.current)),
        every,
    };
    ports.server().prepare(endpoint, login, &user).await
}
