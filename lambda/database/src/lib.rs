//! The function that keyrota deploys to rotate the passwords of databases'
//! users: one user, one password, one secret, in the four steps that Secrets
//! Manager calls.

pub mod engine;
pub mod server;
