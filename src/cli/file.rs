//! Files that are written atomically.

use std::io::{ErrorKind, Write as _};
use std::path::{Path, PathBuf};

use tempfile::{Builder, NamedTempFile};

use super::failure::Failed;
use crate::system;

/// Replaces the content of a file, or creates the file. The file keeps its permissions,
/// and a symbolic link stays a link.
pub(super) fn replace(path: &Path, text: &str) -> Result<(), Failed> {
    let failed = |error: std::io::Error| Failed::file("write", path, &error);
    let target = replaceable(path)?;
    let file = written_beside(&target, text).map_err(failed)?;
    if let Ok(held) = std::fs::metadata(&target) {
        let kept = file.as_file().set_permissions(held.permissions());
        kept.map_err(failed)?;
    }
    file.persist(&target).map_err(|error| failed(error.error))?;
    Ok(())
}

/// Creates a file, and returns whether it did not exist.
pub(super) fn create(path: &Path, text: &str) -> Result<bool, Failed> {
    let failed = |error: std::io::Error| Failed::file("write", path, &error);
    let file = written_beside(path, text).map_err(failed)?;
    match file.persist_noclobber(path) {
        Ok(_) => Ok(true),
        Err(error) if error.error.kind() == ErrorKind::AlreadyExists => Ok(false),
        Err(error) => Err(failed(error.error)),
    }
}

/// Reads a text. Git and editors on Windows end lines with `\r\n`; here they end with `\n`, so that
/// the same text renders the same bytes.
#[expect(
    clippy::disallowed_methods,
    reason = "the command line is where files come in"
)]
pub(super) fn read_text(path: &Path) -> std::io::Result<String> {
    std::fs::read_to_string(path).map(with_line_feeds)
}

/// Returns a text whose lines end with `\n`.
pub(super) fn with_line_feeds(text: String) -> String {
    match text.contains("\r\n") {
        true => text.replace("\r\n", "\n"),
        false => text,
    }
}

/// Writes the text to a temporary file in the folder of `path`, from where a rename puts
/// it in place, and waits until it is on the disk.
fn written_beside(path: &Path, text: &str) -> std::io::Result<NamedTempFile> {
    let folder = match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    };
    // Less the umask, as for any other file. A temporary file is private otherwise.
    let mut builder = Builder::new();
    if let Some(permissions) = system::ordinary_permissions() {
        builder.permissions(permissions);
    }
    let mut file = builder.tempfile_in(folder)?;
    file.write_all(text.as_bytes())?;
    file.as_file().sync_all()?;
    Ok(file)
}

/// Returns the file to replace: the target of a symbolic link, because renaming would
/// replace the link. Refuses a device or a directory.
fn replaceable(path: &Path) -> Result<PathBuf, Failed> {
    let failed = |error: std::io::Error| Failed::file("write", path, &error);
    match std::fs::symlink_metadata(path) {
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(path.to_owned()),
        Err(error) => Err(failed(error)),
        Ok(_) => {
            let place = std::fs::canonicalize(path).map_err(failed)?;
            match place.is_file() {
                true => Ok(place),
                false => {
                    let message = format!(
                        "cannot write {}: it is not a regular file",
                        system::shown(path)
                    );
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
    use std::fs::Permissions;
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    fn mode(path: &Path) -> u32 {
        std::fs::metadata(path).unwrap().permissions().mode() & 0o777
    }

    #[test]
    fn a_file_keeps_its_permissions_and_a_new_one_gets_the_usual_ones() {
        let folder = tempfile::tempdir().unwrap();
        let usual = folder.path().join("usual");
        std::fs::write(&usual, "text").unwrap();
        let (replaced, created) = (
            folder.path().join("replaced"),
            folder.path().join("created"),
        );
        replace(&replaced, "one").unwrap();
        create(&created, "one").unwrap();
        assert_eq!(
            (mode(&replaced), mode(&created)),
            (mode(&usual), mode(&usual))
        );
        for kept in [0o600, 0o664] {
            std::fs::set_permissions(&replaced, Permissions::from_mode(kept)).unwrap();
            replace(&replaced, "two").unwrap();
            assert_eq!(mode(&replaced), kept);
        }
    }

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

    #[test]
    fn lines_of_a_text_end_as_everywhere() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("file");
        for (written, read) in [("a\r\nb\r\n", "a\nb\n"), ("a\nb\rc\n", "a\nb\rc\n")] {
            std::fs::write(&file, written).unwrap();
            assert_eq!(read_text(&file).unwrap(), read);
        }
    }
}
