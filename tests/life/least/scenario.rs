//! The commands, in the states in which they need their permissions.

use super::database;
use super::policy::DRIFT;
use super::state::{
    AILING, BUSY, CHANGED, DATABASE, DATABASE_CREATED, DATABASE_DAMAGED, DATABASE_DEPLOYED,
    DATABASE_ON_REQUEST, DATABASE_UNFINISHED, DEPLOYED, GONE, LARGE, LARGE_CHANGED, LARGE_DEPLOYED,
    LEAKED, LEFT_BEHIND, LOCKED_OUT, SEEDED, SMALL, State, TORN_DOWN, UNFINISHED,
};

/// A command in a state.
pub struct Scenario {
    pub name: &'static str,
    /// The prefix of the command's Sids.
    pub part: &'static str,
    /// The prefix of the Sids that the command needs in addition, or nothing.
    pub beside: &'static str,
    pub arguments: &'static str,
    pub state: State,
    /// The exit code with all permissions.
    pub code: i32,
    /// An action that is always denied on a resource.
    pub denied: Option<(&'static str, &'static str)>,
    /// Whether each run needs a new state.
    pub anew: bool,
    pub shows: ExpectedActions,
}

/// The actions that are needed here.
pub enum ExpectedActions {
    These(&'static [&'static str]),
    /// All that no other scenario of the command covers.
    TheRest,
}

pub const PLAN: &str = "plan --function-zip function.zip --format json";
pub const BOOTSTRAP: &str = "bootstrap --yes --function-zip function.zip --format json";
/// The actions with which a command tells whether an unfinished rotation is under way.
const UNFINISHED_ACTIONS: &[&str] = &[
    "logs:FilterLogEvents",
    "secretsmanager:ListSecretVersionIds",
];
const FIX: &str = "doctor --fix --yes --format json";
pub const TEARDOWN: &str = "teardown --yes --format json";

pub const fn scenario(
    name: &'static str,
    part: &'static str,
    arguments: &'static str,
    state: State,
    shows: ExpectedActions,
) -> Scenario {
    Scenario {
        name,
        part,
        beside: "",
        arguments,
        state,
        code: 0,
        denied: None,
        anew: false,
        shows,
    }
}

/// Removed again by a creation that fails.
const ROLLED_BACK: &[&str] = &[
    "cloudwatch:DeleteAlarms",
    "events:DeleteRule",
    "events:RemoveTargets",
    "iam:DeleteAccessKey",
    "iam:DeleteRole",
    "iam:DeleteRolePolicy",
    "iam:DeleteUser",
    "iam:DeleteUserPolicy",
    "kms:DeleteAlias",
    "kms:ScheduleKeyDeletion",
    "lambda:DeleteFunction",
    "lambda:RemovePermission",
    "logs:DeleteLogGroup",
    "secretsmanager:CancelRotateSecret",
    "secretsmanager:DeleteResourcePolicy",
    "secretsmanager:DeleteSecret",
    "sns:DeleteTopic",
    "sns:Unsubscribe",
];

