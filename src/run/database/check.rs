//! Asks the function whether a version's login works.

use keyrota_contract::check::CheckAnswer;
use keyrota_contract::event;

use super::super::error::{Error, Result};
use super::super::{Context, Deployed};
use crate::port::{ErrorKind, Invoked};
use crate::render::Strategy;

/// The fault that the function reports if the server says that the password is wrong. After any other
/// fault, the password may be right.
pub(in crate::run) const WRONG_PASSWORD: &str = "wrong_credentials";

/// Makes the function log in with the login in a version.
///
/// # Errors
///
/// Returns [`Error::NotAsked`] if the function could not be invoked, or if the secret does not meet
/// its conditions.
pub(in crate::run) async fn check(
    context: &Context<'_>,
    deployed: &Deployed,
    strategy: Strategy,
    secret: &str,
    arn: &str,
    version: &str,
) -> Result<CheckAnswer> {
    let not_asked = |reason: String| Error::NotAsked {
        secret: secret.to_owned(),
        reason,
    };
    let function = deployed.function_arn(strategy);
    let function =
        function.ok_or_else(|| not_asked("the stack does not have this function".into()))?;
    let event = event::check(arn, version);
    let began = context.clock.now();
    let invoked = loop {
        match context.cloud.invoke(function, &event).await {
            // A function that was just created or changed may not be ready yet.
            Err(error) if error.kind == ErrorKind::Conflict => {
                let waited = context.waited(began);
                if waited >= context.pace.trial {
                    return Err(error.into());
                }
                context.wait().await;
            }
            invoked => break invoked?,
        }
    };
    match invoked {
        Invoked::Answered(text) => serde_json::from_str(&text)
            .map_err(|_| not_asked("the function returned an unexpected response".into())),
        Invoked::Failed(reason) => Err(not_asked(reason)),
    }
}
