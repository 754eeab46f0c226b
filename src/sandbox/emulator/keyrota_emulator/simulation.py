"""The simulation of a principal's policies.

ministack's simulation knows no condition keys, no permissions boundary, no path of a principal,
and no policy variable. Here,

* ``ContextEntries`` are the values of condition keys and of policy variables, and nothing else is:
  a key that a statement about the action and the resource names and that is not given is reported
  in ``MissingContextValues``;
* the permissions boundary counts, and the answer says whether it allows the action;
* the principal must exist with exactly the ARN that the request names.

https://docs.aws.amazon.com/IAM/latest/APIReference/API_SimulatePrincipalPolicy.html
"""

from __future__ import annotations

import re
from typing import Any
from xml.sax.saxutils import escape

from ministack.core import iam_evaluator
from ministack.core.responses import get_account_id, get_region
from ministack.services import iam

from . import authorization

_ENTITY = re.compile(r"arn:aws:iam::\d{12}:(user|role)/(?:.*/)?([\w+=,.@-]+)")

Answer = tuple[int, dict[str, str], bytes]


def install() -> None:
    """Replaces the simulation."""
    iam._IAM_HANDLERS["SimulatePrincipalPolicy"] = _simulate


def _simulate(parameters: dict[str, Any]) -> Answer:
    arn = iam._p(parameters, "PolicySourceArn")
    account = get_account_id()
    entity = _ENTITY.fullmatch(arn or "")
    if not entity:
        return iam._error(400, "InvalidInput", f"Invalid Entity Arn: {arn}")
    kind, name = entity.groups()
    store = iam._users if kind == "user" else iam._roles
    known = store.get(name)
    if known is None or known["Arn"] != arn:
        return iam._error(404, "NoSuchEntity", f"Entity {arn} does not exist")
    gather = (
        iam_evaluator._gather_user_policies
        if kind == "user"
        else iam_evaluator._gather_role_policies
    )
    given = dict(_context(parameters))
    texts = {key: value for key, value in given.items() if isinstance(value, str)}
    policies = authorization.substituted(gather(name, account), texts)
    limits = iam_evaluator._permissions_boundary(store, name, account)
    members = "".join(
        _result(iam_evaluator.EvalContext(
            principal_arn=arn,
            principal_type="User" if kind == "user" else "AssumedRole",
            principal_account=account,
            action=action,
            resource_arn=resource,
            region=get_region(),
            service_context=given,
        ), policies, limits)
        for resource in _list(parameters, "ResourceArns") or ["*"]
        for action in _list(parameters, "ActionNames")
    )
    return iam._xml(
        200,
        "SimulatePrincipalPolicyResponse",
        f"<SimulatePrincipalPolicyResult><EvaluationResults>{members}</EvaluationResults>"
        "<IsTruncated>false</IsTruncated></SimulatePrincipalPolicyResult>",
        ns="iam",
    )


def _result(context: Any, policies: list[list[Any]], limits: list[Any]) -> str:
    decision = {"Allow": "allowed", "Deny": "explicitDeny", "ImplicitDeny": "implicitDeny"}[
        iam_evaluator.evaluate(context, policies, *limits).decision
    ]
    missing = "".join(f"<member>{escape(key)}</member>" for key in _missing(context, policies))
    boundary = ""
    if limits:
        within = all(iam_evaluator.evaluate(context, limit).decision == "Allow" for limit in limits)
        boundary = (
            "<PermissionsBoundaryDecisionDetail><AllowedByPermissionsBoundary>"
            f"{str(within).lower()}"
            "</AllowedByPermissionsBoundary></PermissionsBoundaryDecisionDetail>"
        )
    return (
        f"<member><EvalActionName>{escape(context.action)}</EvalActionName>"
        f"<EvalResourceName>{escape(context.resource_arn)}</EvalResourceName>"
        f"<EvalDecision>{decision}</EvalDecision>{boundary}"
        f"<MissingContextValues>{missing}</MissingContextValues></member>"
    )


def _missing(context: Any, policies: list[list[Any]]) -> list[str]:
    """Returns the condition keys without a value in the statements about an action."""
    keys = {
        key.lower(): key
        for statements in policies
        for statement in statements
        if iam_evaluator._action_matches(context.action, statement.actions, statement.not_actions)
        and iam_evaluator._resource_matches(
            context.resource_arn, statement.resources, statement.not_resources
        )
        for condition in statement.conditions.values()
        for key in condition
    }
    return sorted(key for lower, key in keys.items() if lower not in context.service_context)


def _context(parameters: dict[str, Any]) -> list[tuple[str, Any]]:
    """Returns each condition key in lower case, with its value or its list of values."""
    entries = []
    index = 1
    while key := iam._p(parameters, f"ContextEntries.member.{index}.ContextKeyName"):
        prefix = f"ContextEntries.member.{index}"
        values = _list(parameters, f"{prefix}.ContextKeyValues")
        is_list = iam._p(parameters, f"{prefix}.ContextKeyType").endswith("List")
        entries.append((key.lower(), values if is_list else "".join(values[:1])))
        index += 1
    return entries


def _list(parameters: dict[str, Any], name: str) -> list[str]:
    values = []
    while value := iam._p(parameters, f"{name}.member.{len(values) + 1}"):
        values.append(value)
    return values
