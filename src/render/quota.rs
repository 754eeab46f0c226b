//! The limits of CloudFormation, IAM, and the other services, each with the page that
//! states it. What renders and what checks take every limit from here.

/// Resources of a stack (`cloudformation-limits`).
pub const MAX_RESOURCES: usize = 500;
/// Parameters of a stack (`cloudformation-limits`).
pub const MAX_PARAMETERS: usize = 200;
/// Outputs of a stack (`cloudformation-limits`).
pub const MAX_OUTPUTS: usize = 200;
/// Bytes of a template that is read from S3 (`cloudformation-limits`).
pub const MAX_TEMPLATE: usize = 1_000_000;
/// Bytes of a template in a request; a longer one goes through S3 (`cloudformation-limits`).
pub const MAX_TEMPLATE_IN_REQUEST: usize = 51_200;
/// Characters of a logical ID (`resources-section-structure`).
pub const MAX_LOGICAL_ID: usize = 255;
/// Tags of a resource, those of AWS not counted (`tag-about`).
pub const MAX_TAGS: usize = 50;

/// Characters of the inline policies of a role together, without white space
/// (`reference_iam-quotas`).
pub const MAX_ROLE_INLINE: usize = 10_240;
/// Characters of the inline policies of a user together, counted alike.
pub const MAX_USER_INLINE: usize = 2_048;
/// Characters of a managed policy, counted alike.
pub const MAX_MANAGED: usize = 6_144;
/// Managed policies that are attached to one role.
pub const MAX_ATTACHED: usize = 10;
/// Characters of a trust policy.
pub const MAX_TRUST: usize = 2_048;

/// Bytes of a key policy (`resource-limits` of KMS).
pub const MAX_KEY_POLICY: usize = 32_768;
/// Characters of the resource policy of a secret (`reference_limits` of Secrets Manager).
pub const MAX_SECRET_POLICY: usize = 20_480;
/// Bytes of the resource policy of a function (`gettingstarted-limits` of Lambda).
pub const MAX_FUNCTION_POLICY: usize = 20_480;
/// Bytes of the policy of a topic
/// (`sns-access-policy-language-api-permissions-reference`).
pub const MAX_TOPIC_POLICY: usize = 30_720;

/// Bytes of the environment variables of a function together (`gettingstarted-limits`).
pub const MAX_ENVIRONMENT: usize = 4_096;
/// Characters of the event pattern of a rule (`eb-quota`).
pub const MAX_EVENT_PATTERN: usize = 2_048;
/// Targets of a rule (`eb-quota`).
pub const MAX_TARGETS: usize = 5;
/// Characters of the constant input of a target (`API_Target`).
pub const MAX_TARGET_INPUT: usize = 8_192;
/// Characters of the display name of a topic (`API_CreateTopic`).
pub const MAX_DISPLAY_NAME: usize = 100;

/// Properties that hold a text, by the type of the resource, with the characters that
/// the text may have (the page of the type in the CloudFormation Template Reference).
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
/// Bytes of the description of a template (`template-description-structure`).
pub const MAX_DESCRIPTION: usize = 1_024;
/// Characters of the descriptions in these sections of a template
/// (`parameters-section-structure`, `outputs-section-structure`).
pub const MAX_SECTION_DESCRIPTIONS: [(&str, usize); 2] =
    [("Parameters", 4_000), ("Outputs", 1_024)];
