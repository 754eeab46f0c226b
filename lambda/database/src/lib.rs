//! The rotation function for databases. It rotates the passwords of database users: one user
//! and one password per secret, in the four steps that Secrets Manager calls.
//!
//! Data flows one way. [`event`] parses the request into typed values. [`step`] observes
//! Secrets Manager and the server through the traits of [`port`] and [`server`], asks
//! [`decide`], and carries out the decision. [`sweep`] cleans up after broken-off rotations,
//! and makes the server discard passwords whose time is over.
//!
//! | module | content |
//! | --- | --- |
//! | [`decide`], [`mark`] | decisions about versions and labels; pure, without I/O |
//! | [`event`], [`secret`], [`pins`], [`pin`] | parsed and validated input |
//! | [`port`], [`server`] | the dependencies of the steps |
//! | [`step`], [`sweep`], [`check`], [`removal`] | the work, over the ports |
//! | [`log`], [`error`] | the function's output, which never contains a secret value |
//! | [`engine`] | the drivers for the servers, independent of Secrets Manager |
//! | [`aws`] | the SDK, independent of the servers |
//! | [`base`] | what this function shares with the one for access keys |
//!
//! If a value names a server, it is compared with the pin and never used: connections go to the
//! pinned server.
//!
//! [`base`]: keyrota_function_base

pub use keyrota_function_base::password::mark;
pub use keyrota_function_base::{arn, clock, metric, moment, pins, stage};

pub mod aws;
pub mod check;
pub mod decide;
pub mod engine;
pub mod error;
pub mod event;
pub mod log;
pub mod pin;
pub mod port;
pub mod removal;
pub mod secret;
pub mod server;
pub mod step;
pub mod sweep;
