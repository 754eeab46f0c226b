"""Adds what ministack's authorization of requests lacks.

* Policy variables: ``${aws:username}`` in a policy is the caller's name.
  https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_variables.html
* The condition keys of Secrets Manager that come from the secret itself.
  https://docs.aws.amazon.com/service-authorization/latest/reference/list_awssecretsmanager.html
* The resource of GetAccessKeyLastUsed, which is the key's user: see
  list_awsidentityandaccessmanagementiam.html next to that page.
* The paths of users and roles, which are part of their ARNs: ``user/name`` in a policy does
  not match ``user/path/name``.
  https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_identifiers.html
* The reason of a denial: what a permissions boundary does not allow is not said to be missing from
  the caller's policies.
  https://docs.aws.amazon.com/IAM/latest/UserGuide/troubleshoot_access-denied.html
* Transport: the emulator serves plain HTTP on the loopback and treats it as TLS, so
  that a bucket policy that denies ``aws:SecureTransport`` false does not deny everyone.
* The last use of each access key, and CloudTrail's events, which are recorded here because
  every signed request passes here.
"""

from __future__ import annotations

import contextvars
import dataclasses
import json
import re
from collections.abc import Callable
from typing import Any

from ministack import app
from ministack.core import iam_actions, iam_evaluator
from ministack.core.responses import get_region
from ministack.services import iam, secretsmanager

from . import handlers, keys, stale, trail
from .replaced import put

_permitted = iam_evaluator.enforce
_reason: contextvars.ContextVar[str] = contextvars.ContextVar("keyrota_reason", default="")
"""Why a request was denied, in this request, unless it is for the reason that ministack says."""
_VARIABLE = re.compile(r"\$\{([A-Za-z0-9:/_-]+)\}")


def install() -> None:
    """Puts this module's checks around ministack's."""
    put(iam_evaluator, "evaluate", _evaluate(iam_evaluator.evaluate))
    put(iam_evaluator, "enforce", _enforce(iam_evaluator.enforce))
    put(
        iam_actions,
        "access_denied_response",
        _access_denied_response(iam_actions.access_denied_response),
    )
    put(iam_evaluator, "resolve_principal", _resolve_principal(iam_evaluator.resolve_principal))
    put(
        iam_actions,
        "extract_resource_arn",
        _extract_resource_arn(iam_actions.extract_resource_arn),
    )
    put(app, "pin_request_origin", _pin_request_origin(app.pin_request_origin))


def allows(caller: str, action: str, arn: str, conditions: dict[str, Any] | None = None) -> bool:
    """Returns whether a caller may do something that a service does on its behalf."""
    return refusal(caller, action, arn, conditions) is None


def refusal(
    caller: str, action: str, arn: str, conditions: dict[str, Any] | None = None
) -> Any:
    """Returns why a caller may not do what a service does on its behalf; None if it may."""
    service = action.partition(":")[0]
    if service == "secretsmanager":
        conditions = {**_secret_conditions(arn), **(conditions or {})}
    return _permitted(
        caller, action, service, get_region(), resource_arn=arn, service_context=conditions
    )


def _pin_request_origin(original: Callable[[str, bool], None]) -> Callable[[str, bool], None]:
    def pin_request_origin(source_ip: str, _secure_transport: bool) -> None:
        original(source_ip, True)

    return pin_request_origin


def _enforce(original: Callable[..., Any]) -> Callable[..., Any]:
    """Adds the secret's condition keys, and records an authenticated request, allowed or not."""

    def enforce(
        access_key_id: str,
        iam_action: str,
        service: str,
        region: str,
        resource_arn: str = "*",
        service_context: dict[str, Any] | None = None,
    ) -> Any:
        if service == "secretsmanager":
            service_context = {**_secret_conditions(resource_arn), **(service_context or {})}
        if service == "cloudformation":
            handlers.begin(access_key_id)
        _reason.set("")
        denied = original(
            access_key_id,
            iam_action,
            service,
            region,
            resource_arn=resource_arn,
            service_context=service_context,
        )
        if not isinstance(denied, iam_evaluator.AuthError):
            name = iam_actions.SERVICE_TO_IAM_NAMESPACE.get(service, service)
            keys.record_use(access_key_id, name, region)
            trail.record(access_key_id, iam_action, name, region, resource_arn)
        return denied

    return enforce


