"""IAM access keys: the quota of two, their users, and their last use.

https://docs.aws.amazon.com/IAM/latest/APIReference/API_CreateAccessKey.html
https://docs.aws.amazon.com/IAM/latest/APIReference/API_GetAccessKeyLastUsed.html
"""

from __future__ import annotations

import calendar
import time
from collections.abc import Callable
from typing import Any

from ministack.services import iam

from . import clock, lag, strict
from .lag import Lagging
from .replaced import put

SPAN = 15 * 60.0
"""Seconds: "When an access key is used more than once in a 15-minute span, only the first use is
recorded". IAM's credential report says so; that GetAccessKeyLastUsed is as coarse is likely.
https://docs.aws.amazon.com/IAM/latest/UserGuide/id_credentials_getting-report.html
"""

LONGEST = 300.0
"""Seconds until a recorded use is reported. AWS states none; an assumption."""

_MOST_KEYS = 2
_PAGE = 100
_NEVER = ("", "N/A", "N/A")
_last_used: dict[str, Lagging[tuple[str, str, str]]] = {}
"""An access key's ID -> the date, the service and the Region of its last recorded use."""
_recorded: dict[str, float] = {}
"""An access key's ID -> when its last use was recorded, on ``clock``."""

Parameters = dict[str, Any]
Answer = tuple[int, dict[str, str], bytes]
Operation = Callable[[Parameters], Answer]


def install() -> None:
    """Replaces ministack's operations by this module's."""
    for name, replacement in {
        "CreateAccessKey": _create_access_key,
        "DeleteAccessKey": _delete_access_key,
        "DeleteUser": _delete_user,
    }.items():
        iam._IAM_HANDLERS[name] = replacement(iam._IAM_HANDLERS[name])
    iam._IAM_HANDLERS["GetAccessKeyLastUsed"] = _get_access_key_last_used
    iam._IAM_HANDLERS["ListAccessKeys"] = list_access_keys()
    put(iam, "reset", _reset(iam.reset))


def record_use(key_id: str, service: str, region: str) -> None:
    """Records that a key has signed a request, unless it is temporary."""
    if key_id not in iam._access_keys:
        return
    recorded = _recorded.get(key_id)
    if strict.is_on("last-used") and recorded is not None and clock.now() - recorded < SPAN:
        return
    _recorded[key_id] = clock.now()
    if key_id not in _last_used:
        # The key's ID differs between runs.
        subject = f"use {len(_last_used)}"
        _last_used[key_id] = Lagging(subject, lag.longest("last-used", LONGEST), _NEVER)
    now = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
    _last_used[key_id].observe((now, service, region))


def last_use(key_id: str) -> tuple[str, str, str]:
    """Returns the date, the service and the Region of a key's last recorded use."""
    used = _last_used.get(key_id)
    return used.seen() if used else _NEVER


def age(key_id: str, seconds: float) -> bool:
    """Makes a key older, and its last use as well; returns whether there is such a key.

    So a test has a real key that was really used long ago.
    """
    key = iam._access_keys.get(key_id)
    if key is None:
        return False
    key["CreateDate"] = _earlier(key["CreateDate"], seconds)
    if used := _last_used.get(key_id):
        date, service, region = used.latest
        used.observe((_earlier(date, seconds), service, region))
        used.settle()
    return True


def _earlier(date: str, seconds: float) -> str:
    form = "%Y-%m-%dT%H:%M:%SZ"
    moment = calendar.timegm(time.strptime(date, form)) - seconds
    return time.strftime(form, time.gmtime(moment))


def _create_access_key(original: Operation) -> Operation:
    """CreateAccessKey: no third key, active or not.

    https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_iam-quotas.html
    """

    def create_access_key(parameters: Parameters) -> Answer:
        user = iam._p(parameters, "UserName")
        count = sum(key["UserName"] == user for key in iam._access_keys.values())
        if count >= _MOST_KEYS:
            return iam._error(
                409, "LimitExceeded", f"Cannot exceed quota for AccessKeysPerUser: {_MOST_KEYS}"
            )
        return original(parameters)

    return create_access_key


