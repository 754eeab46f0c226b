//! The functions' zip files: compiled into this program, built here, or provided.

use std::collections::BTreeMap;
use std::io::Read as _;
use std::path::{Path, PathBuf};

use clap::Args;

use super::failure::Failed;
use super::settings::Settings;
use crate::build::{self, Built, Function, Profile};
use crate::bundle::{Authorities, Bundle, PackageFault, Pinned, Refused};
use crate::embedded::Embedded;
use crate::model::{Architecture, ByKind, Entry, Finding, Model};
use crate::port::{Event, Listener as _};
use crate::render::{Fleet, FunctionCode, Pins, Strategy};
use crate::run::{Artifact, Artifacts};
use crate::system::shown;

#[derive(Args, Debug)]
pub(super) struct FunctionSource {
    /// Deploy the access key function in this zip file
    ///
    /// `keyrota bundle` creates the zip file. Its pins are replaced with those of the
    /// manifest.
    #[arg(long, value_name = "FILE")]
    function_zip: Option<PathBuf>,
    /// Deploy the database function in this zip file
    ///
    /// `keyrota bundle --kind database` creates the zip file. Its pins are replaced with
    /// those of the manifest.
    #[arg(long, value_name = "FILE")]
    database_function_zip: Option<PathBuf>,
    /// Deploy the service function in this zip file
    ///
    /// `keyrota bundle --kind service` creates the zip file. Its pins are replaced with
    /// those of the manifest.
    #[arg(long, value_name = "FILE")]
    service_function_zip: Option<PathBuf>,
    /// Build the functions, even if this program contains them
    ///
    /// Applies to the functions for which no zip file is specified. A program that was built
    /// from a checkout contains no functions, and always builds them.
    #[arg(long)]
    build_function: bool,
}

/// A function's package without pins, and the origin of its executable.
pub(super) struct Obtained {
    pub(super) bundle: Bundle,
    pub(super) origin: Origin,
}

/// Where a function's executable comes from.
pub(super) enum Origin {
    /// This program contains it.
    Embedded {
        /// The commit that it was built from.
        commit: String,
        /// The toolchain that it was built with.
        toolchain: String,
    },
    /// It was built now.
    Built {
        /// The toolchain that it was built with.
        toolchain: String,
    },
}

/// Returns a function's package: the one that this program contains, or else a new build.
pub(super) async fn obtain(
    settings: &Settings,
    code: FunctionCode,
    architecture: Architecture,
    authorities: &[Authorities],
) -> Result<Obtained, Failed> {
    let embedded = Embedded::of_this_program();
    if let Some(executable) = embedded.executable(code, architecture)? {
        let record = embedded.record()?;
        let bundle = Bundle::pack_with(&executable, authorities, architecture.into())?;
        check_function(settings, &bundle, code, "this program's own copy")?;
        return Ok(Obtained {
            bundle,
            origin: Origin::Embedded {
                toolchain: record.function(code, architecture)?.toolchain.clone(),
                commit: record.commit,
            },
        });
    }
    let others: Vec<&str> = embedded.architectures().map(Architecture::as_str).collect();
    if others.is_empty() {
        return package(settings, code, architecture, Profile::Function, authorities).await;
    }
    let others = others.join(" and ");
    settings.progress.on(Event::Warning(format!(
        "this program contains the functions for {others} only, so {} for {} is built",
        code.title(),
        architecture.as_str(),
    )));
    let built = package(settings, code, architecture, Profile::Function, authorities).await;
    built.map_err(|failed| {
        failed.also(&format!(
            "or use the architecture {others}: `function.architecture` in the manifest, or `keyrota bundle --architecture`"
        ))
    })
}

/// Builds a function and packages it.
pub(super) async fn package(
    settings: &Settings,
    code: FunctionCode,
    architecture: Architecture,
    profile: Profile,
    authorities: &[Authorities],
) -> Result<Obtained, Failed> {
    let Built {
        executable,
        toolchain,
    } = build(settings, code, architecture, profile).await?;
    let bundle = Bundle::pack_with(&executable, authorities, architecture.into())?;
    check_function(settings, &bundle, code, "the executable that was built")?;
    let origin = Origin::Built { toolchain };
    Ok(Obtained { bundle, origin })
}

