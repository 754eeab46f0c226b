"""What the published schemas of the resource types say: the actions that a handler calls, and
which properties it never returns or changes.

``handlers.json`` is extracted from the schemas, and a test compares them. What depends on the
properties of a resource is not in the schemas, but here.

https://docs.aws.amazon.com/cloudformation-cli/latest/userguide/resource-type-schema.html
"""

from __future__ import annotations

import functools
import json
import pathlib
from typing import Any

Properties = dict[str, Any]

NEEDED_FOR: dict[str, dict[str, tuple[str, ...]]] = {
    # EventBridge asks for it for the roles of targets too, in PutTargets.
    "AWS::Events::Rule": {"RoleArn|Targets.RoleArn": ("iam:PassRole",)},
    "AWS::IAM::ManagedPolicy": {
        "Groups": ("iam:AttachGroupPolicy", "iam:DetachGroupPolicy"),
        "Roles": ("iam:AttachRolePolicy", "iam:DetachRolePolicy"),
        "Users": ("iam:AttachUserPolicy", "iam:DetachUserPolicy"),
    },
    "AWS::IAM::Role": {
        "ManagedPolicyArns": ("iam:AttachRolePolicy", "iam:DetachRolePolicy"),
        "PermissionsBoundary": ("iam:PutRolePermissionsBoundary",),
    },
    "AWS::IAM::User": {
        "Groups": ("iam:AddUserToGroup", "iam:RemoveUserFromGroup"),
        "LoginProfile": (
            "iam:CreateLoginProfile",
            "iam:DeleteLoginProfile",
            "iam:UpdateLoginProfile",
        ),
        "ManagedPolicyArns": ("iam:AttachUserPolicy", "iam:DetachUserPolicy"),
        "PermissionsBoundary": ("iam:PutUserPermissionsBoundary",),
        "Policies": ("iam:DeleteUserPolicy", "iam:PutUserPolicy"),
    },
    "AWS::KMS::Key": {"Enabled": ("kms:DisableKey", "kms:EnableKey")},
    "AWS::Lambda::Function": {
        "CapacityProviderConfig": ("lambda:PassCapacityProvider",),
        "Code.S3ObjectVersion": ("s3:GetObjectVersion",),
        "CodeSigningConfigArn": (
            "lambda:DeleteFunctionCodeSigningConfig",
            "lambda:GetCodeSigningConfig",
            "lambda:PutFunctionCodeSigningConfig",
        ),
        "FileSystemConfigs": (
            "elasticfilesystem:DescribeMountTargets",
            "s3files:ListMountTargets",
        ),
        "FunctionScalingConfig": ("lambda:PutFunctionScalingConfig",),
        "KmsKeyArn": (
            "kms:CreateGrant",
            "kms:Decrypt",
            "kms:DescribeKey",
            "kms:Encrypt",
            "kms:GenerateDataKey",
        ),
        "Layers": ("lambda:GetLayerVersion",),
        "PublishToLatestPublished": ("lambda:PublishVersion",),
        "RecursiveLoop": ("lambda:PutFunctionRecursionConfig",),
        "ReservedConcurrentExecutions": (
            "lambda:DeleteFunctionConcurrency",
            "lambda:PutFunctionConcurrency",
        ),
        "RuntimeManagementConfig": (
            "lambda:AssociateRuntimeAlias",
            "lambda:PutRuntimeManagementConfig",
        ),
        "VpcConfig": (
            "ec2:DescribeNetworkInterfaces",
            "ec2:DescribeSecurityGroups",
            "ec2:DescribeSubnets",
            "ec2:DescribeVpcs",
        ),
    },
    "AWS::Logs::LogGroup": {
        "BearerTokenAuthenticationEnabled": ("logs:PutBearerTokenAuthentication",),
        "DataProtectionPolicy": (
            "firehose:TagDeliveryStream",
            "logs:CreateLogDelivery",
            "logs:DeleteDataProtectionPolicy",
            "logs:PutDataProtectionPolicy",
            "s3:REST.PUT.OBJECT",
        ),
        "DeletionProtectionEnabled": ("logs:PutLogGroupDeletionProtection",),
        "FieldIndexPolicies": ("logs:DeleteIndexPolicy", "logs:PutIndexPolicy"),
        "KmsKeyId": ("logs:AssociateKmsKey", "logs:DisassociateKmsKey"),
        "ResourcePolicyDocument": ("logs:DeleteResourcePolicy", "logs:PutResourcePolicy"),
    },
    "AWS::SNS::Subscription": {"SubscriptionRoleArn": ("iam:GetRole", "iam:PassRole")},
    "AWS::SNS::Topic": {
        "DataProtectionPolicy": ("sns:PutDataProtectionPolicy",),
        "DeliveryStatusLogging": ("iam:GetRole", "iam:PassRole"),
        "Subscription": ("sns:Subscribe", "sns:Unsubscribe"),
    },
    "AWS::SecretsManager::RotationSchedule": {"HostedRotationLambda": ("iam:PassRole",)},
    "AWS::SecretsManager::Secret": {
        "GenerateSecretString": ("secretsmanager:GetRandomPassword",),
        "ReplicaRegions": (
            "secretsmanager:RemoveRegionsFromReplication",
            "secretsmanager:ReplicateSecretToRegions",
        ),
    },
}
"""What a handler calls only for resources that have a property, now or before.

A dot leads to a property of a property, or of the items of a list. A bar stands between
properties of which one is enough.
"""

NEVER: dict[str, dict[str, str]] = {
    "AWS::IAM::Role": {
        "iam:DeleteRolePermissionsBoundary": "a role without the boundary is another manifest's"
    },
    "AWS::IAM::User": {
        "iam:DeleteUserPermissionsBoundary": "a user without the boundary is another manifest's"
    },
    "AWS::KMS::Key": {"kms:DisableKeyRotation": "the template keeps the key's rotation on"},
    "AWS::Logs::LogGroup": {
        "logs:DeleteRetentionPolicy": "the template always says for how long logs are kept"
    },
}
"""What a handler does not call for any resource of keyrota's stacks, and why."""


@functools.cache
def _extract() -> dict[str, dict[str, dict[str, list[str]]]]:
    return json.loads(pathlib.Path(__file__).with_name("handlers.json").read_text("utf-8"))


def create_only(kind: str) -> list[str]:
    """Returns the properties whose change replaces a resource."""
    return _extract()["properties"].get(kind, {}).get("createOnly", [])


def write_only(kind: str) -> list[str]:
    """Returns the properties that no read handler returns."""
    return _extract()["properties"].get(kind, {}).get("writeOnly", [])


def needed(kind: str, operation: str, *properties: Properties) -> list[str]:
    """Returns the actions that an operation on a resource calls.

    One that creates or changes it may read it at the end, for its attributes.
    """
    handlers = _extract()["handlers"].get(kind, {})
    actions = set(handlers.get(operation, ()))
    if operation != "delete":
        actions |= set(handlers.get("read", ()))
    actions -= NEVER.get(kind, {}).keys()
    for name, only in NEEDED_FOR.get(kind, {}).items():
        if not any(_has(held, name) for held in properties):
            actions -= set(only)
    return sorted(actions)


def _has(properties: Properties, name: str) -> bool:
    """Returns whether one of the properties is present and not empty."""
    return any(_holds(properties, it.split(".")) for it in name.split("|"))


def _holds(value: Any, path: list[str]) -> bool:
    if isinstance(value, list) and path:
        return any(_holds(it, path) for it in value)
    if not path:
        return bool(value)
    return isinstance(value, dict) and _holds(value.get(path[0]), path[1:])
