//! Passwords of databases: what is another way with them than with access keys.
//!
//! The caller need not reach the server, and mostly cannot: the function, in its VPC,
//! logs in. So the function makes every proof here.

mod check;
mod observe;
mod seed;

use std::collections::BTreeMap;

use secrecy::SecretString;

pub(super) use check::check;
pub(super) use observe::{observe_database, observe_login};
pub(super) use seed::seed_database;

/// First passwords, by the names of the secrets that they are for.
pub type Passwords = BTreeMap<String, SecretString>;