/// All scenarios.
pub const SCENARIOS: &[Scenario] = &[
    scenario(
        "status",
        "Status",
        "status --check --format json",
        DEPLOYED,
        ExpectedActions::TheRest,
    ),
    scenario(
        "status of what was left unfinished",
        "Status",
        "status --format json",
        UNFINISHED,
        ExpectedActions::These(UNFINISHED_ACTIONS),
    ),
    scenario(
        "status of what was left unfinished without values",
        "StatusWithoutValues",
        "status --no-values --format json",
        UNFINISHED,
        ExpectedActions::These(UNFINISHED_ACTIONS),
    ),
    scenario(
        "status without values",
        "StatusWithoutValues",
        "status --no-values --format json",
        DEPLOYED,
        ExpectedActions::TheRest,
    ),
    scenario(
        "rotate",
        "Rotate",
        "rotate --format json",
        DEPLOYED,
        ExpectedActions::TheRest,
    ),
    scenario(
        "rotate what was left unfinished",
        "Rotate",
        "rotate mailer --format json",
        UNFINISHED,
        ExpectedActions::These(&[
            "iam:TagUser",
            "secretsmanager:UpdateSecretVersionStage",
            "iam:DeleteAccessKey",
            "iam:UntagUser",
        ]),
    ),
    scenario(
        "doctor",
        "Doctor",
        "doctor --format json",
        DEPLOYED,
        ExpectedActions::TheRest,
    ),
    Scenario {
        code: 5,
        ..scenario(
            "doctor of what was left unfinished",
            "Doctor",
            "doctor --format json",
            UNFINISHED,
            ExpectedActions::These(UNFINISHED_ACTIONS),
        )
    },
    Scenario {
        anew: true,
        ..scenario(
            "doctor that repairs",
            "Doctor",
            "doctor --fix --yes --format json",
            AILING,
            ExpectedActions::These(&[
                "secretsmanager:RestoreSecret",
                "secretsmanager:RotateSecret",
                "lambda:InvokeFunction",
                "iam:TagUser",
                "secretsmanager:UpdateSecretVersionStage",
                "iam:DeleteAccessKey",
                "iam:UntagUser",
                "kms:Encrypt",
                "kms:GenerateDataKey",
                "secretsmanager:ReplicateSecretToRegions",
            ]),
        )
    },
    Scenario {
        beside: "Doctor",
        anew: true,
        ..scenario(
            "doctor that recovers",
            "Recover",
            FIX,
            LOCKED_OUT,
            ExpectedActions::TheRest,
        )
    },
    Scenario {
        anew: true,
        ..scenario(
            "response to a leaked key",
            "RespondToLeak",
            "rotate --compromised mailer --deny-sessions --yes --format json",
            LEAKED,
            ExpectedActions::TheRest,
        )
    },
    Scenario {
        beside: "Doctor",
        ..scenario(
            "detecting drift",
            DRIFT,
            "doctor --format json",
            DEPLOYED,
            ExpectedActions::TheRest,
        )
    },
    Scenario {
        beside: "Doctor",
        // Its keys have not rotated yet, which is a finding.
        code: 5,
        ..scenario(
            "detecting drift of a large stack",
            DRIFT,
            "doctor --format json",
            LARGE_DEPLOYED,
            ExpectedActions::TheRest,
        )
    },
    Scenario {
        beside: "Doctor",
        ..scenario(
            "detecting drift of a database",
            DRIFT,
            "doctor --format json",
            DATABASE_DEPLOYED,
            ExpectedActions::TheRest,
        )
    },
    scenario(
        "plan of a new stack",
        "Plan",
        PLAN,
        SMALL,
        ExpectedActions::TheRest,
    ),
    scenario(
        "plan of a changed stack",
        "Plan",
        PLAN,
        CHANGED,
        ExpectedActions::These(&[
            "iam:GetAccessKeyLastUsed",
            "secretsmanager:GetSecretValue",
            "kms:Decrypt",
            "cloudformation:GetTemplate",
            "cloudformation:CreateChangeSet",
            "cloudformation:TagResource",
            "cloudformation:UntagResource",
            "cloudformation:DescribeChangeSet",
            "cloudformation:DeleteChangeSet",
            // The boundary, and the user that begins to rotate itself.
            "iam:GetPolicy",
            "iam:GetUserPolicy",
        ]),
    ),
    Scenario {
        // The stack has rolled back when the command waits for it.
        code: 3,
        anew: true,
        ..scenario(
            "plan of a busy stack",
            "Plan",
            PLAN,
            BUSY,
            ExpectedActions::These(&["cloudformation:DescribeStackEvents"]),
        )
    },
    Scenario {
        anew: true,
        ..scenario(
            "bootstrap of a new stack",
            "Bootstrap",
            BOOTSTRAP,
            SMALL,
            ExpectedActions::TheRest,
        )
    },
    scenario(
        "bootstrap of a changed stack",
        "Bootstrap",
        BOOTSTRAP,
        CHANGED,
        ExpectedActions::These(&[
            "s3:ListBucket",
            "s3:GetBucketPolicy",
            "s3:GetBucketPublicAccessBlock",
            "s3:GetBucketVersioning",
            "s3:GetEncryptionConfiguration",
            "s3:PutBucketPublicAccessBlock",
            "s3:PutEncryptionConfiguration",
            "s3:GetObjectVersion",
            "cloudformation:GetTemplate",
            "cloudformation:UntagResource",
            "cloudwatch:UntagResource",
            "events:UntagResource",
            "iam:GetPolicy",
            "iam:ListUserTags",
            "iam:PutRolePermissionsBoundary",
            "iam:PutUserPermissionsBoundary",
            "iam:UntagUser",
            "iam:UpdateAssumeRolePolicy",
            "iam:UpdateRole",
            "iam:UpdateRoleDescription",
            "iam:UpdateUser",
            "kms:UntagResource",
            "kms:UpdateKeyDescription",
            "lambda:UntagResource",
            "lambda:UpdateFunctionCode",
            "lambda:UpdateFunctionConfiguration",
            "logs:UntagResource",
            "secretsmanager:UntagResource",
            "secretsmanager:RemoveRegionsFromReplication",
            "secretsmanager:UpdateSecret",
            // A new topic's default policy allows these two to everyone in the account.
            "sns:SetTopicAttributes",
            "sns:Subscribe",
            "sns:UntagResource",
            "secretsmanager:UpdateSecretVersionStage",
        ]),
    ),
    Scenario {
        anew: true,
        ..scenario(
            "bootstrap after a teardown",
            "Bootstrap",
            BOOTSTRAP,
            TORN_DOWN,
            ExpectedActions::These(&[
                "kms:CancelKeyDeletion",
                "kms:EnableKey",
                "secretsmanager:RestoreSecret",
            ]),
        )
    },
    Scenario {
        code: 3,
        ..scenario(
            "bootstrap that would overwrite a value",
            "Bootstrap",
            BOOTSTRAP,
            SEEDED,
            ExpectedActions::These(&["cloudformation:DeleteChangeSet"]),
        )
    },
    Scenario {
        code: 1,
        denied: Some((
            "secretsmanager:RotateSecret",
            "*:secret:prod/uploader-??????",
        )),
        anew: true,
        ..scenario(
            "bootstrap that rolls back",
            "Bootstrap",
            BOOTSTRAP,
            SMALL,
            ExpectedActions::These(ROLLED_BACK),
        )
    },
    scenario(
        "teardown",
        "Teardown",
        TEARDOWN,
        LEFT_BEHIND,
        ExpectedActions::These(&[
            "cloudformation:DescribeStacks",
            "cloudformation:ListStackResources",
            "secretsmanager:ListSecrets",
            "iam:GetUser",
            "iam:ListAccessKeys",
            "iam:GetAccessKeyLastUsed",
            "secretsmanager:DescribeSecret",
            "secretsmanager:GetSecretValue",
            "kms:Decrypt",
            "kms:DescribeKey",
            "secretsmanager:CancelRotateSecret",
            "iam:UntagUser",
            "cloudformation:DescribeStackEvents",
            "cloudformation:DeleteStack",
        ]),
    ),
    Scenario {
        anew: true,
        ..scenario(
            "teardown after the stack",
            "Teardown",
            TEARDOWN,
            GONE,
            ExpectedActions::These(&["cloudformation:ListStackResources"]),
        )
    },
    Scenario {
        anew: true,
        ..scenario(
            "teardown of the rest",
            "Teardown",
            TEARDOWN,
            LEFT_BEHIND,
            ExpectedActions::TheRest,
        )
    },
    scenario(
        "plan of a large stack",
        "Plan",
        PLAN,
        LARGE_CHANGED,
        ExpectedActions::TheRest,
    ),
    Scenario {
        anew: true,
        ..scenario(
            "bootstrap of a large stack",
            "Bootstrap",
            "bootstrap --no-rotate --yes --function-zip function.zip --format json",
            LARGE,
            ExpectedActions::TheRest,
        )
    },
    scenario(
        "bootstrap of a changed large stack",
        "Bootstrap",
        "bootstrap --no-rotate --yes --function-zip function.zip --format json",
        LARGE_CHANGED,
        ExpectedActions::These(&["iam:CreatePolicyVersion"]),
    ),
    Scenario {
        code: 1,
        denied: Some(("secretsmanager:RotateSecret", "*")),
        anew: true,
        ..scenario(
            "bootstrap of a large stack that rolls back",
            "Bootstrap",
            BOOTSTRAP,
            LARGE,
            ExpectedActions::These(&[
                "iam:DeletePolicy",
                "iam:DeletePolicyVersion",
                "iam:DetachRolePolicy",
                "iam:ListPolicyVersions",
            ]),
        )
    },
    Scenario {
        anew: true,
        ..scenario(
            "teardown of a large stack",
            "Teardown",
            TEARDOWN,
            LARGE_DEPLOYED,
            ExpectedActions::TheRest,
        )
    },
    scenario(
        "status of a database",
        "Status",
        "status --check --format json",
        DATABASE_DEPLOYED,
        ExpectedActions::TheRest,
    ),
    scenario(
        "status of a database that was left unfinished",
        "Status",
        "status --format json",
        DATABASE_UNFINISHED,
        ExpectedActions::These(UNFINISHED_ACTIONS),
    ),
    scenario(
        "status of a database that was left unfinished without values",
        "StatusWithoutValues",
        "status --no-values --format json",
        DATABASE_UNFINISHED,
        ExpectedActions::These(UNFINISHED_ACTIONS),
    ),
    scenario(
        "status of a database without values",
        "StatusWithoutValues",
        "status --no-values --format json",
        DATABASE_DEPLOYED,
        ExpectedActions::TheRest,
    ),
    scenario(
        "rotate a database",
        "Rotate",
        "rotate --format json",
        DATABASE_DEPLOYED,
        ExpectedActions::TheRest,
    ),
    Scenario {
        anew: true,
        ..scenario(
            "rotate a database on request",
            "Rotate",
            "rotate prod/orders-db --format json",
            DATABASE_ON_REQUEST,
            ExpectedActions::These(&["lambda:InvokeFunction", "secretsmanager:RotateSecret"]),
        )
    },
    Scenario {
        code: 1,
        anew: true,
        ..scenario(
            "rotate a database that was left unfinished",
            "Rotate",
            "rotate --format json",
            DATABASE_UNFINISHED,
            ExpectedActions::These(&["secretsmanager:UpdateSecretVersionStage"]),
        )
    },
    scenario(
        "doctor of a database",
        "Doctor",
        "doctor --format json",
        DATABASE_DEPLOYED,
        ExpectedActions::TheRest,
    ),
    Scenario {
        code: 5,
        ..scenario(
            "doctor of a database that was left unfinished",
            "Doctor",
            "doctor --format json",
            DATABASE_UNFINISHED,
            ExpectedActions::These(&["logs:FilterLogEvents"]),
        )
    },
    Scenario {
        code: 5,
        anew: true,
        ..scenario(
            "doctor that repairs a database",
            "Doctor",
            "doctor --fix --yes --format json",
            DATABASE_UNFINISHED,
            ExpectedActions::These(&["secretsmanager:UpdateSecretVersionStage"]),
        )
    },
    Scenario {
        beside: "Doctor",
        anew: true,
        ..scenario(
            "doctor that recovers a database",
            "Recover",
            FIX,
            DATABASE_DAMAGED,
            ExpectedActions::TheRest,
        )
    },
    scenario(
        "plan of a database",
        "Plan",
        "plan --database-function-zip database.zip --format json",
        DATABASE_DEPLOYED,
        ExpectedActions::TheRest,
    ),
    Scenario {
        anew: true,
        ..scenario(
            "bootstrap of a database",
            "Bootstrap",
            database::BOOTSTRAP,
            DATABASE,
            ExpectedActions::TheRest,
        )
    },
    Scenario {
        code: 1,
        denied: Some(("secretsmanager:RotateSecret", "*")),
        anew: true,
        ..scenario(
            "bootstrap of a database that rolls back",
            "Bootstrap",
            database::BOOTSTRAP,
            DATABASE,
            ExpectedActions::These(&["ec2:DescribeNetworkInterfaces"]),
        )
    },
    Scenario {
        anew: true,
        ..scenario(
            "teardown of a database",
            "Teardown",
            TEARDOWN,
            DATABASE_DEPLOYED,
            ExpectedActions::TheRest,
        )
    },
    Scenario {
        anew: true,
        ..scenario(
            "teardown of a database user",
            "Teardown",
            TEARDOWN,
            DATABASE_CREATED,
            ExpectedActions::These(&["lambda:InvokeFunction"]),
        )
    },
];
