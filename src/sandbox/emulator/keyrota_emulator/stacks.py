"""Refuses stack operations as CloudFormation does, and reads templates from S3.

Tags of a stack need additional permissions, and a template in S3 is read with the
caller's permissions:
https://docs.aws.amazon.com/service-authorization/latest/reference/list_awscloudformation.html
https://docs.aws.amazon.com/AWSCloudFormation/latest/APIReference/API_CreateChangeSet.html
https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/view-stack-events.html
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any
from urllib.parse import parse_qs, urlsplit
from xml.sax.saxutils import escape

from ministack.core.responses import get_account_id, get_region
from ministack.services import cloudformation, s3
from ministack.services.cloudformation import handlers, helpers

from . import authorization
from .handlers import calling
from .replaced import put

_UPDATABLE = (
    "CREATE_COMPLETE",
    "UPDATE_COMPLETE",
    "UPDATE_ROLLBACK_COMPLETE",
    "IMPORT_COMPLETE",
    "IMPORT_ROLLBACK_COMPLETE",
)
_SUMMARY = ("LogicalResourceId", "PhysicalResourceId", "ResourceType", "ResourceStatus")
_FREE = ("DELETE_COMPLETE", "REVIEW_IN_PROGRESS")
_VIRTUAL_HOST = re.compile(r"(?P<bucket>.+)\.s3([.-][a-z0-9-]+)?\.amazonaws\.com")

Parameters = dict[str, Any]
Answer = tuple[int, dict[str, str], bytes]
Operation = Callable[[Parameters], Answer]


def install() -> None:
    """Adds this module's checks to ministack's operations."""
    actions = cloudformation._ACTION_HANDLERS
    for name in ("CreateStack", "UpdateStack", "ValidateTemplate", "GetTemplateSummary"):
        actions[name] = _with_path_style_url(actions[name])
    put(helpers, "_resolve_document", _resolve_document(helpers._resolve_document))
    actions["CreateStack"] = _create_stack(actions["CreateStack"])
    actions["ListStackResources"] = _list_stack_resources(actions["ListStackResources"])
    actions["CreateChangeSet"] = _create_change_set(
        _with_path_style_url(actions["CreateChangeSet"])
    )


def _list_stack_resources(original: Operation) -> Operation:
    """ListStackResources: of a deleted stack, by its ID, for 90 days.

    ministack forgets the resources. Its events have them.
    https://docs.aws.amazon.com/AWSCloudFormation/latest/APIReference/API_ListStackResources.html
    """

    def list_stack_resources(parameters: Parameters) -> Answer:
        stack_id = helpers._p(parameters, "StackName")
        stack = handlers._resolve_stack(stack_id)
        events = cloudformation._stack_events.get(stack_id, [])
        if (stack and stack["StackStatus"] != "DELETE_COMPLETE") or not events:
            return original(parameters)
        newest = {
            event["LogicalResourceId"]: event
            for event in events
            if event["ResourceType"] != "AWS::CloudFormation::Stack"
        }
        members = "".join(
            "<member>"
            + "".join(f"<{key}>{escape(event[key])}</{key}>" for key in _SUMMARY)
            + f"<LastUpdatedTimestamp>{event['Timestamp']}</LastUpdatedTimestamp></member>"
            for event in newest.values()
        )
        summaries = f"<StackResourceSummaries>{members}</StackResourceSummaries>"
        result = f"<ListStackResourcesResult>{summaries}</ListStackResourcesResult>"
        return helpers._xml(200, "ListStackResourcesResponse", result)

    return list_stack_resources


def _with_path_style_url(original: Operation) -> Operation:
    """Reads a template from ``https://BUCKET.s3.REGION.amazonaws.com/KEY``, too.

    ministack interprets the first part of the path as the bucket.
    https://docs.aws.amazon.com/AmazonS3/latest/userguide/VirtualHosting.html
    """

    def operation(parameters: Parameters) -> Answer:
        url = urlsplit(helpers._p(parameters, "TemplateURL"))
        path = url.path
        if match := _VIRTUAL_HOST.fullmatch(url.hostname or ""):
            path = f"/{match['bucket']}{url.path}"
            parameters = {**parameters, "TemplateURL": [url._replace(path=path).geturl()]}
        action = "s3:GetObjectVersion" if _version(url.query) else "s3:GetObject"
        if path and not _may(action, f"arn:aws:s3:::{path.lstrip('/')}"):
            return helpers._error("ValidationError", "S3 error: Access Denied")
        return original(parameters)

    return operation


def _version(query: str) -> str | None:
    """Returns the version of an object that a URL names."""
    return parse_qs(query).get("versionId", [None])[0]


def _resolve_document(original: Callable[..., Any]) -> Callable[..., Any]:
    """Reads a template in the version that its URL names. ministack reads the newest.

    https://docs.aws.amazon.com/AmazonS3/latest/userguide/RetrievingObjectVersions.html
    """

    def resolve_document(
        parameters: Parameters, body_key: str, url_key: str, label: str
    ) -> tuple[str | None, Answer | None]:
        url = urlsplit(helpers._p(parameters, url_key))
        version = _version(url.query)
        if version is None or helpers._p(parameters, body_key):
            return original(parameters, body_key, url_key, label)
        bucket, _, key = url.path.lstrip("/").partition("/")
        data = s3._get_object_data(bucket, key, version)
        if data is None:
            message = "S3 error: The specified version does not exist."
            return None, helpers._error("ValidationError", message)
        if len(data) > helpers.TEMPLATE_URL_MAX_BYTES:
            message = f"{label} may not exceed {helpers.TEMPLATE_URL_MAX_BYTES} bytes in size."
            return None, helpers._error("ValidationError", message)
        return data.decode("utf-8"), None

    return resolve_document


def _may(action: str, arn: str) -> bool:
    """Returns whether the caller may do what CloudFormation does on its behalf."""
    return not calling() or authorization.allows(calling(), action, arn)


def _untaggable(parameters: Parameters, stack: dict[str, Any] | None) -> Answer | None:
    """Refuses tags that the caller may not add to or remove from the stack."""
    kind = helpers._p(parameters, "ChangeSetType")
    if kind == "IMPORT" and not any(name.startswith("Tags") for name in parameters):
        # An import without tags leaves those of the stack.
        return None
    name = helpers._p(parameters, "StackName").rpartition(":stack/")[2].partition("/")[0]
    arn = f"arn:aws:cloudformation:{get_region()}:{get_account_id()}:stack/{name}/*"
    tags = {tag["Key"] for tag in helpers._extract_members(parameters, "Tags")}
    held = {tag["Key"] for tag in (stack or {}).get("Tags") or []}
    needed = []
    if tags:
        needed.append("cloudformation:TagResource")
    if held - tags:
        needed.append("cloudformation:UntagResource")
    for action in needed:
        if not _may(action, arn):
            message = f"User is not authorized to perform: {action} on resource: {arn}"
            return helpers._error("AccessDenied", message, 403)
    return None


def _create_stack(original: Operation) -> Operation:
    """CreateStack: a failed stack still has its name.

    "ROLLBACK_COMPLETE: … Delete the stack or …": nothing else can be done with it.
    """

    def create_stack(parameters: Parameters) -> Answer:
        name = helpers._p(parameters, "StackName")
        stack = handlers._resolve_stack(name)
        if stack and stack["StackStatus"] not in _FREE:
            return helpers._error("AlreadyExistsException", f"Stack [{name}] already exists")
        return original(parameters)

    return create_stack


def _create_change_set(original: Operation) -> Operation:
    """CreateChangeSet: CREATE only for a new stack, UPDATE only for one that can be updated."""

    def create_change_set(parameters: Parameters) -> Answer:
        name = helpers._p(parameters, "StackName")
        change_set = helpers._p(parameters, "ChangeSetName")
        kind = helpers._p(parameters, "ChangeSetType", "UPDATE")
        stack = handlers._resolve_stack(name)
        status = stack["StackStatus"] if stack else "DELETE_COMPLETE"
        if kind == "CREATE" and status not in _FREE:
            return helpers._error(
                "ValidationError",
                f"Stack [{name}] already exists and cannot be created again with the "
                f"changeSet [{change_set}].",
            )
        if kind == "UPDATE" and status not in (*_UPDATABLE, "DELETE_COMPLETE"):
            return helpers._error(
                "ValidationError",
                f"Stack:{stack['StackId']} is in {status} state and can not be updated.",
            )
        if refused := _untaggable(parameters, stack):
            return refused
        before = stack["StackId"] if stack and status == "REVIEW_IN_PROGRESS" else None
        answer = original(parameters)
        return _same_stack(answer, before, name) if kind == "CREATE" and before else answer

    return create_change_set


def _same_stack(answer: Answer, before: str, name: str) -> Answer:
    """Keeps the ID of a stack in REVIEW_IN_PROGRESS when it gets another change set.

    ministack creates a new one with each change set. "The REVIEW_IN_PROGRESS state" of a
    stack lasts until a change set is executed:
    https://docs.aws.amazon.com/AWSCloudFormation/latest/APIReference/API_CreateChangeSet.html
    """
    status, headers, body = answer
    stack = handlers._resolve_stack(name)
    if status != 200 or stack is None:
        return answer
    after = stack["StackId"]
    stack["StackId"] = before
    events = cloudformation._stack_events
    events[before] = [*events.get(before, []), *events.pop(after, [])]
    for change_set in cloudformation._change_sets.values():
        if change_set["StackId"] == after:
            change_set["StackId"] = before
    return status, headers, body.replace(after.encode(), before.encode())
