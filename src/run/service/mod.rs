//! Passwords of services, as far as they differ from passwords of databases.

mod seed;

use futures_util::future;

use super::Context;
use super::database::observe_login_as;
use super::error::Result;
use super::observe::observe_kms_key;
use crate::model::{EntryOf, Names, Service, ServiceLogin};
use crate::plan::{ObservedLogin, ObservedService};

pub(super) use seed::seed_service;

/// Observes a service: its secret, and the KMS key that it uses.
pub(super) async fn observe_service(
    context: &Context<'_>,
    entry: EntryOf<'_, Service>,
) -> Result<ObservedService> {
    let (secret, encryption_key) = future::try_join(
        observe_service_login(context, entry.secret.as_str(), &entry.fields),
        observe_kms_key(context, &entry.kms_key),
    )
    .await?;
    Ok(ObservedService {
        secret,
        encryption_key,
    })
}

/// Observes a secret by its name. Its fields have these names.
pub(super) async fn observe_service_login(
    context: &Context<'_>,
    name: &str,
    names: &Names,
) -> Result<Option<ObservedLogin<ServiceLogin>>> {
    observe_login_as(
        context,
        name,
        |text| ServiceLogin::read(text, names),
        ServiceLogin::has_password_of,
    )
    .await
}
