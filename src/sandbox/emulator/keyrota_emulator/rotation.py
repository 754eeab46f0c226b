"""RotateSecret and CancelRotateSecret, and the four steps of a rotation.

https://docs.aws.amazon.com/secretsmanager/latest/apireference/API_RotateSecret.html
https://docs.aws.amazon.com/secretsmanager/latest/apireference/API_CancelRotateSecret.html
https://docs.aws.amazon.com/secretsmanager/latest/userguide/rotate-secrets_lambda-functions.html

Two features of Secrets Manager are left out. It rotates a secret when its schedule
says so; here only RotateSecret and the CloudFormation schedule start a rotation. And it
retries a failed rotation for a while; here a failed rotation stays as it is,
with AWSPENDING where it was, until the next RotateSecret, which is refused and runs the
pending version's steps again, as the message of that refusal says.

ministack answers every request on one event loop, and the function calls back into it. So
a rotation is a task of that loop: code that changes a secret runs on the loop and needs no
lock, and only the invocation of the function waits on a worker thread.
"""

from __future__ import annotations

import asyncio
import json
import logging
import time
import uuid
from typing import Any

from ministack.core import iam_evaluator
from ministack.core.responses import get_account_id, get_region
from ministack.services import eventbridge, lambda_svc
from ministack.services import secretsmanager as service

from . import authorization, schedule
from .refusal import Refused
from .replaced import put
from .secrets import (
    CURRENT,
    PENDING,
    Request,
    Secret,
    added,
    answering,
    caller,
    found,
    restart_schedule,
    token_of,
)

STEPS = ("createSecret", "setSecret", "testSecret", "finishSecret")
_TEST = ("testSecret",)
_PRINCIPAL = "secretsmanager.amazonaws.com"

log = logging.getLogger("keyrota.rotation")

_loop: asyncio.AbstractEventLoop | None = None
_running: dict[str, _Rotation] = {}


class _Rotation:
    """One run of the steps for one version of one secret."""

    def __init__(self, secret: Secret, token: str, steps: tuple[str, ...]) -> None:
        self.secret = secret
        self.token = token
        self.steps = steps

    @property
    def is_test(self) -> bool:
        return self.steps == _TEST

    @property
    def goes_on(self) -> bool:
        """Whether the run continues: no CancelRotateSecret, deletion, or reset has ended it."""
        return _running.get(self.secret["ARN"]) is self and not self.secret.get("DeletedDate")


def install() -> None:
    """Replaces ministack's stub by rotation."""
    put(service, "_rotate_secret", answering(rotate_secret))
    added["CancelRotateSecret"] = answering(cancel_rotate_secret)
    put(service, "reset", _reset(service.reset))


def use_loop(loop: asyncio.AbstractEventLoop) -> None:
    """Sets the event loop that answers requests and runs rotations."""
    global _loop
    _loop = loop


def rotate_secret(data: Request) -> dict[str, Any]:
    """RotateSecret: checks, then starts a rotation (or the test of one) and returns at once.

    "If the AWSPENDING staging label is present but not attached to the same version as
    AWSCURRENT, then any later invocation of RotateSecret assumes that a previous rotation
    request is still in progress and returns an error." The VersionId of the answer is the
    ClientRequestToken; there is none with RotateImmediately false, which leaves no version.
    """
    secret = found(data)
    token = token_of(data)
    function_arn = data.get("RotationLambdaARN") or secret.get("RotationLambdaARN")
    if not function_arn:
        raise Refused(
            "InvalidRequestException",
            "No Lambda rotation function ARN is associated with this secret.",
        )
    rules = data.get("RotationRules") or secret.get("RotationRules")
    if rules and (problem := schedule.problem(rules)):
        raise Refused("InvalidParameterException", problem)
    _require_invocable(function_arn, secret)
    answer = {"ARN": secret["ARN"], "Name": secret["Name"]}
    if CURRENT in (secret["Versions"].get(token) or {"Stages": []})["Stages"]:
        return {**answer, "VersionId": token}
    if (pending := _pending_elsewhere(secret)) is not None:
        if secret["ARN"] not in _running:
            _start(_Rotation(secret, pending, STEPS))
        raise Refused(
            "InvalidRequestException",
            "A previous rotation isn't complete. That rotation will be reattempted.",
        )
    if token in secret["Versions"]:
        raise Refused(
            "ResourceExistsException",
            f"You can't use ClientRequestToken {token} because that value is already "
            f"in use for a version of secret {secret['ARN']}.",
        )
    secret["RotationLambdaARN"] = function_arn
    secret["RotationEnabled"] = True
    if rules:
        secret["RotationRules"] = rules
    restart_schedule(secret, time.time())
    service._remove_stage_everywhere(secret, PENDING)
    secret["Versions"][token] = {
        "SecretString": None,
        "SecretBinary": None,
        "CreatedDate": time.time(),
        "Stages": [PENDING],
    }
    if not data.get("RotateImmediately", True):
        _start(_Rotation(secret, token, _TEST))
        return answer
    _start(_Rotation(secret, token, STEPS))
    return {**answer, "VersionId": token}


