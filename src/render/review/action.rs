//! Describes in words what an action allows. Several actions may share a phrase if they are
//! parts of one task ("look at"). An action without a phrase appears under its own name.

/// The phrase for one action.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ActionPhrase {
    /// The verb, such as "delete", or two verbs with `|` between them.
    pub verb: &'static str,
    /// The part of the resource, such as "access keys of". Empty for the resource itself.
    pub part: &'static str,
}

/// Returns the phrase for an action, if there is one.
pub fn words(action: &str) -> Option<ActionPhrase> {
    let (service, name) = action.split_once(':')?;
    let (verb, part) = match service {
        "cloudformation" => cloudformation(name),
        "cloudwatch" => common(name),
        "ec2" => ec2(name),
        "events" => events(name),
        "iam" => iam(name),
        "kms" => kms(name),
        "lambda" => lambda(name),
        "logs" => logs(name),
        "s3" => s3(name),
        "secretsmanager" => secrets_manager(name),
        "sns" => sns(name),
        "sts" if name == "AssumeRole" => Some(("assume", "")),
        _ => None,
    }?;
    Some(ActionPhrase { verb, part })
}

/// Returns the risk of an allowed action, which a reader looks for first.
pub fn risk(action: &str) -> Option<&'static str> {
    Some(match action {
        "secretsmanager:GetSecretValue" => "reads secret values",
        "iam:CreateAccessKey" => "creates credentials",
        "kms:Decrypt" => "decrypts",
        "iam:AttachRolePolicy"
        | "iam:AttachUserPolicy"
        | "iam:CreatePolicyVersion"
        | "iam:PassRole"
        | "iam:PutRolePolicy"
        | "iam:PutUserPolicy"
        | "iam:UpdateAssumeRolePolicy"
        | "kms:CreateGrant"
        | "kms:PutKeyPolicy"
        | "lambda:AddPermission"
        | "s3:PutBucketPolicy"
        | "secretsmanager:PutResourcePolicy" => "grants permissions",
        "lambda:CreateFunction" | "lambda:UpdateFunctionCode" => "replaces code",
        "cloudformation:DeleteStack"
        | "iam:DeleteAccessKey"
        | "iam:DeleteRole"
        | "iam:DeleteUser"
        | "kms:ScheduleKeyDeletion"
        | "lambda:DeleteFunction"
        | "s3:DeleteBucket"
        | "s3:DeleteObjectVersion"
        | "secretsmanager:DeleteSecret"
        | "sns:Unsubscribe" => "deletes",
        _ if action.ends_with('*') => "any action",
        _ => return None,
    })
}

/// Returns whether IAM supports the action only on all resources ("Actions, resources, and
/// condition keys" of each service, Service Authorization Reference).
pub fn is_unscoped(action: &str) -> bool {
    matches!(
        action,
        "cloudformation:ValidateTemplate"
            | "ec2:DescribeNetworkInterfaces"
            | "ec2:DescribeSecurityGroups"
            | "ec2:DescribeSubnets"
            | "ec2:DescribeVpcs"
            | "iam:GetAccountSummary"
            | "iam:ListUsers"
            | "kms:CreateKey"
            | "kms:ListAliases"
            | "kms:ListKeys"
            | "logs:DescribeLogGroups"
            | "logs:DescribeResourcePolicies"
            | "secretsmanager:GetRandomPassword"
            | "secretsmanager:ListSecrets"
            | "sns:GetSubscriptionAttributes"
            | "sns:Unsubscribe"
            | "sts:GetCallerIdentity"
    )
}

/// Returns whether Lambda carries out the action for a function in a VPC.
pub fn is_of_network(action: &str) -> bool {
    action.starts_with("ec2:") && action.ends_with("NetworkInterface")
}

/// Returns a verb's position in a sentence: verbs that only read come first, and verbs that
/// remove come last.
pub fn rank(verb: &str) -> usize {
    const FIRST: [&str; 6] = [
        "describe",
        "list",
        "list what is in",
        "see",
        "read",
        "write",
    ];
    const LAST: [&str; 4] = ["cancel", "detach", "stop", "delete"];
    let begins = |words: &[&str]| words.iter().rposition(|word| verb.starts_with(word));
    match (begins(&FIRST), begins(&LAST)) {
        (Some(place), _) => place,
        (None, Some(place)) => 20 + place,
        (None, None) => 10,
    }
}

type Pair = (&'static str, &'static str);

/// Returns the words for an action name that means the same in every service that has it.
fn common(name: &str) -> Option<Pair> {
    Some(match name {
        "TagResource" | "UntagResource" => ("tag", ""),
        "ListTags" | "ListTagsForResource" => ("read", "the tags of"),
        "DeleteAlarms" => ("delete", ""),
        "DescribeAlarms" => ("describe", ""),
        "PutMetricAlarm" => ("create|change", ""),
        _ => return None,
    })
}

