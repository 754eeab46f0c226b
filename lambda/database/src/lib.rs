//! The function that keyrota deploys to rotate the passwords of databases'
//! users: one user, one password, one secret, in the four steps that Secrets
//! Manager calls.
//!
//! Data flows one way. [`event`] turns what was sent into typed values;
//! [`step`] observes Secrets Manager and the server through the traits of
//! [`port`] and [`server`], asks [`decide`], and does what it says; [`sweep`]
//! tidies up after rotations that were broken off, and has the server forget
//! passwords whose time is over.
//!
//! | room | knows |
//! | --- | --- |
//! | [`decide`], [`mark`] | versions and labels: pure, no I/O |
//! | [`event`], [`secret`], [`pins`], [`pin`] | what is written down, checked |
//! | [`port`], [`server`] | what the steps need of the world |
//! | [`step`], [`sweep`], [`check`] | the work, over the ports |
//! | [`log`], [`error`] | what may be said, and never a value |
//! | [`engine`] | the servers' drivers, and nothing of Secrets Manager |
//! | [`aws`] | the SDK, and nothing of servers |
//! | [`base`] | what this function has in common with the one for access keys |
//!
//! What a value says of where the server is, is compared with the pin and never used:
//! connections go where the pin says.
//!
//! [`base`]: keyrota_function_base

pub use keyrota_function_base::{arn, clock, metric, moment, pins, stage};

pub mod aws;
pub mod check;
pub mod decide;
pub mod engine;
pub mod error;
pub mod event;
pub mod log;
pub mod mark;
pub mod pin;
pub mod port;
pub mod secret;
pub mod server;
pub mod step;
pub mod sweep;
