//! The parts that the functions deployed by keyrota share: the events of a rotation, Secrets
//! Manager, the log, and the errors. Nothing here depends on the kind of credential that
//! rotates.
//!
//! | module | content |
//! | --- | --- |
//! | [`stage`] | versions and their labels; pure |
//! | [`moment`] | dates and times; pure |
//! | [`event`], [`arn`] | parsed and validated input |
//! | [`pins`] | what the manifest specified for each secret at deployment |
//! | [`pin`] | the entry of the pins that a request concerns |
//! | [`denial`] | the next step after AWS denied a call; pure |
//! | [`secrets_manager`] | the port for Secrets Manager, without SDK types |
//! | [`secret`] | the content of a version, whatever its fields |
//! | [`error`], [`log`], [`metric`] | the function's output, which never contains a secret value |
//! | [`port`] | the dependencies of every step and sweep |
//! | [`step`], [`sweep`] | the common part of every rotation and sweep, over the ports |
//! | [`password`] | what the rotations of passwords share |
//! | [`check`] | the calls of a rotation, and what came of those that a check tried |
//! | [`aws`] | the SDKs |
//! | [`tls`] | the certificate authorities, and why a handshake failed |
//! | [`clock`], [`dump`], [`lambda`] | the operating system and the Lambda runtime |

pub mod arn;
pub mod aws;
pub mod check;
pub mod clock;
pub mod denial;
pub mod dump;
pub mod error;
pub mod event;
pub mod lambda;
pub mod log;
pub mod metric;
pub mod moment;
pub mod password;
pub mod pin;
pub mod pins;
pub mod port;
pub mod secret;
pub mod secrets_manager;
pub mod stage;
pub mod step;
pub mod sweep;
pub mod tls;
