//! Files: their modes, owners, and names.

use std::fs::{DirBuilder, File, Metadata, Permissions};
use std::io;
use std::os::unix::fs::{DirBuilderExt as _, MetadataExt as _, PermissionsExt as _, fchown};
use std::path::Path;

/// Returns what creates folders that only this user may use.
pub fn private_folder() -> DirBuilder {
    let mut builder = DirBuilder::new();
    builder.mode(0o700);
    builder
}

/// Returns the permissions of an ordinary new file, from which the system subtracts the umask. `None`
/// means those that a new file has anyway.
pub fn ordinary_permissions() -> Option<Permissions> {
    Some(Permissions::from_mode(0o666))
}

/// Returns whether a file can be run as a program.
pub fn is_executable(path: &Path) -> bool {
    path.metadata()
        .is_ok_and(|metadata| metadata.is_file() && metadata.permissions().mode() & 0o111 != 0)
}

/// Returns whether a file has another name (a hard link), which a replacement of the file would leave
/// with the old content.
///
/// # Errors
///
/// Fails if the system does not say this.
pub fn has_other_name(_: &Path, held: &Metadata) -> io::Result<bool> {
    Ok(held.nlink() > 1)
}

/// Gives a new file the owner and the group of the file that it replaces.
///
/// # Errors
///
/// Fails if the system does not allow this.
pub fn keep_owner(file: &File, held: &Metadata) -> io::Result<()> {
    let made = file.metadata()?;
    if (made.uid(), made.gid()) != (held.uid(), held.gid()) {
        fchown(file, Some(held.uid()), Some(held.gid()))?;
    }
    Ok(())
}

/// Opens what is locked while files of a folder are replaced: the folder itself.
///
/// # Errors
///
/// Fails if the folder cannot be opened.
pub fn lockable(folder: &Path) -> io::Result<File> {
    File::open(folder)
}
