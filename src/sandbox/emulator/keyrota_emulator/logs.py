"""The log groups of functions.

A function's log is written with its execution role. If the log group does not exist, Lambda
creates it only if the role may. ministack always creates it.

https://docs.aws.amazon.com/lambda/latest/dg/monitoring-cloudwatchlogs.html
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ministack.core import iam_evaluator
from ministack.core.responses import get_account_id, get_region
from ministack.services import cloudwatch_logs, iam, lambda_svc

from .replaced import put


def install() -> None:
    """Loses what a function writes to a log group that neither exists nor may be created."""
    put(lambda_svc, "_emit_lambda_logs", _emitting(lambda_svc._emit_lambda_logs))


def _emitting(original: Callable[..., None]) -> Callable[..., None]:
    def emit(function: dict[str, Any], *rest: Any, **more: Any) -> None:
        config = function.get("config") or function
        default = f"/aws/lambda/{config.get('FunctionName')}"
        group = (config.get("LoggingConfig") or {}).get("LogGroup") or default
        if group in cloudwatch_logs._log_groups or _may_create(config.get("Role", ""), group):
            original(function, *rest, **more)

    return emit


def _may_create(role: str, group: str) -> bool:
    name = role.rpartition("/")[2]
    if name not in iam._roles:
        return False
    account = get_account_id()
    context = iam_evaluator.EvalContext(
        principal_arn=role,
        principal_type="AssumedRole",
        principal_account=account,
        action="logs:CreateLogGroup",
        resource_arn=f"arn:aws:logs:{get_region()}:{account}:log-group:{group}:*",
        region=get_region(),
        service_context={},
    )
    limits = iam_evaluator._permissions_boundary(iam._roles, name, account)
    policies = iam_evaluator._gather_role_policies(name, account)
    return iam_evaluator.evaluate(context, policies, *limits).decision == "Allow"
