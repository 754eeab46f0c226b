//! The rotation function for access keys. It replaces the access key of one IAM user, in the
//! four steps that Secrets Manager calls. It retires replaced keys in sweeps, which a rule of
//! the stack starts every hour.
//!
//! Data flows one way. [`event`] parses the request into typed values. [`step`] observes AWS
//! through the traits of [`port`], asks [`decide`], and carries out the decision. [`sweep`]
//! does the same with [`retire`]. `aws` is the only module that names a type of the SDKs.
//!
//! | module | content |
//! | --- | --- |
//! | [`decide`] | decisions about keys; pure, without I/O, dates, or other modules of this project |
//! | [`retire`] | decisions about one old key, with [`moment`]s; pure, without I/O |
//! | [`event`], [`arn`], [`secret`], [`pins`], [`pin`], [`permission`] | parsed and validated input |
//! | [`key`] | access keys |
//! | [`mark`] | the records of the function itself |
//! | [`port`] | the dependencies of the steps and the sweep |
//! | [`step`] | the steps, over the ports |
//! | [`sweep`] | the sweep, over the ports |
//! | [`check`] | the rehearsal of the next rotation, over the ports |
//! | [`log`], [`metric`], [`error`] | the function's output, which never contains a secret value |
//! | [`aws`] | the SDKs |
//! | [`base`] | what this function shares with the one for databases |
//!
//! [`event`], [`arn`], [`moment`], [`metric`], the staging labels that `decide` uses, and
//! Secrets Manager come from [`base`].
//!
//! [`base`]: keyrota_function_base

pub use keyrota_function_base::{arn, clock, dump, event, metric, moment, pins};

pub mod aws;
pub mod check;
pub mod decide;
pub mod error;
pub mod key;
pub mod log;
pub mod mark;
pub mod permission;
pub mod pin;
pub mod port;
pub mod retire;
pub mod secret;
pub mod step;
pub mod sweep;