fn cloudformation(name: &str) -> Option<Pair> {
    Some(match name {
        "ContinueUpdateRollback" => ("roll back", ""),
        "CreateChangeSet" => ("create", "change sets of"),
        "DeleteChangeSet" => ("delete", "change sets of"),
        "DescribeChangeSet" | "ListChangeSets" => ("describe", "change sets of"),
        "ExecuteChangeSet" => ("execute", "change sets of"),
        "DeleteStack" => ("delete", ""),
        "DescribeStackEvents"
        | "DescribeStackResources"
        | "DescribeStacks"
        | "ListStackResources" => ("describe", ""),
        "GetTemplate" => ("read", "the template of"),
        _ => return common(name),
    })
}

fn ec2(name: &str) -> Option<Pair> {
    Some(match name {
        "CreateNetworkInterface" => ("create", ""),
        "DeleteNetworkInterface" => ("delete", ""),
        "DescribeNetworkInterfaces" => ("describe", ""),
        "DescribeSecurityGroups" => ("describe", "security groups for"),
        "DescribeSubnets" => ("describe", "subnets for"),
        "DescribeVpcs" => ("describe", "VPCs for"),
        "AssignPrivateIpAddresses" => ("assign private addresses to", ""),
        "UnassignPrivateIpAddresses" => ("unassign private addresses from", ""),
        _ => return None,
    })
}

fn events(name: &str) -> Option<Pair> {
    Some(match name {
        "DeleteRule" => ("delete", ""),
        "DescribeRule" | "ListTargetsByRule" => ("describe", ""),
        "PutRule" => ("create|change", ""),
        "PutTargets" | "RemoveTargets" => ("change", "the targets of"),
        _ => return common(name),
    })
}

fn iam(name: &str) -> Option<Pair> {
    const KEYS: &str = "access keys of";
    const INLINE: &str = "the inline policies of";
    const POLICIES: &str = "the policies of";
    Some(match name {
        "CreateAccessKey" => ("create", KEYS),
        "DeleteAccessKey" => ("delete", KEYS),
        "GetAccessKeyLastUsed" => ("see the last use of", KEYS),
        "ListAccessKeys" => ("list", KEYS),
        "UpdateAccessKey" => ("activate or deactivate", KEYS),
        "CreateRole" | "CreateUser" | "CreatePolicy" => ("create", ""),
        "DeleteRole" | "DeleteUser" | "DeletePolicy" => ("delete", ""),
        "GetRole" | "GetUser" | "GetPolicy" => ("describe", ""),
        "UpdateRole" | "UpdateRoleDescription" | "UpdateUser" => ("change", ""),
        "TagRole" | "UntagRole" | "TagUser" | "UntagUser" | "TagPolicy" | "UntagPolicy" => {
            ("tag", "")
        }
        "ListRoleTags" | "ListUserTags" | "ListPolicyTags" => ("read", "the tags of"),
        "PassRole" => ("pass", ""),
        "UpdateAssumeRolePolicy" => ("change the trust policy of", ""),
        "PutRolePolicy" | "PutUserPolicy" => ("write", INLINE),
        "DeleteRolePolicy" | "DeleteUserPolicy" => ("delete", INLINE),
        "GetRolePolicy"
        | "GetUserPolicy"
        | "ListRolePolicies"
        | "ListUserPolicies"
        | "ListAttachedRolePolicies"
        | "ListAttachedUserPolicies" => ("read", POLICIES),
        "AttachRolePolicy" | "AttachUserPolicy" => ("attach managed policies to", ""),
        "DetachRolePolicy" | "DetachUserPolicy" => ("detach managed policies from", ""),
        "PutRolePermissionsBoundary"
        | "PutUserPermissionsBoundary"
        | "DeleteRolePermissionsBoundary"
        | "DeleteUserPermissionsBoundary" => ("change", "the permissions boundary of"),
        "CreatePolicyVersion" => ("write", "versions of"),
        "DeletePolicyVersion" => ("delete", "versions of"),
        "GetPolicyVersion" | "ListPolicyVersions" => ("read", "versions of"),
        "ListEntitiesForPolicy" => ("list the entities with", ""),
        "GetLoginProfile" => ("see whether there is a console password for", ""),
        "ListGroupsForUser" => ("list", "the groups of"),
        _ => return None,
    })
}

fn kms(name: &str) -> Option<Pair> {
    Some(match name {
        "*" => ("do anything with", ""),
        "Decrypt" => ("decrypt with", ""),
        "GenerateDataKey" => ("encrypt with", ""),
        "DescribeKey" => ("describe", ""),
        "CreateKey" => ("create", ""),
        "ScheduleKeyDeletion" => ("schedule", "the deletion of"),
        "CancelKeyDeletion" => ("cancel", "the deletion of"),
        "CreateAlias" => ("create", ""),
        "DeleteAlias" => ("delete", ""),
        "UpdateAlias" => ("move", ""),
        "ListAliases" => ("list", ""),
        "EnableKeyRotation" => ("enable the rotation of", ""),
        "GetKeyPolicy" => ("read", "the policy of"),
        "PutKeyPolicy" => ("write", "the policy of"),
        "GetKeyRotationStatus" => ("describe", ""),
        "ListResourceTags" => ("read", "the tags of"),
        "UpdateKeyDescription" => ("change", "the description of"),
        _ => return common(name),
    })
}

