//! Observes a database's secret and its administrator's.

use futures_util::future;
use keyrota_contract::value::administrator::{self, PinnedServer};
use secrecy::{ExposeSecret, SecretString};

use super::super::Context;
use super::super::error::Result;
use super::super::observe::{
    observe_administrator, observe_kms_key, observe_labelled, read_version,
};
use crate::model::{Content, Database, EntryOf, Login, Names};
use crate::plan::{Administrator, ObservedDatabase, ObservedLogin, SecretContent};
use crate::port::{CURRENT, ErrorKind, PENDING, PREVIOUS, Secret};

/// Observes a database: its secret, and the resources that its rotation uses.
pub(in crate::run) async fn observe_database(
    context: &Context<'_>,
    entry: EntryOf<'_, Database>,
) -> Result<ObservedDatabase> {
    let (secret, encryption_key, administrator) = future::try_join3(
        observe_login(context, entry.secret.as_str(), &entry.fields),
        observe_kms_key(context, &entry.kms_key),
        observe_administrator(context, &entry, async |secret| {
            read_administrator(context, entry, secret).await
        }),
    )
    .await?;
    Ok(ObservedDatabase {
        secret,
        encryption_key,
        administrator,
    })
}

/// Observes a secret by its name. Its fields have these names.
pub(in crate::run) async fn observe_login(
    context: &Context<'_>,
    name: &str,
    names: &Names,
) -> Result<Option<ObservedLogin>> {
    observe_login_as(
        context,
        name,
        |text| Login::read(text, names),
        Login::has_password_of,
    )
    .await
}

/// Observes a secret by its name, whose values are logins of a kind. `is_same` returns whether two have
/// the same password.
pub(in crate::run) async fn observe_login_as<T>(
    context: &Context<'_>,
    name: &str,
    read_login: impl Fn(&SecretString) -> Content<T>,
    is_same: impl Fn(&T, &T) -> bool,
) -> Result<Option<ObservedLogin<T>>> {
    observe_labelled(context, name, ObservedLogin::unread, async |secret| {
        let read = |label, version| read_version(context, &secret, label, version, &read_login);
        // Whether a credential was replaced matters only if Secrets Manager does not report a
        // rotation.
        let previous = secret.version_with(PREVIOUS);
        let previous = previous.filter(|_| secret.last_rotated.is_none());
        let (current, pending, previous) = future::try_join3(
            read(CURRENT, secret.version_with(CURRENT)),
            read(PENDING, secret.unfinished()),
            read(PREVIOUS, previous),
        )
        .await?;
        let agrees = current.agrees && pending.agrees && previous.agrees;
        let replaced = match (current.content.complete(), previous.content.complete()) {
            (Ok(current), Ok(previous)) => !is_same(current, previous),
            // The first rotation has set the password.
            (Ok(_), Err(_)) => matches!(
                &previous.content,
                SecretContent::Held(Content::Incomplete(missing)) if missing == &["password"]
            ),
            (Err(_), _) => false,
        };
        let seen = ObservedLogin {
            pending_value: !matches!(pending.content, SecretContent::Absent),
            current_since: current.since,
            current: current.content,
            replaced,
            secret,
        };
        Ok((seen, agrees))
    })
    .await
}

/// Reads the value of an administrator's secret, if the caller may. Only the function requires it.
async fn read_administrator(
    context: &Context<'_>,
    entry: EntryOf<'_, Database>,
    secret: Secret,
) -> Result<Administrator> {
    let unusable = |why: &str| Ok(Administrator::Unusable(why.to_owned()));
    let value = match context.cloud.value(&secret.arn, CURRENT).await {
        Ok(Some(value)) => value,
        Ok(None) => return unusable("has no value"),
        Err(error) if error.kind == ErrorKind::Denied => {
            return Ok(Administrator::Usable { arn: secret.arn });
        }
        Err(error) if error.kind == ErrorKind::Undecryptable => {
            return unusable("cannot be decrypted");
        }
        Err(error) => return Err(error.into()),
    };
    let names = entry.administrator_fields.clone().unwrap_or_default();
    let server = PinnedServer {
        engine: entry.kind.engine,
        host: entry.kind.host.as_str(),
        port: entry.kind.port,
    };
    match administrator::read(value.text.expose_secret(), &names, server) {
        Ok(_) => Ok(Administrator::Usable { arn: secret.arn }),
        Err(why) => unusable(&why.to_string()),
    }
}
