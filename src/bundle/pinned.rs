//! Files of pins, packed beside the executable.

/// A file that says what a function may act on, under its path in the zip, which holds
/// its digest.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pinned {
    /// The path, `pins/DIGEST.json`.
    pub path: String,
    /// What it holds.
    pub text: String,
}
