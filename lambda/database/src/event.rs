//! Parses the event: a step or a sweep, as for access keys, or a check, which the bootstrap
//! requests.

use keyrota_contract::event::{CHECK, SECRET, VERSION, WORK};
use keyrota_function_base::event::text;
use serde_json::Value;

pub use keyrota_function_base::event::{Event, EventError, Invocation, Payload, Step};

use crate::arn::SecretArn;
use crate::stage::VersionId;

/// What a request asks the function to do.
#[derive(Clone)]
pub enum Work {
    /// A step of a rotation, or a sweep.
    Rotation(Invocation),
    /// A check whether a version's password works.
    Check(Check),
}

/// A check whether a version's password works. The type has no `Debug`: the version's ID stays
/// out of logs.
#[derive(Clone)]
pub struct Check {
    /// The secret.
    pub secret: SecretArn,
    /// The version.
    pub version: VersionId,
}

impl Work {
    /// Parses the payload of a request.
    ///
    /// # Errors
    ///
    /// Fails if the payload is not a valid event.
    pub fn read(payload: &Payload) -> Result<Self, EventError> {
        Self::parse(payload.value()?)
    }

    /// Parses the event.
    ///
    /// # Errors
    ///
    /// Fails if the event is not one of the three. The error never repeats the content of the
    /// event.
    pub fn parse(event: &Value) -> Result<Self, EventError> {
        if let Value::Object(fields) = event
            && fields.get(WORK).and_then(Value::as_str) == Some(CHECK)
        {
            let secret = SecretArn::parse(text(fields, SECRET)?);
            return Ok(Self::Check(Check {
                secret: secret.ok_or(EventError::CheckNotAnArn)?,
                version: VersionId::new(text(fields, VERSION)?),
            }));
        }
        Invocation::parse(event).map(Self::Rotation)
    }
}
