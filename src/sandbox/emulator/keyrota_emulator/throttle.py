"""The rates of AWS, above which calls are refused: item ``throttle``.

A rate is one of an account and a Region. Calls of one entry share it. A bucket holds as many
calls as its burst, and is filled at its rate.

Where AWS documents a rate, the burst is not documented: it is one second's worth here. Where it
documents none, both are assumptions, low enough that a program which polls in a tight loop, or
starts fifty calls at once, meets them.

https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/cloudwatch_limits_cwl.html
https://docs.aws.amazon.com/secretsmanager/latest/userguide/reference_limits.html
https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html
https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_iam-quotas.html
https://docs.aws.amazon.com/awscloudtrail/latest/userguide/WhatIsCloudTrail-Limits.html
"""

from __future__ import annotations

import dataclasses
from collections.abc import Awaitable, Callable
from typing import Any

from ministack import app
from ministack.core import iam_actions
from ministack.core.responses import error_response_json, get_account_id, get_region
from ministack.services import iam
from ministack.services.cloudformation import helpers

from . import clock, strict

_IN_XML = ("cloudformation", "iam", "monitoring", "sns", "sqs", "sts")
_MESSAGE = "Rate exceeded"
_LAMBDA_CONTROL_PLANE = tuple(
    f"{verb}*"
    for verb in ("Add", "Create", "Delete", "Get", "List", "Publish", "Put", "Remove")
    + ("Tag", "Untag", "Update")
)


@dataclasses.dataclass(frozen=True)
class Rate:
    """How often a service takes some actions, all of them counted together."""

    service: str
    actions: tuple[str, ...]
    """Each by its name, or by how its name begins, with a star."""
    per_second: float
    burst: float
    documented: bool

    def counts(self, service: str, action: str) -> bool:
        """Says whether an action is one of these."""
        return service == self.service and any(
            action.startswith(name[:-1]) if name.endswith("*") else action == name
            for name in self.actions
        )


RATES = (
    Rate("logs", ("FilterLogEvents",), 5, 5, True),
    Rate("logs", ("DescribeLogGroups",), 10, 10, True),
    Rate("secretsmanager", ("CancelRotateSecret", "RotateSecret"), 50, 50, True),
    Rate("secretsmanager", ("CreateSecret",), 50, 50, True),
    Rate("secretsmanager", ("DeleteSecret",), 50, 50, True),
    Rate("secretsmanager", ("ListSecrets",), 100, 100, True),
    Rate("secretsmanager", ("ListSecretVersionIds",), 50, 50, True),
    Rate("secretsmanager", ("RestoreSecret",), 50, 50, True),
    Rate("secretsmanager", ("TagResource", "UntagResource"), 50, 50, True),
    Rate(
        "secretsmanager",
        ("PutSecretValue", "UpdateSecret", "UpdateSecretVersionStage"),
        50,
        50,
        True,
    ),
    Rate(
        "secretsmanager",
        ("DeleteResourcePolicy", "GetResourcePolicy", "PutResourcePolicy"),
        50,
        50,
        True,
    ),
    Rate("lambda", ("GetFunction",), 100, 100, True),
    Rate("lambda", ("GetPolicy",), 15, 15, True),
    Rate("lambda", _LAMBDA_CONTROL_PLANE, 15, 15, True),
    Rate("cloudtrail", ("LookupEvents",), 2, 2, True),
    Rate("sts", ("*",), 600, 600, True),
    Rate("iam", ("Get*", "List*"), 20, 40, False),
    Rate("iam", ("*",), 5, 15, False),
    Rate("cloudformation", ("DescribeStacks",), 10, 20, False),
    Rate("cloudformation", ("DescribeStackEvents", "DescribeEvents"), 5, 10, False),
    Rate("cloudformation", ("DescribeChangeSet",), 10, 20, False),
    Rate("cloudformation", ("*",), 5, 10, False),
)
"""The first that counts an action is its rate."""

_buckets: dict[tuple[str, str, Rate], tuple[float, float]] = {}
"""Account, Region, and rate -> how many calls are left, and when that was so."""


def install() -> None:
    """Puts the rates before the services, where the item is on."""
    if strict.is_on("throttle"):
        for service, handler in app.SERVICE_HANDLERS.items():
            app.SERVICE_HANDLERS[service] = _limited(service, handler)


def take(rate: Rate) -> bool:
    """Takes a call from a bucket; returns whether there was one."""
    bucket = (get_account_id(), get_region(), rate)
    left, since = _buckets.get(bucket, (rate.burst, clock.now()))
    left = min(rate.burst, left + (clock.now() - since) * rate.per_second)
    _buckets[bucket] = (left - 1 if left >= 1 else left, clock.now())
    return left >= 1


def _limited(
    service: str, handler: Callable[..., Awaitable[Any]]
) -> Callable[..., Awaitable[Any]]:
    async def handle(
        method: str, path: str, headers: dict[str, str], body: bytes, query: dict[str, Any]
    ) -> Any:
        named = iam_actions.extract_iam_action(service, method, path, headers, body, query)
        action = (named or "").rpartition(":")[2]
        rate = next((it for it in RATES if it.counts(service, action)), None)
        if rate is None or take(rate):
            return await handler(method, path, headers, body, query)
        return _refusal(service)

    return handle


def _refusal(service: str) -> tuple[int, dict[str, str], bytes]:
    """Returns the refusal in the protocol of a service."""
    if service == "iam":
        return iam._error(400, "Throttling", _MESSAGE)
    if service in _IN_XML:
        return helpers._error("Throttling", _MESSAGE)
    if service == "lambda":
        return error_response_json("TooManyRequestsException", _MESSAGE, 429)
    return error_response_json("ThrottlingException", _MESSAGE, 400)
