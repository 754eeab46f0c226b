//! Passwords of databases, as far as they differ from access keys.
//!
//! The caller does not need access to the database server, and usually has none. The function, in
//! its VPC, logs in to verify a password.

mod check;
mod observe;
mod seed;

use std::collections::BTreeMap;

use secrecy::SecretString;

pub(super) use check::{WRONG_PASSWORD, check};
pub(super) use observe::{observe_database, observe_login, observe_login_as};
pub(super) use seed::{FirstLogin, forget, seed_database, store};

/// First passwords, by the names of their secrets.
pub type Passwords = BTreeMap<String, SecretString>;
