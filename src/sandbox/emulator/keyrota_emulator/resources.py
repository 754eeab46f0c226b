"""CloudFormation resource types that ministack lacks or implements differently from AWS.

A handler's ``create(logical_id, properties, stack_name)`` returns the physical ID, which is
what ``Ref`` returns, and the attributes of ``Fn::GetAtt``. An exception fails the
resource, and with it the stack operation.

https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/AWS_SecretsManager.html
https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/AWS_IAM.html
"""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from ministack.core import iam_evaluator
from ministack.core.responses import get_account_id, get_region
from ministack.services import cloudwatch_logs, ec2, iam, lambda_svc
from ministack.services import secretsmanager as service
from ministack.services.cloudformation import provisioners

from . import replicas, rotation, secrets, stale, strict
from .refusal import Refused

Properties = dict[str, Any]
Created = tuple[str, dict[str, Any]]

_SECRET = "AWS::SecretsManager::Secret"
_ROTATION_SCHEDULE = "AWS::SecretsManager::RotationSchedule"
_RESOURCE_POLICY = "AWS::SecretsManager::ResourcePolicy"
_USER_POLICY = "AWS::IAM::UserPolicy"
_ROLE_POLICY = "AWS::IAM::RolePolicy"
_ROLE = "AWS::IAM::Role"
_FUNCTION = "AWS::Lambda::Function"
_PERMISSION = "AWS::Lambda::Permission"

_CREATE_ONLY = {
    _SECRET: ("Name",),
    _ROTATION_SCHEDULE: ("SecretId",),
    _RESOURCE_POLICY: ("SecretId",),
    _USER_POLICY: ("PolicyName", "UserName"),
    _ROLE_POLICY: ("PolicyName", "RoleName"),
}
"""The properties whose change replaces the resource."""


def install() -> None:
    """Adds the missing resource types and corrects the others."""
    handlers = provisioners._RESOURCE_HANDLERS
    handlers[_SECRET] = {
        "create": _create_secret,
        "update": _update_secret,
        "delete": _delete_secret,
    }
    handlers[_ROTATION_SCHEDULE] = {
        "create": _create_rotation_schedule,
        "update": _update_rotation_schedule,
        "delete": _delete_rotation_schedule,
    }
    handlers[_RESOURCE_POLICY] = {
        "create": _create_resource_policy,
        "update": _update_resource_policy,
        "delete": _delete_resource_policy,
    }
    handlers[_USER_POLICY] = _inline_policy("UserName", "Users")
    handlers[_ROLE_POLICY] = _inline_policy("RoleName", "Roles")
    provisioners._REPLACING_PROPERTIES.update(_CREATE_ONLY)

    for resource_type, name_property, existing in (
        ("AWS::IAM::Role", "RoleName", iam._roles),
        (_FUNCTION, "FunctionName", lambda_svc._functions),
        ("AWS::Logs::LogGroup", "LogGroupName", cloudwatch_logs._log_groups),
    ):
        _before_create(resource_type, _refuse_existing(name_property, existing))
    _before_create(_FUNCTION, _require_code_and_role)
    _before_create(_FUNCTION, _require_network_permission)
    if strict.is_on("networks"):
        _before_create(_FUNCTION, _require_network)
    _before_create(_PERMISSION, _require_function)
    _give_roles_their_boundary()
    _give_functions_their_network()


def _before_create(resource_type: str, check: Callable[[Properties], None]) -> None:
    """Makes the creation of a type fail if the check raises."""
    handler = provisioners._RESOURCE_HANDLERS[resource_type]
    create = handler["create"]

    def checked(logical_id: str, properties: Properties, stack_name: str) -> Created:
        check(properties)
        return create(logical_id, properties, stack_name)

    provisioners._RESOURCE_HANDLERS[resource_type] = {**handler, "create": checked}


def _refuse_existing(name_property: str, existing: Any) -> Callable[[Properties], None]:
    """Refuses a name that exists, which ministack would silently overwrite."""

    def check(properties: Properties) -> None:
        name = properties.get(name_property)
        if name and name in existing:
            raise ValueError(f"{name} already exists")

    return check


