"""The KMS keys with which AWS services encrypt log groups, topics, queues, and functions.

ministack stores none of these settings. Here, the stack's properties reach the resources, and a
key must allow what the service documents. Nothing is encrypted.

* CloudWatch Logs tries the key when it is associated with a log group, in the encryption context
  ``aws:logs:arn``. ministack lacks AssociateKmsKey and DisassociateKmsKey.
  https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/encrypt-log-data-kms.html
* Who publishes to a topic must be allowed to use its key. A request of EventBridge has none of
  the condition keys ``aws:SourceAccount``, ``aws:SourceArn``, and ``aws:SourceOrgID``.
  https://docs.aws.amazon.com/sns/latest/dg/sns-key-management.html
* Who sends to a queue must be allowed to use its key.
  https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-key-management.html
* Lambda keeps the key of a function only if the function has environment variables.
  https://github.com/hashicorp/terraform-provider-aws/issues/6366
"""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable
from typing import Any

from ministack.core import iam_evaluator
from ministack.core.responses import (
    error_response_json,
    get_account_id,
    get_region,
    json_response,
)
from ministack.services import cloudwatch_logs, kms, lambda_svc, sns
from ministack.services.cloudformation import provisioners

from .replaced import put

Properties = dict[str, Any]

_USES = ("kms:Decrypt", "kms:GenerateDataKey")
"""What every service does with a key."""


def install() -> None:
    """Puts the keys of a stack's properties on its resources."""
    _after("AWS::Logs::LogGroup", _associate, _check_log_group)
    put(cloudwatch_logs, "handle_request", _handle_request(cloudwatch_logs.handle_request))
    _after("AWS::SNS::Topic", _encrypt_topic)
    _after("AWS::Lambda::Function", _encrypt_function, _check_function)


def may_publish(topic_arn: str, service: str) -> bool:
    """Returns whether a service may use the key of a topic, if the topic has one."""
    topic = sns._topics.get(topic_arn) or {}
    key = topic.get("attributes", {}).get("KmsMasterKeyId")
    return not key or may_use(key, service, {})


def may_use(key: str, service: str, conditions: dict[str, str]) -> bool:
    """Returns whether a key is enabled, and its policy lets a service use it."""
    record = kms._resolve_key(key)
    if record is None or record["KeyState"] != "Enabled":
        return False
    policy = json.loads(record.get("Policy") or "{}")
    return all(
        iam_evaluator.evaluate_resource_policy(
            policy,
            iam_evaluator.EvalContext(
                principal_arn="",
                principal_type="Service",
                principal_account="",
                action=action,
                resource_arn=record["Arn"],
                region=get_region(),
                service_context=conditions,
            ),
            service=service,
        ).decision
        == "Allow"
        for action in _USES
    )


def _after(
    resource_type: str,
    apply: Callable[[str, Properties], None],
    check: Callable[[Properties], None] = lambda _: None,
) -> None:
    """Makes the creation and each update of a type check its key first, and then store it."""
    handler = provisioners._RESOURCE_HANDLERS[resource_type]

    def create(logical_id: str, properties: Properties, stack_name: str) -> Any:
        check(properties)
        created = handler["create"](logical_id, properties, stack_name)
        apply(created[0], properties)
        return created

    def update(physical_id: str, old: Properties, new: Properties, *rest: Any) -> Any:
        check(new)
        updated = handler["update"](physical_id, old, new, *rest)
        apply(updated[0] if updated else physical_id, new)
        return updated

    provisioners._RESOURCE_HANDLERS[resource_type] = {
        **handler,
        "create": create,
        "update": update,
    }


def _check_log_group(properties: Properties) -> None:
    key = properties.get("KmsKeyId")
    if not key:
        return
    name = properties.get("LogGroupName")
    arn = f"arn:aws:logs:{get_region()}:{get_account_id()}:log-group:{name}"
    service = f"logs.{get_region()}.amazonaws.com"
    if not may_use(key, service, {"kms:encryptioncontext:aws:logs:arn": arn}):
        raise ValueError(
            f"The specified KMS Key Id could not be found or is not allowed to be used with "
            f"Arn '{arn}'"
        )


def _associate(name: str, properties: Properties) -> None:
    cloudwatch_logs._log_groups[name]["kmsKeyId"] = properties.get("KmsKeyId")


def _handle_request(original: Callable[..., Awaitable[Any]]) -> Callable[..., Awaitable[Any]]:
    """Serves the two operations that change the key of a log group."""

    async def handle_request(
        method: str, path: str, headers: dict[str, str], body: bytes, *rest: Any
    ) -> Any:
        operation = headers.get("x-amz-target", "").rpartition(".")[2]
        if operation not in ("AssociateKmsKey", "DisassociateKmsKey"):
            return await original(method, path, headers, body, *rest)
        data = json.loads(body or b"{}")
        name, key = data.get("logGroupName"), data.get("kmsKeyId")
        if name not in cloudwatch_logs._log_groups:
            message = "The specified log group does not exist."
            return error_response_json("ResourceNotFoundException", message, 400)
        properties = {"LogGroupName": name, "KmsKeyId": key}
        try:
            _check_log_group(properties)
        except ValueError as refused:
            return error_response_json("InvalidParameterException", str(refused), 400)
        _associate(name, properties)
        return json_response({})

    return handle_request


def _encrypt_topic(arn: str, properties: Properties) -> None:
    attributes = sns._topics[arn]["attributes"]
    attributes.pop("KmsMasterKeyId", None)
    if key := properties.get("KmsMasterKeyId"):
        attributes["KmsMasterKeyId"] = key


def _check_function(properties: Properties) -> None:
    key = properties.get("KmsKeyArn")
    record = kms._resolve_key(key) if key else None
    if key and (record is None or record["KeyState"] != "Enabled"):
        raise ValueError(f"Lambda was unable to configure access to your environment: {key}")


def _encrypt_function(name: str, properties: Properties) -> None:
    variables = (properties.get("Environment") or {}).get("Variables")
    key = properties.get("KmsKeyArn") if variables else None
    lambda_svc._functions[name]["config"]["KMSKeyArn"] = key or ""