def _evaluate(original: Callable[..., Any]) -> Callable[..., Any]:
    """Notes that a permissions boundary is why a request that a policy allows is denied."""

    def evaluate(context: Any, policies: Any, *limits: Any) -> Any:
        result = original(context, policies, *limits)
        is_limited = bool(limits) and result.decision == "ImplicitDeny"
        if is_limited and original(context, policies).decision == "Allow":
            _reason.set(f"because no permissions boundary allows the {context.action} action")
        return result

    return evaluate


def _access_denied_response(original: Callable[..., Any]) -> Callable[..., Any]:
    def access_denied_response(
        service: str, action: str, principal_arn: str, request_id: str, **options: Any
    ) -> Any:
        reason = _reason.get()
        if reason and not options.get("message") and not options.get("explicit_deny"):
            options["message"] = (
                f"User: {principal_arn} is not authorized to perform: {action} {reason}"
            )
        return original(service, action, principal_arn, request_id, **options)

    return access_denied_response


def _secret_conditions(arn: str) -> dict[str, Any]:
    """Returns the condition keys whose values come from the secret."""
    secret = secretsmanager._resolve(arn)[1] if arn.startswith("arn:") else None
    if not secret:
        return {}
    conditions = {
        f"secretsmanager:ResourceTag/{tag['Key']}": tag.get("Value", "")
        for tag in stale.tags_of(secret)
    }
    if secret.get("RotationLambdaARN"):
        conditions["secretsmanager:resource/AllowRotationLambdaArn"] = secret["RotationLambdaARN"]
    return conditions


def _resolve_principal(original: Callable[..., Any]) -> Callable[..., Any]:
    """Replaces the variables in the resources and conditions of a caller's policies."""

    def resolve_principal(*arguments: Any, **options: Any) -> Any:
        principal = original(*arguments, **options)
        if isinstance(principal, iam_evaluator.AuthError) or principal.policies is None:
            return principal
        values = {
            **principal.keys,
            "aws:principalaccount": principal.account,
            "aws:principalarn": principal.arn,
        }
        return dataclasses.replace(
            principal, policies=substituted(principal.policies, values)
        )

    return resolve_principal


def substituted(policies: list[list[Any]], values: dict[str, Any]) -> list[list[Any]]:
    """Returns the statements with each known variable replaced; an unknown one matches nothing."""

    def replace(value: Any) -> Any:
        if isinstance(value, str):
            return _VARIABLE.sub(lambda it: str(values.get(it[1].lower(), it[0])), value)
        if isinstance(value, list):
            return [replace(item) for item in value]
        if isinstance(value, dict):
            return {key: replace(item) for key, item in value.items()}
        return value

    return [
        [
            dataclasses.replace(
                statement,
                resources=replace(statement.resources),
                not_resources=replace(statement.not_resources),
                conditions=replace(statement.conditions),
            )
            for statement in statements
        ]
        for statements in policies
    ]


def _extract_resource_arn(original: Callable[..., str]) -> Callable[..., str]:
    """Finds the user or role that a request to IAM names, with its path.

    ministack takes the name of an event bus for that of a rule, because both are in the field
    ``Name``. GetAccessKeyLastUsed names only the key, and ministack checks it on ``*``, which no
    policy for one user allows.
    """

    def extract_resource_arn(
        service: str,
        method: str,
        path: str,
        headers: dict[str, str],
        body: bytes,
        parameters: dict[str, Any],
        region: str,
        account_id: str,
    ) -> str:
        if service == "iam":
            action = iam._p(parameters, "Action")
            if action == "SimulatePrincipalPolicy":
                return iam._p(parameters, "PolicySourceArn")
            if action == "GetAccessKeyLastUsed":
                key = iam._access_keys.get(iam._p(parameters, "AccessKeyId"))
                if key is not None:
                    return handlers.entity_arn("user", key["UserName"])
            for kind, field in (("role", "RoleName"), ("user", "UserName")):
                name = iam._p(parameters, field)
                if name and action in ("CreateRole", "CreateUser"):
                    arn_path = iam._p(parameters, "Path") or "/"
                    return f"arn:aws:iam::{account_id}:{kind}{arn_path}{name}"
                if name:
                    return handlers.entity_arn(kind, name)
        if service == "events" and _operation(headers) == "DescribeEventBus":
            bus = json.loads(body or b"{}").get("Name") or "default"
            return f"arn:aws:events:{region}:{account_id}:event-bus/{bus}"
        return original(service, method, path, headers, body, parameters, region, account_id)

    return extract_resource_arn


def _operation(headers: dict[str, str]) -> str:
    return headers.get("x-amz-target", "").rpartition(".")[2]
