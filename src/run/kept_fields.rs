//! The value whose unknown fields a rebuilt value keeps.

use keyrota_contract::value::object::Object;
use secrecy::{ExposeSecret, SecretString};

use super::Context;
use super::error::Result;
use crate::port::{CURRENT, ErrorKind, Optional, Secret, SecretValue};

/// Returns the value of AWSCURRENT if it is a JSON object, or else the newest one that is, of the
/// versions with the other labels. Without one, the value is built as at the first deployment.
pub(super) async fn newest_object(
    context: &Context<'_>,
    arn: &str,
    secret: Option<&Secret>,
    others: &[&str],
) -> Result<Option<SecretString>> {
    if let Some(value) = object(context, arn, CURRENT).await? {
        return Ok(Some(value.text));
    }
    let mut newest: Option<SecretValue> = None;
    for label in others {
        if secret.is_some_and(|secret| secret.version_with(label).is_some())
            && let Some(value) = object(context, arn, label).await?
            && newest
                .as_ref()
                .is_none_or(|held| held.created < value.created)
        {
            newest = Some(value);
        }
    }
    Ok(newest.map(|value| value.text))
}

/// Returns the value with a label, if it is a JSON object.
async fn object(context: &Context<'_>, arn: &str, label: &str) -> Result<Option<SecretValue>> {
    let value = match context.cloud.value(arn, label).await.optional() {
        Ok(value) => value.flatten(),
        // keyrota never stores binary data.
        Err(error) if error.kind == ErrorKind::Invalid => None,
        Err(error) => return Err(error.into()),
    };
    Ok(value.filter(|value| Object::parse(value.text.expose_secret()).is_ok()))
}
