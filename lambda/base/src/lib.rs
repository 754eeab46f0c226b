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
//! | [`vault`] | what a function needs of Secrets Manager, without a word of any SDK |
//! | [`sweep`] | how all secrets are gone over, and not what for |
//! | [`log`], [`metric`] | what may be said, and never a value |
//! | [`aws`] | the SDKs |
//! | [`clock`], [`dump`], [`lambda`] | the machine, and the service that runs the program on it |

pub mod arn;
pub mod aws;
pub mod clock;
pub mod dump;
pub mod event;
pub mod lambda;
pub mod log;
pub mod metric;
pub mod moment;
pub mod pins;
pub mod stage;
pub mod sweep;
pub mod vault;
