//! The functions' zip files: built here, or provided.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use clap::Args;

use super::failure::Failed;
use super::settings::Settings;
use crate::build::{self, Function, Profile};
use crate::bundle::{Authorities, Bundle, Pinned};
use crate::model::{Architecture, Database, EntryOf, Finding, Model};
use crate::render::{Fleet, Pins, Strategy};
use crate::run::{Artifact, Artifacts};

#[derive(Args, Debug)]
pub(super) struct FunctionSource {
    /// Deploy the access key function in this zip file instead of building it
    ///
    /// `keyrota bundle` creates the zip file. Its pins are replaced with those of the
    /// manifest.
    #[arg(long, value_name = "FILE")]
    function_zip: Option<PathBuf>,
    /// Deploy the database function in this zip file instead of building it
    ///
    /// `keyrota bundle --kind database` creates the zip file. Its pins are replaced with
    /// those of the manifest.
    #[arg(long, value_name = "FILE")]
    database_function_zip: Option<PathBuf>,
}

/// Builds a function and packages it.
pub(super) async fn build(
    settings: &Settings,
    strategy: Strategy,
    architecture: Architecture,
    profile: Profile,
    authorities: &[Authorities],
) -> Result<Bundle, Failed> {
    let function = match strategy {
        Strategy::AccessKeys => Function::AccessKeys,
        Strategy::Databases => Function::Databases,
    };
    let executable = build::build(function, architecture, profile, &settings.progress).await?;
    let machine = architecture.into();
    Ok(Bundle::pack_with(&executable, authorities, machine)?)
}

/// Reads the authorities' files of databases, relative to the manifest, and refuses with
/// all that are invalid.
pub(super) fn authorities<'a>(
    manifest: &Path,
    databases: impl IntoIterator<Item = EntryOf<'a, Database>>,
) -> Result<Vec<Authorities>, Failed> {
    let mut wanted = BTreeMap::new();
    for entry in databases {
        if let (Some(name), Some(file)) = (entry.kind.authorities_file(), &entry.kind.tls_ca) {
            wanted.entry(name).or_insert((file, &entry.entry().place));
        }
    }
    let folder = manifest.parent().unwrap_or(Path::new(""));
    let mut authorities = Vec::new();
    let mut findings = Vec::new();
    for (name, (file, place)) in wanted {
        match read_authorities(name, &folder.join(file)) {
            Ok(read) => authorities.push(read),
            Err(why) => {
                let why = format!("{file}: {why}");
                findings.push(Finding::error("tls-ca", format!("{place}.tls_ca"), why).hint(
                    "specify a PEM file with the certificates of the authorities, relative to the manifest",
                ));
            }
        }
    }
    match findings.is_empty() {
        true => Ok(authorities),
        false => Err(Failed::refused("the bundle", findings)),
    }
}

#[expect(
    clippy::disallowed_methods,
    reason = "the command line is where files come in"
)]
fn read_authorities(name: String, path: &Path) -> Result<Authorities, String> {
    let pem = std::fs::read(path).map_err(|error| error.to_string())?;
    Authorities::read(name, pem)
}

impl FunctionSource {
    /// Reads the authorities' files before prompts, builds, and deployments, unless they
    /// are in a provided zip file.
    pub(super) fn authorities(
        &self,
        settings: &Settings,
        fleet: &Fleet,
    ) -> Result<Vec<Authorities>, Failed> {
        match self.database_function_zip {
            Some(_) => Ok(Vec::new()),
            None => authorities(&settings.manifest, databases(fleet)),
        }
    }

    /// Returns the checked packages of the stacks' functions, without the pins of each
    /// stack.
    pub(super) async fn packages(
        &self,
        settings: &Settings,
        fleet: &Fleet,
        authorities: &[Authorities],
    ) -> Result<Packages, Failed> {
        let models = || fleet.shards.iter().map(|shard| &shard.model);
        let mut packages = Packages::default();
        let Some(architecture) = models().next().map(|model| model.function.architecture) else {
            return Ok(packages);
        };
        for strategy in Strategy::ALL {
            let has = |model: &Model| Strategy::of(model).any(|one| one == strategy);
            if !models().any(has) {
                continue;
            }
            let (given, authorities) = match strategy {
                Strategy::AccessKeys => (&self.function_zip, &[][..]),
                Strategy::Databases => (&self.database_function_zip, authorities),
            };
            let bundle = match given {
                None => {
                    let profile = Profile::Function;
                    build(settings, strategy, architecture, profile, authorities).await?
                }
                Some(path) => {
                    let files = match strategy {
                        Strategy::AccessKeys => Vec::new(),
                        Strategy::Databases => databases(fleet)
                            .filter_map(|entry| entry.kind.authorities_file())
                            .collect(),
                    };
                    inspect(path, strategy, architecture, &files)?
                }
            };
            packages.0.insert(strategy, bundle);
        }
        Ok(packages)
    }
}

/// The functions' packages, which differ between the stacks of a manifest only in their
/// pins.
#[derive(Default)]
pub(super) struct Packages(BTreeMap<Strategy, Bundle>);

impl Packages {
    /// Returns the packages of one stack's functions, with the stack's pins.
    pub(super) fn of(&self, model: &Model) -> Result<Artifacts, Failed> {
        let mut artifacts = Artifacts::default();
        for (strategy, bundle) in &self.0 {
            if !Strategy::of(model).any(|one| one == *strategy) {
                continue;
            }
            let bundle = bundle.pinned(&[pins(model, *strategy)?])?;
            let artifact = Artifact {
                sha256: bundle.sha256_hex(),
                code_sha256: bundle.code_sha256(),
                executable_sha256: bundle.executable_sha256(),
                zip: bundle.bytes().to_vec(),
            };
            artifacts.add(*strategy, artifact);
        }
        Ok(artifacts)
    }
}

/// Returns the file of pins of a stack's function.
pub(super) fn pins(model: &Model, strategy: Strategy) -> Result<Pinned, Failed> {
    let Pins { text, path } = Pins::of(model, strategy)?;
    Ok(Pinned { path, text })
}

fn databases(fleet: &Fleet) -> impl Iterator<Item = EntryOf<'_, Database>> {
    let shards = fleet.shards.iter();
    shards.flat_map(|shard| shard.model.databases())
}

fn inspect(
    path: &Path,
    strategy: Strategy,
    architecture: Architecture,
    files: &[String],
) -> Result<Bundle, Failed> {
    #[expect(
        clippy::disallowed_methods,
        reason = "the command line is where files come in"
    )]
    let zip = std::fs::read(path).map_err(|error| Failed::file("read", path, &error))?;
    Bundle::inspect_with(zip, files, architecture.into()).map_err(|refused| {
        let kind = match strategy {
            Strategy::AccessKeys => "",
            Strategy::Databases => " --kind database",
        };
        Failed::new("bundle", format!("{}: {refused}", path.display())).hint(format!(
            "create the zip file with `keyrota bundle{kind} --architecture {}`",
            architecture.as_str()
        ))
    })
}
