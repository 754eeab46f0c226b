//! Finds out how a stack differs from what was deployed, and reverts that.

mod detect;
mod look;
mod revert;
mod settings;

pub use detect::observe_drift;
pub use revert::Recreation;
pub(super) use revert::{changed_late, restore, revert};
