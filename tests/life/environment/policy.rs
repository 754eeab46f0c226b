//! The policies of users in the tests.

/// The permissions of an account's administrator.
pub const ADMINISTRATOR: &str = r#"{
  "Version": "2012-10-17",
  "Statement": [{ "Effect": "Allow", "Action": "*", "Resource": "*" }]
}"#;

/// The permissions for the key in an administrator's secret: it rotates other users' keys.
pub const KEY_ADMINISTRATOR: &str = r#"{
  "Version": "2012-10-17",
  "Statement": [{
    "Effect": "Allow",
    "Action": [
      "iam:CreateAccessKey", "iam:DeleteAccessKey", "iam:ListAccessKeys",
      "iam:UpdateAccessKey", "iam:GetAccessKeyLastUsed"
    ],
    "Resource": "arn:aws:iam::*:user/*"
  }]
}"#;

/// The permission that a probe of the bucket `artifacts` needs.
pub const LIST_ARTIFACTS: &str = r#"{
  "Version": "2012-10-17",
  "Statement": [{
    "Effect": "Allow",
    "Action": "s3:ListBucket",
    "Resource": "arn:aws:s3:::artifacts"
  }]
}"#;
