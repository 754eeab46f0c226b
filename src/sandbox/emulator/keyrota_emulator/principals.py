"""Principals in policies on resources, which AWS looks up: item ``principals``.

A policy with a principal that does not exist is malformed. Users, roles, and the sessions of
roles of this account must exist; those of other accounts cannot be known here, and are accepted.
A principal has no wildcards but for ``*`` alone.

https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_principal.html
https://docs.aws.amazon.com/secretsmanager/latest/apireference/API_PutResourcePolicy.html
https://docs.aws.amazon.com/kms/latest/APIReference/API_PutKeyPolicy.html
https://docs.aws.amazon.com/IAM/latest/APIReference/API_CreateRole.html
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from typing import Any

from ministack.core.responses import error_response_json, get_account_id
from ministack.services import iam, kms, secretsmanager
from ministack.services.cloudformation import provisioners

from . import strict
from .replaced import put

_ACCOUNT = re.compile(r"(arn:aws:iam::)?\d{12}(:root)?")
_ENTITY = re.compile(r"arn:aws:iam::(\d{12}):(user|role)/(?:[!-~]+/)?([\w+=,.@-]+)")
_SESSION = re.compile(r"arn:aws:sts::(\d{12}):assumed-role/([\w+=,.@-]+)/[\w+=,.@-]+")
_UNIQUE_ID = re.compile(r"A(IDA|ROA)[A-Z0-9]{16,}")

_IN_KEY_POLICY = "Policy contains a statement with one or more invalid principals."
_IN_RESOURCE_POLICY = "This resource policy contains an unsupported principal."
_IN_TRUST_POLICY = "Invalid principal in policy: {}"

Answer = tuple[int, dict[str, str], bytes]
Properties = dict[str, Any]


def install() -> None:
    """Looks principals up wherever a policy on a resource is set, where the item is on."""
    if not strict.is_on("principals"):
        return
    put(
        secretsmanager,
        "_put_resource_policy",
        _checked(secretsmanager._put_resource_policy, "ResourcePolicy", _IN_RESOURCE_POLICY),
    )
    put(kms, "_create_key", _checked(kms._create_key, "Policy", _IN_KEY_POLICY))
    put(kms, "_put_key_policy", _checked(kms._put_key_policy, "Policy", _IN_KEY_POLICY))
    for name, field in (
        ("CreateRole", "AssumeRolePolicyDocument"),
        ("UpdateAssumeRolePolicy", "PolicyDocument"),
    ):
        iam._IAM_HANDLERS[name] = _checked_trust(iam._IAM_HANDLERS[name], field)
    _check_resource("AWS::IAM::Role", "AssumeRolePolicyDocument", _IN_TRUST_POLICY)
    _check_resource("AWS::KMS::Key", "KeyPolicy", _IN_KEY_POLICY)
    _check_resource("AWS::SecretsManager::ResourcePolicy", "ResourcePolicy", _IN_RESOURCE_POLICY)


def invalid(document: Any) -> list[str]:
    """Returns the principals of a policy that do not exist, or are none."""
    if isinstance(document, str):
        try:
            document = json.loads(document)
        except json.JSONDecodeError:
            return []
    statements = document.get("Statement") if isinstance(document, dict) else None
    if isinstance(statements, dict):
        statements = [statements]
    found = [name for statement in statements or [] for name in _named(statement)]
    return [name for name in found if not _is_known(name)]


def _named(statement: dict[str, Any]) -> Iterator[str]:
    """Yields the principals of AWS accounts that a statement names."""
    for element in ("Principal", "NotPrincipal"):
        principal = statement.get(element)
        named = principal.get("AWS", []) if isinstance(principal, dict) else principal or []
        yield from [named] if isinstance(named, str) else named


def _is_known(name: str) -> bool:
    if name == "*" or _ACCOUNT.fullmatch(name):
        return True
    if _UNIQUE_ID.fullmatch(name):
        ids = [user["UserId"] for user in iam._users.values()]
        return name in [*ids, *(role["RoleId"] for role in iam._roles.values())]
    if entity := _ENTITY.fullmatch(name):
        account, kind, entity_name = entity.groups()
        known = (iam._users if kind == "user" else iam._roles).get(entity_name)
        return account != get_account_id() or (known is not None and known["Arn"] == name)
    if session := _SESSION.fullmatch(name):
        return session[1] != get_account_id() or session[2] in iam._roles
    return False


def _checked(
    original: Callable[[Properties], Answer], field: str, text: str
) -> Callable[[Properties], Answer]:
    """Puts the check before an operation of a service that speaks JSON."""

    def operation(data: Properties) -> Answer:
        if invalid(data.get(field)):
            return error_response_json("MalformedPolicyDocumentException", text, 400)
        return original(data)

    return operation


def _checked_trust(
    original: Callable[[Properties], Answer], field: str
) -> Callable[[Properties], Answer]:
    """Puts the check before an operation of IAM."""

    def operation(parameters: Properties) -> Answer:
        if names := invalid(iam._p(parameters, field)):
            text = _IN_TRUST_POLICY.format(f'"AWS":"{names[0]}"')
            return iam._error(400, "MalformedPolicyDocument", text)
        return original(parameters)

    return operation


def _check_resource(kind: str, name: str, text: str) -> None:
    """Puts the check before a resource of a stack is created or updated."""
    handler = provisioners._RESOURCE_HANDLERS[kind]

    def check(properties: Properties) -> None:
        if names := invalid(properties.get(name)):
            raise ValueError(text.format(f'"AWS":"{names[0]}"'))

    def create(logical_id: str, properties: Properties, stack: str) -> Any:
        check(properties)
        return handler["create"](logical_id, properties, stack)

    def update(physical_id: str, old: Properties, new: Properties, *rest: Any) -> Any:
        check(new)
        return handler["update"](physical_id, old, new, *rest)

    provisioners._RESOURCE_HANDLERS[kind] = {**handler, "create": create, "update": update}
