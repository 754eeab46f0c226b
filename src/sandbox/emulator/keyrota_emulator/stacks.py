"""Where CloudFormation refuses a stack operation, and where it finds a template.

https://docs.aws.amazon.com/AWSCloudFormation/latest/APIReference/API_CreateChangeSet.html
https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/view-stack-events.html
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any
from urllib.parse import urlsplit

from ministack.services import cloudformation
from ministack.services.cloudformation import handlers, helpers

_UPDATABLE = (
    "CREATE_COMPLETE",
    "UPDATE_COMPLETE",
    "UPDATE_ROLLBACK_COMPLETE",
    "IMPORT_COMPLETE",
    "IMPORT_ROLLBACK_COMPLETE",
)
_FREE = ("DELETE_COMPLETE", "REVIEW_IN_PROGRESS")
_VIRTUAL_HOST = re.compile(r"(?P<bucket>.+)\.s3([.-][a-z0-9-]+)?\.amazonaws\.com")

Parameters = dict[str, Any]
Answer = tuple[int, dict[str, str], bytes]
Operation = Callable[[Parameters], Answer]


def install() -> None:
    """Puts this module's checks before ministack's operations."""
    actions = cloudformation._ACTION_HANDLERS
    for name in ("CreateStack", "UpdateStack", "ValidateTemplate", "GetTemplateSummary"):
        actions[name] = _with_path_style_url(actions[name])
    actions["CreateStack"] = _create_stack(actions["CreateStack"])
    actions["CreateChangeSet"] = _create_change_set(
        _with_path_style_url(actions["CreateChangeSet"])
    )


def _with_path_style_url(original: Operation) -> Operation:
    """Reads a template from ``https://BUCKET.s3.REGION.amazonaws.com/KEY``, too.

    ministack takes the first part of the path for the bucket.
    https://docs.aws.amazon.com/AmazonS3/latest/userguide/VirtualHosting.html
    """

    def operation(parameters: Parameters) -> Answer:
        url = urlsplit(helpers._p(parameters, "TemplateURL"))
        if match := _VIRTUAL_HOST.fullmatch(url.hostname or ""):
            path = f"/{match['bucket']}{url.path}"
            parameters = {**parameters, "TemplateURL": [url._replace(path=path).geturl()]}
        return original(parameters)

    return operation


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
        return original(parameters)

    return create_change_set
