//! The functions that there are to build.

/// A function that rotates.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Function {
    /// Access keys of IAM users.
    AccessKeys,
    /// Passwords of databases' users.
    Databases,
}

impl Function {
    /// Returns what to call it.
    pub const fn title(self) -> &'static str {
        match self {
            Self::AccessKeys => "the rotation function",
            Self::Databases => "the database rotation function",
        }
    }

    /// Returns its binary. The names differ, since cargo puts both in one folder;
    /// in the zip each is called `bootstrap`.
    pub(super) const fn binary(self) -> &'static str {
        match self {
            Self::AccessKeys => "bootstrap",
            Self::Databases => "database-bootstrap",
        }
    }
}
