//! Files that are written atomically.

use std::io::{ErrorKind, Write as _};
use std::path::{Path, PathBuf};

use super::failure::Failed;

/// Replaces the content of a file, or creates the file.
pub(super) fn replace(path: &Path, text: &str) -> Result<(), Failed> {
    let place = replaceable(path)?;
    beside(&place, text, |beside| std::fs::rename(beside, &place))
        .map_err(|error| Failed::file("write", path, &error))
}

/// Creates a file, and returns whether it did not exist.
pub(super) fn create(path: &Path, text: &str) -> Result<bool, Failed> {
    // A link fails where there is something by that name; renaming would not.
    match beside(path, text, |beside| std::fs::hard_link(beside, path)) {
        Ok(()) => Ok(true),
        Err(error) if error.kind() == ErrorKind::AlreadyExists => Ok(false),
        Err(error) => Err(Failed::file("write", path, &error)),
    }
}

/// Writes the text to a temporary file first, so that the target is never incomplete.
fn beside(
    path: &Path,
    text: &str,
    put: impl FnOnce(&Path) -> std::io::Result<()>,
) -> std::io::Result<()> {
    let parent = match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    };
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let beside = parent.join(format!(".{name}.{}.new", std::process::id()));
    let mut file = std::fs::File::create_new(&beside)?;
    let written = file
        .write_all(text.as_bytes())
        .and_then(|()| file.sync_all())
        .and_then(|()| put(&beside));
    let _ = std::fs::remove_file(&beside);
    written
}

/// Returns the file to replace: the target of a symbolic link, because renaming would
/// replace the link. Refuses a device or a directory.
fn replaceable(path: &Path) -> Result<PathBuf, Failed> {
    let failed = |error: std::io::Error| Failed::file("write", path, &error);
    match std::fs::symlink_metadata(path) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(path.to_owned()),
        Err(error) => Err(failed(error)),
        Ok(_) => {
            let place = std::fs::canonicalize(path).map_err(failed)?;
            match place.is_file() {
                true => Ok(place),
                false => {
                    let message =
                        format!("cannot write {}: it is not a regular file", path.display());
                    Err(Failed::new("file", message)
                        .hint("choose another file with --manifest FILE"))
                }
            }
        }
    }
}

#[cfg(test)]
#[expect(clippy::disallowed_methods, reason = "tests look at what was written")]
mod tests {
    use super::*;

    #[test]
    fn a_link_stays_and_what_it_leads_to_is_replaced() {
        let folder = tempfile::tempdir().unwrap();
        let (file, link) = (folder.path().join("file"), folder.path().join("link"));
        replace(&file, "one").unwrap();
        std::os::unix::fs::symlink(&file, &link).unwrap();
        replace(&link, "two").unwrap();
        assert!(link.is_symlink());
        assert_eq!(std::fs::read_to_string(&file).unwrap(), "two");
        assert!(!create(&link, "three").unwrap());
        assert_eq!(std::fs::read_to_string(&file).unwrap(), "two");
        assert!(replace(folder.path(), "text").is_err());
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 2);
    }
}
