"""EventBridge's delivery to its targets, which need a policy that admits it.

ministack delivers to any topic, queue, and function. Here the policy of the target must allow
``events.amazonaws.com`` the action of the delivery, as on AWS, and the policy of the key of a topic
or a queue to use the key. To another event bus, EventBridge sends with the role of the target. Item
``sns-conditions``: a statement with a Condition does not count for a topic, because EventBridge
supports no Condition blocks there. A delivery that is not allowed shows only in the rule's metric
FailedInvocations.

https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-use-resource-based.html
https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-bus-to-bus.html
https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-monitoring.html
"""

from __future__ import annotations

import contextvars
import json
import logging
from collections.abc import Callable
from typing import Any

from ministack.core import iam_evaluator
from ministack.core.responses import get_account_id, get_region
from ministack.services import cloudwatch, eventbridge, iam, lambda_svc, sns, sqs

from . import service_keys, strict
from .replaced import put

_SERVICE = "events.amazonaws.com"

log = logging.getLogger("keyrota.delivery")

_rule: contextvars.ContextVar[str] = contextvars.ContextVar("rule", default="")
"""The ARN of the rule whose target is invoked."""

_role: contextvars.ContextVar[str] = contextvars.ContextVar("role", default="")
"""The ARN of the role of that target, if it has one."""


def install() -> None:
    """Puts the target's policy before each delivery."""
    put(eventbridge, "_invoke_target", _invoke_target(eventbridge._invoke_target))
    put(eventbridge, "_dispatch_to_sns", _guarded(eventbridge._dispatch_to_sns, _may_publish))
    put(eventbridge, "_dispatch_to_sqs", _guarded(eventbridge._dispatch_to_sqs, _may_send))
    put(
        eventbridge,
        "_dispatch_to_lambda",
        _guarded(eventbridge._dispatch_to_lambda, _may_invoke),
    )
    put(
        eventbridge,
        "_dispatch_to_event_bus",
        _guarded(eventbridge._dispatch_to_event_bus, _may_put),
    )


def _invoke_target(original: Callable[..., None]) -> Callable[..., None]:
    def invoke_target(target: Any, event: Any, rule: dict[str, Any], view: Any = None) -> None:
        scope = _rule.set(str(rule.get("Arn", "")))
        role = _role.set(str(target.get("RoleArn") or ""))
        try:
            original(target, event, rule, view)
        finally:
            _role.reset(role)
            _rule.reset(scope)

    return invoke_target


def _guarded(
    original: Callable[..., None], is_allowed: Callable[[str], bool]
) -> Callable[..., None]:
    """Delivers only to a target that admits it. The first argument is its ARN."""

    def dispatch(target: Any, *rest: Any) -> None:
        if is_allowed(str(target)):
            original(target, *rest)
        else:
            log.warning("%s may not deliver to %s for %s", _SERVICE, target, _rule.get())
            rule = {"RuleName": _rule.get().rpartition("/")[2]}
            cloudwatch.record_metric("AWS/Events", "FailedInvocations", 1.0, dimensions=rule)

    return dispatch


def _may_publish(topic_arn: str) -> bool:
    policy = sns.topic_policy_for_arn(topic_arn)
    if policy is None:
        return False
    supports_conditions = not strict.is_on("sns-conditions")
    document = json.loads(policy[0] or "{}")
    return _allows(document, "sns:Publish", topic_arn, supports_conditions) and (
        service_keys.may_publish(topic_arn, _SERVICE)
    )


def _may_send(queue_arn: str) -> bool:
    queue = sqs._queue_by_arn(queue_arn)
    if not queue:
        return False
    attributes = queue["attributes"]
    document = json.loads(attributes.get("Policy") or "{}")
    key = attributes.get("KmsMasterKeyId")
    return _allows(document, "sqs:SendMessage", queue_arn) and (
        not key or service_keys.may_use(key, _SERVICE, {})
    )


def _may_invoke(function_arn: str) -> bool:
    record, _, _ = lambda_svc._get_func_record_for_ref(function_arn)
    if record is None:
        return False
    return _allows(record.get("policy") or {}, "lambda:InvokeFunction", function_arn)


def _may_put(bus_arn: str) -> bool:
    """Returns whether the role of the target may send events, and trusts EventBridge."""
    name = _role.get().rpartition("/")[2]
    role = iam._roles.get(name)
    if not role:
        return False
    trust = role["AssumeRolePolicyDocument"]
    trust = json.loads(trust) if isinstance(trust, str) else trust
    context = iam_evaluator.EvalContext(
        principal_arn=_role.get(),
        principal_type="AssumedRole",
        principal_account=get_account_id(),
        action="events:PutEvents",
        resource_arn=bus_arn,
        region=get_region(),
    )
    policies = iam_evaluator._gather_role_policies(name, get_account_id())
    is_allowed = iam_evaluator.evaluate(context, policies).decision == "Allow"
    return is_allowed and _allows(trust, "sts:AssumeRole", _role.get())


def _allows(
    document: dict[str, Any], action: str, resource_arn: str, supports_conditions: bool = True
) -> bool:
    """Returns whether a policy allows EventBridge an action for the rule."""
    statements = document.get("Statement") or []
    if isinstance(statements, dict):
        statements = [statements]
    if not supports_conditions:
        statements = [it for it in statements if it["Effect"] != "Allow" or "Condition" not in it]
    # A trust policy names no resource.
    statements = [{"Resource": "*", **it} for it in statements]
    context = iam_evaluator.EvalContext(
        principal_arn="",
        principal_type="Service",
        principal_account="",
        action=action,
        resource_arn=resource_arn,
        region=get_region(),
        service_context={
            "aws:sourceaccount": get_account_id(),
            "aws:sourcearn": _rule.get(),
        },
    )
    decision = iam_evaluator.evaluate_resource_policy(
        {**document, "Statement": statements}, context, service=_SERVICE
    ).decision
    return bool(decision == "Allow")
