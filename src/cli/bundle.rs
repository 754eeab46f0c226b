//! `keyrota bundle`.

use std::path::PathBuf;

use clap::Args;

use super::Exit;
use super::failure::Failed;
use super::function;
use super::settings::Settings;
use crate::model::Architecture;
use crate::view::BundleResult;

/// Build the rotation function and pack its zip
///
/// The same bytes each time. The executable is checked: the architecture asked
/// for, no glibc newer than Lambda's, below the size limits.
#[derive(Args, Debug)]
pub(super) struct BundleCommand {
    /// Where to write the zip
    #[arg(short, long, value_name = "FILE", default_value = "function.zip")]
    output: PathBuf,
    /// The processor: x86_64 or arm64
    #[arg(long, value_name = "ARCHITECTURE", default_value = "x86_64", value_parser = Architecture::parse)]
    architecture: Architecture,
}

pub(super) async fn run(settings: &Settings, verb: &BundleCommand) -> Result<Exit, Failed> {
    let bundle = function::build(settings, verb.architecture).await?;
    if let Some(parent) = verb.output.parent() {
        std::fs::create_dir_all(parent).map_err(|error| Failed::file("make", parent, &error))?;
    }
    #[expect(
        clippy::disallowed_methods,
        reason = "the command line is where files are written"
    )]
    std::fs::write(&verb.output, bundle.bytes())
        .map_err(|error| Failed::file("write", &verb.output, &error))?;
    settings.progress.finish();
    settings.view.show(&BundleResult {
        file: verb.output.display().to_string(),
        architecture: verb.architecture.as_str(),
        bytes: bundle.bytes().len(),
        sha256: bundle.sha256_hex(),
        code_sha256: bundle.code_sha256(),
    });
    Ok(Exit::Done)
}
