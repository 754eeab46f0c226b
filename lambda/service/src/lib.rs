//! The rotation function for services. It rotates the passwords of users of any service: one user and
//! one password per secret, in the four steps that Secrets Manager calls.
//!
//! What knows the service is an adapter: a Lambda function of the user's, or a file that describes HTTPS
//! requests. It tests a password and changes one, and the function does everything around that.
//!
//! Data flows one way. [`event`] parses the request into typed values. [`step`] observes Secrets
//! Manager and the service through the traits of [`port`] and [`service`], asks [`decide`], and carries
//! out the decision. [`sweep`] finishes broken-off rotations.
//!
//! | module | content |
//! | --- | --- |
//! | [`decide`], [`mark`] | decisions about logins, versions, and labels; pure, without I/O |
//! | [`event`], [`secret`], [`pins`], [`pin`] | parsed and validated input |
//! | [`port`], [`service`] | the dependencies of the steps |
//! | [`step`], [`sweep`], [`check`] | the work, over the ports |
//! | [`log`], [`error`] | the function's output, which never contains a secret value |
//! | [`adapter`] | the two kinds of adapters, independent of Secrets Manager |
//! | [`aws`] | the SDKs of Secrets Manager and Lambda |
//! | [`base`] | what this function shares with the others |
//!
//! [`base`]: keyrota_function_base

pub use keyrota_function_base::password::mark;
pub use keyrota_function_base::{arn, clock, metric, moment, pins, stage};

pub mod adapter;
pub mod aws;
pub mod check;
pub mod decide;
pub mod error;
pub mod event;
pub mod log;
pub mod pin;
pub mod port;
pub mod secret;
pub mod service;
pub mod step;
pub mod sweep;
