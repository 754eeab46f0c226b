//! What the functions that keyrota deploys have in common: the event of a
//! rotation, Secrets Manager, and what may be said. Nothing in it knows what
//! kind of credential rotates.
//!
//! | room | knows |
//! | --- | --- |
//! | [`stage`] | versions and their labels: pure |
//! | [`moment`] | the calendar: pure |
//! | [`event`], [`arn`] | what is written down, checked |
//! | [`pins`] | what the manifest says of each secret, as it was deployed |
//! | [`pin`] | which entry of the pins a request is about |
//! | [`secrets_manager`] | what a function needs of Secrets Manager, without a type of any SDK |
//! | [`secret`] | what a version contains, and not which fields |
//! | [`error`], [`log`], [`metric`] | what may be said, and never a value |
//! | [`port`] | what every step and sweep needs of its surroundings |
//! | [`step`], [`sweep`] | what every rotation and every sweep does, over the ports |
//! | [`aws`] | the SDKs |
//! | [`clock`], [`dump`], [`lambda`] | the machine, and the service that runs the program on it |

pub mod arn;
pub mod aws;
pub mod clock;
pub mod dump;
pub mod error;
pub mod event;
pub mod lambda;
pub mod log;
pub mod metric;
pub mod moment;
pub mod pin;
pub mod pins;
pub mod port;
pub mod secret;
pub mod secrets_manager;
pub mod stage;
pub mod step;
pub mod sweep;
