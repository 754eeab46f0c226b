//! The stack, and the code and templates that it reads.

use super::Command::{Bootstrap, Doctor, Plan, Rotate, Status, Teardown};
use super::{Action, Grant, Scope};
use crate::render::name;

/// `DeleteStack` is `bootstrap`'s, too: the change set of a stack that does not exist
/// yet makes an empty one, which is deleted with a change set that is refused. No
/// condition key limits it to such a stack, so that `plan`, which may not delete what is
/// deployed, makes no change set there. The tags of a stack need permissions of their own
/// (`list_awscloudformation`).
const STACK: &[Action] = &[
    ("cloudformation:CreateChangeSet", &[Plan, Bootstrap]),
    ("cloudformation:DeleteChangeSet", &[Plan, Bootstrap]),
    ("cloudformation:DeleteStack", &[Bootstrap, Teardown]),
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
    ("s3:GetBucketVersioning", &[Bootstrap]),
    ("s3:ListBucket", &[Bootstrap, Teardown]),
    ("s3:ListBucketVersions", &[Teardown]),
];

const OWN_BUCKET: &[Action] = &[
    ("s3:CreateBucket", &[Bootstrap]),
    ("s3:DeleteBucket", &[Teardown]),
    ("s3:GetBucketPolicy", &[Bootstrap]),
    ("s3:GetBucketPublicAccessBlock", &[Bootstrap]),
    ("s3:GetEncryptionConfiguration", &[Bootstrap]),
    ("s3:PutBucketPolicy", &[Bootstrap]),
    ("s3:PutBucketPublicAccessBlock", &[Bootstrap]),
    ("s3:PutBucketTagging", &[Bootstrap]),
    ("s3:PutBucketVersioning", &[Bootstrap]),
    ("s3:PutEncryptionConfiguration", &[Bootstrap]),
];

/// A bucket of somebody's has to be fit as it is, which `plan` says too.
const NAMED_BUCKET: &[Action] = &[
    ("s3:GetBucketVersioning", &[Plan]),
    ("s3:ListBucket", &[Plan]),
];

/// Lambda reads the code, and CloudFormation a long template, with the credentials of
/// whoever deploys, in the version that was compared.
const ARTIFACTS: &[Action] = &[
    ("s3:GetObject", &[Bootstrap]),
    ("s3:GetObjectVersion", &[Bootstrap]),
    ("s3:PutObject", &[Bootstrap]),
];

const ALL_ARTIFACTS: &[Action] = &[("s3:DeleteObjectVersion", &[Teardown])];

/// A template that is too long for a request is put below a prefix of `plan`'s own, from
/// which nothing is deployed, and taken away again. A version is read with the second
/// permission, an object of a bucket that keeps none with the first (`API_GetObject`).
const LONG_TEMPLATE: &[Action] = &[
    ("s3:DeleteObjectVersion", &[Plan]),
    ("s3:GetObject", &[Plan]),
    ("s3:GetObjectVersion", &[Plan]),
    ("s3:PutObject", &[Plan]),
];

const ITS_BUCKET: &[Action] = &[("s3:ListBucket", &[Plan])];

/// Returns what deploys the stack.
pub fn grants(scope: &Scope<'_>) -> Vec<Grant> {
    let Scope { model, world, .. } = scope;
    let stack = vec![world.arn("cloudformation", &format!("stack/{}/*", model.stack))];
    let name = name::artifact_bucket(model, world.account(), world.region());
    let bucket = vec![world.s3_arn(&name)];
    let objects = |below: &[&str]| -> Vec<String> {
        let arn = |below: &&str| world.s3_arn(&format!("{name}/{}/{below}*", model.stack));
        below.iter().map(arn).collect()
    };
    // These are the names that `plan::function_key` and its like make.
    let deployed: &[&str] = match scope.long {
        true => &["function/", "template/"],
        false => &["function/"],
    };
    let mut grants = vec![
        Grant::new("Stack", "stack", stack, STACK),
        Grant::new("Bucket", "bucket", bucket.clone(), BUCKET),
        Grant::new("Artifacts", "object", objects(deployed), ARTIFACTS),
        Grant::new("Artifacts", "object", objects(&[""]), ALL_ARTIFACTS),
    ];
    grants.push(match model.function.artifact_bucket {
        None => Grant::new("Bucket", "bucket", bucket.clone(), OWN_BUCKET),
        Some(_) => Grant::new("Bucket", "bucket", bucket.clone(), NAMED_BUCKET),
    });
    if scope.long {
        let templates = objects(&["plan/"]);
        grants.push(Grant::new("Template", "object", templates, LONG_TEMPLATE));
        grants.push(Grant::new("Bucket", "bucket", bucket, ITS_BUCKET));
    }
    grants
}
