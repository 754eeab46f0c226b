//! How much work cargo spends on a function.

/// The packages with the functions.
const FUNCTIONS: [&str; 3] = [
    "keyrota-function",
    "keyrota-database-function",
    "keyrota-service-function",
];

/// A profile in the workspace's `Cargo.toml`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Profile {
    /// For AWS: small, and the same bytes in any directory.
    Function,
    /// For a local AWS: with the dependencies that `cargo run --release` compiled for this
    /// program, and without link-time optimisation.
    Release,
}

impl Profile {
    /// Returns cargo's name of the profile.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Function => "function",
            Self::Release => "release",
        }
    }

    /// Returns the packages from which cargo derives the features of the dependencies.
    ///
    /// Both functions have the same features, so that their dependencies are compiled
    /// once. `Release` names the workspace's default members, for the same reason.
    pub(super) fn packages(self) -> impl Iterator<Item = &'static str> {
        let program = match self {
            Self::Function => None,
            Self::Release => Some("keyrota"),
        };
        program.into_iter().chain(FUNCTIONS)
    }
}
