"""What the resources of a stack really are, in the form of their templates.

A reader returns the properties that a resource has now, or None if it is gone. It looks into the
services themselves, so a change by any API call is seen. Which of the types AWS can check for
drift is in ``CHECKED``, from the table "Resource type support":
https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/resource-import-supported-resources.html

The other readers only serve updates, which fail for what is gone. ``AWS::SNS::TopicPolicy`` has
none: its schema has no read handler, and a topic always has a policy.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any

from ministack.services import (
    cloudwatch,
    cloudwatch_logs,
    eventbridge,
    iam,
    kms,
    lambda_svc,
    secretsmanager,
    sns,
)
from ministack.services.cloudformation import drift, provisioners

from . import schemas

Properties = dict[str, Any]
Stack = dict[str, Any]
Reader = Callable[[str, Properties, Stack], "Properties | None"]

_NOT_MAPPED: dict[str, tuple[str, ...]] = {"AWS::Lambda::Function": ("Code",)}
"""What CloudFormation "cannot map back": the code of a function is AWS's example.

https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/using-cfn-stack-drift.html
"""

_KEY_OF_ANY = "KmsKeyId"
""""CloudFormation does not perform drift detection on the KMSKeyId property of any resources." """

_SETTINGS = (
    "EphemeralStorage",
    "LoggingConfig",
    "RotationRules",
    "TracingConfig",
    "VpcConfig",
)
"""Objects with fixed fields. A field that the template does not set has a default."""


def is_checked(kind: str) -> bool:
    """Returns whether AWS supports drift detection for a type."""
    return kind in CHECKED or (kind not in _READERS and kind in drift._DRIFT_READERS)


def is_known(kind: str) -> bool:
    """Returns whether it can be told that a resource of this type is gone."""
    return kind in _READERS


def read(kind: str, physical_id: str, properties: Properties, stack: Stack) -> Properties | None:
    """Returns what a resource is now; None if it is gone."""
    if kind in _READERS:
        found = _READERS[kind](physical_id, properties, stack)
    else:
        found = drift._DRIFT_READERS[kind][0](physical_id, properties)
    if found is None:
        return None
    for name in _SETTINGS:
        expected, actual = properties.get(name), found.get(name)
        if isinstance(expected, dict) and isinstance(actual, dict):
            found[name] = {key: actual[key] for key in actual.keys() & expected.keys()}
    return {name: value for name, value in found.items() if value is not None}


def comparable(kind: str, name: str) -> bool:
    """Returns whether a property that a template sets is compared with what there is."""
    if name in (*schemas.write_only(kind), *_NOT_MAPPED.get(kind, ()), _KEY_OF_ANY):
        return False
    return kind in _READERS or name in drift._DRIFT_READERS[kind][1]


def _document(value: Any) -> Any:
    """Returns a policy as an object, however a service keeps it."""
    return json.loads(value) if isinstance(value, str) and value else value


def _list(tags: dict[str, str]) -> list[dict[str, str]]:
    return [{"Key": key, "Value": value} for key, value in tags.items()]


def _others(stack: Stack, kind: str) -> Iterator[Properties]:
    """Yields the properties of the resources of a type in a stack.

    "CloudFormation analyses the stack template for attachments before performing the drift
    comparison."
    """
    for record in stack.get("_resources", {}).values():
        if record["ResourceType"] == kind:
            yield record.get("Properties") or {}


def _alarm(name: str, _properties: Properties, _stack: Stack) -> Properties | None:
    alarm = cloudwatch._alarms.get(name)
    if alarm is None:
        return None
    threshold = alarm.get("Threshold")
    if isinstance(threshold, float) and threshold.is_integer():
        threshold = int(threshold)
    tags = cloudwatch._resource_tags.get(alarm["AlarmArn"]) or {}
    return {**alarm, "Threshold": threshold, "Tags": _list(tags)}


def _rule(name: str, properties: Properties, _stack: Stack) -> Properties | None:
    key = eventbridge._rule_key(name, provisioners._eb_rule_bus_name(properties))
    rule = eventbridge._rules.get(key)
    if rule is None:
        return None
    return {
        **{field: value for field, value in rule.items() if value != ""},
        "EventPattern": _document(rule.get("EventPattern")) or None,
        "Targets": list(eventbridge._targets.get(key) or []),
        "Tags": _list(eventbridge._tags.get(rule["Arn"]) or {}),
    }


def _managed_policy(arn: str, _properties: Properties, _stack: Stack) -> Properties | None:
    policy = iam._policies.get(arn)
    if policy is None:
        return None
    default = policy["Versions"][policy["DefaultVersionId"]]

    def attached_to(entities: Any) -> list[str]:
        return [
            name for name, it in entities.items() if arn in (it.get("AttachedPolicies") or [])
        ]

    return {
        "ManagedPolicyName": policy["PolicyName"],
        "Description": policy.get("Description"),
        "Path": policy.get("Path"),
        "PolicyDocument": _document(default["Document"]),
        "Groups": attached_to(iam._groups),
        "Roles": attached_to(iam._roles),
        "Users": attached_to(iam._users),
    }


def _role(name: str, _properties: Properties, stack: Stack) -> Properties | None:
    role = iam._roles.get(name)
    if role is None:
        return None
    return {
        "RoleName": name,
        "Path": role.get("Path", "/"),
        "Description": role.get("Description"),
        "MaxSessionDuration": role.get("MaxSessionDuration"),
        "AssumeRolePolicyDocument": _document(role["AssumeRolePolicyDocument"]),
        **_held_by(name, role, role.get("InlinePolicies") or {}, stack, "Role"),
    }


def _user(name: str, _properties: Properties, stack: Stack) -> Properties | None:
    user = iam._users.get(name)
    if user is None:
        return None
    groups = [group for group, it in iam._groups.items() if name in (it.get("Users") or [])]
    inline = iam._user_inline_policies.get(name) or {}
    return {
        "UserName": name,
        "Path": user.get("Path", "/"),
        "Groups": groups,
        **_held_by(name, user, inline, stack, "User"),
    }


def _held_by(
    name: str, entity: dict[str, Any], inline: dict[str, Any], stack: Stack, kind: str
) -> Properties:
    """Returns the boundary, tags, and policies of a user or role, without those policies that
    the stack attaches by resources of their own."""
    own = {
        it["PolicyName"]
        for it in _others(stack, f"AWS::IAM::{kind}Policy")
        if it.get(f"{kind}Name") == name
    }
    attached = {
        record["PhysicalResourceId"]
        for record in stack.get("_resources", {}).values()
        if record["ResourceType"] == "AWS::IAM::ManagedPolicy"
        and name in ((record.get("Properties") or {}).get(f"{kind}s") or [])
    }
    return {
        "PermissionsBoundary": entity.get("PermissionsBoundary") or None,
        "Tags": list(entity.get("Tags") or []),
        "ManagedPolicyArns": [
            arn for arn in entity.get("AttachedPolicies") or [] if arn not in attached
        ],
        "Policies": [
            {"PolicyName": policy, "PolicyDocument": _document(document)}
            for policy, document in inline.items()
            if policy not in own
        ],
    }


def _role_policy(_id: str, properties: Properties, _stack: Stack) -> Properties | None:
    role = iam._roles.get(properties["RoleName"]) or {}
    return _inline(role.get("InlinePolicies") or {}, properties, "RoleName")


def _user_policy(_id: str, properties: Properties, _stack: Stack) -> Properties | None:
    inline = iam._user_inline_policies.get(properties["UserName"]) or {}
    return _inline(inline, properties, "UserName")


def _inline(inline: dict[str, Any], properties: Properties, holder: str) -> Properties | None:
    document = inline.get(properties["PolicyName"])
    if document is None:
        return None
    return {
        "PolicyName": properties["PolicyName"],
        holder: properties[holder],
        "PolicyDocument": _document(document),
    }


def _key(key_id: str, _properties: Properties, _stack: Stack) -> Properties | None:
    """A key that is scheduled for deletion is gone: its type's delete handler does no more, and
    "once a delete operation successfully completes, any subsequent … read request … MUST return
    FAILED with a NotFound error code".

    https://docs.aws.amazon.com/cloudformation-cli/latest/userguide/resource-type-test-contract.html
    """
    key = kms._resolve_key(key_id)
    if key is None or key["KeyState"] == "PendingDeletion":
        return None
    return {
        "Description": key.get("Description"),
        "Enabled": key["KeyState"] == "Enabled",
        "EnableKeyRotation": bool(key.get("KeyRotationEnabled")),
        "KeyPolicy": _document(key.get("Policy")),
        "KeySpec": key.get("KeySpec"),
        "KeyUsage": key.get("KeyUsage"),
        "MultiRegion": bool(key.get("MultiRegion")),
        "Origin": key.get("Origin"),
        "Tags": _list({it["TagKey"]: it["TagValue"] for it in key.get("Tags") or []}),
    }


def _alias(name: str, _properties: Properties, _stack: Stack) -> Properties | None:
    key = kms._aliases.get(kms._alias_arn(name))
    return None if key is None else {"AliasName": name, "TargetKeyId": key}


def _function(name: str, _properties: Properties, _stack: Stack) -> Properties | None:
    function = lambda_svc._functions.get(name)
    if function is None:
        return None
    config = function["config"]
    layers = [it.get("Arn") if isinstance(it, dict) else it for it in config.get("Layers") or []]
    return {
        **{field: config.get(field) for field in _OF_A_FUNCTION},
        "KmsKeyArn": config.get("KMSKeyArn") or None,
        "Layers": layers,
        "ReservedConcurrentExecutions": function.get("concurrency"),
        "Tags": _list(function.get("tags") or {}),
    }


_OF_A_FUNCTION = (
    "Architectures",
    "DeadLetterConfig",
    "Description",
    "Environment",
    "EphemeralStorage",
    "FunctionName",
    "Handler",
    "LoggingConfig",
    "MemorySize",
    "PackageType",
    "Role",
    "Runtime",
    "Timeout",
    "TracingConfig",
    "VpcConfig",
)
"""The properties of a function that its configuration has under the same name."""


def _permission(sid: str, properties: Properties, _stack: Stack) -> Properties | None:
    function = provisioners._lambda_function_for_cfn_ref(properties["FunctionName"])[0]
    statements = function["policy"]["Statement"] if function else []
    statement = next((it for it in statements if it.get("Sid") == sid), None)
    if statement is None:
        return None
    principal = statement["Principal"]
    if isinstance(principal, dict):
        principal = next(iter(principal.values()))
    conditions = {
        key.rpartition(":")[2]: value
        for tests in (statement.get("Condition") or {}).values()
        for key, value in tests.items()
    }
    return {
        **conditions,
        "Action": statement["Action"],
        "FunctionName": properties["FunctionName"],
        "Principal": principal,
    }


def _log_group(name: str, _properties: Properties, _stack: Stack) -> Properties | None:
    group = cloudwatch_logs._log_groups.get(name)
    if group is None:
        return None
    return {
        "LogGroupClass": group.get("logGroupClass"),
        "LogGroupName": name,
        "RetentionInDays": group.get("retentionInDays"),
        "Tags": _list(group.get("tags") or {}),
    }


def _topic(arn: str, _properties: Properties, stack: Stack) -> Properties | None:
    topic = sns._topics.get(arn)
    if topic is None:
        return None
    own = {(it["Protocol"], it["Endpoint"]) for it in _others(stack, "AWS::SNS::Subscription")}
    subscriptions = [(it["protocol"], it["endpoint"]) for it in topic["subscriptions"]]
    return {
        "DisplayName": topic["attributes"].get("DisplayName"),
        "KmsMasterKeyId": topic["attributes"].get("KmsMasterKeyId") or None,
        "Subscription": [
            {"Protocol": protocol, "Endpoint": endpoint}
            for protocol, endpoint in subscriptions
            if (protocol, endpoint) not in own
        ],
        "Tags": _list(topic.get("tags") or {}),
        "TopicName": topic["name"],
    }


def _subscription(arn: str, _properties: Properties, _stack: Stack) -> Properties | None:
    return {} if arn in sns._sub_arn_to_topic else None


def _found(arn: str) -> dict[str, Any] | None:
    """Returns a secret, unless it is deleted; one that has its name now has another ARN.

    One that is scheduled for deletion is gone. AWS does not say so, but the type's read handler
    must not find what its delete handler has deleted, and Secrets Manager takes its time.
    """
    secret: dict[str, Any] | None = secretsmanager._resolve(arn)[1]
    return None if not secret or secret.get("DeletedDate") else secret


def _secret(arn: str, properties: Properties, _stack: Stack) -> Properties | None:
    secret = _found(arn)
    if secret is None:
        return None
    keys = {it["Region"]: it for it in properties.get("ReplicaRegions") or []}
    regions = [it["Region"] for it in secret.get("ReplicationStatus") or []]
    return {
        "Description": secret.get("Description") or None,
        "Name": secret["Name"],
        # Their keys are not compared, like any key.
        "ReplicaRegions": [keys.get(region, {"Region": region}) for region in regions],
        "Tags": list(secret.get("Tags") or []),
    }


def _rotation_schedule(arn: str, _properties: Properties, _stack: Stack) -> Properties | None:
    """A schedule is gone if rotation is off: its type's delete handler cancels rotation."""
    secret = _found(arn)
    if secret is None or not secret.get("RotationEnabled"):
        return None
    return {
        "RotationLambdaARN": secret.get("RotationLambdaARN"),
        "RotationRules": dict(secret.get("RotationRules") or {}),
        "SecretId": arn,
    }


