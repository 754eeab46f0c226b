//! Passwords of databases: the real program and function, the local AWS, and
//! real servers that show a certificate of a tests' own authority.
//!
//! One server an engine is shared by all tests, each of which has a user and a
//! database of its own; those that stop or restrict a server have one for
//! themselves.

pub mod client;
mod cut;
mod doctor;
mod exec;
pub mod function;
mod outage;
mod retained;
pub mod rotation;
mod site;
mod soak;
pub mod test_server;
mod trouble;
mod whole;
