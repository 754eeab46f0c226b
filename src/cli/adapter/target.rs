//! Looks for the program or the function that `adapter test` tests, before anything is asked or started.

use std::ffi::OsStr;
use std::path::Path;

use crate::cli::failure::Failed;
use crate::cli::session::Session;
use crate::cli::settings::Settings;
use crate::plan::Lookup;

/// The hint about what TARGET can be.
pub(super) const TARGETS: &str =
    "TARGET is a file that ends with .yaml, the ARN of a Lambda function, or a program";

/// Fails unless a program with this name exists: a file, or the name of one in a directory of PATH.
pub(super) fn find_program(named: &OsStr) -> Result<(), Failed> {
    let path = Path::new(named);
    let shown = path.display();
    let refused =
        |why: &str| Failed::new("file", format!("cannot start {shown}: {why}")).hint(TARGETS);
    let is_name = path.components().count() == 1;
    let folders = std::env::var_os("PATH").unwrap_or_default();
    let mut folders = std::env::split_paths(&folders);
    if is_name && folders.any(|folder| folder.join(path).is_file()) {
        return Ok(());
    }
    if path.is_dir() {
        return Err(refused("it is a directory, not a program"));
    }
    if !is_name {
        return match path.is_file() {
            true => Ok(()),
            false => Err(refused("the file does not exist")),
        };
    }
    Err(match path.is_file() {
        true => refused("no directory of PATH has it")
            .hint(format!("write ./{shown} for the file in this directory")),
        false => refused("it is neither a file nor a program in a directory of PATH"),
    })
}

/// Fails if the function of a deployed adapter does not exist. A caller that may invoke it need not be
/// allowed to look at it.
pub(super) async fn find_function(settings: &Settings, arn: &str) -> Result<(), Failed> {
    let session = Session::open(settings, None).await?;
    match Lookup::of(session.context(settings).cloud.function_code(arn).await)? {
        Lookup::Found(_) | Lookup::Denied(_) => Ok(()),
        Lookup::Missing => Err(
            Failed::new("no-function", format!("the function {arn} does not exist")).hint(
                "correct the ARN, or check --profile and --region; the function must be in the account and Region of the caller, or admit the caller in its resource policy",
            ),
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_program_exists() {
        let said = |named: &str| find_program(OsStr::new(named)).map_err(|it| it.failure.message);
        assert_eq!(said("sh"), Ok(()));
        assert_eq!(said("/bin/sh"), Ok(()));
        let folder = tempfile::tempdir().unwrap();
        let folder = folder.path().display();
        let why = said(&folder.to_string()).unwrap_err();
        assert!(why.ends_with("it is a directory, not a program"), "{why}");
        let why = said(&format!("{folder}/missing")).unwrap_err();
        assert!(why.ends_with("missing: the file does not exist"), "{why}");
        let why = said("keyrota-no-such-program").unwrap_err();
        assert!(why.contains("neither a file nor a program"), "{why}");
        // The file is in the folder of the tests, which is not in PATH.
        let failed = find_program(OsStr::new("Cargo.toml")).unwrap_err();
        assert_eq!(
            failed.failure.hint.as_deref(),
            Some("write ./Cargo.toml for the file in this directory")
        );
    }
}
