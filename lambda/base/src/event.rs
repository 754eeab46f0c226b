//! Parses the event: a step of a rotation, which Secrets Manager sends, a sweep, which the stack's
//! rule sends every hour, or a check or a request to drop a database user, which keyrota sends.
//!
//! Source: "Lambda rotation functions" in the Secrets Manager User Guide.

use keyrota_contract::event::{
    CHECK, DROP_USER, ROTATION_TOKEN, SECRET, SECRET_ID, SECRETS, STEP, SWEEP, TOKEN, VERSION, WORK,
};
use secrecy::SecretString;
use serde::{Deserialize, Deserializer};
use serde_json::{Map, Value};

use crate::arn::SecretArn;
use crate::stage::VersionId;

pub use keyrota_contract::event::Step;

/// The payload of a request, or `None` if it is not JSON. The function deserializes it itself,
/// because the Lambda runtime's error message repeats fields of the event.
pub struct Payload(Option<Value>);

impl<'de> Deserialize<'de> for Payload {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Ok(Self(Value::deserialize(deserializer).ok()))
    }
}

impl Payload {
    /// Returns the payload.
    ///
    /// # Errors
    ///
    /// Fails if the payload could not be read.
    pub fn value(&self) -> Result<&Value, EventError> {
        self.0.as_ref().ok_or(EventError::EventNotJson)
    }
}

/// What a request asks the function to do.
#[derive(Clone)]
pub enum Invocation {
    /// A step of a rotation.
    Step(Event),
    /// A sweep of these secrets, which inspects old keys and the state of the rotations. The
    /// list has at least one secret and no duplicates.
    Sweep(Vec<SecretArn>),
    /// A check, which changes nothing.
    Check(Check),
    /// Drops the database user of this secret.
    DropUser(SecretArn),
}

/// A check. The type has no `Debug`: the version's ID stays out of logs.
#[derive(Clone)]
pub struct Check {
    /// The secret.
    pub secret: SecretArn,
    /// The version to log in with. Without one, the next rotation is rehearsed.
    pub version: Option<VersionId>,
}

impl Invocation {
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
    /// Fails if the event is none of these. The error never repeats the content of the
    /// event.
    pub fn parse(event: &Value) -> Result<Self, EventError> {
        match event {
            Value::Object(fields) if fields.contains_key(WORK) => {
                match fields.get(WORK).and_then(Value::as_str) {
                    Some(CHECK) => check(fields).map(Self::Check),
                    Some(DROP_USER) => drop_user(fields).map(Self::DropUser),
                    _ => sweep(fields).map(Self::Sweep),
                }
            }
            _ => Event::parse(event).map(Self::Step),
        }
    }
}

fn check(fields: &Map<String, Value>) -> Result<Check, EventError> {
    let secret = SecretArn::parse(text(fields, SECRET)?);
    let version = match text(fields, VERSION) {
        Ok(version) => Some(VersionId::new(version)),
        Err(EventError::EventFieldMissing { .. }) => None,
        Err(error) => return Err(error),
    };
    Ok(Check {
        secret: secret.ok_or(EventError::CheckNotAnArn)?,
        version,
    })
}

fn drop_user(fields: &Map<String, Value>) -> Result<SecretArn, EventError> {
    let secret = SecretArn::parse(text(fields, SECRET)?);
    secret.ok_or(EventError::DropNotAnArn)
}

fn sweep(fields: &Map<String, Value>) -> Result<Vec<SecretArn>, EventError> {
    if fields.get(WORK).and_then(Value::as_str) != Some(SWEEP) {
        return Err(EventError::UnknownWork);
    }
    let named = match fields.get(SECRETS) {
        None | Some(Value::Null) => return Err(EventError::SweepNamesNone),
        Some(Value::Array(named)) => named,
        Some(_) => return Err(EventError::SweepNotAList),
    };
    let mut secrets = Vec::new();
    for secret in named {
        let secret = secret.as_str().and_then(SecretArn::parse);
        let secret = secret.ok_or(EventError::SweepNotAnArn)?;
        if !secrets.contains(&secret) {
            secrets.push(secret);
        }
    }
    if secrets.is_empty() {
        return Err(EventError::SweepNamesNone);
    }
    Ok(secrets)
}

/// A step of a rotation, as Secrets Manager requests it.
///
/// The type has no `Debug`: the version's ID and the rotation token stay out of logs.
#[derive(Clone)]
pub struct Event {
    /// The step to carry out.
    pub step: Step,
    /// The secret being rotated.
    pub secret: SecretArn,
    /// The version that this rotation creates.
    pub token: VersionId,
    /// Proof of the request's origin. `PutSecretValue` passes it on if the function acts under
    /// an assumed role. It is sensitive.
    pub rotation_token: Option<SecretString>,
}

