//! `keyrota credentials`.

use clap::Args;

use super::Exit;
use super::current::{CurrentCredential, FieldsOption};
use super::failure::Failed;
use super::session::Session;
use super::settings::Settings;
use crate::view::CredentialsResult;

const EXAMPLES: &str = "\
Examples:

  # Print the current access key
  keyrota --profile reader credentials prod/ci-deployer
  # Let the profile `deployer` get its key from the secret, in ~/.aws/config
  [profile deployer]
  credential_process = keyrota --profile reader credentials prod/ci-deployer";

/// Print a secret's current access key for `credential_process`
///
/// Prints the JSON document that the AWS CLI and the SDKs read from the
/// `credential_process` of a profile.
#[derive(Args, Debug)]
#[command(after_long_help = EXAMPLES)]
pub(super) struct CredentialsCommand {
    /// Name or ARN of the secret
    #[arg(value_name = "SECRET")]
    secret: String,
    #[command(flatten)]
    fields: FieldsOption,
}

pub(super) async fn run(settings: &Settings, verb: &CredentialsCommand) -> Result<Exit, Failed> {
    let session = Session::open(settings, None).await?;
    let context = session.context(settings);
    match CurrentCredential::read(context.cloud, &verb.secret, &verb.fields).await? {
        CurrentCredential::Key(credential) => settings.view.show(&CredentialsResult {
            id: credential.accesskey.into(),
            secret: credential.secretkey,
        }),
        CurrentCredential::Login(_) => {
            let secret = &verb.secret;
            let message = format!(
                "the secret {secret} contains a database password instead of an access key"
            );
            let hint = format!("use it with a command: keyrota exec {secret} -- COMMAND");
            return Err(Failed::new("secret", message).hint(hint));
        }
    }
    Ok(Exit::Done)
}
