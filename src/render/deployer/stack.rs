//! The grants for the stack, and for the code and templates that it reads.

use super::Command::{Bootstrap, DetectDrift, Doctor, Plan, RespondToLeak, Rotate, Teardown};
use super::{Action, Command, Grant, Scope};
use crate::render::name;

/// `bootstrap` needs `DeleteStack` too: the change set of a stack that does not exist yet
/// creates an empty stack, which is deleted if the change set is declined. No condition key
/// limits the action to such a stack. Therefore `plan`, which must not be able to delete a
/// deployed stack, creates no change set in that case. The tags of a stack need separate
/// permissions (`list_awscloudformation`).
const STACK: &[Action] = &[
    ("cloudformation:CreateChangeSet", &[Plan, Bootstrap]),
    ("cloudformation:DeleteChangeSet", &[Plan, Bootstrap]),
    ("cloudformation:DeleteStack", &[Bootstrap, Teardown]),
    ("cloudformation:DescribeChangeSet", &[Plan, Bootstrap]),
    ("cloudformation:DescribeEvents", &[Plan, Bootstrap]),
    (
        "cloudformation:DescribeStackEvents",
        &[Plan, Bootstrap, Teardown],
    ),
    ("cloudformation:DescribeStacks", &Command::COMMANDS),
    ("cloudformation:ExecuteChangeSet", &[Bootstrap]),
    (
        "cloudformation:GetTemplate",
        &[Plan, Bootstrap, DetectDrift],
    ),
    (
        "cloudformation:ListStackResources",
        &[
            Plan,
            Bootstrap,
            Rotate,
            Doctor,
            RespondToLeak,
            Teardown,
            DetectDrift,
        ],
    ),
    ("cloudformation:TagResource", &[Plan, Bootstrap]),
    ("cloudformation:UntagResource", &[Plan, Bootstrap]),
];

/// `HeadBucket` requires the permission `ListBucket` (`API_HeadBucket`).
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

/// A bucket that already exists must meet the requirements as it is. `plan` checks this too.
const NAMED_BUCKET: &[Action] = &[
    ("s3:GetBucketVersioning", &[Plan]),
    ("s3:ListBucket", &[Plan]),
];

/// Lambda reads the code, and CloudFormation reads a long template, with the deployer's
/// credentials, in the version that was compared.
const ARTIFACTS: &[Action] = &[
    ("s3:GetObject", &[Bootstrap]),
    ("s3:GetObjectVersion", &[Bootstrap]),
    ("s3:PutObject", &[Bootstrap]),
];

const ALL_ARTIFACTS: &[Action] = &[("s3:DeleteObjectVersion", &[Teardown])];

/// A template that is too long for a request is uploaded below a prefix that only `plan` uses
/// and nothing is deployed from, and then deleted. Reading a version needs the second
/// permission. Reading an object in a bucket without versioning needs the first
/// (`API_GetObject`).
const LONG_TEMPLATE: &[Action] = &[
    ("s3:DeleteObjectVersion", &[Plan]),
    ("s3:GetObject", &[Plan]),
    ("s3:GetObjectVersion", &[Plan]),
    ("s3:PutObject", &[Plan]),
];

const ITS_BUCKET: &[Action] = &[("s3:ListBucket", &[Plan])];

/// Returns the grants for deploying the stack.
pub fn grants(scope: &Scope<'_>) -> Vec<Grant> {
    let Scope {
        model, resolver, ..
    } = scope;
    let stack = vec![resolver.arn("cloudformation", &super::stack_resource(model))];
    let name = name::artifact_bucket(model, resolver.account(), resolver.region());
    let bucket = vec![resolver.s3_arn(&name)];
    let objects = |below: &[&str]| -> Vec<String> {
        let arn = |below: &&str| resolver.s3_arn(&format!("{name}/{}/{below}*", model.stack));
        below.iter().map(arn).collect()
    };
    // `plan::function_key` and related functions create these names.
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