fn lambda(name: &str) -> Option<Pair> {
    Some(match name {
        "InvokeFunction" => ("invoke", ""),
        "CreateFunction" => ("create", ""),
        "DeleteFunction" => ("delete", ""),
        "UpdateFunctionCode" => ("replace", "the code of"),
        "UpdateFunctionConfiguration" => ("change", ""),
        "AddPermission" => ("let others invoke", ""),
        "RemovePermission" => ("no longer let others invoke", ""),
        "GetFunction" => ("read the code and the settings of", ""),
        "GetFunctionCodeSigningConfig"
        | "GetFunctionConfiguration"
        | "GetFunctionRecursionConfig"
        | "GetFunctionScalingConfig"
        | "GetRuntimeManagementConfig" => ("read", "the settings of"),
        "GetPolicy" => ("read", "the policy of"),
        _ => return common(name),
    })
}

fn logs(name: &str) -> Option<Pair> {
    Some(match name {
        "CreateLogStream" => ("create", "streams of"),
        "PutLogEvents" => ("write", "to"),
        "FilterLogEvents" => ("read", ""),
        "CreateLogGroup" => ("create", ""),
        "DeleteLogGroup" => ("delete", ""),
        "DescribeLogGroups" => ("describe", ""),
        "PutRetentionPolicy" | "DeleteRetentionPolicy" => ("change", "the retention of"),
        "DescribeIndexPolicies" | "GetDataProtectionPolicy" | "DescribeResourcePolicies" => {
            ("read", "the policies of")
        }
        _ => return common(name),
    })
}

fn s3(name: &str) -> Option<Pair> {
    Some(match name {
        "*" => ("do anything with", ""),
        "CreateBucket" => ("create", ""),
        "DeleteBucket" => ("delete", ""),
        "ListBucket" | "ListBucketVersions" => ("list what is in", ""),
        "DeleteBucketPolicy" => ("delete", "the policy of"),
        "PutBucketPolicy" => ("write", "the policy of"),
        "GetBucketPolicy" => ("read", "the policy of"),
        "GetBucketLocation"
        | "GetBucketPublicAccessBlock"
        | "GetBucketVersioning"
        | "GetEncryptionConfiguration" => ("read", "the settings of"),
        "PutBucketPublicAccessBlock" | "PutBucketVersioning" | "PutEncryptionConfiguration" => {
            ("change", "the settings of")
        }
        "GetBucketTagging" => ("read", "the tags of"),
        "PutBucketTagging" => ("tag", ""),
        "GetObject" => ("read", ""),
        "PutObject" => ("write", ""),
        "DeleteObject" => ("delete", ""),
        "GetObjectVersion" => ("read", "versions of"),
        "DeleteObjectVersion" => ("delete", "versions of"),
        _ => return None,
    })
}

fn secrets_manager(name: &str) -> Option<Pair> {
    Some(match name {
        "DescribeSecret" => ("describe", ""),
        "GetSecretValue" => ("read", ""),
        "PutSecretValue" => ("write", ""),
        "UpdateSecretVersionStage" => ("relabel", ""),
        "CreateSecret" => ("create", ""),
        "DeleteSecret" => ("delete", ""),
        "RestoreSecret" => ("restore", ""),
        "UpdateSecret" => ("change", ""),
        "RotateSecret" => ("rotate", ""),
        "CancelRotateSecret" => ("stop the rotation of", ""),
        "ListSecretVersionIds" => ("list", "versions of"),
        "ListSecrets" => ("list", ""),
        // The sentence itself names the caller, since there is no resource.
        "GetRandomPassword" => ("get random passwords from", ""),
        "GetResourcePolicy" => ("read", "the policy of"),
        "PutResourcePolicy" => ("write", "the policy of"),
        "DeleteResourcePolicy" => ("delete", "the policy of"),
        "ValidateResourcePolicy" => ("validate", "the policy of"),
        _ => return common(name),
    })
}

fn sns(name: &str) -> Option<Pair> {
    Some(match name {
        "Publish" => ("publish", "to"),
        "CreateTopic" => ("create", ""),
        "DeleteTopic" => ("delete", ""),
        "GetTopicAttributes" | "GetDataProtectionPolicy" => ("describe", ""),
        "SetTopicAttributes" => ("change", ""),
        "Subscribe" | "SetSubscriptionAttributes" => ("change", "the subscriptions of"),
        "Unsubscribe" => ("end", "the subscriptions of"),
        "ListSubscriptionsByTopic" | "GetSubscriptionAttributes" => {
            ("describe", "the subscriptions of")
        }
        _ => return common(name),
    })
}
