//! The global options, resolved once.

use std::io::{IsTerminal, Write};
use std::path::{Path, PathBuf};

use clap::Args;

use super::failure::Failed;
use super::{Exit, file};
use crate::model::{self, Model};
use crate::system::{CoreLimit, shown};
use crate::view::{Color, Format, Progress, Questions, View};

#[derive(Args, Debug)]
#[command(next_help_heading = "Global options")]
pub(super) struct Global {
    /// Path of the manifest [default: keyrota.yaml]
    #[arg(short = 'f', long, global = true, value_name = "FILE")]
    manifest: Option<PathBuf>,
    /// Apply this environment's overrides from the manifest
    #[arg(short, long, global = true, value_name = "NAME")]
    environment: Option<String>,
    /// Use this profile of the AWS configuration files
    #[arg(long, global = true, value_name = "NAME")]
    profile: Option<String>,
    /// Use this AWS Region instead of the manifest's
    #[arg(long, global = true, value_name = "REGION")]
    region: Option<String>,
    /// Send AWS requests to this URL
    #[arg(long, global = true, value_name = "URL")]
    endpoint_url: Option<String>,
    /// Output format of the result
    #[arg(long, global = true, value_enum, default_value_t)]
    format: Format,
    /// Show only warnings and errors on stderr
    #[arg(short, long, global = true, conflicts_with = "verbose")]
    quiet: bool,
    /// Show each step and the output of tools on stderr
    #[arg(short, long, global = true)]
    verbose: bool,
    /// When to use color
    #[arg(long, global = true, value_enum, default_value_t)]
    color: Color,
}

impl Global {
    /// Returns whether the result is wanted as CSV.
    pub(super) fn wants_csv(&self) -> bool {
        self.format == Format::Csv
    }
}

/// The resolved global options.
pub(super) struct Settings {
    pub(super) manifest: PathBuf,
    /// Whether the command line names the manifest.
    pub(super) names_manifest: bool,
    pub(super) environment: Option<String>,
    pub(super) profile: Option<String>,
    pub(super) region: Option<String>,
    pub(super) endpoint_url: Option<String>,
    pub(super) verbose: bool,
    pub(super) view: View,
    pub(super) progress: Progress,
    /// The caller's limit on core dumps, for the command that `exec` runs.
    pub(super) core_limit: CoreLimit,
}

/// Reads a file that the manifest names, or says why that is not possible.
fn read_text(path: &Path) -> Result<String, String> {
    file::read_text(path).map_err(|error| error.to_string())
}

impl Settings {
    /// Resolves the options. Destructuring makes a forgotten one a compile error.
    pub(super) fn resolve(global: Global, core_limit: CoreLimit) -> Self {
        let Global {
            manifest,
            environment,
            profile,
            region,
            endpoint_url,
            quiet,
            verbose,
            color,
            format,
        } = global;
        Self {
            names_manifest: manifest.is_some(),
            manifest: manifest.unwrap_or_else(|| PathBuf::from("keyrota.yaml")),
            environment,
            profile,
            region,
            endpoint_url,
            verbose,
            view: View::new(format, color),
            progress: Progress::new(quiet, verbose),
            core_limit,
        }
    }

    /// Reads and checks the manifest. Warnings go to stderr.
    pub(super) fn load(&self) -> Result<Model, Failed> {
        #[expect(
            clippy::disallowed_methods,
            reason = "the command line is where files come in"
        )]
        let bytes = std::fs::read(&self.manifest).map_err(|error| {
            let failed = Failed::file("read the manifest", &self.manifest, &error);
            match error.kind() {
                std::io::ErrorKind::NotFound => failed.hint(
                    "create one with `keyrota init`, or specify another one with --manifest FILE",
                ),
                _ => failed,
            }
        })?;
        let loaded = model::decode(&bytes)
            .map_err(|finding| vec![finding])
            .and_then(|text| {
                let folder = self.manifest.parent().unwrap_or(Path::new(""));
                let files = |file: &str| read_text(&folder.join(file));
                model::load_with(text, self.environment.as_deref(), &files)
            })
            .map_err(|findings| Failed::refused(&shown(&self.manifest), findings))?;
        self.view.warn(&loaded.warnings);
        Ok(loaded.model)
    }

    /// Shows a confirmation prompt.
    pub(super) fn confirm(&self, yes: bool, question: &str) -> Result<(), Failed> {
        if yes {
            return Ok(());
        }
        self.progress.finish();
        let declined = |message: &str| {
            Err(Failed::new("declined", message)
                .hint("use --yes to skip the confirmation prompt")
                .exit(Exit::Declined))
        };
        if !std::io::stdin().is_terminal() {
            return declined(
                "cannot prompt for confirmation without a terminal; nothing was changed",
            );
        }
        let _ = write!(Questions, "{question} [y/N] ");
        let mut answer = String::new();
        match std::io::stdin().read_line(&mut answer) {
            Ok(_) if matches!(answer.trim(), "y" | "Y" | "yes") => Ok(()),
            _ => declined("declined; nothing was changed"),
        }
    }
}
