"""EventBridge's delivery to SNS, which needs the topic's policy.

ministack publishes to any topic. Here the topic's policy must allow ``events.amazonaws.com`` to
publish, as on AWS, and the policy of the topic's key to use the key. Item ``sns-conditions``: a statement with a Condition does not count, because
EventBridge supports no Condition blocks in the policy of a topic. A delivery that is not allowed
shows only in the rule's metric FailedInvocations.

https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-use-resource-based.html
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
from ministack.services import cloudwatch, eventbridge, sns

from . import service_keys, strict
from .replaced import put

_SERVICE = "events.amazonaws.com"

log = logging.getLogger("keyrota.delivery")

_rule: contextvars.ContextVar[str] = contextvars.ContextVar("rule", default="")
"""The ARN of the rule whose target is invoked."""


def install() -> None:
    """Puts the topic's policy before each delivery."""
    put(eventbridge, "_invoke_target", _invoke_target(eventbridge._invoke_target))
    put(eventbridge, "_dispatch_to_sns", _dispatch_to_sns(eventbridge._dispatch_to_sns))


def _invoke_target(original: Callable[..., None]) -> Callable[..., None]:
    def invoke_target(target: Any, event: Any, rule: dict[str, Any], view: Any = None) -> None:
        scope = _rule.set(str(rule.get("Arn", "")))
        try:
            original(target, event, rule, view)
        finally:
            _rule.reset(scope)

    return invoke_target


def _dispatch_to_sns(original: Callable[[str, str], None]) -> Callable[[str, str], None]:
    def dispatch_to_sns(arn: str, payload: str) -> None:
        if _may_publish(arn) and service_keys.may_publish(arn, _SERVICE):
            original(arn, payload)
        else:
            log.warning("%s may not publish to %s for %s", _SERVICE, arn, _rule.get())
            rule = {"RuleName": _rule.get().rpartition("/")[2]}
            cloudwatch.record_metric("AWS/Events", "FailedInvocations", 1.0, dimensions=rule)

    return dispatch_to_sns


def _may_publish(topic_arn: str) -> bool:
    policy = sns.topic_policy_for_arn(topic_arn)
    if policy is None:
        return False
    document = json.loads(policy[0] or "{}")
    statements = document.get("Statement") or []
    if isinstance(statements, dict):
        statements = [statements]
    if strict.is_on("sns-conditions"):
        statements = [it for it in statements if it["Effect"] != "Allow" or "Condition" not in it]
    context = iam_evaluator.EvalContext(
        principal_arn="",
        principal_type="Service",
        principal_account="",
        action="sns:Publish",
        resource_arn=topic_arn,
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