/// Builds a function.
pub(super) async fn build(
    settings: &Settings,
    code: FunctionCode,
    architecture: Architecture,
    profile: Profile,
) -> Result<Built, build::Error> {
    let function = match code {
        FunctionCode::AccessKeys => Function::AccessKeys,
        FunctionCode::Databases => Function::Databases,
        FunctionCode::Services => Function::Services,
    };
    build::build(function, architecture, profile, &settings.progress).await
}

/// A file with certificate authorities that a function's zip file contains.
struct WantedAuthorities<'a> {
    /// Its path in the zip file.
    packed: String,
    /// The file, relative to the manifest.
    file: String,
    /// The field that names it.
    place: String,
    /// What names the file, for a hint.
    named_in: &'a str,
}

/// Returns the files of authorities that a function's zip file contains.
fn wanted<'a>(
    models: impl IntoIterator<Item = &'a Model>,
    code: FunctionCode,
) -> BTreeMap<String, WantedAuthorities<'a>> {
    let entries = models.into_iter().flat_map(|model| &model.entries);
    let of_entry = |entry: &'a Entry| match entry.by_kind() {
        ByKind::Database(database) if code == FunctionCode::Databases => Some(WantedAuthorities {
            packed: database.kind.authorities_file()?,
            file: database.kind.tls_ca.clone()?,
            place: format!("{}.tls_ca", entry.place),
            named_in: "the manifest",
        }),
        ByKind::Service(service) if code == FunctionCode::Services => {
            let http = service.kind.adapter.http()?;
            Some(WantedAuthorities {
                packed: http.authorities_file()?,
                file: http.tls_ca()?,
                place: format!("{}.adapter.http", entry.place),
                named_in: &http.file,
            })
        }
        ByKind::AccessKey(_) | ByKind::Database(_) | ByKind::Service(_) => None,
    };
    let mut wanted = BTreeMap::new();
    for one in entries.filter_map(of_entry) {
        wanted.entry(one.packed.clone()).or_insert(one);
    }
    wanted
}

