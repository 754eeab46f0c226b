//! Real database servers for the tests: PostgreSQL, MariaDB and MySQL, each a
//! process on 127.0.0.1 with a folder of its own, which is gone with the value
//! that started it, or with the test process, whichever way that ends.
//!
//! Nothing has to be installed and nothing needs root. A server that the
//! machine lacks comes from Debian's archive, once, into the user's cache
//! (`archive`, `programs`); the system's own packages and settings are left alone.
//!
//! - `archive`: packages and what they need, by way of apt, into a folder
//! - `programs`: where an engine's programs are
//! - `template`: a data folder made once, to be copied for each server
//! - `certificate`: what a server shows, and whom clients trust
//! - `process`: a child, and what ends it when nobody is there to
//! - `server`: start, stop, statements, logs
//! - `engine`: the command lines of each engine

mod archive;
mod cache;
mod certificate;
mod engine;
mod error;
mod port;
mod process;
mod programs;
mod server;
mod template;

pub use certificate::Certificate;
pub use error::Error;
pub use programs::Engine;
pub use server::{OpenSession, Options, Server};
