//! A rotation function as it is commonly published, rewritten over this project's ports. It
//! serves as a comparison, and shows that the search finds its defects. Its naive parts are
//! numbered as in the list of such defects in docs/explanation/design/function.md.

use keyrota_contract::value::names::Names;
use keyrota_function::arn::SecretArn;
use keyrota_function::decide::{AccessKeyId, CURRENT, KEYS_PER_USER, PENDING, carrier};
use keyrota_function::error::{Error, RequestError};
use keyrota_function::event::{Event, Step};
use keyrota_function::port::{
    Authenticator, CallError, Caller, Keys, NewKey, Ports, SecretsManager, StoredValue,
    VersionSelector,
};
use keyrota_function::secret::{Content, Credential, Owner, administrator_key};

use crate::fake::{FakeAws, Outcome, run_with};

/// Runs one step.
pub(super) fn run(aws: &FakeAws, step: Step, token: &str) -> Outcome {
    run_with(aws, step, token, async |ports, event, _| {
        naive(ports, event).await
    })
}

async fn naive<P: Ports>(ports: &P, event: &Event) -> Result<(), Error> {
    let failed = |source| failed(event, source);
    let secrets = ports.secrets_manager();
    let description = secrets.describe(&event.secret).await.map_err(failed)?;
    let labels = description.stages.get(&event.token);
    let Some(labels) = labels else {
        return Err(RequestError::UnknownVersion {
            secret: event.secret.name().to_owned(),
        }
        .into());
    };
    if labels.contains(CURRENT) {
        return Ok(());
    }
    if !labels.contains(PENDING) {
        return Err(RequestError::VersionNotPending {
            secret: event.secret.name().to_owned(),
        }
        .into());
    }
    match event.step {
        Step::Create => Ok(()),
        Step::Set => set(ports, event).await,
        Step::Test => test(ports, event).await,
        Step::Finish => {
            let stages = secrets
                .describe(&event.secret)
                .await
                .map_err(failed)?
                .stages;
            let from = carrier(&stages, CURRENT);
            secrets
                .relabel(&event.secret, CURRENT, from, Some(&event.token))
                .await
                .map_err(failed)
        }
    }
}

/// Creates the new key and stores it.
async fn set<P: Ports>(ports: &P, event: &Event) -> Result<(), Error> {
    let failed = |source| failed(event, source);
    let current = read(ports, event, VersionSelector::Labelled(CURRENT)).await?;
    // The user is the one that the value names.
    let user = current.username.clone().expect("a user");
    let origin = current
        .secret_arn
        .as_deref()
        .and_then(SecretArn::parse)
        .expect("an ARN");
    let origin = ports
        .secrets_manager()
        .read(&origin, VersionSelector::Labelled(CURRENT))
        .await;
    let origin =
        administrator_key(&origin.map_err(failed)?.stored, Names::default_names()).expect("a key");
    let caller = Caller::Key(origin);
    let mut keys = ports.keys().list(&caller, &user).await.map_err(failed)?;
    // Deletes the older of two keys, even if a client uses it.
    keys.sort_by_key(|key| (key.created, key.id.clone()));
    if keys.len() >= KEYS_PER_USER {
        let oldest: &AccessKeyId = &keys[0].id;
        let deleted = ports.keys().delete(&caller, &user, oldest).await;
        deleted.map_err(failed)?;
    }
    // Each attempt creates a key, whatever the version already contains.
    let key: NewKey = ports.keys().create(&caller, &user).await.map_err(failed)?;
    let owner = Owner {
        user: &user,
        secret_arn: None,
        smtp: &[],
    };
    let value = current.rekeyed(&key, Names::default_names(), owner);
    ports
        .secrets_manager()
        .put(event, &value, &[PENDING])
        .await
        .map_err(failed)
}

/// Uses the new key, and treats every response except a missing one as success.
async fn test<P: Ports>(ports: &P, event: &Event) -> Result<(), Error> {
    let pending = read(ports, event, VersionSelector::Version(&event.token)).await?;
    match ports.authenticator().identify(&pending.key_pair()).await {
        Ok(_)
        | Err(CallError {
            answer: Some(_), ..
        }) => Ok(()),
        Err(source) => Err(failed(event, source)),
    }
}

async fn read<P: Ports>(
    ports: &P,
    event: &Event,
    which: VersionSelector<'_>,
) -> Result<Credential, Error> {
    let found = ports.secrets_manager().read(&event.secret, which).await;
    let stored: StoredValue = found.map_err(|source| failed(event, source))?.stored;
    match Content::parse(&stored, Names::default_names()) {
        Content::Complete(credential) => Ok(credential),
        _ => Err(RequestError::PendingIncomplete {
            purpose: "rotate",
            secret: event.secret.name().to_owned(),
            user: String::new(),
        }
        .into()),
    }
}

fn failed(event: &Event, source: CallError) -> Error {
    Error::SecretUnread {
        secret: event.secret.name().to_owned(),
        source,
    }
}

/// The result for the user of a disturbed rotation by this function or by keyrota's.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Disturbed {
    /// The number of rotations with a fault at one of their calls.
    pub(super) rotations: usize,
    /// The number of them after which AWSCURRENT's key permanently does not work.
    pub(super) locked_out: usize,
}

impl std::fmt::Display for Disturbed {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(
            formatter,
            "of {} rotations with one fault and a retry, {} locked their user out",
            self.rotations, self.locked_out
        )
    }
}
