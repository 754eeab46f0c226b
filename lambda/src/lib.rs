//! The rotation function that keyrota deploys: it replaces the access key of
//! one IAM user, in the four steps that Secrets Manager calls, and retires the
//! key that was replaced, in sweeps that a rule of the stack calls every hour.
//!
//! Data flows one way. [`event`] turns what was sent into typed values;
//! [`step`] observes AWS through the traits of [`port`], asks [`decide`], and
//! does what it says; [`sweep`] does the same with [`retire`]; `aws` is the
//! only room that names a type of the SDKs.
//!
//! | room | knows |
//! | --- | --- |
//! | [`decide`] | nothing of ours: pure, no I/O, no dates |
//! | [`retire`] | [`moment`]s, and one key: pure, no I/O |
//! | [`event`], [`arn`], [`secret`], [`pins`], [`pin`], [`permission`] | what is written down, checked |
//! | [`key`] | access keys |
//! | [`mark`] | what the function itself writes down |
//! | [`port`] | what the steps and the sweep need of the world |
//! | [`step`] | the steps, over the ports |
//! | [`sweep`] | what comes after them, over the ports |
//! | [`log`], [`metric`], [`error`] | what may be said, and never a value |
//! | [`aws`] | the SDKs |
//! | [`base`] | what this function has in common with the one for databases |
//!
//! From [`base`] come [`event`], [`arn`], [`moment`], [`metric`], the labels that
//! `decide` tells versions by, and Secrets Manager.
//!
//! [`base`]: keyrota_function_base

pub use keyrota_function_base::{arn, clock, dump, event, metric, moment, pins};

pub mod aws;
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
