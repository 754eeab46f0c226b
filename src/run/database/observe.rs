//! Looking at a database's secret, and at its administrator's.

use futures_util::future;

use super::super::Context;
use super::super::error::Result;
use super::super::observe::{LOOKS, observe_kms_key};
use crate::model::{Content, Database, EntryOf, Login, RotateAs, malformed};
use crate::plan::{DatabaseAdministrator, ObservedDatabase, ObservedLogin, SecretContent};
use crate::port::{CURRENT, ErrorKind, Optional, PENDING, Secret};

/// Looks at one entry: the secret, and what helps it.
///
/// # Errors
///
/// Returns the first call that was refused; what does not exist is no error.
pub async fn observe_database(
    context: &Context<'_>,
    entry: EntryOf<'_, Database>,
) -> Result<ObservedDatabase> {
    let (secret, encryption_key, administrator) = future::try_join3(
        observe_login(context, entry.secret.as_str()),
        observe_kms_key(context, &entry.kms_key),
        observe_administrator(context, entry),
    )
    .await?;
    Ok(ObservedDatabase {
        secret_name: entry.secret.to_string(),
        secret,
        encryption_key,
        administrator,
    })
}

/// Looks at an entry's secret, and at nothing that helps it.
pub(in crate::run) async fn observe_secret_alone(
    context: &Context<'_>,
    entry: EntryOf<'_, Database>,
) -> Result<ObservedDatabase> {
    Ok(ObservedDatabase {
        secret_name: entry.secret.to_string(),
        secret: observe_login(context, entry.secret.as_str()).await?,
        encryption_key: None,
        administrator: None,
    })
}

/// Looks at a secret by its name.
pub(in crate::run) async fn observe_login(
    context: &Context<'_>,
    name: &str,
) -> Result<Option<ObservedLogin>> {
    for look in 1.. {
        let Some(secret) = context.cloud.secret(name).await? else {
            return Ok(None);
        };
        if secret.deleted.is_some() {
            return Ok(Some(ObservedLogin::unread(secret)));
        }
        // Labels and values come by calls of their own.
        let (current, pending) = future::try_join(
            read(context, &secret, CURRENT, secret.version_with(CURRENT)),
            read(context, &secret, PENDING, secret.unfinished()),
        )
        .await?;
        if (current.agrees && pending.agrees) || look >= LOOKS {
            return Ok(Some(ObservedLogin {
                current: current.content,
                pending_value: !matches!(pending.content, SecretContent::Absent),
                secret,
            }));
        }
    }
    Ok(None)
}

/// What a label's version holds.
struct LabelledVersion {
    /// It is on the version that DescribeSecret reported.
    agrees: bool,
    content: SecretContent<Login>,
}

async fn read(
    context: &Context<'_>,
    secret: &Secret,
    label: &str,
    version: Option<&str>,
) -> Result<LabelledVersion> {
    let nothing = LabelledVersion {
        agrees: true,
        content: SecretContent::Absent,
    };
    let Some(version) = version else {
        return Ok(nothing);
    };
    match context.cloud.value(&secret.arn, label).await.optional() {
        Ok(Some(Some(value))) => Ok(LabelledVersion {
            agrees: value.version == version,
            content: SecretContent::Held(Login::read(&value.text)),
        }),
        Ok(None | Some(None)) => Ok(nothing),
        // Binary data is no value that anything here could have stored.
        Err(error) if error.kind == ErrorKind::Invalid => Ok(LabelledVersion {
            content: SecretContent::Held(Content::Foreign),
            ..nothing
        }),
        Err(error) if error.kind == ErrorKind::Undecryptable => Ok(LabelledVersion {
            content: SecretContent::Sealed,
            ..nothing
        }),
        Err(error) => Err(error.into()),
    }
}

/// Observes the administrator's secret, and its value if the caller may read it. Only the
/// function needs the value.
async fn observe_administrator(
    context: &Context<'_>,
    entry: EntryOf<'_, Database>,
) -> Result<Option<DatabaseAdministrator>> {
    let RotateAs::Administrator(reference) = &entry.rotate_as else {
        return Ok(None);
    };
    let unusable = |why: &str| Ok(Some(DatabaseAdministrator::Unusable(why.to_owned())));
    let Some(secret) = context.cloud.secret(reference.as_str()).await? else {
        return unusable("does not exist");
    };
    if secret.deleted.is_some() {
        return unusable("is scheduled for deletion");
    }
    if secret.version_with(CURRENT).is_none() {
        return unusable("has no value");
    }
    let value = match context.cloud.value(&secret.arn, CURRENT).await {
        Ok(Some(value)) => value,
        Ok(None) => return unusable("has no value"),
        Err(error) if error.kind == ErrorKind::Denied => {
            return Ok(Some(DatabaseAdministrator::Usable { arn: secret.arn }));
        }
        Err(error) if error.kind == ErrorKind::Undecryptable => {
            return unusable("cannot be decrypted");
        }
        Err(error) => return Err(error.into()),
    };
    let login = match Login::read(&value.text) {
        Content::Complete(login) => login,
        Content::Incomplete(missing) => {
            return unusable(&format!("lacks {}", missing.join(", ")));
        }
        Content::Malformed(field) => return unusable(&malformed(field)),
        Content::Foreign => return unusable("does not contain a JSON object"),
    };
    let same = login.engine == entry.kind.engine
        && login.host == entry.kind.host.as_str()
        && login.port() == entry.kind.port;
    if !same {
        return unusable(&format!(
            "is for another server than {} on {}:{}",
            entry.kind.engine.as_str(),
            entry.kind.host,
            entry.kind.port
        ));
    }
    Ok(Some(DatabaseAdministrator::Usable { arn: secret.arn }))
}