/// An event from neither Secrets Manager nor the stack.
#[derive(Debug, PartialEq, Eq, thiserror::Error, strum::IntoStaticStr)]
pub enum EventError {
    /// The event is not JSON, or is nested too deeply.
    #[error(
        "read the event: it is not JSON, or nested too deeply; this function is called by Secrets \
         Manager and by its stack's rule only, so start a rotation with `keyrota rotate` instead of \
         invoking it"
    )]
    EventNotJson,
    /// The event is JSON, but not an object.
    #[error(
        "read the event: it is {found}, not an object; this function is called by Secrets Manager \
         and by its stack's rule only, so start a rotation with `keyrota rotate` instead of invoking it"
    )]
    EventNotAnObject {
        /// The actual kind of JSON value.
        found: &'static str,
    },
    /// A field is absent or empty.
    #[error(
        "read the event: it has no `{field}`; this function is called by Secrets Manager and by its \
         stack's rule only, so start a rotation with `keyrota rotate` instead of invoking it"
    )]
    EventFieldMissing {
        /// The field's name.
        field: &'static str,
    },
    /// A field is not a string.
    #[error(
        "read the event: its `{field}` is not a string; this function is called by Secrets Manager \
         and by its stack's rule only, so start a rotation with `keyrota rotate` instead of invoking it"
    )]
    EventFieldNotText {
        /// The field's name.
        field: &'static str,
    },
    /// The step is not one of the four.
    #[error(
        "read the event: its `Step` is none of createSecret, setSecret, testSecret and \
         finishSecret; if Secrets Manager has a new step, deploy a newer version of this function"
    )]
    UnknownStep,
    /// The event does not identify the secret by its ARN.
    #[error(
        "read the event: its `SecretId` is not the ARN of a secret; start the rotation with \
         `keyrota rotate`, which names the secret as Secrets Manager does"
    )]
    SecretNotAnArn,
    /// keyrota's own event asks for something else.
    #[error(
        "read the event: its `keyrota` is not `sweep`, `check`, or `drop_user`; run `keyrota bootstrap`, which deploys the \
         function and the rule that calls it together"
    )]
    UnknownWork,
    /// A sweep names no secret.
    #[error(
        "read the event: its `secrets` are absent or none; run `keyrota bootstrap`, which writes \
         the rule's event from the manifest"
    )]
    SweepNamesNone,
    /// The list of secrets in a sweep is not an array.
    #[error(
        "read the event: its `secrets` are not a list; run `keyrota bootstrap`, which writes the \
         rule's event from the manifest"
    )]
    SweepNotAList,
    /// A sweep names something that is not a secret.
    #[error(
        "read the event: one of its `secrets` is not the ARN of a secret; run `keyrota bootstrap`, \
         which writes the rule's event from the manifest"
    )]
    SweepNotAnArn,
    /// A check names something that is not a secret.
    #[error(
        "read the event: its `secret` is not the ARN of a secret; run `keyrota doctor`, which \
         checks each secret by its ARN"
    )]
    CheckNotAnArn,
    /// A request to drop a user names something that is not a secret.
    #[error(
        "read the event: its `secret` is not the ARN of a secret; run `keyrota teardown`, which names each \
         secret by its ARN"
    )]
    DropNotAnArn,
    /// A request to drop a database user reached another function than the one for databases.
    #[error(
        "read the event: this function drops no users; run `keyrota teardown`, which asks the function that \
         created a user to drop it"
    )]
    DropsNoUser,
    /// A check of an access key names a version.
    #[error(
        "read the event: a check of an access key takes no `version`, because the function \
         authenticates with the current key only; run `keyrota doctor`, which sends none"
    )]
    CheckNamesVersion,
}

impl Event {
    /// Parses the event. Unknown fields are ignored, since Secrets Manager may add some.
    ///
    /// # Errors
    ///
    /// Fails if the event is not an object, or if a field is missing or invalid. The error
    /// never repeats the content of the event.
    pub fn parse(event: &Value) -> Result<Self, EventError> {
        let Value::Object(fields) = event else {
            return Err(EventError::EventNotAnObject { found: kind(event) });
        };
        let step = text(fields, STEP)?;
        let secret = text(fields, SECRET_ID)?;
        let token = text(fields, TOKEN)?;
        let rotation_token = match text(fields, ROTATION_TOKEN) {
            Ok(rotation_token) => Some(SecretString::from(rotation_token)),
            Err(EventError::EventFieldMissing { .. }) => None,
            Err(error) => return Err(error),
        };
        let step = Step::parse(step).ok_or(EventError::UnknownStep)?;
        let secret = SecretArn::parse(secret).ok_or(EventError::SecretNotAnArn)?;
        Ok(Self {
            step,
            secret,
            token: VersionId::new(token),
            rotation_token,
        })
    }
}

/// Returns a field of the event that must be a string and not empty.
///
/// # Errors
///
/// Fails if the field is absent, empty, or not a string.
pub fn text<'event>(
    fields: &'event Map<String, Value>,
    field: &'static str,
) -> Result<&'event str, EventError> {
    match fields.get(field) {
        None | Some(Value::Null) => Err(EventError::EventFieldMissing { field }),
        Some(Value::String(text)) if text.is_empty() => {
            Err(EventError::EventFieldMissing { field })
        }
        Some(Value::String(text)) => Ok(text),
        Some(_) => Err(EventError::EventFieldNotText { field }),
    }
}

fn kind(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "a boolean",
        Value::Number(_) => "a number",
        Value::String(_) => "a string",
        Value::Array(_) => "an array",
        Value::Object(_) => "an object",
    }
}
