//! Whether a bucket can store the artifacts.

use crate::model::Finding;

/// The field of the manifest that names the bucket.
const PATH: &str = "function.artifact_bucket";
const KIND: &str = "artifact-bucket";

/// The observed state of a bucket.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ObservedBucket {
    /// The bucket does not exist.
    Missing,
    /// Access is denied, with S3's message.
    Denied(String),
    /// It is in another Region.
    Elsewhere(String),
    /// It belongs to the account and is in the stack's Region. The caller may not look up whether
    /// versioning is enabled, and what S3 says.
    Unknown(String),
    /// It belongs to the account and is in the stack's Region.
    There {
        /// Whether versioning is enabled.
        versioned: bool,
    },
}

/// Returns why a bucket that the manifest names cannot be used. keyrota never changes such a
/// bucket.
pub fn check_named_bucket(name: &str, region: &str, seen: &ObservedBucket) -> Option<Finding> {
    let without = "or remove `function.artifact_bucket` to let keyrota create a bucket";
    let (message, hint) = match seen {
        ObservedBucket::There { versioned: true } => return None,
        ObservedBucket::Missing => (
            format!("the bucket `{name}` does not exist"),
            format!("create it in {region} with versioning enabled, {without}"),
        ),
        ObservedBucket::Denied(why) => (
            format!("the bucket `{name}` cannot be used: {why}"),
            format!("name a bucket of this account, {without}"),
        ),
        ObservedBucket::Unknown(why) => {
            let message = format!(
                "cannot look up whether versioning is enabled on the bucket `{name}`; the upload is refused if it is not: {why}"
            );
            return Some(Finding::warning("not-looked-up", PATH, message));
        }
        ObservedBucket::Elsewhere(other) => return Some(check_region(name, region, other)),
        ObservedBucket::There { versioned: false } => (
            format!(
                "versioning is not enabled on the bucket `{name}`, so an object could be replaced after it was checked"
            ),
            format!(
                "enable versioning: aws s3api put-bucket-versioning --bucket {name} --versioning-configuration Status=Enabled"
            ),
        ),
    };
    Some(Finding::error(KIND, PATH, message).hint(hint))
}

/// Returns the finding for a bucket in a Region other than the stack's.
pub fn check_region(name: &str, region: &str, other: &str) -> Finding {
    let message = format!(
        "the bucket `{name}` is in {other}, but Lambda reads code only from buckets in the stack's Region, {region}"
    );
    let hint = format!("name a bucket in {region} with `function.artifact_bucket`");
    Finding::error(KIND, PATH, message).hint(hint)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_versioned_bucket_of_the_region_will_do() {
        let check = |seen| check_named_bucket("code", "eu-west-1", &seen);
        assert_eq!(check(ObservedBucket::There { versioned: true }), None);
        for (seen, says) in [
            (ObservedBucket::Missing, "`code` does not exist"),
            (ObservedBucket::Denied("403".into()), "403"),
            (ObservedBucket::Elsewhere("us-east-2".into()), "us-east-2"),
            (
                ObservedBucket::There { versioned: false },
                "versioning is not enabled",
            ),
        ] {
            let finding = check(seen).unwrap();
            assert_eq!(finding.path, "function.artifact_bucket");
            assert!(finding.message.contains(says), "{}", finding.message);
            assert!(finding.is_error() && finding.hint.is_some());
        }
        let unknown = check(ObservedBucket::Unknown("s3:GetBucketVersioning: no".into()));
        let unknown = unknown.unwrap();
        assert!(!unknown.is_error() && unknown.message.contains("s3:GetBucketVersioning"));
    }
}
