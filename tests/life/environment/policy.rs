//! Policies of the people in the tests.

/// What an account's administrator may do.
pub const ADMINISTRATOR: &str = r#"{
  "Version": "2012-10-17",
  "Statement": [{ "Effect": "Allow", "Action": "*", "Resource": "*" }]
}"#;

/// What the owner of an administrator's secret needs: other users' keys.
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

/// What a probe of the bucket `artifacts` needs.
pub const LIST_ARTIFACTS: &str = r#"{
  "Version": "2012-10-17",
  "Statement": [{
    "Effect": "Allow",
    "Action": "s3:ListBucket",
    "Resource": "arn:aws:s3:::artifacts"
  }]
}"#;