/// Reads the authorities' files of a function, relative to the manifest, and refuses with
/// all that are invalid.
pub(super) fn authorities<'a>(
    manifest: &Path,
    models: impl IntoIterator<Item = &'a Model>,
    code: FunctionCode,
) -> Result<Vec<Authorities>, Failed> {
    let folder = manifest.parent().unwrap_or(Path::new(""));
    let mut authorities = Vec::new();
    let mut findings = Vec::new();
    for (packed, wanted) in wanted(models, code) {
        let WantedAuthorities {
            file,
            place,
            named_in,
            ..
        } = wanted;
        match read_authorities(packed, &folder.join(&file)) {
            Ok(read) => authorities.push(read),
            Err(why) => {
                let why = format!("{file}: {why}");
                findings.push(Finding::error("tls-ca", place, why).hint(format!(
                    "specify a PEM file with the certificates of the authorities, relative to {named_in}",
                )));
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
    /// Returns the zip file that was provided for a function.
    fn provided(&self, code: FunctionCode) -> Option<&Path> {
        let path = match code {
            FunctionCode::AccessKeys => &self.function_zip,
            FunctionCode::Databases => &self.database_function_zip,
            FunctionCode::Services => &self.service_function_zip,
        };
        path.as_deref()
    }

    /// Reads the authorities' files before prompts, builds, and deployments, unless they
    /// are in a provided zip file.
    pub(super) fn authorities(
        &self,
        settings: &Settings,
        fleet: &Fleet,
    ) -> Result<PackedAuthorities, Failed> {
        let mut all = PackedAuthorities::new();
        for code in FunctionCode::ALL {
            if self.provided(code).is_none() {
                let read = authorities(&settings.manifest, models(fleet), code)?;
                all.insert(code, read);
            }
        }
        Ok(all)
    }

    /// Returns the checked packages of the stacks' functions, without the pins of each
    /// stack.
    pub(super) async fn packages(
        &self,
        settings: &Settings,
        fleet: &Fleet,
        authorities: &PackedAuthorities,
    ) -> Result<Packages, Failed> {
        let mut packages = Packages::default();
        let Some(architecture) = models(fleet)
            .next()
            .map(|model| model.function.architecture)
        else {
            return Ok(packages);
        };
        for code in FunctionCode::ALL {
            let has = |model: &Model| Strategy::of(model).any(|one| one.code() == code);
            if !models(fleet).any(has) {
                continue;
            }
            let bundle = match self.provided(code) {
                None => {
                    let profile = Profile::Function;
                    let authorities = authorities.get(&code).map_or(&[][..], Vec::as_slice);
                    let obtained = match self.build_function {
                        true => package(settings, code, architecture, profile, authorities).await?,
                        false => obtain(settings, code, architecture, authorities).await?,
                    };
                    obtained.bundle
                }
                Some(path) => {
                    let files: Vec<String> = wanted(models(fleet), code).into_keys().collect();
                    inspect(settings, path, code, architecture, &files)?
                }
            };
            packages.0.insert(code, bundle);
        }
        Ok(packages)
    }
}

/// The files of authorities of each function's zip file.
pub(super) type PackedAuthorities = BTreeMap<FunctionCode, Vec<Authorities>>;

/// The functions' packages, which differ between the stacks of a manifest only in their
/// pins.
#[derive(Default)]
pub(super) struct Packages(BTreeMap<FunctionCode, Bundle>);

impl Packages {
    /// Returns the packages of one stack's functions, with the stack's pins.
    pub(super) fn of(&self, model: &Model) -> Result<Artifacts, Failed> {
        let mut artifacts = Artifacts::default();
        for strategy in Strategy::of(model) {
            let Some(bundle) = self.0.get(&strategy.code()) else {
                continue;
            };
            let bundle = bundle.pinned(&[pins(model, strategy)?])?;
            let artifact = Artifact {
                sha256: bundle.sha256_hex(),
                code_sha256: bundle.code_sha256(),
                executable_sha256: bundle.executable_sha256(),
                zip: bundle.bytes().to_vec(),
            };
            artifacts.add(strategy, artifact);
        }
        Ok(artifacts)
    }
}

/// Refuses a package with another function, and warns if it does not say which one it has: a function of
/// keyrota before this check is not refused, because somebody may have to return to it.
fn check_function(
    settings: &Settings,
    bundle: &Bundle,
    code: FunctionCode,
    from: &str,
) -> Result<(), Refused> {
    let marks = bundle.marks(&FunctionCode::ALL.map(FunctionCode::mark));
    if marks.contains(&code.mark()) {
        return Ok(());
    }
    let mut others = FunctionCode::ALL.into_iter();
    match others.find(|other| marks.contains(&other.mark())) {
        Some(other) => Err(Refused::from(PackageFault::OtherFunction {
            found: other.title(),
            asked: code.title(),
        })),
        None => {
            settings.progress.on(Event::Warning(format!(
                "{from} does not say which function it contains, so it was built from another version of keyrota; \
                 if it is not {}, no rotation will succeed",
                code.title()
            )));
            Ok(())
        }
    }
}

/// Returns the file of pins of a stack's function.
pub(super) fn pins(model: &Model, strategy: Strategy) -> Result<Pinned, Failed> {
    let Pins { text, path } = Pins::of(model, strategy)?;
    Ok(Pinned { path, text })
}

fn models(fleet: &Fleet) -> impl Iterator<Item = &Model> {
    fleet.shards.iter().map(|shard| &shard.model)
}

/// Reads a zip file, or so much of it that it is seen to be too large.
fn read(path: &Path) -> std::io::Result<Vec<u8>> {
    let mut zip = Vec::new();
    let file = std::fs::File::open(path)?;
    file.take(Bundle::MOST_BYTES + 1).read_to_end(&mut zip)?;
    Ok(zip)
}

fn inspect(
    settings: &Settings,
    path: &Path,
    code: FunctionCode,
    architecture: Architecture,
    files: &[String],
) -> Result<Bundle, Failed> {
    let zip = read(path).map_err(|error| Failed::file("read", path, &error))?;
    let from = shown(path);
    let inspected = Bundle::inspect_with(zip, files, architecture.into()).and_then(|bundle| {
        check_function(settings, &bundle, code, &from)?;
        Ok(bundle)
    });
    inspected.map_err(|refused| {
        let kind = match code {
            FunctionCode::AccessKeys => "",
            FunctionCode::Databases => " --kind database",
            FunctionCode::Services => " --kind service",
        };
        Failed::new("bundle", format!("{from}: {refused}")).hint(format!(
            "create the zip file with `keyrota bundle{kind} --architecture {}`",
            architecture.as_str()
        ))
    })
}
