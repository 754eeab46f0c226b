//! What `setSecret` does about the replaced password: it works beside the new one, or the server must
//! refuse it.

use super::label;
use super::login::server;
use super::set::SetContext;
use crate::decide;
use crate::error::Error;
use crate::log::Note;
use crate::mark::RETAINED;
use crate::port::{Journal, Ports};
use crate::server::{FailureLimit, Login, PreviousPassword, Server};

/// Ends the step after the password was changed.
pub(super) async fn changed<P: Ports>(
    ports: &P,
    context: &SetContext<'_>,
    replaced: &Login,
    before: PreviousPassword,
) -> Result<(), Error> {
    match before {
        PreviousPassword::Void => {
            let note = Note::new(
                "set",
                "the server has answered that it has the new password",
            );
            ports.journal().note(note);
            try_replaced(ports, context, replaced).await;
            Ok(())
        }
        PreviousPassword::Retained => {
            let note = Note::new("set", "the old password works beside the new one");
            ports.journal().note(note);
            retained(ports, context).await
        }
    }
}

/// Logs in with the replaced password, which the server must refuse. The result is only reported:
/// without the promotion, clients would have no password that is certain to work.
async fn try_replaced<P: Ports>(ports: &P, context: &SetContext<'_>, replaced: &Login) {
    if !context.pin.propagation.is_zero() {
        let reason =
            "the old password was not tried, because members of the farm may still accept it";
        ports.journal().note(Note::new("not tested", reason));
        return;
    }
    let (limit, failed) = (context.failure_limit.get(), context.failed_logins.get());
    if !decide::may_try_replaced(limit, failed) {
        let reason = match limit {
            FailureLimit::Unknown => {
                "the old password was not tried, because it is unknown after how many failed logins the server refuses others"
            }
            _ => {
                "the old password was not tried, because the server refuses logins after a few failed ones"
            }
        };
        ports.journal().note(Note::new("not tested", reason));
        return;
    }
    let endpoint = &context.endpoint;
    match ports.server().authenticate(endpoint, replaced).await {
        Err(error) if decide::may_try_another(error.fault) => {
            let reason = "the server refuses the old password";
            ports.journal().note(Note::new("passed", reason));
        }
        Err(_) => {
            let reason =
                "a login with the old password failed for another reason than a wrong password";
            ports.journal().note(Note::new("not tested", reason));
        }
        Ok(()) => {
            let error = Error::ReplacedWorks {
                server: server(&context.pin),
                username: context.pin.username.clone(),
            };
            ports.journal().trouble(&context.event.secret, &error);
        }
    }
}

/// Records that the previous password still works, or may.
pub(super) async fn retained<P: Ports>(ports: &P, context: &SetContext<'_>) -> Result<(), Error> {
    if decide::retains(context.pin.endpoint.engine) && !context.is_prepared.get() {
        label(ports, context.event, &context.description, RETAINED).await?;
    }
    Ok(())
}
