//! The stack, and the code and templates that it reads.

use super::Command::{Bootstrap, Doctor, Plan, Rotate, Status, Teardown};
use super::{Action, Grant, Scope};
use crate::render::name;

/// `DeleteStack` is `plan`'s and `bootstrap`'s, too: the change set of a stack that
/// is not there yet makes an empty one, which goes with it. The tags of a stack need
/// permissions of their own (`list_awscloudformation`).
const STACK: &[Action] = &[
    ("cloudformation:CreateChangeSet", &[Plan, Bootstrap]),
    ("cloudformation:DeleteChangeSet", &[Plan, Bootstrap]),
    ("cloudformation:DeleteStack", &[Plan, Bootstrap, Teardown]),
    ("cloudformation:DescribeChangeSet", &[Plan, Bootstrap]),
    (
        "cloudformation:DescribeStackEvents",
        &[Plan, Bootstrap, Teardown],
    ),
    (
        "cloudformation:DescribeStacks",
        &[Plan, Bootstrap, Rotate, Status, Doctor, Teardown],
    ),
    ("cloudformation:ExecuteChangeSet", &[Bootstrap]),
    ("cloudformation:GetTemplate", &[Plan, Bootstrap]),
    (
        "cloudformation:ListStackResources",
        &[Plan, Bootstrap, Rotate, Doctor, Teardown],
    ),
    ("cloudformation:TagResource", &[Plan, Bootstrap]),
    ("cloudformation:UntagResource", &[Plan, Bootstrap]),
];

/// A bucket is looked at by HEAD, which is `ListBucket` (`API_HeadBucket`).
const BUCKET: &[Action] = &[
    ("s3:GetBucketTagging", &[Bootstrap, Teardown]),
    ("s3:ListBucket", &[Bootstrap, Teardown]),
    ("s3:ListBucketVersions", &[Teardown]),
];

const OWN_BUCKET: &[Action] = &[
    ("s3:CreateBucket", &[Bootstrap]),
    ("s3:DeleteBucket", &[Teardown]),
    ("s3:PutBucketPolicy", &[Bootstrap]),
    ("s3:PutBucketPublicAccessBlock", &[Bootstrap]),
    ("s3:PutBucketTagging", &[Bootstrap]),
    ("s3:PutBucketVersioning", &[Bootstrap]),
    ("s3:PutEncryptionConfiguration", &[Bootstrap]),
];

/// Lambda reads the code with the credentials of whoever makes the function.
const ARTIFACTS: &[Action] = &[
    ("s3:DeleteObjectVersion", &[Teardown]),
    ("s3:GetObject", &[Bootstrap]),
    ("s3:PutObject", &[Bootstrap]),
];

/// A template that is too long for a request is put there, and taken away again.
const LONG_TEMPLATE: &[Action] = &[
    ("s3:DeleteObjectVersion", &[Plan]),
    ("s3:GetObject", &[Plan]),
    ("s3:PutObject", &[Plan]),
];

const ITS_BUCKET: &[Action] = &[
    ("s3:GetBucketTagging", &[Plan]),
    ("s3:ListBucket", &[Plan]),
    ("s3:ListBucketVersions", &[Plan]),
];

/// Returns what deploys the stack.
pub fn grants(scope: &Scope<'_>) -> Vec<Grant> {
    let Scope { model, world, .. } = scope;
    let stack = vec![world.arn("cloudformation", &format!("stack/{}/*", model.stack))];
    let name = name::artifact_bucket(model, world.account(), world.region());
    let bucket = vec![world.s3_arn(&name)];
    let objects = |below: &str| vec![world.s3_arn(&format!("{name}/{}/{below}*", model.stack))];
    let mut grants = vec![
        Grant::new("Stack", "stack", stack, STACK),
        Grant::new("Bucket", "bucket", bucket.clone(), BUCKET),
        Grant::new("Artifacts", "object", objects(""), ARTIFACTS),
    ];
    if model.function.artifact_bucket.is_none() {
        grants.push(Grant::new("Bucket", "bucket", bucket.clone(), OWN_BUCKET));
    }
    if scope.long {
        let templates = objects("template/");
        grants.push(Grant::new("Template", "object", templates, LONG_TEMPLATE));
        grants.push(Grant::new("Bucket", "bucket", bucket, ITS_BUCKET));
    }
    grants
}
