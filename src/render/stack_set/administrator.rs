//! The policy of the principal that administers the StackSet, in the account of a delegated
//! administrator or in the management account.

use crate::model::Model;
use crate::render::policy::{Policy, Statement};
use crate::render::resolve::Resolver;

/// CloudFormation creates a StackSet that has service-managed permissions in the management account,
/// even if a delegated administrator asks for it (`stacksets-orgs-delegated-admin`). So the account
/// in its ARN is not known.
const STACK_SET: &[&str] = &[
    "cloudformation:CreateStackInstances",
    "cloudformation:DeleteStackInstances",
    "cloudformation:DeleteStackSet",
    "cloudformation:DescribeStackInstance",
    "cloudformation:DescribeStackSet",
    "cloudformation:DescribeStackSetOperation",
    "cloudformation:GetTemplateSummary",
    "cloudformation:ListStackInstances",
    "cloudformation:ListStackSetOperationResults",
    "cloudformation:ListStackSetOperations",
    "cloudformation:StopStackSetOperation",
    "cloudformation:TagResource",
    "cloudformation:UntagResource",
    "cloudformation:UpdateStackInstances",
    "cloudformation:UpdateStackSet",
];

/// IAM has no resources for this action (`list_awscloudformation`).
const CREATE_STACK_SET: &[&str] = &["cloudformation:CreateStackSet"];

/// The stacks of the StackSet and of the buckets, with `aws cloudformation deploy`.
const STACKS: &[&str] = &[
    "cloudformation:CreateChangeSet",
    "cloudformation:DeleteChangeSet",
    "cloudformation:DeleteStack",
    "cloudformation:DescribeChangeSet",
    "cloudformation:DescribeEvents",
    "cloudformation:DescribeStackEvents",
    "cloudformation:DescribeStacks",
    "cloudformation:ExecuteChangeSet",
    "cloudformation:TagResource",
    "cloudformation:UntagResource",
];

/// The buckets, which CloudFormation creates with the caller's permissions (the handlers of
/// `AWS::S3::Bucket` and `AWS::S3::BucketPolicy`).
const BUCKETS: &[&str] = &[
    "s3:CreateBucket",
    "s3:GetBucketOwnershipControls",
    "s3:GetBucketPolicy",
    "s3:GetBucketPublicAccessBlock",
    "s3:GetBucketTagging",
    "s3:GetBucketVersioning",
    "s3:GetEncryptionConfiguration",
    "s3:ListBucket",
    "s3:PutBucketOwnershipControls",
    "s3:PutBucketPolicy",
    "s3:PutBucketPublicAccessBlock",
    "s3:PutBucketTagging",
    "s3:PutBucketVersioning",
    "s3:PutEncryptionConfiguration",
];

/// The template, which StackSets reads with the caller's permissions, and the zip files.
const OBJECTS: &[&str] = &["s3:GetObject", "s3:PutObject"];

/// The IDs that the commands need. IAM has no resources for these actions.
const ORGANIZATION: &[&str] = &[
    "organizations:DescribeOrganization",
    "organizations:ListRoots",
];

/// Returns the policy.
pub(super) fn policy(model: &Model, bucket: &str) -> Policy {
    let placeholders = Resolver::placeholders();
    let everywhere =
        |resource: String| format!("arn:${{AWS::Partition}}:cloudformation:*:*:{resource}");
    let own = |stack: &str| {
        let (account, partition) = (placeholders.account(), "${AWS::Partition}");
        format!("arn:{partition}:cloudformation:*:{account}:stack/{stack}/*")
    };
    let stack = &model.stack;
    let buckets = format!("{bucket}-{}-*", placeholders.account());
    let objects = format!("{buckets}/{stack}/*");
    Policy::new(vec![
        Statement::allow(
            "StackSet",
            STACK_SET.iter().copied(),
            vec![
                everywhere(format!("stackset/{stack}:*")),
                everywhere(format!("stackset-target/{stack}:*")),
                everywhere("type/resource/*".to_owned()),
            ],
        ),
        Statement::allow(
            "CreateStackSet",
            CREATE_STACK_SET.iter().copied(),
            vec!["*".to_owned()],
        ),
        Statement::allow(
            "Stacks",
            STACKS.iter().copied(),
            vec![
                own(&super::steps::stack_of_stack_set(model)),
                own(&super::steps::stack_of_buckets(model)),
            ],
        ),
        Statement::allow(
            "Buckets",
            BUCKETS.iter().copied(),
            vec![placeholders.s3_arn(&buckets)],
        ),
        Statement::allow(
            "Objects",
            OBJECTS.iter().copied(),
            vec![placeholders.s3_arn(&objects)],
        ),
        Statement::allow(
            "Organization",
            ORGANIZATION.iter().copied(),
            vec!["*".to_owned()],
        ),
    ])
}
