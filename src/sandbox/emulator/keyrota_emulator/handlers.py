"""Limits CloudFormation to the permissions of its caller.

A stack without a role of its own acts with the caller's permissions, in forward access
sessions. ministack's stacks act with every permission. Here each creation, change, and
deletion of a resource first checks the permissions that the type's schema says its handler
needs: ``schemas.py`` has them.

https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/fas-requests-and-permission-evaluation.html
https://docs.aws.amazon.com/cloudformation-cli/latest/userguide/resource-type-schema.html
"""

from __future__ import annotations

import contextvars
import dataclasses
from collections.abc import Callable, Iterator
from typing import Any

from ministack.core import iam_actions
from ministack.core.responses import get_account_id, get_region
from ministack.services import iam
from ministack.services.cloudformation import stacks

from . import authorization, encryption
from .refusal import Refused
from .replaced import put
from .schemas import needed

Properties = dict[str, Any]
Arns = dict[str, list[str]]

_VIA = {"aws:CalledVia": ["cloudformation.amazonaws.com"], "aws:ViaAWSService": "true"}

_BOUNDABLE = (
    "iam:AttachRolePolicy",
    "iam:AttachUserPolicy",
    "iam:CreateRole",
    "iam:CreateUser",
    "iam:DeleteRolePermissionsBoundary",
    "iam:DeleteRolePolicy",
    "iam:DeleteUserPermissionsBoundary",
    "iam:DeleteUserPolicy",
    "iam:DetachRolePolicy",
    "iam:DetachUserPolicy",
    "iam:PutRolePermissionsBoundary",
    "iam:PutRolePolicy",
    "iam:PutUserPermissionsBoundary",
    "iam:PutUserPolicy",
)
"""The actions that support iam:PermissionsBoundary.

https://docs.aws.amazon.com/service-authorization/latest/reference/list_awsidentityandaccessmanagementiam.html
"""

_OF_ENVIRONMENT = ("kms:CreateGrant", "kms:Decrypt", "kms:Encrypt", "kms:GenerateDataKey")
"""What Lambda calls with the caller's permissions to encrypt a function's environment.

https://docs.aws.amazon.com/lambda/latest/dg/configuration-envvars-encryption.html
"""

_caller: contextvars.ContextVar[str] = contextvars.ContextVar("caller", default="")
"""Whose request to CloudFormation goes on; the work on a stack goes on in its context."""


@dataclasses.dataclass(frozen=True)
class _Subject:
    """A resource, which need not exist yet."""

    kind: str
    logical_id: str
    stack: str
    physical_id: str
    properties: Properties

    def name(self, property_name: str) -> str:
        """Returns its name, or one as CloudFormation would generate it."""
        given = self.physical_id or self.properties.get(property_name)
        return given or f"{self.stack}-{self.logical_id}-000000000000"

    def tags(self) -> dict[str, str]:
        """Returns the tags that it has or will get."""
        return _tags(self.properties)


def _tags(properties: Properties) -> dict[str, str]:
    return {tag["Key"]: str(tag["Value"]) for tag in properties.get("Tags") or []}


def install() -> None:
    """Makes each resource operation check its permissions first."""
    put(stacks, "_provision_resource", _provision(stacks._provision_resource))
    put(stacks, "_update_resource", _update(stacks._update_resource))
    put(stacks, "_delete_resource", _delete(stacks._delete_resource))


def begin(access_key_id: str) -> None:
    """Records the caller of CloudFormation, on whose behalf it will act."""
    _caller.set(access_key_id)


def calling() -> str:
    """Returns the access key of CloudFormation's caller, which can be root."""
    return _caller.get()


def _provision(original: Callable[..., Any]) -> Callable[..., Any]:
    def provision(kind: str, logical_id: str, properties: Properties, stack: str) -> Any:
        _ask("create", _Subject(kind, logical_id, stack, "", properties), properties)
        return original(kind, logical_id, properties, stack)

    return provision


def _update(original: Callable[..., Any]) -> Callable[..., Any]:
    def update(
        kind: str,
        physical_id: str,
        old: Properties,
        new: Properties,
        stack: str,
        logical_id: str | None = None,
        *rest: Any,
    ) -> Any:
        if old != new:
            subject = _Subject(kind, logical_id or "", stack, physical_id, {**old, **new})
            _ask("update", subject, old, new)
        return original(kind, physical_id, old, new, stack, logical_id, *rest)

    return update


def _delete(original: Callable[..., Any]) -> Callable[..., Any]:
    def delete(
        kind: str,
        physical_id: str,
        properties: Properties,
        stack: str | None = None,
        logical_id: str | None = None,
    ) -> Any:
        subject = _Subject(kind, logical_id or "", stack or "", physical_id, properties)
        _ask("delete", subject, properties)
        return original(kind, physical_id, properties, stack, logical_id)

    return delete


