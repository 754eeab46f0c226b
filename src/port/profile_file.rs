//! The shared credentials file of a host.

/// A file operation that failed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct FileError {
    /// What failed, on which file, and why.
    pub message: String,
    /// The next step, if there is a certain one.
    pub hint: Option<&'static str>,
}

/// The credentials file of a host, and the record beside it of a command that has not run yet.
pub trait ProfileFile {
    /// Returns the path for messages.
    fn path(&self) -> String;
    /// Returns the content.
    ///
    /// # Errors
    ///
    /// Returns why the file cannot be read.
    fn read(&self) -> Result<Vec<u8>, FileError>;
    /// Replaces the content at once, and returns whether it did: not if the content is no longer
    /// `seen`, because another program has changed the file. The mode and the owner stay, and a
    /// symbolic link stays a link.
    ///
    /// # Errors
    ///
    /// Returns why the file cannot be replaced. Then it is unchanged.
    fn replace(&self, seen: &[u8], content: &[u8]) -> Result<bool, FileError>;
    /// Returns the ID of the key for which a command has not run yet.
    ///
    /// # Errors
    ///
    /// Returns why the record cannot be read.
    fn pending_command(&self) -> Result<Option<String>, FileError>;
    /// Records that a command must run for the key with this ID, or that none must.
    ///
    /// # Errors
    ///
    /// Returns why the record cannot be written.
    fn set_pending_command(&self, id: Option<&str>) -> Result<(), FileError>;
}
