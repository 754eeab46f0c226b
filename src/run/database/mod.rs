//! Passwords of databases: what is another way with them than with access keys.
//!
//! The caller need not reach the server, and mostly cannot: the function, in its VPC,
//! logs in. So the function makes every proof here.

mod check;
mod observe;
mod restore;
mod seed;
mod verify;

use std::collections::BTreeMap;

use secrecy::SecretString;

pub(super) use check::check;
pub use observe::observe_database;
pub(super) use observe::{observe_login, observe_secret_alone};
pub use restore::restore_database;
pub(super) use seed::seed_database;
pub use verify::verify_database;

/// First passwords, by the names of the secrets that they are for.
pub type Passwords = BTreeMap<String, SecretString>;