def cancel_rotate_secret(data: Request) -> dict[str, Any]:
    """CancelRotateSecret: disables the schedule and stops a rotation after its current step.

    The labels stay as they are: "If you cancel a rotation in progress, it can leave the
    VersionStage labels in an unexpected state."
    """
    secret = found(data)
    if not secret.get("RotationLambdaARN"):
        raise Refused(
            "InvalidRequestException",
            "You tried to cancel the rotation of a secret that has no Lambda function "
            "configured for rotation.",
        )
    secret["RotationEnabled"] = False
    secret.pop("NextRotationDate", None)
    stopped = _running.pop(secret["ARN"], None)
    if stopped is not None and stopped.is_test:
        secret["Versions"].pop(stopped.token, None)
    answer = {"ARN": secret["ARN"], "Name": secret["Name"]}
    pending = _pending_elsewhere(secret)
    return {**answer, "VersionId": pending} if pending else answer


def _pending_elsewhere(secret: Secret) -> str | None:
    """Returns the version that has AWSPENDING but not AWSCURRENT."""
    for token, version in secret["Versions"].items():
        if PENDING in version["Stages"] and CURRENT not in version["Stages"]:
            return token
    return None


def _require_invocable(function_arn: str, secret: Secret) -> None:
    """Refuses a function that is missing, or that Secrets Manager or the caller may not invoke.

    The function's resource policy is evaluated with the conditions that Secrets Manager
    sends, so that a permission with another SourceAccount does not count. The caller
    "also need[s] lambda:InvokeFunction permissions on the rotation function".
    https://docs.aws.amazon.com/secretsmanager/latest/userguide/rotating-secrets-required-permissions-function.html
    """
    record, config, _ = lambda_svc._get_func_record_for_ref(function_arn)
    if record is None or config is None:
        raise Refused(
            "ResourceNotFoundException", "Lambda does not exist or could not be accessed"
        )
    key = caller.get()
    action, resource = "lambda:InvokeFunction", config["FunctionArn"]
    if key is not None and not authorization.allows(key, action, resource):
        raise Refused(
            "AccessDeniedException",
            f"You are not authorized to perform: {action} on resource: {resource}",
        )
    decision = iam_evaluator.evaluate_resource_policy(
        record.get("policy"),
        iam_evaluator.EvalContext(
            principal_arn="",
            principal_type="Service",
            principal_account=get_account_id(),
            action=action,
            resource_arn=function_arn,
            region=get_region(),
            service_context={
                "aws:sourceaccount": get_account_id(),
                "aws:sourcearn": secret["ARN"],
            },
        ),
        service=_PRINCIPAL,
    ).decision
    if decision != "Allow":
        raise Refused(
            "AccessDeniedException",
            "Secrets Manager cannot invoke the specified Lambda function. Ensure that the "
            f"function policy grants access to the principal {_PRINCIPAL}.",
        )


