//! The limits of CloudFormation, IAM, and the other services, each with the page that states
//! it. Both rendering and the checks take every limit from here.

/// The maximum number of resources in a stack (`cloudformation-limits`).
pub const MAX_RESOURCES: usize = 500;
/// The maximum number of parameters in a stack (`cloudformation-limits`).
pub const MAX_PARAMETERS: usize = 200;
/// The maximum number of outputs in a stack (`cloudformation-limits`).
pub const MAX_OUTPUTS: usize = 200;
/// The maximum size in bytes of a template in S3 (`cloudformation-limits`).
pub const MAX_TEMPLATE: usize = 1_000_000;
/// The maximum size in bytes of a template in a request. A longer one must be in S3
/// (`cloudformation-limits`).
pub const MAX_TEMPLATE_IN_REQUEST: usize = 51_200;
/// The maximum length of a logical ID (`resources-section-structure`).
pub const MAX_LOGICAL_ID: usize = 255;
/// The maximum number of tags on a resource, without those of AWS (`tag-about`).
pub const MAX_TAGS: usize = 50;

/// The maximum total length of a role's inline policies, without white space
/// (`reference_iam-quotas`).
pub const MAX_ROLE_INLINE: usize = 10_240;
/// The maximum total length of a user's inline policies, without white space.
pub const MAX_USER_INLINE: usize = 2_048;
/// The maximum length of a managed policy, without white space.
pub const MAX_MANAGED: usize = 6_144;
/// The maximum number of managed policies that are attached to one role.
pub const MAX_ATTACHED: usize = 10;
/// The maximum length of a trust policy.
pub const MAX_TRUST: usize = 2_048;

/// The maximum size in bytes of a key policy (`resource-limits` of KMS).
pub const MAX_KEY_POLICY: usize = 32_768;
/// The maximum length of a secret's resource policy (`reference_limits` of Secrets Manager).
pub const MAX_SECRET_POLICY: usize = 20_480;
/// The maximum size in bytes of a function's resource policy (`gettingstarted-limits` of
/// Lambda).
pub const MAX_FUNCTION_POLICY: usize = 20_480;
/// The maximum size in bytes of a topic's policy
/// (`sns-access-policy-language-api-permissions-reference`).
pub const MAX_TOPIC_POLICY: usize = 30_720;

/// The maximum total size in bytes of a function's environment variables
/// (`gettingstarted-limits`).
pub const MAX_ENVIRONMENT: usize = 4_096;
/// The maximum length of a rule's event pattern (`eb-quota`).
pub const MAX_EVENT_PATTERN: usize = 2_048;
/// The maximum number of a rule's targets (`eb-quota`).
pub const MAX_TARGETS: usize = 5;
/// The maximum length of a target's constant input (`API_Target`).
pub const MAX_TARGET_INPUT: usize = 8_192;
/// The maximum length of a topic's display name (`API_CreateTopic`).
pub const MAX_DISPLAY_NAME: usize = 100;

/// The string properties with a limited length, by resource type, with the maximum number of
/// characters (the page of the type in the CloudFormation Template Reference).
pub const MAX_TEXTS: [(&str, &str, usize); 9] = [
    ("AWS::CloudWatch::Alarm", "AlarmDescription", 1_024),
    ("AWS::Events::Rule", "Description", 512),
    ("AWS::IAM::ManagedPolicy", "Description", 1_000),
    ("AWS::IAM::Role", "Description", 1_000),
    ("AWS::KMS::Key", "Description", 8_192),
    ("AWS::Lambda::Function", "Description", 256),
    ("AWS::SNS::Topic", "DisplayName", MAX_DISPLAY_NAME),
    ("AWS::SecretsManager::Secret", "Description", 2_048),
    ("AWS::SecretsManager::Secret", "Name", 512),
];
/// The maximum size in bytes of a template's description (`template-description-structure`).
pub const MAX_DESCRIPTION: usize = 1_024;
/// The maximum length of descriptions in these sections of a template
/// (`parameters-section-structure`, `outputs-section-structure`).
pub const MAX_SECTION_DESCRIPTIONS: [(&str, usize); 2] =
    [("Parameters", 4_000), ("Outputs", 1_024)];
