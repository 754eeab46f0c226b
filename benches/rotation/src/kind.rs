//! The kinds of credentials, and which rotations of each are measured.

/// What a function rotates.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub enum FunctionKind {
    /// The access keys of an IAM user
    #[default]
    AccessKeys,
    /// The password of a database user
    Database,
}

/// A rotation of a warm process.
#[derive(Clone, Copy, Debug)]
pub struct Warm {
    /// Distinguishes it from the others, after a comma, or empty if it is the only one.
    pub which: &'static str,
    /// Whether the user has only one key, so that none must be deleted.
    pub with_room: bool,
}

impl FunctionKind {
    /// Returns the rotations of a warm process that do different things.
    pub const fn warm(self) -> &'static [Warm] {
        match self {
            Self::AccessKeys => &[
                Warm {
                    which: ", removes a key",
                    with_room: false,
                },
                Warm {
                    which: ", removes none",
                    with_room: true,
                },
            ],
            Self::Database => &[Warm {
                which: "",
                with_room: false,
            }],
        }
    }

    /// Returns keyrota's function.
    pub const fn function(self) -> keyrota::build::Function {
        match self {
            Self::AccessKeys => keyrota::build::Function::AccessKeys,
            Self::Database => keyrota::build::Function::Databases,
        }
    }
}
