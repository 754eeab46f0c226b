"""Which tags are accepted.

**Their form:** at most 50 tags, each with a key of 1 to 128 characters and a value of at most
256, of letters, digits, spaces, and ``_.:/=+-@``, and no key twice. IAM takes keys that differ
only in case for one. The values of a stack's tags and of an alarm's have at least one character.

https://docs.aws.amazon.com/AWSCloudFormation/latest/APIReference/API_Tag.html
https://docs.aws.amazon.com/IAM/latest/UserGuide/id_tags.html
https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_Tag.html

**Keys that begin with** ``aws:`` only AWS writes, so every caller is refused. CloudFormation puts
``aws:cloudformation:stack-id``, ``stack-name``, and ``logical-id`` on the secrets of a stack.
ministack does that, but lets every caller write them, and also puts them on types whose schema
has ``cloudFormationSystemTags: false``: IAM users and roles, and KMS keys, which people miss there
(cloudformation-coverage-roadmap#2077).

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
from xml.sax.saxutils import escape

from ministack.core.responses import error_response_json
from ministack.services import cloudwatch, iam, kms, secretsmanager, tagging
from ministack.services.cloudformation import helpers, provisioners, stacks

from .replaced import put

_RESERVED = "aws:"
_MOST = 50
_LONGEST_KEY = 128
_LONGEST_VALUE = 256
_TEXT = re.compile(r"[\w\s.:/=+@-]*")
_NOT_EMPTY = ("AWS::CloudWatch::Alarm",)
"""The types whose schema has values of at least one character."""
_WITHOUT_SYSTEM_TAGS = ("AWS::IAM::Role", "AWS::IAM::User", "AWS::KMS::Key")
_TAGGING = ("TagResource", "TagResources", "UntagResource", "UntagResources")
_QUERY_KEY = re.compile(r"(Tags(\.member)?\.\d+\.Key|TagKeys(\.member)?\.\d+)")

Pair = tuple[str, str]
Parameters = dict[str, Any]
Answer = tuple[int, dict[str, str], bytes]


def install() -> None:
    """Refuses other tags before each operation that writes or removes tags."""
    put(helpers, "_validate_stack_tags", _validate_stack_tags(helpers._validate_stack_tags))
    put(stacks, "_provision_resource", _provision(stacks._provision_resource))
    put(stacks, "_update_resource", _update(stacks._update_resource))
    put(provisioners, "_with_stack_tags", _with_stack_tags(provisioners._with_stack_tags))
    put(stacks, "_with_stack_tags", provisioners._with_stack_tags)
    secret, reserved = {"CreateSecret", *_TAGGING}, "InvalidParameterException"
    handle = secretsmanager.handle_request
    put(secretsmanager, "handle_request", _refusing(handle, secret, reserved))
    handle = kms.handle_request
    put(kms, "handle_request", _refusing(handle, {"CreateKey", *_TAGGING}, "TagException"))
    handle = tagging.handle_request
    put(tagging, "handle_request", _refusing(handle, {*_TAGGING}, reserved))
    for name in ("CreateUser", "TagUser", "UntagUser", "TagRole", "UntagRole"):
        iam._IAM_HANDLERS[name] = _refusing_query(iam._IAM_HANDLERS[name])


def _with_stack_tags(original: Callable[..., dict[str, Any]]) -> Callable[..., dict[str, Any]]:
    """Puts the tags that only AWS writes on no resource whose type does not have them."""

    def with_stack_tags(resource_type: str, *arguments: Any) -> dict[str, Any]:
        properties = original(resource_type, *arguments)
        if resource_type not in _WITHOUT_SYSTEM_TAGS or "Tags" not in properties:
            return properties
        tags = [tag for tag in properties["Tags"] if not tag["Key"].startswith(_RESERVED)]
        return {**properties, "Tags": tags}

    return with_stack_tags


def problem(tags: list[Pair], least: int = 0, ignoring_case: bool = False) -> str | None:
    """Returns why AWS would refuse tags of a user, or nothing.

    ``least`` is how many characters a value has at least.
    """
    if len(tags) > _MOST:
        return f"More than {_MOST} tags"
    keys = [key.lower() if ignoring_case else key for key, _ in tags]
    if len(set(keys)) < len(keys):
        how = "insensitive" if ignoring_case else "sensitive"
        return f"Duplicate tag keys found. Please note that Tag keys are case {how}."
    for number, (key, value) in enumerate(tags, 1):
        for what, text, shortest, longest in (
            ("key", key, 1, _LONGEST_KEY),
            ("value", value, least, _LONGEST_VALUE),
        ):
            constraint = None
            if len(text) < shortest:
                constraint = f"Member must have length greater than or equal to {shortest}"
            elif len(text) > longest:
                constraint = f"Member must have length less than or equal to {longest}"
            elif not _TEXT.fullmatch(text):
                pattern = r"[\p{L}\p{Z}\p{N}_.:/=+\-@]*"
                constraint = f"Member must satisfy regular expression pattern: {pattern}"
            if constraint:
                where = f"tags.{number}.member.{what}"
                return (
                    f"1 validation error detected: Value '{text}' at '{where}' "
                    f"failed to satisfy constraint: {constraint}"
                )
    return None


def _validate_stack_tags(original: Callable[[Any], Any]) -> Callable[[Any], Any]:
    def validate_stack_tags(tags: list[dict[str, Any]]) -> Any:
        found = problem([(tag["Key"], tag["Value"]) for tag in tags], least=1)
        return original(tags) or (helpers._error("ValidationError", found) if found else None)

    return validate_stack_tags


def _provision(original: Callable[..., Any]) -> Callable[..., Any]:
    def provision(kind: str, logical_id: str, properties: Parameters, stack: str) -> Any:
        _check_resource(kind, properties)
        return original(kind, logical_id, properties, stack)

    return provision


def _update(original: Callable[..., Any]) -> Callable[..., Any]:
    def update(
        kind: str, physical_id: str, old: Parameters, new: Parameters, *rest: Any, **more: Any
    ) -> Any:
        if old.get("Tags") != new.get("Tags"):
            _check_resource(kind, new)
        known = {tag["Key"] for it in (old, new) for tag in it.get("Tags") or []}
        foreign = {
            key: value for key, value in _held(kind, physical_id).items() if key not in known
        }
        updated = original(kind, physical_id, old, new, *rest, **more)
        if foreign and updated[0] == physical_id:
            _add(kind, physical_id, foreign)
        return updated

    return update


def _held(kind: str, physical_id: str) -> dict[str, str]:
    """Returns the tags of a resource, for the types whose updates replace all tags in ministack.

    On AWS, an update leaves the tags alone that others have added.
    """
    if kind == "AWS::CloudWatch::Alarm":
        alarm = cloudwatch._alarms.get(physical_id) or {}
        return dict(cloudwatch._resource_tags.get(alarm.get("AlarmArn")) or {})
    if kind == "AWS::IAM::Role":
        role = iam._roles.get(physical_id) or {}
        return {tag["Key"]: tag["Value"] for tag in role.get("Tags") or []}
    if kind == "AWS::KMS::Key":
        key = kms._resolve_key(physical_id) or {}
        return {tag["TagKey"]: tag["TagValue"] for tag in key.get("Tags") or []}
    return {}


def _add(kind: str, physical_id: str, tags: dict[str, str]) -> None:
    """Gives a resource back the tags that no template has."""
    if kind == "AWS::CloudWatch::Alarm":
        arn = cloudwatch._alarms[physical_id]["AlarmArn"]
        cloudwatch._resource_tags.setdefault(arn, {}).update(tags)
    elif kind == "AWS::IAM::Role":
        iam._roles[physical_id]["Tags"] += [
            {"Key": key, "Value": value} for key, value in tags.items()
        ]
    else:
        kms._resolve_key(physical_id)["Tags"] += [
            {"TagKey": key, "TagValue": value} for key, value in tags.items()
        ]


def _check_resource(kind: str, properties: Parameters) -> None:
    """Fails a resource of a stack whose tags its service refuses."""
    tags = properties.get("Tags")
    if not isinstance(tags, list):
        return
    own = [(str(tag.get("Key", "")), str(tag.get("Value", ""))) for tag in tags]
    found = problem(
        [(key, value) for key, value in own if not key.startswith(_RESERVED)],
        least=1 if kind in _NOT_EMPTY else 0,
        ignoring_case=kind.startswith("AWS::IAM::"),
    )
    if found:
        raise ValueError(found)


def _pairs(data: Parameters) -> list[Pair]:
    """Returns the tags that a request in JSON sets."""
    tags = data.get("Tags") or []
    if isinstance(tags, dict):
        return [(str(key), str(value)) for key, value in tags.items()]
    # KMS calls them TagKey and TagValue.
    return [
        tuple(str(tag.get(name, tag.get(f"Tag{name}", ""))) for name in ("Key", "Value"))
        for tag in tags
    ]


def _keys(data: Parameters) -> Iterator[str]:
    """Yields every tag key that a request in JSON names."""
    yield from (key for key, _ in _pairs(data))
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
            if found := problem(_pairs(data)):
                return error_response_json(code, found, 400)
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
        pairs = [(tag["Key"], tag["Value"]) for tag in iam._extract_tags(parameters)]
        if found := problem(pairs, ignoring_case=True):
            code = "InvalidInput" if found.startswith("Duplicate") else "ValidationError"
            return iam._error(400, code, escape(found))
        return original(parameters)

    return operation