def ask_to_read(kind: str, physical_id: str, properties: Properties) -> None:
    """Fails an import if the caller may not read the resource."""
    _ask("read", _Subject(kind, "", "", physical_id, properties), properties)


def denied_to_read(kind: str, physical_id: str, properties: Properties) -> dict[str, str]:
    """Returns the actions that reading a resource needs and the caller may not do, with why."""
    return dict(_refusals("read", _Subject(kind, "", "", physical_id, properties), properties))


def _refusals(
    operation: str, subject: _Subject, *properties: Properties
) -> Iterator[tuple[str, str]]:
    """Yields each action of an operation that the caller may not do, with AWS's message."""
    caller = _caller.get()
    if not caller:
        return
    for action in needed(subject.kind, operation, *properties):
        for arn, conditions in _asked(operation, subject, action, properties):
            denied = authorization.refusal(caller, action, arn, {**_VIA, **conditions})
            if denied is not None:
                yield (
                    action,
                    iam_actions.identity_denial_message(
                        action, denied.principal_arn, arn, denied.decision == "Deny"
                    ),
                )


def _ask(operation: str, subject: _Subject, *properties: Properties) -> None:
    """Fails a resource if the caller lacks a permission, with CloudFormation's message."""
    caller = _caller.get()
    if not caller:
        return
    for _, message in _refusals(operation, subject, *properties):
        raise PermissionError(
            f'Resource handler returned message: "{message}" (HandlerErrorCode: AccessDenied)'
        )
    if subject.kind == "AWS::SecretsManager::Secret" and operation not in ("delete", "read"):
        _ask_for_key(caller, subject, *properties)


def _ask_for_key(caller: str, subject: _Subject, *properties: Properties) -> None:
    """Fails a secret if the caller may not use its key, although no schema lists that: Secrets
    Manager tries a key when a secret gets it, also if the secret has no value.

    https://docs.aws.amazon.com/secretsmanager/latest/userguide/security-encryption.html
    """
    key = properties[-1].get("KmsKeyId")
    if len(properties) > 1 and properties[0].get("KmsKeyId") == key:
        return
    (arn,) = _arns(subject)["secretsmanager"]
    try:
        encryption.require_encrypt(caller, key, arn)
    except Refused as refused:
        raise PermissionError(
            f'Resource handler returned message: "{refused}" (HandlerErrorCode: AccessDenied)'
        ) from refused


