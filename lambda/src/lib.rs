//! The rotation function that keyrota deploys: it replaces the access key of
//! one IAM user, in the four steps that Secrets Manager calls.
//!
//! Data flows one way. [`event`] turns what Secrets Manager sends into typed
//! values; [`step`] observes AWS through the traits of [`port`], asks
//! [`decide`], and does what it says; `aws` is the only room that names a type
//! of the SDKs.
//!
//! | room | knows |
//! | --- | --- |
//! | [`decide`] | nothing of ours: pure, no I/O, no dates |
//! | [`event`], [`arn`], [`secret`], [`pin`] | what is written down, checked |
//! | [`mark`] | what the function itself writes down |
//! | [`port`] | what the steps need of the world |
//! | [`step`] | the steps, over the ports |
//! | [`log`], [`error`] | what may be said, and never a value |
//! | [`aws`] | the SDKs |

pub mod arn;
pub mod aws;
pub mod clock;
pub mod decide;
pub mod error;
pub mod event;
pub mod log;
pub mod mark;
pub mod pin;
pub mod port;
pub mod secret;
pub mod step;
