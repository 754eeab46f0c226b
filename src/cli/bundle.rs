//! `keyrota bundle`.

use std::path::PathBuf;

use clap::{Args, ValueEnum};

use super::Exit;
use super::failure::Failed;
use super::fleet::Stacks;
use super::function;
use super::settings::Settings;
use crate::bundle::{Authorities, Pinned};
use crate::model::Architecture;
use crate::port::{Event, Listener as _};
use crate::render::Strategy;
use crate::view::BundleResult;

/// Build a rotation function and package it as a zip file
///
/// The zip file has the same bytes each time. The build fails if the executable has the
/// wrong architecture, requires a newer glibc than Lambda's, or exceeds Lambda's size
/// limits. The zip file contains the pins of the manifest: the function serves only
/// stacks that are rendered from the same manifest. The database function also contains
/// the manifest's `tls_ca` files.
#[derive(Args, Debug)]
pub(super) struct BundleCommand {
    /// File to write. By default, function.zip or database-function.zip
    #[arg(short, long, value_name = "FILE")]
    output: Option<PathBuf>,
    /// Credentials that the function rotates
    #[arg(long, value_enum, default_value_t)]
    kind: FunctionKind,
    /// Instruction set architecture: x86_64 or arm64
    #[arg(long, value_name = "ARCHITECTURE", default_value = "x86_64", value_parser = Architecture::parse)]
    architecture: Architecture,
}

/// What a function rotates.
#[derive(Clone, Copy, Debug, Default, ValueEnum)]
enum FunctionKind {
    /// Access keys of IAM users
    #[default]
    AccessKeys,
    /// Passwords of database users
    Database,
}

pub(super) async fn run(settings: &Settings, verb: &BundleCommand) -> Result<Exit, Failed> {
    let (strategy, name) = match verb.kind {
        FunctionKind::AccessKeys => (Strategy::AccessKeys, "function.zip"),
        FunctionKind::Database => (Strategy::Databases, "database-function.zip"),
    };
    let (authorities, pins) = from_manifest(settings, strategy)?;
    let output = verb.output.clone().unwrap_or_else(|| name.into());
    let bundle = function::build(settings, strategy, verb.architecture, &authorities).await?;
    let bundle = bundle.pinned(&pins)?;
    if let Some(parent) = output.parent() {
        std::fs::create_dir_all(parent).map_err(|error| Failed::file("create", parent, &error))?;
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
        executable_sha256: bundle.executable_sha256(),
    });
    Ok(Exit::Done)
}

/// Returns the parts of a zip file that come from the manifest: the files of authorities,
/// and the pins of each stack. A function can be bundled without a manifest, but then it
/// rotates nothing until `bootstrap` adds the pins.
fn from_manifest(
    settings: &Settings,
    strategy: Strategy,
) -> Result<(Vec<Authorities>, Vec<Pinned>), Failed> {
    let manifest = &settings.manifest;
    if !manifest.exists() {
        let told = format!(
            "{} does not exist, so the zip file contains no pins and no certificates; `keyrota bootstrap --function-zip` adds them, and without them the function rotates nothing",
            manifest.display()
        );
        settings.progress.on(Event::Warning(told));
        return Ok((Vec::new(), Vec::new()));
    }
    let stacks = Stacks::load(settings)?;
    let models = || stacks.fleet.shards.iter().map(|shard| &shard.model);
    let mut pins = Vec::new();
    for model in models().filter(|model| Strategy::of(model).any(|one| one == strategy)) {
        pins.push(function::pins(model, strategy)?);
    }
    if pins.is_empty() {
        let told = format!(
            "{} has no entry for this function, so the zip file contains no pins",
            manifest.display()
        );
        settings.progress.on(Event::Warning(told));
    }
    let databases = models().flat_map(|model| model.databases());
    let authorities = match strategy {
        Strategy::AccessKeys => Vec::new(),
        Strategy::Databases => function::authorities(manifest, databases)?,
    };
    Ok((authorities, pins))
}
