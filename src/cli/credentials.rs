//! `keyrota credentials`.

use clap::Args;

use super::Exit;
use super::failure::Failed;
use super::session::Session;
use super::settings::Settings;
use crate::model::{Content, Credential};
use crate::port::CURRENT;
use crate::view::CredentialsResult;

/// Print a secret's current key as `credential_process` JSON
///
/// In ~/.aws/config: `credential_process = keyrota --profile READER credentials SECRET`,
/// where READER is a profile that may read the secret
#[derive(Args, Debug)]
pub(super) struct CredentialsCommand {
    /// The secret's name or ARN
    #[arg(value_name = "SECRET")]
    secret: String,
}

pub(super) async fn run(settings: &Settings, verb: &CredentialsCommand) -> Result<Exit, Failed> {
    let session = Session::open(settings, None).await?;
    let context = session.context(settings);
    let value = context.cloud.value(&verb.secret, CURRENT).await?;
    let secret = &verb.secret;
    let refused = |why: String| Failed::new("secret", format!("the secret {secret} {why}"));
    let value = value.ok_or_else(|| {
        refused("does not exist, or has no value".into()).hint("check its name and --region")
    })?;
    let credential = match Credential::read(&value.text) {
        Content::Complete(credential) => credential,
        Content::Incomplete(missing) => {
            return Err(refused(format!("lacks {}", missing.join(", ")))
                .hint("`keyrota bootstrap` stores a first key"));
        }
        Content::Foreign => return Err(refused("does not hold a JSON object".into())),
    };
    settings.view.show(&CredentialsResult {
        id: credential.accesskey,
        secret: credential.secretkey,
    });
    Ok(Exit::Done)
}
