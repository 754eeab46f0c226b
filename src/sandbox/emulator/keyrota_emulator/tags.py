"""Tag keys that begin with ``aws:``: only AWS writes them, so every caller is refused.

CloudFormation puts ``aws:cloudformation:stack-id``, ``stack-name``, and ``logical-id`` on the
secrets and KMS keys of a stack. ministack does that, but lets every caller write them.

https://docs.aws.amazon.com/tag-editor/latest/userguide/tagging.html
https://docs.aws.amazon.com/secretsmanager/latest/apireference/API_TagResource.html
https://docs.aws.amazon.com/kms/latest/APIReference/API_TagResource.html
https://docs.aws.amazon.com/IAM/latest/APIReference/API_TagUser.html
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from typing import Any

from ministack.core.responses import error_response_json
from ministack.services import iam, kms, secretsmanager, tagging

from .replaced import put

_RESERVED = "aws:"
_TAGGING = ("TagResource", "TagResources", "UntagResource", "UntagResources")
_QUERY_KEY = re.compile(r"(Tags(\.member)?\.\d+\.Key|TagKeys(\.member)?\.\d+)")

Parameters = dict[str, Any]
Answer = tuple[int, dict[str, str], bytes]


def install() -> None:
    """Refuses such keys before each operation that writes or removes tags."""
    secret, reserved = {"CreateSecret", *_TAGGING}, "InvalidParameterException"
    handle = secretsmanager.handle_request
    put(secretsmanager, "handle_request", _refusing(handle, secret, reserved))
    handle = kms.handle_request
    put(kms, "handle_request", _refusing(handle, {"CreateKey", *_TAGGING}, "TagException"))
    handle = tagging.handle_request
    put(tagging, "handle_request", _refusing(handle, {*_TAGGING}, reserved))
    for name in ("CreateUser", "TagUser", "UntagUser", "TagRole", "UntagRole"):
        iam._IAM_HANDLERS[name] = _refusing_query(iam._IAM_HANDLERS[name])


def _keys(data: Parameters) -> Iterator[str]:
    """Yields every tag key that a request in JSON names."""
    tags = data.get("Tags") or []
    for tag in tags:
        yield str(tag.get("Key", tag.get("TagKey", ""))) if isinstance(tag, dict) else str(tag)
    yield from (str(key) for key in data.get("TagKeys") or [])


def _refusing(original: Any, operations: set[str], code: str) -> Any:
    """Puts the check before a service that speaks JSON."""

    async def handle_request(
        method: str,
        path: str,
        headers: dict[str, str],
        body: bytes,
        query_params: dict[str, list[str]],
    ) -> Any:
        if headers.get("x-amz-target", "").rpartition(".")[2] in operations:
            try:
                data = json.loads(body or b"{}")
            except json.JSONDecodeError:
                data = {}
            if any(key.lower().startswith(_RESERVED) for key in _keys(data)):
                message = "Tag keys that begin with aws: are reserved for AWS's own use."
                return error_response_json(code, message, 400)
        return await original(method, path, headers, body, query_params)

    return handle_request


def _refusing_query(
    original: Callable[[Parameters], Answer],
) -> Callable[[Parameters], Answer]:
    """Puts the check before an operation of IAM."""

    def operation(parameters: Parameters) -> Answer:
        names = [name for name in parameters if _QUERY_KEY.fullmatch(name)]
        if any(iam._p(parameters, name).lower().startswith(_RESERVED) for name in names):
            message = "Tag keys that begin with aws: are reserved for AWS's own use."
            return iam._error(400, "InvalidInput", message)
        return original(parameters)

    return operation
