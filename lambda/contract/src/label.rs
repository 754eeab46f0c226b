//! The staging labels of secret versions.
//!
//! A label is on one version at most. Secrets Manager deletes versions without a label.

/// The version that clients read.
pub const CURRENT: &str = "AWSCURRENT";
/// The version that a rotation prepares.
pub const PENDING: &str = "AWSPENDING";
/// The version that was AWSCURRENT before.
pub const PREVIOUS: &str = "AWSPREVIOUS";

/// The labels that Secrets Manager itself knows.
pub const OF_AWS: [&str; 3] = [CURRENT, PENDING, PREVIOUS];

/// The version that stores the access key that a rotation created last. Principals that may
/// move labels can set it, so it proves nothing.
pub const MADE: &str = "KEYROTA_MADE";
/// The version whose access key a rotation replaced last. AWS moves AWSPREVIOUS when someone stores a
/// value by hand, and this label stays. It says where to look for the old key, and proves nothing.
pub const REPLACED: &str = "KEYROTA_REPLACED";
/// The version with AWSCURRENT, while a run of `createSecret` deletes a key whose secret access key
/// seems lost. Another run may have created that key, and may still store it. Until the label is
/// removed, no rotation replaces this version.
pub const CLEARING: &str = "KEYROTA_CLEARING";
/// The version whose password was last sent to the database server. The server may have this
/// password, however the rotation ended.
pub const SETTING: &str = "KEYROTA_SETTING";
/// The version whose password replaced one that the database server still accepts.
pub const RETAINED: &str = "KEYROTA_RETAINED";
/// The version with a first login of a database, or with a key that a command created, until that
/// credential has been tested.
pub const FIRST: &str = "KEYROTA_FIRST";
/// The version that AWSPREVIOUS must return to after `secretarn` was corrected.
pub const BEFORE: &str = "KEYROTA_BEFORE";
