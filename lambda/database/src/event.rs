//! The event: a step or a sweep, as the access keys' function has them, or a
//! check, which whoever bootstraps calls for.

use keyrota_contract::event::{CHECK, SECRET, VERSION, WORK};
use keyrota_function_base::event::text;
use serde_json::Value;

pub use keyrota_function_base::event::{Event, EventError, Invocation, Payload, Step};

use crate::arn::SecretArn;
use crate::stage::VersionId;

/// What the function is called for.
#[derive(Clone)]
pub enum Work {
    /// A step of a rotation, or a sweep.
    Rotation(Invocation),
    /// The question whether a version's password works.
    Check(Check),
}

/// The question whether a version's password works. It has no `Debug`: the
/// version's ID stays out of logs.
#[derive(Clone)]
pub struct Check {
    /// The secret.
    pub secret: SecretArn,
    /// The version.
    pub version: VersionId,
}

impl Work {
    /// Reads what the function was sent.
    ///
    /// # Errors
    ///
    /// Fails if that is no event.
    pub fn read(payload: &Payload) -> Result<Self, EventError> {
        Self::parse(payload.value()?)
    }

    /// Reads the event.
    ///
    /// # Errors
    ///
    /// Fails if the event is none of the three. What it says is never repeated
    /// in the error.
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
