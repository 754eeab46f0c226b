//! The shared credentials file on this host. It is replaced by a rename, so that no program reads
//! a part of it.

use std::fs::{File, TryLockError};
use std::io::{ErrorKind, Write as _};
use std::path::{Path, PathBuf};
use std::time::Duration;

use tempfile::{Builder, NamedTempFile};

use super::failure::Failed;
use crate::bundle::sha256_hex;
use crate::port::{FileError, ProfileFile};
use crate::system;

/// What follows a file's name in that of a temporary file, and of the record of a command.
const TEMPORARY: &str = ".keyrota-new-";
const PENDING_COMMAND: &str = ".keyrota-command-";

/// How often the lock of a folder is tried, and the time between. Any user who may read the folder can
/// hold it.
const LOCK_ATTEMPTS: u32 = 100;
const LOCK_INTERVAL: Duration = Duration::from_millis(20);

/// A credentials file, for one of its profiles.
pub(super) struct SharedCredentialsFile {
    path: PathBuf,
    profile: String,
}

impl SharedCredentialsFile {
    pub(super) fn new(path: PathBuf, profile: &str) -> Self {
        let profile = profile.to_owned();
        Self { path, profile }
    }

    /// Returns the file that the AWS SDKs read.
    pub(super) fn of_environment(profile: &str) -> Result<Self, Failed> {
        let given = |name: &str| std::env::var_os(name).filter(|value| !value.is_empty());
        let home = system::home_folder(given);
        let path = given("AWS_SHARED_CREDENTIALS_FILE").map(PathBuf::from);
        let path = match (path, home) {
            (Some(path), Some(home)) => Some(expanded(path, &home)),
            (Some(path), None) => Some(path),
            (None, home) => home.map(|home| home.join(".aws/credentials")),
        };
        match path {
            Some(path) => Ok(Self::new(path, profile)),
            None => Err(
                Failed::new("file", "cannot find the credentials file: HOME is not set")
                    .hint("name the file with --credentials-file FILE"),
            ),
        }
    }

    /// Returns the absolute path.
    pub(super) fn absolute(&self) -> Result<PathBuf, Failed> {
        std::path::absolute(&self.path).map_err(|error| Failed::file("find", &self.path, &error))
    }

    fn failed(&self, what: &str, error: &std::io::Error) -> FileError {
        let hint = match error.kind() {
            ErrorKind::NotFound => Some("name another file with --credentials-file FILE"),
            ErrorKind::IsADirectory => {
                Some("name the file itself with --credentials-file, such as DIRECTORY/credentials")
            }
            ErrorKind::PermissionDenied => {
                Some("run keyrota as the owner of the file; it also creates a file in its folder")
            }
            ErrorKind::ReadOnlyFilesystem => {
                Some("the file system is read-only; keep the file on one that can be written")
            }
            // The target of a bind mount cannot be replaced ("rename(2)").
            ErrorKind::ResourceBusy => Some("the file itself is mounted; mount its folder instead"),
            _ => None,
        };
        FileError {
            message: format!("cannot {what} {}: {error}", system::shown(&self.path)),
            hint,
        }
    }

    fn refused(&self, why: &str, hint: &'static str) -> FileError {
        FileError {
            message: format!("cannot write {}: {why}", system::shown(&self.path)),
            hint: Some(hint),
        }
    }

    /// Returns the file itself, which a symbolic link leads to.
    fn target(&self) -> Result<PathBuf, FileError> {
        std::fs::canonicalize(&self.path).map_err(|error| self.failed("write", &error))
    }

    /// Returns the file in which a command is recorded that has not run yet.
    fn record(&self) -> Result<PathBuf, FileError> {
        let target = self.target()?;
        let mut digest = sha256_hex(self.profile.as_bytes());
        digest.truncate(8);
        Ok(target.with_file_name(format!("{}{digest}", prefix(&target, PENDING_COMMAND))))
    }

    /// Writes a temporary file beside the target, with the target's mode and owner.
    fn written_beside(&self, target: &Path, content: &[u8]) -> Result<NamedTempFile, FileError> {
        let failed = |error: std::io::Error| self.failed("write", &error);
        let held = std::fs::metadata(target).map_err(failed)?;
        if !held.is_file() {
            let hint = match held.is_dir() {
                true => {
                    "name the file itself with --credentials-file, such as DIRECTORY/credentials"
                }
                false => "name another file with --credentials-file FILE",
            };
            return Err(self.refused("it is not a regular file", hint));
        }
        if system::has_other_name(target, &held).map_err(failed)? {
            let hint = "make the other name a symbolic link to this file";
            return Err(self.refused(
                "the file has another name, which would keep the old key (a hard link)",
                hint,
            ));
        }
        // Only this user may use a temporary file.
        let mut file = Builder::new()
            .prefix(&prefix(target, TEMPORARY))
            .tempfile_in(folder(target))
            .map_err(failed)?;
        file.write_all(content).map_err(failed)?;
        system::keep_owner(file.as_file(), &held).map_err(failed)?;
        // After the owner, whose change clears some bits.
        let kept = file.as_file().set_permissions(held.permissions());
        kept.map_err(failed)?;
        file.as_file().sync_all().map_err(failed)?;
        Ok(file)
    }
}