def _asked(
    operation: str, subject: _Subject, action: str, properties: tuple[Properties, ...]
) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yields what an action is checked for: each ARN with its condition keys."""
    arns = _arns(subject)
    if subject.kind == "AWS::IAM::User":
        # A user that is moved to another path is allowed by its ARN before and after that.
        name = subject.name("UserName")
        arns = {"iam": list({_iam_arn("user", held, name): None for held in properties})}
    for arn in arns.get(action) or arns.get(action.partition(":")[0]) or ["*"]:
        conditions: dict[str, Any] = {}
        if action == "iam:PassRole":
            service = "events" if subject.kind == "AWS::Events::Rule" else "lambda"
            conditions["iam:PassedToService"] = f"{service}.amazonaws.com"
        if subject.kind == "AWS::Lambda::Function" and action in _OF_ENVIRONMENT:
            conditions["kms:ViaService"] = f"lambda.{get_region()}.amazonaws.com"
        if action in _BOUNDABLE and (boundary := _boundary(subject, arn)):
            conditions["iam:PermissionsBoundary"] = boundary
        if action in ("iam:AttachRolePolicy", "iam:DetachRolePolicy"):
            conditions["iam:PolicyARN"] = arns["iam"][0]
        if subject.kind in ("AWS::KMS::Key", "AWS::SecretsManager::Secret"):
            prefixes = ["aws:RequestTag" if operation == "create" else "aws:ResourceTag"]
            # Without the permission to tag it, a key is not created at all, and
            # the handler's later calls find it with its tags.
            if action not in ("kms:CreateKey", "kms:TagResource"):
                prefixes.append("aws:ResourceTag")
            tags = subject.tags()
            if operation == "update" and action == "secretsmanager:TagResource":
                # The tags that change have been removed before.
                tags = dict(set.intersection(*(set(_tags(it).items()) for it in properties)))
            for prefix in prefixes:
                conditions |= {f"{prefix}/{key}": value for key, value in tags.items()}
        yield arn, conditions


def _boundary(subject: _Subject, arn: str) -> str:
    """Returns the permissions boundary of the role or user that a call is about: the one that
    the call sets, or the one that it has."""
    if boundary := subject.properties.get("PermissionsBoundary"):
        return str(boundary)
    name = arn.rpartition("/")[2]
    principals = iam._users if ":user/" in arn else iam._roles
    return str((principals.get(name) or {}).get("PermissionsBoundary") or "")


def _arns(subject: _Subject) -> Arns:
    """Returns the resources of the actions of a type's handlers, by action or service."""
    properties = subject.properties
    match subject.kind:
        case "AWS::CloudWatch::Alarm":
            return {"cloudwatch": [_arn("cloudwatch", f"alarm:{subject.name('AlarmName')}")]}
        case "AWS::Events::Rule":
            name = subject.name("Name").rpartition("/")[2]
            passed = [it.get("RoleArn") for it in (properties, *(properties.get("Targets") or []))]
            return {
                "events": [_arn("events", f"rule/{name}")],
                "iam:PassRole": [role for role in passed if role],
            }
        case "AWS::IAM::ManagedPolicy":
            name = subject.name("ManagedPolicyName")
            policy = name if name.startswith("arn:") else _iam_arn("policy", properties, name)
            roles = [entity_arn("role", role) for role in properties.get("Roles") or []]
            attached = ("iam:AttachRolePolicy", "iam:DetachRolePolicy")
            return {"iam": [policy], **{action: roles for action in attached}}
        case "AWS::IAM::Role":
            return {"iam": [_iam_arn("role", properties, subject.name("RoleName"))]}
        case "AWS::IAM::RolePolicy":
            return {"iam": [entity_arn("role", properties["RoleName"])]}
        case "AWS::IAM::User":
            return {"iam": [_iam_arn("user", properties, subject.name("UserName"))]}
        case "AWS::IAM::UserPolicy":
            return {"iam": [entity_arn("user", properties["UserName"])]}
        case "AWS::KMS::Alias":
            alias = _arn("kms", properties["AliasName"])
            target = str(properties["TargetKeyId"])
            key = target if target.startswith("arn:") else _arn("kms", f"key/{target}")
            return {"kms": [alias, key], "kms:ListAliases": ["*"]}
        case "AWS::KMS::Key":
            key = _arn("kms", f"key/{subject.physical_id or '0' * 36}")
            return {"kms": [key], "kms:CreateKey": ["*"]}
        case "AWS::Lambda::Function":
            code = properties.get("Code") or {}
            artifact = f"arn:aws:s3:::{code.get('S3Bucket')}/{code.get('S3Key')}"
            name = subject.name("FunctionName")
            return {
                "lambda": [_arn("lambda", f"function:{name}")],
                "s3": [artifact],
                "iam:PassRole": [properties["Role"]],
                "kms": [str(properties.get("KmsKeyArn"))],
            }
        case "AWS::Lambda::Permission":
            name = str(properties["FunctionName"])
            return {
                "lambda": [name if name.startswith("arn:") else _arn("lambda", f"function:{name}")]
            }
        case "AWS::Logs::LogGroup":
            group = _arn("logs", f"log-group:{subject.name('LogGroupName')}")
            tagging = ("logs:TagResource", "logs:UntagResource", "logs:ListTagsForResource")
            every = ("logs:DescribeLogGroups", "logs:DescribeResourcePolicies")
            return {
                "logs": [f"{group}:*"],
                **{action: [group] for action in tagging},
                **{action: ["*"] for action in every},
            }
        case "AWS::SNS::Subscription":
            return {"sns": [properties["TopicArn"]]}
        case "AWS::SNS::Topic":
            name = subject.name("TopicName")
            return {"sns": [name if name.startswith("arn:") else _arn("sns", name)]}
        case "AWS::SNS::TopicPolicy":
            return {"sns": list(properties["Topics"])}
        case "AWS::SecretsManager::Secret":
            name = subject.name("Name")
            secret = _arn("secretsmanager", f"secret:{name}-000000")
            return {"secretsmanager": [name if name.startswith("arn:") else secret]}
        case "AWS::SecretsManager::RotationSchedule":
            return {
                "secretsmanager": [properties["SecretId"]],
                "lambda": [properties["RotationLambdaARN"]],
            }
        case "AWS::SecretsManager::ResourcePolicy":
            return {"secretsmanager": [properties["SecretId"]]}
    return {}


def _arn(service: str, resource: str) -> str:
    return f"arn:aws:{service}:{get_region()}:{get_account_id()}:{resource}"


def entity_arn(kind: str, name: str) -> str:
    """Returns the ARN of a user or role, with its path if it has one.

    One that does not exist has none. Names are unique in an account, whatever the path.
    """
    entity = (iam._users if kind == "user" else iam._roles).get(name)
    return entity["Arn"] if entity else _iam_arn(kind, {}, name)


def _iam_arn(kind: str, properties: Properties, name: str) -> str:
    path = properties.get("Path") or "/"
    return f"arn:aws:iam::{get_account_id()}:{kind}{path}{name}"
