//! `keyrota sandbox`.

use clap::Args;

use super::Exit;
use super::failure::Failed;
use super::settings::Settings;
use crate::sandbox::{self, Options, Strictness};
use crate::view::SandboxResult;

/// Run a local AWS until interrupted
///
/// Prints the `export` lines that make every other command use the local AWS, and nothing
/// else on stdout. It listens on 127.0.0.1 only, and does not store anything. Each start
/// creates a new access key. Requests without it, and requests from web pages, are
/// refused. It needs Linux, because it runs the rotation functions.
#[derive(Args, Debug)]
pub(super) struct SandboxCommand {
    /// Port on 127.0.0.1. By default, a free port
    #[arg(long, value_name = "PORT")]
    port: Option<u16>,

    /// Behave as AWS does where that is harder to use
    ///
    /// Changes of IAM and of tags, the stack status, and the last use of a key take up to
    /// minutes to be seen. Calls are throttled. CloudFormation loses text that is not ASCII, and
    /// says only in its events why a change set fails. What a policy or a function names must
    /// exist. EventBridge ignores a topic policy's statements with conditions.
    #[arg(long)]
    like_aws: bool,

    /// Repeat the delays of an earlier run with this number
    #[arg(long, value_name = "NUMBER", requires = "like_aws")]
    seed: Option<u32>,
}

pub(super) async fn run(settings: &Settings, verb: &SandboxCommand) -> Result<Exit, Failed> {
    let mut options = Options::of_this_process()?;
    options.port = verb.port;
    if verb.like_aws {
        options.strictness = Strictness::LikeAws { seed: verb.seed };
    }
    if let Some(region) = &settings.region {
        options.region.clone_from(region);
    }
    let mut sandbox = sandbox::start(&options, &settings.progress).await?;
    settings.progress.finish();
    settings.view.show(&SandboxResult {
        endpoint_url: sandbox.endpoint.clone(),
        access_key_id: sandbox.root.id.clone(),
        secret_access_key: sandbox.root.secret.clone(),
        region: sandbox.region.clone(),
        like_aws: verb.like_aws,
    });
    Err(sandbox.wait().await.into())
}
