//! `keyrota rotate`.

use clap::Args;

use super::Exit;
use super::failure::Failed;
use super::session::Session;
use super::settings::Settings;
use crate::model::{AccessKey, Model};
use crate::port::{Event, Listener};
use crate::run::{self, Context, Deployed};
use crate::view::{RotateResult, RotatedSecret};

/// Rotate now, wait, and prove that the new keys work
///
/// A rotation that was left unfinished is taken up again first.
#[derive(Args, Debug)]
pub(super) struct Rotate {
    /// Secrets or users of the manifest; all where none is named
    #[arg(value_name = "NAME")]
    names: Vec<String>,
}

pub(super) async fn run(settings: &Settings, verb: &Rotate) -> Result<Exit, Failed> {
    let model = settings.load()?;
    let entries = chosen(&model, &verb.names)?;
    let session = Session::open(settings, Some(&model)).await?;
    let context = session.context(settings);
    run::guard_account(&context, &model).await?;
    let deployed = Deployed::observe(&context, &model).await?;
    let mut secrets = Vec::new();
    for entry in entries {
        let secret = rotate(&context, &model, &deployed, entry).await;
        if let Some(error) = &secret.error {
            settings.progress.on(Event::Warning(error.clone()));
        }
        secrets.push(secret);
    }
    settings.progress.finish();
    let result = RotateResult { secrets };
    settings.view.show(&result);
    Ok(
        match result.secrets.iter().all(|secret| secret.error.is_none()) {
            true => Exit::Done,
            false => Exit::Failed,
        },
    )
}

fn chosen<'model>(
    model: &'model Model,
    names: &[String],
) -> Result<Vec<&'model AccessKey>, Failed> {
    if names.is_empty() {
        return Ok(model.access_keys.iter().collect());
    }
    let find = |name: &String| {
        let called = |entry: &&AccessKey| {
            entry.secret.as_str() == name.as_str() || entry.user.as_str() == name.as_str()
        };
        model.access_keys.iter().find(called).ok_or_else(|| {
            let known: Vec<&str> = model
                .access_keys
                .iter()
                .map(|entry| entry.secret.as_str())
                .collect();
            Failed::new(
                "usage",
                format!("the manifest has no secret or user `{name}`"),
            )
            .hint(format!("it has: {}", known.join(", ")))
            .exit(Exit::Usage)
        })
    };
    names.iter().map(find).collect()
}

async fn rotate(
    context: &Context<'_>,
    model: &Model,
    deployed: &Deployed,
    entry: &AccessKey,
) -> RotatedSecret {
    let mut result = RotatedSecret {
        name: entry.secret.to_string(),
        arn: deployed.secret_arn(entry).ok().map(str::to_owned),
        username: entry.user.to_string(),
        old_access_key_id: None,
        new_access_key_id: None,
        version_id: None,
        verified: false,
        error: None,
    };
    let outcome = async {
        let seen = run::observe_entry(context, entry).await?;
        result.old_access_key_id = seen.credential().map(|held| held.accesskey.clone());
        let rotated = run::rotate_secret(context, model, deployed, entry, &seen).await?;
        result.version_id = Some(rotated.version.clone());
        run::verify(context, entry, Some(&rotated)).await
    };
    match outcome.await {
        Ok(verified) => {
            result.new_access_key_id = Some(verified.access_key_id);
            result.version_id = Some(verified.version);
            result.verified = true;
        }
        Err(error) => result.error = Some(error.to_string()),
    }
    result
}