def _delete_access_key(original: Operation) -> Operation:
    """DeleteAccessKey: only a key of the named user, for whom IAM authorized it.

    https://docs.aws.amazon.com/IAM/latest/APIReference/API_DeleteAccessKey.html
    """

    def delete_access_key(parameters: Parameters) -> Answer:
        key_id, user = iam._p(parameters, "AccessKeyId"), iam._p(parameters, "UserName")
        key = iam._access_keys.get(key_id)
        if key is not None and user and key["UserName"] != user:
            return iam._error(
                404, "NoSuchEntity", f"The Access Key with id {key_id} cannot be found."
            )
        answer = original(parameters)
        if answer[0] == 200:
            _last_used.pop(key_id, None)
            _recorded.pop(key_id, None)
        return answer

    return delete_access_key


def list_access_keys(service: Any = iam) -> Operation:
    """ListAccessKeys: in pages; an unknown user is an error and not an empty list.

    https://docs.aws.amazon.com/IAM/latest/APIReference/API_ListAccessKeys.html
    """

    def list_access_keys(parameters: Parameters) -> Answer:
        user = iam._p(parameters, "UserName") or "default"
        if user != "default" and user not in service._users:
            return iam._error(404, "NoSuchEntity", f"The user with name {user} cannot be found.")
        keys = [it for it in service._access_keys.items() if it[1]["UserName"] == user]
        start = int(iam._p(parameters, "Marker") or 0)
        end = start + int(iam._p(parameters, "MaxItems") or _PAGE)
        members = "".join(
            f"<member><AccessKeyId>{key_id}</AccessKeyId><Status>{key['Status']}</Status>"
            f"<UserName>{user}</UserName><CreateDate>{key['CreateDate']}</CreateDate></member>"
            for key_id, key in keys[start:end]
        )
        marker = f"<Marker>{end}</Marker>" if end < len(keys) else ""
        return iam._xml(
            200,
            "ListAccessKeysResponse",
            f"<ListAccessKeysResult><AccessKeyMetadata>{members}</AccessKeyMetadata>"
            f"<IsTruncated>{str(bool(marker)).lower()}</IsTruncated>{marker}"
            "</ListAccessKeysResult>",
            ns="iam",
        )

    return list_access_keys


def _delete_user(original: Operation) -> Operation:
    """DeleteUser: not while the user has inline policies or is in a group.

    ministack itself refuses a user with keys or attached policies.
    https://docs.aws.amazon.com/IAM/latest/APIReference/API_DeleteUser.html
    """

    def delete_user(parameters: Parameters) -> Answer:
        user = iam._p(parameters, "UserName")
        if iam._user_inline_policies.get(user):
            return iam._error(
                409, "DeleteConflict", "Cannot delete entity, must delete policies first."
            )
        if any(user in group.get("Users", []) for group in iam._groups.values()):
            return iam._error(
                409, "DeleteConflict", "Cannot delete entity, must remove users from group first."
            )
        return original(parameters)

    return delete_user


def _get_access_key_last_used(parameters: Parameters) -> Answer:
    """GetAccessKeyLastUsed: the last recorded use; "N/A" and no date before the first."""
    key_id = iam._p(parameters, "AccessKeyId")
    key = iam._access_keys.get(key_id)
    if key is None:
        return iam._error(404, "NoSuchEntity", f"The Access Key with id {key_id} cannot be found.")
    date, service, region = last_use(key_id)
    dated = f"<LastUsedDate>{date}</LastUsedDate>" if date else ""
    return iam._xml(
        200,
        "GetAccessKeyLastUsedResponse",
        f"<GetAccessKeyLastUsedResult><UserName>{key['UserName']}</UserName>"
        f"<AccessKeyLastUsed>{dated}<ServiceName>{service}</ServiceName>"
        f"<Region>{region}</Region></AccessKeyLastUsed></GetAccessKeyLastUsedResult>",
        ns="iam",
    )


def _reset(original: Callable[[], None]) -> Callable[[], None]:
    def reset() -> None:
        _last_used.clear()
        _recorded.clear()
        original()

    return reset
