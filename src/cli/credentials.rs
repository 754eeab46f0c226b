//! `keyrota credentials`.

use clap::Args;

use super::Exit;
use super::failure::Failed;
use super::held::Held;
use super::session::Session;
use super::settings::Settings;
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
    match Held::read(context.cloud, &verb.secret).await? {
        Held::Key(credential) => settings.view.show(&CredentialsResult {
            id: credential.accesskey.into(),
            secret: credential.secretkey,
        }),
        Held::Login(_) => {
            let secret = &verb.secret;
            let message =
                format!("the secret {secret} holds a database password, not an access key");
            let hint = format!("keyrota exec {secret} -- COMMAND gives it to a command");
            return Err(Failed::new("secret", message).hint(hint));
        }
    }
    Ok(Exit::Done)
}
