//! The last use of an access key, in words.

use crate::port::{Key, UsedIn};

/// Returns when and where a key was last used, such as `last used 2026-11-02T07:00:00Z with s3 in
/// eu-west-1`.
pub fn last_use(key: &Key) -> String {
    match (key.last_used, &key.used_in) {
        (None, _) => "never used".to_owned(),
        (Some(at), None) => format!("last used {at:.0}"),
        (Some(at), Some(UsedIn { service, region })) => {
            format!("last used {at:.0} with {service} in {region}")
        }
    }
}
