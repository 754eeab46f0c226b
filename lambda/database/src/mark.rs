//! The labels that the function puts on versions, beside AWS's own three. Pure.
//!
//! A password that was sent to the server is nowhere but in a version, and
//! Secrets Manager deletes versions that have no label. A rotation can be
//! cancelled after its password was sent: its version loses AWSPENDING, and may
//! hold the only password that works. So it has a label of ours before anything
//! is sent.
//!
//! | label | on | says |
//! | --- | --- | --- |
//! | `KEYROTA_SETTING` | the version whose password was sent last | the server may know this password, even if its rotation was cancelled |
//! | `KEYROTA_RETAINED` | the version whose password took the place of one that goes on working | the server has to be told when the old one's time is over |
//!
//! A label sits on one version, and one left on AWSCURRENT says nothing that
//! AWSCURRENT does not. Sources: "Secrets Manager quotas" in the Secrets Manager
//! User Guide, `UpdateSecretVersionStage` in its API reference.

use crate::stage::{Stages, VersionId, carrier_alone};

pub use keyrota_contract::label::{RETAINED, SETTING};

/// Returns the version of a rotation that was broken off after its password may
/// have been sent: none of AWS's own labels tells of it.
pub fn broken_off(stages: &Stages) -> Option<&VersionId> {
    carrier_alone(stages, SETTING)
}
