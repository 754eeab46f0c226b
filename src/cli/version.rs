//! `keyrota --version`, with `--verbose` and `--format json`.

use clap::Parser;
use clap::error::ErrorKind;

use super::Exit;
use super::failure::Failed;
use super::settings::{Global, Settings};
use crate::embedded::Embedded;
use crate::system::CoreLimit;
use crate::view::VersionResult;

/// The options beside `--version`. Clap ends at that option, without those after it, so all are
/// parsed again.
#[derive(Debug, Parser)]
#[command(name = "keyrota", disable_version_flag = true)]
pub(super) struct VersionArguments {
    #[command(flatten)]
    global: Global,
    #[arg(short = 'V', long)]
    version: bool,
}

/// Returns the arguments if clap ended at `--version`, and they are valid.
pub(super) fn requested(error: &clap::Error) -> Option<VersionArguments> {
    let is_version = error.kind() == ErrorKind::DisplayVersion;
    is_version.then(VersionArguments::try_parse)?.ok()
}

/// Shows the version of the program, and which functions it contains.
pub(super) fn run(arguments: VersionArguments, core_limit: CoreLimit) -> Exit {
    let VersionArguments { global, version: _ } = arguments;
    let settings = Settings::resolve(global, core_limit);
    match Embedded::of_this_program().record() {
        Ok(embedded) => {
            settings.view.show(&VersionResult {
                version: env!("CARGO_PKG_VERSION"),
                embedded,
                verbose: settings.verbose,
            });
            match settings.view.report_write_error() {
                true => Exit::Failed,
                false => Exit::Done,
            }
        }
        Err(error) => {
            let failed = Failed::from(error);
            settings.view.fail(&failed.failure);
            failed.exit
        }
    }
}

#[cfg(test)]
mod tests {
    use clap::{CommandFactory as _, Parser as _};

    use super::VersionArguments;

    #[test]
    fn global_options_go_with_the_version_in_any_order() {
        VersionArguments::command().debug_assert();
        for arguments in [
            ["keyrota", "--version", "--verbose"],
            ["keyrota", "--verbose", "--version"],
            ["keyrota", "-V", "-v"],
        ] {
            let parsed = VersionArguments::try_parse_from(arguments).unwrap();
            assert!(parsed.version, "{arguments:?}");
        }
        let with_command = ["keyrota", "--version", "status"];
        assert!(VersionArguments::try_parse_from(with_command).is_err());
    }
}