def _start(rotation: _Rotation) -> None:
    if _loop is None:
        raise RuntimeError("no event loop to run a rotation on")
    _running[rotation.secret["ARN"]] = rotation
    asyncio.run_coroutine_threadsafe(_run(rotation), _loop)


async def _run(rotation: _Rotation) -> None:
    """Runs the steps in order until one fails."""
    secret, prefix = rotation.secret, "TestRotation" if rotation.is_test else "Rotation"
    _emit(secret, f"{prefix}Started")
    failed_step = None
    try:
        for step in rotation.steps:
            error = await _invoke(rotation, step)
            if not rotation.goes_on:
                return
            if error is not None:
                log.warning("rotation of %s: %s failed with %s", secret["Name"], step, error)
                failed_step = step
                break
        if rotation.is_test:
            secret["Versions"].pop(rotation.token, None)
        elif failed_step is None:
            failed_step = _complete(rotation)
        _emit(secret, f"{prefix}Failed" if failed_step else f"{prefix}Succeeded")
    except Exception:
        log.exception("rotation of %s ended early", secret["Name"])
    finally:
        if _running.get(secret["ARN"]) is rotation:
            del _running[secret["ARN"]]


def _complete(rotation: _Rotation) -> str | None:
    """Records a success; returns ``finishSecret`` if that step moved no label.

    "When rotation is successful, the AWSPENDING staging label might be attached to the
    same version as the AWSCURRENT version, or it might not be attached to any version":
    here it is removed.
    """
    secret = rotation.secret
    version = secret["Versions"].get(rotation.token)
    if version is None or CURRENT not in version["Stages"]:
        log.warning("rotation of %s: finishSecret did not move AWSCURRENT", secret["Name"])
        return "finishSecret"
    service._remove_stage(secret, rotation.token, PENDING)
    secret["LastRotatedDate"] = time.time()
    restart_schedule(secret, secret["LastRotatedDate"])
    service._sync_replicas(secret)
    return None


async def _invoke(rotation: _Rotation, step: str) -> str | None:
    """Invokes the function for a step; returns the type of its error, never its message."""
    secret = rotation.secret
    record, config, _ = lambda_svc._get_func_record_for_ref(secret["RotationLambdaARN"])
    if record is None or config is None:
        return "ResourceNotFoundException"
    event = {"Step": step, "SecretId": secret["ARN"], "ClientRequestToken": rotation.token}
    result = await asyncio.to_thread(
        lambda_svc._execute_function_with_config_scope,
        lambda_svc._execution_record_for_config(record, config),
        event,
    )
    if not result.get("error"):
        return None
    body = result.get("body")
    return str(body.get("errorType", "an error")) if isinstance(body, dict) else "an error"


def _emit(secret: Secret, name: str) -> None:
    """Sends one of Secrets Manager's service events to EventBridge's default bus.

    https://docs.aws.amazon.com/secretsmanager/latest/userguide/cloudtrail_log_entries.html
    """
    now = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
    detail = {
        "eventVersion": "1.08",
        "userIdentity": {"accountId": get_account_id(), "invokedBy": _PRINCIPAL},
        "eventTime": now,
        "eventSource": _PRINCIPAL,
        "eventName": name,
        "awsRegion": get_region(),
        "additionalEventData": {"SecretId": secret["ARN"]},
        "eventType": "AwsServiceEvent",
        "recipientAccountId": get_account_id(),
    }
    try:
        eventbridge._dispatch_event(
            {
                "EventId": str(uuid.uuid4()),
                "Source": "aws.secretsmanager",
                "DetailType": "AWS Service Event via CloudTrail",
                "Detail": json.dumps(detail),
                "EventBusName": "default",
                "Time": now,
                "Resources": [],
                "Account": get_account_id(),
                "Region": get_region(),
            }
        )
    except Exception:
        log.exception("the event %s could not be delivered", name)


def _reset(original: Any) -> Any:
    def reset() -> None:
        _running.clear()
        original()

    return reset