impl ProfileFile for SharedCredentialsFile {
    fn path(&self) -> String {
        system::shown(&self.path)
    }

    fn read(&self) -> Result<Vec<u8>, FileError> {
        read(&self.path).map_err(|error| self.failed("read", &error))
    }

    fn replace(&self, seen: &[u8], content: &[u8]) -> Result<bool, FileError> {
        let failed = |error: std::io::Error| self.failed("write", &error);
        let target = self.target()?;
        let _lock = FolderLock::take(folder(&target), &prefix(&target, TEMPORARY));
        let file = self.written_beside(&target, content)?;
        // As late as possible: what another program writes between this and the rename is lost.
        if read(&target).map_err(failed)? != seen {
            return Ok(false);
        }
        file.persist(&target).map_err(|error| failed(error.error))?;
        // The rename itself is on the disk then. Not every file system can do this.
        let _ = File::open(folder(&target)).and_then(|folder| folder.sync_all());
        Ok(true)
    }

    fn pending_command(&self) -> Result<Option<String>, FileError> {
        match read(&self.record()?) {
            Ok(text) => Ok(Some(String::from_utf8_lossy(&text).trim().to_owned())),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
            Err(error) => Err(self.failed("read the record of --on-change beside", &error)),
        }
    }

    fn set_pending_command(&self, id: Option<&str>) -> Result<(), FileError> {
        let record = self.record()?;
        let done = match id {
            None => match std::fs::remove_file(&record) {
                Err(error) if error.kind() == ErrorKind::NotFound => Ok(()),
                removed => removed,
            },
            Some(id) => {
                let temporary = prefix(&self.target()?, TEMPORARY);
                let _lock = FolderLock::take(folder(&record), &temporary);
                let made = Builder::new()
                    .prefix(&temporary)
                    .tempfile_in(folder(&record));
                made.and_then(|mut file| {
                    file.write_all(id.as_bytes())?;
                    file.as_file().sync_all()?;
                    file.persist(&record).map_err(|error| error.error)?;
                    Ok(())
                })
            }
        };
        done.map_err(|error| self.failed("write the record of --on-change beside", &error))
    }
}

#[expect(clippy::disallowed_methods, reason = "the host's own credentials file")]
fn read(path: &Path) -> std::io::Result<Vec<u8>> {
    std::fs::read(path)
}

/// Returns a path of the environment with the home directory for a leading `~`, as the AWS SDKs read
/// it: nothing but a shell expands it otherwise, and a unit file has none.
fn expanded(path: PathBuf, home: &Path) -> PathBuf {
    match path.strip_prefix("~") {
        Ok(rest) => home.join(rest),
        Err(_) => path,
    }
}

fn folder(path: &Path) -> &Path {
    path.parent().unwrap_or(Path::new("/"))
}

/// Returns the beginning of the name of a hidden file that belongs to a file.
fn prefix(path: &Path, purpose: &str) -> String {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    format!(".{name}{purpose}")
}

/// Keeps other processes of this program from replacing files of a folder, until it is dropped:
/// several profiles of one file may be followed at the same moment.
struct FolderLock {
    _folder: Option<File>,
}

impl FolderLock {
    /// Locks a folder, and removes the temporary files of processes that were killed. Without
    /// locks, as on some network file systems, or if another program holds the lock all the time,
    /// only the comparison before the rename is left.
    fn take(folder: &Path, temporary: &str) -> Self {
        let locked = Self::locked(folder);
        if locked.is_some() {
            let names = std::fs::read_dir(folder).into_iter().flatten().flatten();
            for left in names {
                if left.file_name().to_string_lossy().starts_with(temporary) {
                    let _ = std::fs::remove_file(left.path());
                }
            }
        }
        Self { _folder: locked }
    }

    fn locked(folder: &Path) -> Option<File> {
        let folder = system::lockable(folder).ok()?;
        for _ in 0..LOCK_ATTEMPTS {
            match folder.try_lock() {
                Ok(()) => return Some(folder),
                Err(TryLockError::WouldBlock) => std::thread::sleep(LOCK_INTERVAL),
                Err(TryLockError::Error(_)) => return None,
            }
        }
        None
    }
}

#[cfg(test)]
mod tests;
