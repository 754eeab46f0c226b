//! `keyrota bundle`.

use std::path::PathBuf;

use clap::{Args, ValueEnum};

use super::Exit;
use super::failure::Failed;
use super::fleet::Stacks;
use super::function::{self, Origin};
use super::settings::Settings;
use crate::build::Profile;
use crate::bundle::{Authorities, Pinned, sha256_hex};
use crate::embedded::Embedded;
use crate::model::Architecture;
use crate::port::{Event, Listener as _};
use crate::render::{FunctionCode, Strategy};
use crate::system::shown;
use crate::view::{BundleResult, VerifiedFunction, VerifyResult};

/// Package a rotation function as a zip file
///
/// Uses the function that this program contains, or builds it. The zip file has the same
/// bytes each time. A build fails if the executable has the wrong architecture, requires a
/// newer glibc than Lambda's, or exceeds Lambda's size limits. The zip file contains the
/// pins of the manifest: the function serves only stacks that are rendered from the same
/// manifest. The functions of databases and services also contain their `tls_ca` files. The
/// functions of services inside and outside the network have the same code, and the zip
/// file has the pins of both.
#[derive(Args, Debug)]
pub(super) struct BundleCommand {
    /// File to write. By default, function.zip, database-function.zip, or service-function.zip
    #[arg(short, long, value_name = "FILE")]
    output: Option<PathBuf>,
    /// Credentials that the function rotates. By default, access-keys
    #[arg(long, value_enum)]
    kind: Option<FunctionKind>,
    /// Instruction set architecture: x86_64 or arm64. By default, x86_64
    #[arg(long, value_name = "ARCHITECTURE", value_parser = Architecture::parse)]
    architecture: Option<Architecture>,
    /// Build the function, even if this program contains it
    #[arg(long)]
    build_function: bool,
    /// Build in less time, for a local AWS only
    ///
    /// Uses cargo's profile `release`, with the dependencies that `cargo run --release` has
    /// compiled, and without link-time optimisation. The zip file is larger, and its bytes
    /// depend on the directory. Without this option, the function is built with the
    /// profile `function`, as is every function that `bootstrap` builds.
    #[arg(long)]
    quick: bool,
    /// Build the functions that this program contains again, and compare the executables
    ///
    /// Writes no file, and exits with 4 if they differ. Verifies every function that this
    /// program contains, or those that `--kind` and `--architecture` select. `KEYROTA_SOURCE`
    /// must name a checkout of the commit that `keyrota --version --verbose` shows.
    #[arg(long, conflicts_with_all = ["output", "build_function", "quick"])]
    verify: bool,
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

impl FunctionKind {
    const fn code(self) -> FunctionCode {
        match self {
            Self::AccessKeys => FunctionCode::AccessKeys,
            Self::Database => FunctionCode::Databases,
            Self::Service => FunctionCode::Services,
        }
    }
}

pub(super) async fn run(settings: &Settings, verb: &BundleCommand) -> Result<Exit, Failed> {
    if verb.verify {
        return verify(settings, verb).await;
    }
    let code = verb.kind.unwrap_or_default().code();
    let name = match code {
        FunctionCode::AccessKeys => "function.zip",
        FunctionCode::Databases => "database-function.zip",
        FunctionCode::Services => "service-function.zip",
    };
    let architecture = verb.architecture.unwrap_or(Architecture::X86_64);
    let (authorities, pins) = from_manifest(settings, code)?;
    let output = verb.output.clone().unwrap_or_else(|| name.into());
    let profile = match verb.quick {
        true => Profile::Release,
        false => Profile::Function,
    };
    let obtained = match verb.quick || verb.build_function {
        true => function::package(settings, code, architecture, profile, &authorities).await?,
        false => function::obtain(settings, code, architecture, &authorities).await?,
    };
    let bundle = obtained.bundle.pinned(&pins)?;
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
    let (source, commit, toolchain) = match obtained.origin {
        Origin::Embedded { commit, toolchain } => ("embedded", Some(commit), toolchain),
        Origin::Built { toolchain } => ("built", None, toolchain),
    };
    settings.view.show(&BundleResult {
        file: shown(&output),
        kind: code.kind(),
        architecture: architecture.as_str(),
        source,
        commit,
        toolchain,
        profile: profile.name(),
        bytes: bundle.bytes().len(),
        sha256: bundle.sha256_hex(),
        code_sha256: bundle.code_sha256(),
        executable_sha256: bundle.executable_sha256(),
    });
    Ok(Exit::Done)
}

/// Builds the functions that this program contains again, and compares them.
async fn verify(settings: &Settings, verb: &BundleCommand) -> Result<Exit, Failed> {
    let embedded = Embedded::of_this_program();
    let record = embedded.record()?;
    let mut functions = Vec::new();
    for architecture in [Architecture::X86_64, Architecture::Arm64] {
        if verb.architecture.is_some_and(|asked| asked != architecture) {
            continue;
        }
        for code in FunctionCode::ALL {
            if verb.kind.is_some_and(|asked| asked.code() != code) {
                continue;
            }
            let Some(executable) = embedded.executable(code, architecture)? else {
                continue;
            };
            let recorded = record.function(code, architecture)?.clone();
            let built = function::build(settings, code, architecture, Profile::Function).await?;
            let executable_sha256 = sha256_hex(&executable);
            let built_sha256 = sha256_hex(&built.executable);
            functions.push(VerifiedFunction {
                same: executable_sha256 == built_sha256,
                kind: recorded.kind,
                architecture: recorded.architecture,
                executable_sha256,
                toolchain: recorded.toolchain,
                built_sha256,
                built_toolchain: built.toolchain,
            });
        }
    }
    if functions.is_empty() {
        let failed = Failed::new(
            "nothing-embedded",
            "this program does not contain the function, so there is nothing to compare with",
        );
        return Err(failed.hint(
            "`keyrota --version --verbose` lists the functions that a program contains; one from a checkout has none",
        ));
    }
    settings.progress.finish();
    let result = VerifyResult {
        commit: record.commit,
        functions,
    };
    settings.view.show(&result);
    Ok(match result.is_same() {
        true => Exit::Done,
        false => Exit::Different,
    })
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
        let warning = format!(
            "{} does not exist, so the zip file contains no pins and no certificates; `keyrota bootstrap --function-zip` adds them, and without them the function rotates nothing",
            shown(manifest)
        );
        settings.progress.on(Event::Warning(warning));
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
        let warning = format!(
            "{} has no entry for this function, so the zip file contains no pins",
            shown(manifest)
        );
        settings.progress.on(Event::Warning(warning));
    }
    let authorities = function::authorities(manifest, models(), code)?;
    Ok((authorities, pins))
}