# AWS::SecretsManager::Secret


def _create_secret(logical_id: str, properties: Properties, stack_name: str) -> Created:
    """Creates a secret through CreateSecret; its physical ID is its full ARN.

    "If you omit both GenerateSecretString and SecretString, you create an empty secret."
    """
    name = properties.get("Name") or provisioners._physical_name(stack_name, logical_id)
    request = {
        "Name": name,
        "Description": properties.get("Description", ""),
        "KmsKeyId": properties.get("KmsKeyId"),
        "Tags": properties.get("Tags"),
    }
    if "SecretString" in properties or "GenerateSecretString" in properties:
        request["SecretString"] = provisioners._sm_secret_string(properties)
    arn = secrets.create_secret(request)["ARN"]
    try:
        replicas.reconcile(arn, [], properties.get("ReplicaRegions") or [])
    except Refused:
        # It is one call, which creates nothing if it fails.
        service._purge_secret(name, service._secrets[name])
        raise
    return arn, {"Id": arn}


def _update_secret(
    physical_id: str, old: Properties, new: Properties, _stack_name: str
) -> Created:
    """Updates a secret in place; its value only if the template's value changed."""
    request = {"SecretId": physical_id}
    for name, default in (("Description", ""), ("KmsKeyId", None)):
        if name in new or name in old:
            request[name] = new.get(name, default)
    value_properties = ("SecretString", "GenerateSecretString")
    if any(new.get(name) != old.get(name) for name in value_properties) and any(
        name in new for name in value_properties
    ):
        request["SecretString"] = provisioners._sm_secret_string(new)
    _, _, body = answer = service._update_secret(request)
    if answer[0] != 200:
        raise ValueError(json.loads(body).get("message", "UpdateSecret failed"))
    _untag_then_tag(secrets.found({"SecretId": physical_id}), old, new)
    replicas.reconcile(
        physical_id, old.get("ReplicaRegions") or [], new.get("ReplicaRegions") or []
    )
    return physical_id, {"Id": physical_id}


def _untag_then_tag(secret: dict[str, Any], old: Properties, new: Properties) -> None:
    """Changes tags as CloudFormation does: for a moment, the changed ones are not there.

    https://github.com/aws-cloudformation/cloudformation-coverage-roadmap/issues/1707
    """
    staying = {
        tag["Key"] for tag in old.get("Tags") or [] if tag in (new.get("Tags") or [])
    }
    reached = {**new, "Tags": [tag for tag in new.get("Tags") or [] if tag["Key"] in staying]}
    held = secret.setdefault("Tags", [])
    provisioners._reconcile_tag_list(held, old, reached)
    stale.look_at_tags()
    provisioners._reconcile_tag_list(held, reached, new)


def _delete_secret(physical_id: str, _properties: Properties) -> None:
    """Deletes a secret without a recovery window, as CloudFormation does."""
    key, secret = service._resolve(physical_id)
    if secret:
        service._purge_secret(key, secret)


# AWS::SecretsManager::RotationSchedule


def _create_rotation_schedule(
    _logical_id: str, properties: Properties, _stack_name: str
) -> Created:
    """Enables rotation; fails if RotateSecret does. ``Ref`` is the secret's ARN.

    "RotateImmediatelyOnUpdate: … If you don't specify this value, then by default,
    Secrets Manager rotates the secret immediately."
    """
    if "HostedRotationLambda" in properties:
        raise ValueError("HostedRotationLambda is not supported by this local AWS")
    rules = dict(properties.get("RotationRules") or {})
    if "AutomaticallyAfterDays" in rules:
        rules["AutomaticallyAfterDays"] = int(rules["AutomaticallyAfterDays"])
    immediately = str(properties.get("RotateImmediatelyOnUpdate", True)).lower() == "true"
    arn = rotation.rotate_secret(
        {
            "SecretId": properties.get("SecretId"),
            "RotationLambdaARN": properties.get("RotationLambdaARN"),
            "RotationRules": rules,
            "RotateImmediately": immediately,
        }
    )["ARN"]
    return arn, {"Id": arn}


