//! A connection to AWS for one command.

use super::failure::Failed;
use super::settings::Settings;
use crate::aws::{self, Aws, SystemClock};
use crate::model::Model;
use crate::run::{Context, LogReader, Pace};
use crate::view::LIKE_AWS_VARIABLE;

/// What a command uses of AWS: the clients, the clock, the Region, and the logs.
pub(super) struct Session {
    aws: Aws,
    clock: SystemClock,
    region: String,
    logs: LogReader,
}

impl Session {
    /// Connects. The Region is that of `--region`, the manifest, or the AWS
    /// configuration, in this order.
    pub(super) async fn open(settings: &Settings, model: Option<&Model>) -> Result<Self, Failed> {
        let manifest = model.and_then(|model| model.region.as_ref());
        let region = settings
            .region
            .clone()
            .or_else(|| manifest.map(ToString::to_string));
        let aws = Aws::new(&aws::Settings {
            profile: settings.profile.clone(),
            region,
            endpoint_url: settings.endpoint_url.clone(),
            key: None,
        })
        .await;
        let region = aws.region().map(str::to_owned).ok_or_else(|| {
            Failed::new("region", "no AWS Region is set").hint(match model {
                Some(_) => "specify it with --region, `region:` in the manifest, or AWS_REGION",
                None => "specify it with --region or AWS_REGION",
            })
        })?;
        Ok(Self {
            aws,
            clock: SystemClock,
            region,
            logs: LogReader::default(),
        })
    }

    /// Returns the Region.
    pub(super) fn region(&self) -> &str {
        &self.region
    }

    /// Returns the endpoint of every service, if one is configured.
    pub(super) fn endpoint_url(&self) -> Option<&str> {
        self.aws.endpoint_url()
    }

    /// Returns the context of the engine's stages.
    pub(super) fn context<'a>(&'a self, settings: &'a Settings) -> Context<'a> {
        Context {
            cloud: &self.aws,
            clock: &self.clock,
            listener: &settings.progress,
            pace: if self.aws.is_local() && !is_like_aws() {
                Pace::LOCAL
            } else {
                Pace::AWS
            },
            region: &self.region,
            logs: &self.logs,
        }
    }
}

/// Returns whether the local AWS was started with `--like-aws`.
fn is_like_aws() -> bool {
    std::env::var_os(LIKE_AWS_VARIABLE).is_some_and(|value| !value.is_empty())
}
