//! `keyrota bundle`.

use std::path::PathBuf;

use clap::{Args, ValueEnum};

use super::Exit;
use super::failure::Failed;
use super::function;
use super::settings::Settings;
use crate::bundle::Authorities;
use crate::model::Architecture;
use crate::port::{Event, Listener as _};
use crate::render::Strategy;
use crate::view::BundleResult;

/// Build a rotation function and pack its zip
///
/// The same bytes each time. The executable is checked: the architecture asked
/// for, no glibc newer than Lambda's, below the size limits. The function of
/// databases comes with the manifest's `tls_ca` files.
#[derive(Args, Debug)]
pub(super) struct BundleCommand {
    /// Where to write the zip; function.zip or database-function.zip where nothing
    /// is said
    #[arg(short, long, value_name = "FILE")]
    output: Option<PathBuf>,
    /// What the function rotates
    #[arg(long, value_enum, default_value_t)]
    kind: Kind,
    /// The processor: x86_64 or arm64
    #[arg(long, value_name = "ARCHITECTURE", default_value = "x86_64", value_parser = Architecture::parse)]
    architecture: Architecture,
}

/// What a function rotates.
#[derive(Clone, Copy, Debug, Default, ValueEnum)]
enum Kind {
    /// Access keys of IAM users
    #[default]
    AccessKeys,
    /// Passwords of databases' users
    Database,
}

pub(super) async fn run(settings: &Settings, verb: &BundleCommand) -> Result<Exit, Failed> {
    let (strategy, name, authorities) = match verb.kind {
        Kind::AccessKeys => (Strategy::AccessKeys, "function.zip", Vec::new()),
        Kind::Database => (
            Strategy::Databases,
            "database-function.zip",
            authorities(settings)?,
        ),
    };
    let output = verb.output.clone().unwrap_or_else(|| name.into());
    let bundle = function::build(settings, strategy, verb.architecture, &authorities).await?;
    if let Some(parent) = output.parent() {
        std::fs::create_dir_all(parent).map_err(|error| Failed::file("make", parent, &error))?;
    }
    #[expect(
        clippy::disallowed_methods,
        reason = "the command line is where files are written"
    )]
    std::fs::write(&output, bundle.bytes())
        .map_err(|error| Failed::file("write", &output, &error))?;
    settings.progress.finish();
    settings.view.show(&BundleResult {
        file: output.display().to_string(),
        architecture: verb.architecture.as_str(),
        bytes: bundle.bytes().len(),
        sha256: bundle.sha256_hex(),
        code_sha256: bundle.code_sha256(),
    });
    Ok(Exit::Done)
}

/// Reads the files that the manifest names. A function can be bundled without one,
/// and then trusts the operating system's authorities alone.
fn authorities(settings: &Settings) -> Result<Vec<Authorities>, Failed> {
    let manifest = &settings.manifest;
    if !manifest.exists() {
        let told = format!(
            "there is no {}, so that no file of authorities is packed",
            manifest.display()
        );
        settings.progress.on(Event::Warning(told));
        return Ok(Vec::new());
    }
    let model = settings.load()?;
    function::authorities(manifest, &model.databases)
}
