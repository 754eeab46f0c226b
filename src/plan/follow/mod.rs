//! Follows a secret with the key that a profile of a credentials file holds: decides about what was
//! read, and never how.

mod interval;
mod profile;
mod unit;

pub use interval::pause;
pub use profile::{ProfileFault, profile_key, with_profile_key};
pub use unit::{FollowUnits, units};
