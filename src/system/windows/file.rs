//! Files. A new file or folder inherits the access control list of the folder in which it is. In a
//! user's profile, where caches and credentials are, that admits the user, administrators, and the
//! system.

use std::fs::{DirBuilder, File, Metadata, Permissions};
use std::io;
use std::path::Path;

/// The name of the file that is locked for a folder, which itself cannot be locked.
const LOCK: &str = ".keyrota-lock";

/// Returns what creates folders. They are as private as the folder in which they are.
pub fn private_folder() -> DirBuilder {
    DirBuilder::new()
}

/// Returns `None`: a new file has the permissions of its folder.
pub fn ordinary_permissions() -> Option<Permissions> {
    None
}

/// Returns whether a file exists: its ending says whether it is a program.
pub fn is_executable(path: &Path) -> bool {
    path.is_file()
}

/// Returns whether a file has another name (a hard link), which a replacement of the file would leave
/// with the old content.
///
/// # Errors
///
/// Fails if the file cannot be opened, or if the file system does not say this.
pub fn has_other_name(path: &Path, _: &Metadata) -> io::Result<bool> {
    let handle = winapi_util::Handle::from_file(File::open(path)?);
    Ok(winapi_util::file::information(&handle)?.number_of_links() > 1)
}

/// Does nothing on Windows: a new file belongs to the user who creates it.
///
/// # Errors
///
/// None.
pub fn keep_owner(_: &File, _: &Metadata) -> io::Result<()> {
    Ok(())
}

/// Opens what is locked while files of a folder are replaced: a file in it, which stays there.
///
/// # Errors
///
/// Fails if the file cannot be opened.
pub fn lockable(folder: &Path) -> io::Result<File> {
    File::options()
        .create(true)
        .truncate(false)
        .write(true)
        .open(folder.join(LOCK))
}