def _resource_policy(arn: str, _properties: Properties, _stack: Stack) -> Properties | None:
    if _found(arn) is None or arn not in secretsmanager._resource_policies:
        return None
    return {"SecretId": arn, "ResourcePolicy": _document(secretsmanager._resource_policies[arn])}


_READERS: dict[str, Reader] = {
    "AWS::CloudWatch::Alarm": _alarm,
    "AWS::Events::Rule": _rule,
    "AWS::IAM::ManagedPolicy": _managed_policy,
    "AWS::IAM::Role": _role,
    "AWS::IAM::RolePolicy": _role_policy,
    "AWS::IAM::User": _user,
    "AWS::IAM::UserPolicy": _user_policy,
    "AWS::KMS::Alias": _alias,
    "AWS::KMS::Key": _key,
    "AWS::Lambda::Function": _function,
    "AWS::Lambda::Permission": _permission,
    "AWS::Logs::LogGroup": _log_group,
    "AWS::SNS::Subscription": _subscription,
    "AWS::SNS::Topic": _topic,
    "AWS::SecretsManager::ResourcePolicy": _resource_policy,
    "AWS::SecretsManager::RotationSchedule": _rotation_schedule,
    "AWS::SecretsManager::Secret": _secret,
}

CHECKED = frozenset(_READERS) - {
    "AWS::KMS::Alias",
    "AWS::SNS::Subscription",
    "AWS::SecretsManager::ResourcePolicy",
}
"""The types of keyrota's stacks whose drift AWS detects."""
