//! Where the function's zip comes from: built here, or given.

use std::path::PathBuf;

use clap::Args;

use super::failure::Failed;
use super::settings::Settings;
use crate::build;
use crate::bundle::Bundle;
use crate::model::Architecture;
use crate::run::Artifact;

#[derive(Args, Debug)]
pub(super) struct FunctionSource {
    /// Deploy this zip, made by `keyrota bundle`, instead of building the function
    #[arg(long, value_name = "FILE")]
    function_zip: Option<PathBuf>,
}

/// Builds the function and packs it.
pub(super) async fn build(
    settings: &Settings,
    architecture: Architecture,
) -> Result<Bundle, Failed> {
    let executable = build::build(architecture, &settings.progress).await?;
    Ok(Bundle::pack(&executable, architecture.into())?)
}

impl FunctionSource {
    /// Returns the zip for an architecture, having checked it.
    pub(super) async fn artifact(
        &self,
        settings: &Settings,
        architecture: Architecture,
    ) -> Result<Artifact, Failed> {
        let bundle = match &self.function_zip {
            None => build(settings, architecture).await?,
            Some(path) => {
                #[expect(
                    clippy::disallowed_methods,
                    reason = "the command line is where files come in"
                )]
                let zip =
                    std::fs::read(path).map_err(|error| Failed::file("read", path, &error))?;
                Bundle::inspect(zip, architecture.into()).map_err(|refused| {
                    Failed::new("bundle", format!("{}: {refused}", path.display())).hint(format!(
                        "`keyrota bundle --architecture {}` makes one",
                        architecture.as_str()
                    ))
                })?
            }
        };
        Ok(Artifact {
            sha256: bundle.sha256_hex(),
            zip: bundle.bytes().to_vec(),
        })
    }
}
