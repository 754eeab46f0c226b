//! Pins files, packed beside the executable.

/// A file that specifies what a function may act on. Its path in the zip file contains its
/// digest.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pinned {
    /// The path, `pins/DIGEST.json`.
    pub path: String,
    /// The content.
    pub text: String,
}
