//! `keyrota bundle`.

use std::path::PathBuf;

use clap::{Args, ValueEnum};

use super::Exit;
use super::failure::Failed;
use super::fleet::Stacks;
use super::function;
use super::settings::Settings;
use crate::build::Profile;
use crate::bundle::{Authorities, Pinned};
use crate::model::Architecture;
use crate::port::{Event, Listener as _};
use crate::render::{FunctionCode, Strategy};
use crate::view::BundleResult;

/// Build a rotation function and package it as a zip file
///
/// The zip file has the same bytes each time. The build fails if the executable has the
/// wrong architecture, requires a newer glibc than Lambda's, or exceeds Lambda's size
/// limits. The zip file contains the pins of the manifest: the function serves only
/// stacks that are rendered from the same manifest. The functions of databases and
/// services also contain their `tls_ca` files. The functions of services inside and outside
/// the network have the same code, and the zip file has the pins of both.
#[derive(Args, Debug)]
pub(super) struct BundleCommand {
    /// File to write. By default, function.zip, database-function.zip, or service-function.zip
    #[arg(short, long, value_name = "FILE")]
    output: Option<PathBuf>,
    /// Credentials that the function rotates
    #[arg(long, value_enum, default_value_t)]
    kind: FunctionKind,
    /// Instruction set architecture: x86_64 or arm64
    #[arg(long, value_name = "ARCHITECTURE", default_value = "x86_64", value_parser = Architecture::parse)]
    architecture: Architecture,
    /// Build in less time, for a local AWS only
    ///
    /// Uses cargo's profile `release`, with the dependencies that `cargo run --release` has
    /// compiled, and without link-time optimisation. The zip file is larger, and its bytes
    /// depend on the directory. Without this option, the function is built with the
    /// profile `function`, as is every function that `bootstrap` builds.
    #[arg(long)]
    quick: bool,
}

/// What a function rotates.
#[derive(Clone, Copy, Debug, Default, ValueEnum)]
enum FunctionKind {
    /// Access keys of IAM users
    #[default]
    AccessKeys,
    /// Passwords of database users
    Database,
    /// Passwords of users of services
    Service,
}

pub(super) async fn run(settings: &Settings, verb: &BundleCommand) -> Result<Exit, Failed> {
    let (code, name) = match verb.kind {
        FunctionKind::AccessKeys => (FunctionCode::AccessKeys, "function.zip"),
        FunctionKind::Database => (FunctionCode::Databases, "database-function.zip"),
        FunctionKind::Service => (FunctionCode::Services, "service-function.zip"),
    };
    let (authorities, pins) = from_manifest(settings, code)?;
    let output = verb.output.clone().unwrap_or_else(|| name.into());
    let profile = match verb.quick {
        true => Profile::Release,
        false => Profile::Function,
    };
    let build = function::build(settings, code, verb.architecture, profile, &authorities);
    let bundle = build.await?;
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
        profile: profile.name(),
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
    code: FunctionCode,
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
    for model in models() {
        for strategy in Strategy::of(model).filter(|one| one.code() == code) {
            pins.push(function::pins(model, strategy)?);
        }
    }
    if pins.is_empty() {
        let told = format!(
            "{} has no entry for this function, so the zip file contains no pins",
            manifest.display()
        );
        settings.progress.on(Event::Warning(told));
    }
    let authorities = function::authorities(manifest, models(), code)?;
    Ok((authorities, pins))
}
