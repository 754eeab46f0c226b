//! The functions that can be built.

/// A rotation function.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Function {
    /// Access keys of IAM users.
    AccessKeys,
    /// Passwords of database users.
    Databases,
    /// Passwords of users of services.
    Services,
}

impl Function {
    /// Returns its name in messages.
    pub const fn title(self) -> &'static str {
        match self {
            Self::AccessKeys => "the rotation function",
            Self::Databases => "the database rotation function",
            Self::Services => "the service rotation function",
        }
    }

    /// Returns its binary. The names differ because cargo writes all to one folder. In the zip
    /// file, each is named `bootstrap`.
    pub(super) const fn binary(self) -> &'static str {
        match self {
            Self::AccessKeys => "bootstrap",
            Self::Databases => "database-bootstrap",
            Self::Services => "service-bootstrap",
        }
    }
}