def _update_rotation_schedule(
    physical_id: str, _old: Properties, new: Properties, stack_name: str
) -> Created:
    return _create_rotation_schedule(physical_id, new, stack_name)


def _delete_rotation_schedule(physical_id: str, _properties: Properties) -> None:
    """Cancels rotation, if the secret exists and has a rotation schedule."""
    try:
        rotation.cancel_rotate_secret({"SecretId": physical_id})
    except Refused:
        pass


# AWS::SecretsManager::ResourcePolicy


def _create_resource_policy(
    _logical_id: str, properties: Properties, _stack_name: str
) -> Created:
    """Puts the secret's resource policy; ``Ref`` is the secret's ARN."""
    secret = secrets.found({"SecretId": properties.get("SecretId")})
    document = properties.get("ResourcePolicy")
    if problem := iam_evaluator.validate_policy_document(document):
        raise ValueError(f"This resource policy contains a syntax error: {problem}")
    text = document if isinstance(document, str) else json.dumps(document)
    service._put_resource_policy({"SecretId": secret["ARN"], "ResourcePolicy": text})
    return secret["ARN"], {"Id": secret["ARN"]}


def _update_resource_policy(
    physical_id: str, _old: Properties, new: Properties, stack_name: str
) -> Created:
    return _create_resource_policy(physical_id, new, stack_name)


def _delete_resource_policy(physical_id: str, _properties: Properties) -> None:
    service._delete_resource_policy({"SecretId": physical_id})


# AWS::IAM::UserPolicy and AWS::IAM::RolePolicy


def _inline_policy(name_property: str, list_property: str) -> dict[str, Any]:
    """Returns the handlers of an inline policy of one user or role.

    ministack's AWS::IAM::Policy does the same for lists of them, and fails if an
    entity does not exist.
    """

    def translated(properties: Properties) -> Properties:
        return {
            "PolicyName": properties["PolicyName"],
            "PolicyDocument": properties.get("PolicyDocument", {}),
            list_property: [properties[name_property]],
        }

    def identifier(properties: Properties) -> str:
        return f"{properties['PolicyName']}|{properties[name_property]}"

    def create(logical_id: str, properties: Properties, stack_name: str) -> Created:
        provisioners._iam_policy_create(logical_id, translated(properties), stack_name)
        return identifier(properties), {}

    def update(physical_id: str, old: Properties, new: Properties, stack_name: str) -> Created:
        provisioners._iam_policy_update(physical_id, translated(old), translated(new), stack_name)
        return physical_id, {}

    def delete(physical_id: str, properties: Properties) -> None:
        provisioners._iam_policy_delete(physical_id, translated(properties))

    return {"create": create, "update": update, "delete": delete}


# AWS::IAM::Role


def _give_roles_their_boundary() -> None:
    """Makes a role's permissions boundary count, which ministack's stacks ignore.

    https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-resource-iam-role.html
    """
    handler = provisioners._RESOURCE_HANDLERS[_ROLE]

    def check(properties: Properties) -> None:
        boundary = properties.get("PermissionsBoundary")
        if boundary and (refused := iam._boundary_policy_error(boundary)):
            raise ValueError(refused[2].decode().partition("<Message>")[2].partition("<")[0])

    def bound(created: Created, properties: Properties) -> Created:
        iam._roles[created[0]]["PermissionsBoundary"] = properties.get("PermissionsBoundary")
        return created

    def create(logical_id: str, properties: Properties, stack_name: str) -> Created:
        check(properties)
        return bound(handler["create"](logical_id, properties, stack_name), properties)

    def update(physical_id: str, old: Properties, new: Properties, *rest: Any) -> Created:
        check(new)
        return bound(handler["update"](physical_id, old, new, *rest), new)

    provisioners._RESOURCE_HANDLERS[_ROLE] = {**handler, "create": create, "update": update}


