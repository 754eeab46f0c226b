//! The labels that the function puts on versions, besides AWS's own three. Pure.
//!
//! A password that was sent to the server is stored only in a version, and Secrets Manager
//! deletes versions that have no label. If a rotation is cancelled after its password was sent,
//! its version loses AWSPENDING, and may contain the only password that works. Therefore the
//! version receives one of keyrota's labels before anything is sent.
//!
//! | label | on | meaning |
//! | --- | --- | --- |
//! | `KEYROTA_SETTING` | the version whose password was sent last | the server may have this password, even if its rotation was cancelled |
//! | `KEYROTA_RETAINED` | the version whose password replaced one that still works | the function must make the server discard the old password when its time is over |
//!
//! A label is on one version at a time, and a label left on AWSCURRENT adds no information.
//! Sources: "Secrets Manager quotas" in the Secrets Manager User Guide,
//! `UpdateSecretVersionStage` in its API reference.

use crate::stage::{Stages, VersionId, carrier_alone};

pub use keyrota_contract::label::{RETAINED, SETTING};

/// Returns the version of a broken-off rotation. Its password may have been sent, and it
/// carries none of AWS's own labels.
pub fn broken_off(stages: &Stages) -> Option<&VersionId> {
    carrier_alone(stages, SETTING)
}
