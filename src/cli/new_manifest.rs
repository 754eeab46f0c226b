//! A new manifest: what it has where no option says otherwise, its check, and its file.

use std::path::Path;

use super::failure::Failed;
use super::file;
use crate::model::{self, Draft, Finding};
use crate::render::{self, Fleet, Record, Templates};
use crate::system::shown;

/// The name of the stack.
pub(super) const STACK: &str = "access-keys";
/// The schedule.
pub(super) const SCHEDULE: &str = "rate(30 days)";
/// Requires no long-lived key, and can replace a key that no longer works.
pub(super) const ROTATE_AS: &str = "role";

/// Refuses a file that exists, before any work is done. `option` names the file.
pub(super) fn refuse_existing(path: &Path, force: bool, option: &str) -> Result<(), Failed> {
    match !force && path.symlink_metadata().is_ok() {
        true => Err(exists(path, option)),
        false => Ok(()),
    }
}

/// Checks a manifest as `generate` does, and writes it. An existing file is replaced with `force`
/// only.
pub(super) fn write(path: &Path, draft: &Draft, force: bool, option: &str) -> Result<(), Failed> {
    let text = draft.text();
    check(path, &text)?;
    write_text(path, &text, force, option)
}

fn exists(path: &Path, option: &str) -> Failed {
    let hint = format!("use --force to overwrite it, or {option} to write another file");
    Failed::new("exists", format!("{} already exists", shown(path))).hint(hint)
}

fn check(path: &Path, text: &str) -> Result<(), Failed> {
    let name = shown(path);
    let refused = |findings: Vec<Finding>| Failed::refused(&name, findings);
    let model = model::load(text, None).map_err(refused)?.model;
    let fleet = Fleet::of(model, Record::default()).map_err(|finding| refused(vec![finding]))?;
    let templates = Templates::built_in().map_err(render::Error::from)?;
    render::render(&fleet.shards, &templates)?;
    Ok(())
}

fn write_text(path: &Path, text: &str, force: bool, option: &str) -> Result<(), Failed> {
    match force {
        true => file::replace(path, text),
        false if file::create(path, text)? => Ok(()),
        false => Err(exists(path, option)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    #[expect(clippy::disallowed_methods, reason = "a test's own files")]
    fn nothing_is_written_over_and_nothing_is_left_beside() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("keyrota.yaml");
        write_text(&path, "one", false, "--manifest FILE").unwrap();
        let refused = write_text(&path, "two", false, "--manifest FILE").unwrap_err();
        assert_eq!(refused.failure.kind, "exists");
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "one");
        write_text(&path, "three", true, "--manifest FILE").unwrap();
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "three");
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);
        let nowhere = write_text(
            &folder.path().join("none/keyrota.yaml"),
            "x",
            false,
            "--manifest FILE",
        )
        .unwrap_err();
        assert_eq!(nowhere.failure.kind, "file");
    }
}