# AWS::Lambda::Function and AWS::Lambda::Permission


def _give_functions_their_network() -> None:
    """Stores the subnets and security groups of a function, which ministack's stacks ignore."""
    handler = provisioners._RESOURCE_HANDLERS[_FUNCTION]

    def connected(created: Created, properties: Properties) -> Created:
        network = properties.get("VpcConfig") or {}
        lambda_svc._functions[created[0]]["config"]["VpcConfig"] = (
            lambda_svc._vpc_config_with_id(network)
        )
        return created

    def create(logical_id: str, properties: Properties, stack_name: str) -> Created:
        return connected(handler["create"](logical_id, properties, stack_name), properties)

    def update(physical_id: str, old: Properties, new: Properties, *rest: Any) -> Created:
        return connected(handler["update"](physical_id, old, new, *rest), new)

    provisioners._RESOURCE_HANDLERS[_FUNCTION] = {**handler, "create": create, "update": update}


def _require_network(properties: Properties) -> None:
    """Refuses a function in subnets, or with security groups, that EC2 does not have.

    https://docs.aws.amazon.com/AWSEC2/latest/APIReference/errors-overview.html
    """
    network = properties.get("VpcConfig") or {}
    for name, existing, operation, code, what in (
        ("SubnetIds", ec2._subnets, "DescribeSubnets", "InvalidSubnetID", "subnet ID"),
        (
            "SecurityGroupIds",
            ec2._security_groups,
            "DescribeSecurityGroups",
            "InvalidGroup",
            "security group",
        ),
    ):
        for each in network.get(name) or []:
            if each not in existing:
                raise ValueError(
                    f"Error occurred while {operation}. EC2 Error Code: {code}.NotFound. "
                    f"EC2 Error Message: The {what} '{each}' does not exist"
                )


def _require_network_permission(properties: Properties) -> None:
    """Refuses a function in a VPC whose role may not create its network interfaces yet.

    Lambda creates them with the role, and tries that when the function is created.

    https://docs.aws.amazon.com/lambda/latest/dg/configuration-vpc.html
    """
    if not (properties.get("VpcConfig") or {}).get("SubnetIds"):
        return
    arn = properties["Role"]
    context = iam_evaluator.EvalContext(
        principal_arn=arn,
        principal_type="AssumedRole",
        principal_account=get_account_id(),
        action="ec2:CreateNetworkInterface",
        resource_arn="*",
        region=get_region(),
    )
    policies = iam_evaluator._gather_role_policies(arn.rpartition("/")[2], get_account_id())
    if iam_evaluator.evaluate(context, policies).decision != "Allow":
        raise ValueError(
            "The provided execution role does not have permissions to call "
            "CreateNetworkInterface on EC2"
        )


def _require_code_and_role(properties: Properties) -> None:
    """Refuses a function whose code in S3 or whose role does not exist.

    https://docs.aws.amazon.com/lambda/latest/api/API_CreateFunction.html
    """
    if problem := iam_evaluator.validate_role_arn(properties.get("Role", "")):
        raise ValueError(problem)
    code = properties.get("Code", {})
    if "S3Bucket" not in code:
        return
    archive = lambda_svc._fetch_code_from_s3(
        code["S3Bucket"], code.get("S3Key", ""), version_id=code.get("S3ObjectVersion")
    )
    if archive is None:
        raise ValueError(
            "Error occurred while GetObject. S3 Error Code: NoSuchKey. S3 Error Message: "
            "The specified key does not exist."
        )
    if lambda_svc._reject_unreadable_zip(archive) is not None:
        raise ValueError("Could not unzip uploaded file. Please check your file, then try again.")


def _require_function(properties: Properties) -> None:
    """Refuses a permission on a function that does not exist."""
    name = properties.get("FunctionName", "")
    if provisioners._lambda_function_for_cfn_ref(name)[0] is None:
        raise ValueError(f"Function not found: {name}")
