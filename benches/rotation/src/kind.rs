//! What there is to rotate, and which rotations of it are measured.

/// What a function rotates.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub enum FunctionKind {
    /// The access keys of an IAM user
    #[default]
    AccessKeys,
    /// The password of a database's user
    Database,
}

/// A rotation of a warm process.
#[derive(Clone, Copy, Debug)]
pub struct Warm {
    /// What tells it from the others, after a comma; empty where there are none.
    pub which: &'static str,
    /// Whether the user has one key only, so that none has to be removed.
    pub with_room: bool,
}

impl FunctionKind {
    /// Returns the rotations of a warm process that differ in what they do.
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

    /// Returns our function.
    pub const fn function(self) -> keyrota::build::Function {
        match self {
            Self::AccessKeys => keyrota::build::Function::AccessKeys,
            Self::Database => keyrota::build::Function::Databases,
        }
    }
}
