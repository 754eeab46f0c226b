//! Passwords of databases: the real program and function, the local AWS, and real servers with
//! a certificate of the tests' own authority.
//!
//! All tests share one server of each engine, and each has its own user and database. Tests
//! that stop or restrict a server have their own.

mod administrator;
mod adopt;
mod alternate;
pub mod client;
mod created;
mod cut;
mod doctor;
mod exec;
mod first;
pub mod function;
mod hosts;
mod killed;
mod outage;
mod pooler;
mod remedies;
mod renamed;
mod retained;
pub mod rotation;
pub mod site;
mod soak;
pub mod test_server;
mod trouble;
mod twice;
mod whole;
