"""IAM's changes, which propagate: item ``iam-lag``.

IAM is eventually consistent. A new access key is refused at first, and a deleted one is still
accepted. What a policy allows or denies, and what Get… and List… return, is the state of a moment
before.
https://docs.aws.amazon.com/IAM/latest/UserGuide/troubleshoot.html

AWS states no time. 15 seconds for a new key have been observed
(https://github.com/aws/aws-sdk-js/issues/559).

Changes apply to the present state: a key can be created for a user that was just created, which
AWS may refuse. Trust policies and tags of principals do not lag.
"""

from __future__ import annotations

import copy
import dataclasses
import importlib.util
import sys
from collections.abc import Callable
from types import ModuleType
from typing import Any

from ministack.core import iam_evaluator
from ministack.core.responses import AccountScopedDict, get_account_id
from ministack.services import iam, s3, sts

from . import keys, lag, strict
from .lag import Lagging
from .replaced import put

LONGEST = 15.0
"""Seconds until every endpoint knows a change."""

_READS = ("Get", "List")
_OTHER_LAG = "GetAccessKeyLastUsed"

Stores = dict[str, dict[Any, Any]]


@dataclasses.dataclass(frozen=True)
class _State:
    """All of IAM at one moment."""

    stores: Stores
    credentials: dict[tuple[str, str], Any] = dataclasses.field(compare=False)
    """Account and access key ID -> the credential, or why it is refused."""
    policies: dict[tuple[str, str, str], Any] = dataclasses.field(compare=False)
    """Kind, account, and name of a principal -> its policies."""
    limits: dict[tuple[str, str, str], Any] = dataclasses.field(compare=False)
    """Kind, account, and name of a principal -> its permissions boundary."""


def install() -> None:
    """Has requests see IAM as it was, where the item is on."""
    if not strict.is_on("iam-lag"):
        return
    names = [name for name, it in vars(iam).items() if isinstance(it, AccountScopedDict)]
    resolve = iam_evaluator.resolve_credential
    gather_user = iam_evaluator._gather_user_policies
    gather_role = iam_evaluator._gather_role_policies
    boundary = iam_evaluator._permissions_boundary

    def state() -> _State:
        stores = copy.deepcopy({name: getattr(iam, name)._data for name in names})
        users, roles = stores["_users"], stores["_roles"]
        return _State(
            stores,
            {(account, key): resolve(key, account) for account, key in stores["_access_keys"]},
            {
                **{("user", *who): gather_user(who[1], who[0]) for who in users},
                **{("role", *who): gather_role(who[1], who[0]) for who in roles},
            },
            {
                **{("user", *who): boundary(iam._users, who[1], who[0]) for who in users},
                **{("role", *who): boundary(iam._roles, who[1], who[0]) for who in roles},
            },
        )

    account = Lagging("iam", LONGEST, state())

    def look() -> None:
        if any(getattr(iam, name)._data != account.latest.stores[name] for name in names):
            account.observe(state())

    lag.looks.append(look)
    for module in (iam_evaluator, s3, sts):
        put(module, "resolve_credential", _resolve_credential(resolve, account))
    put(
        iam_evaluator,
        "_gather_user_policies",
        lambda name, owner: account.seen().policies.get(("user", owner, name), []),
    )
    put(
        iam_evaluator,
        "_gather_role_policies",
        lambda name, owner: account.seen().policies.get(("role", owner, name), []),
    )
    put(iam_evaluator, "_permissions_boundary", _permissions_boundary(account))
    _read_the_past(account)


def _resolve_credential(original: Any, account: Lagging[_State]) -> Any:
    """Resolves a user's key as it was. Root's key and sessions do not lag."""

    def resolve_credential(
        access_key_id: str,
        account_id: str | None = None,
        session_token: Any = iam_evaluator._SESSION_TOKEN_NOT_CHECKED,
    ) -> Any:
        owner = account_id or get_account_id()
        credentials = account.seen().credentials
        key = (owner, access_key_id)
        if key not in credentials and key not in account.latest.credentials:
            return original(access_key_id, account_id, session_token)
        credential = credentials.get(key)
        if credential is None:
            return iam_evaluator._unknown_access_key()
        if not isinstance(credential, iam_evaluator.ResolvedCredential):
            return credential
        return iam_evaluator._validate_session_token(None, session_token) or credential

    return resolve_credential


def _permissions_boundary(account: Lagging[_State]) -> Callable[..., Any]:
    def permissions_boundary(store: Any, name: str, owner: str) -> Any:
        kind = "user" if store is iam._users else "role"
        return account.seen().limits.get((kind, owner, name), [])

    return permissions_boundary


def _read_the_past(account: Lagging[_State]) -> None:
    """Has Get… and List… read the stores of a second IAM, which holds what was."""
    past = _second(iam)
    past._IAM_HANDLERS["ListAccessKeys"] = keys.list_access_keys(past)

    def reading(handler: Any) -> Any:
        def read(parameters: Any) -> Any:
            for name, data in account.seen().stores.items():
                getattr(past, name)._data = data
            return handler(parameters)

        return read

    for name in iam._IAM_HANDLERS:
        if name.startswith(_READS) and name != _OTHER_LAG:
            iam._IAM_HANDLERS[name] = reading(past._IAM_HANDLERS[name])


def _second(module: ModuleType) -> Any:
    """Returns a second instance of a module, with stores of its own."""
    spec = importlib.util.spec_from_file_location(f"{__name__}.past", module.__file__)
    assert spec is not None and spec.loader is not None
    second = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = second
    spec.loader.exec_module(second)
    return second
