"""Drift detection, as CloudFormation documents it.

* Only the properties that the template sets are compared, and the stack's tags. A property that
  no service returns is not. ``actual.py`` says what there is.
* A detection goes on for a while, and only one at a time for a stack. It reads with the
  permissions of its caller, as the type's schema lists them.
* A resource that the caller may not read is UNKNOWN, and the detection has failed. Its reason is
  JSON. The types that AWS cannot check stay NOT_CHECKED, and are not listed.
* KMS keys are different: tags that the caller may not list look like tags that are gone.

https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/using-cfn-stack-drift.html
https://docs.aws.amazon.com/AWSCloudFormation/latest/APIReference/API_DescribeStackDriftDetectionStatus.html
https://github.com/aws-cloudformation/cloudformation-coverage-roadmap/issues/801
https://github.com/aws-cloudformation/aws-cloudformation-resource-providers-kms/issues/69
"""

from __future__ import annotations

import contextvars
import copy
import json
import logging
from typing import Any
from xml.sax.saxutils import escape

from ministack.core import iam_actions
from ministack.core.responses import new_uuid, now_iso
from ministack.services import cloudformation
from ministack.services.cloudformation import drift as service
from ministack.services.cloudformation import handlers as operations
from ministack.services.cloudformation import helpers, provisioners

from . import actual, authorization, clock, handlers, imports, lag

LONGEST = 0.3
"""Seconds that a detection takes here. AWS says: several minutes, for many resources."""

_KEPT = 10
"""How many detections of a stack can be described. AWS says that this may vary."""

_CHECKABLE = (
    "CREATE_COMPLETE",
    "UPDATE_COMPLETE",
    "UPDATE_ROLLBACK_COMPLETE",
    "UPDATE_ROLLBACK_FAILED",
    # Not in the list of the user guide, which recommends to detect drift after an import.
    "IMPORT_COMPLETE",
    "IMPORT_ROLLBACK_COMPLETE",
)
_TYPE_CONFIGURATIONS = "cloudformation:BatchDescribeTypeConfigurations"
_OF_ONE_RESOURCE = "cloudformation:DetectStackResourceDrift"

Parameters = dict[str, Any]
Answer = tuple[int, dict[str, str], bytes]
Stack = dict[str, Any]
Record = dict[str, Any]

log = logging.getLogger("keyrota.drift")

_running: list[tuple[float, contextvars.Context, Stack, dict[str, Any], list[str]]] = []
"""The detections that have begun: when each ends, on whose behalf, and what it looks at."""


def install() -> None:
    """Replaces ministack's operations that detect drift."""
    lag.looks.append(_finish_what_is_due)
    lag.settles.append(lambda: _finish_what_is_due(everything=True))
    actions = cloudformation._ACTION_HANDLERS
    actions["DetectStackDrift"] = _detect_stack_drift
    actions["DescribeStackDriftDetectionStatus"] = _describe_detection
    actions["DetectStackResourceDrift"] = _detect_resource_drift


def _checkable(parameters: Parameters) -> tuple[Stack | None, Answer | None]:
    """Returns the stack that a request names, or why its drift cannot be detected."""
    name = helpers._p(parameters, "StackName")
    stack = operations._resolve_stack(name)
    if not stack or stack["StackStatus"] in ("DELETE_COMPLETE", "REVIEW_IN_PROGRESS"):
        return None, helpers._error("ValidationError", f"Stack [{name}] does not exist")
    if stack["StackStatus"] not in _CHECKABLE:
        return None, helpers._error(
            "ValidationError",
            f"Drift detection cannot be performed on stack [{stack['StackId']}] while it is in "
            f"{stack['StackStatus']} state",
        )
    return stack, None


def _detect_stack_drift(parameters: Parameters) -> Answer:
    """DetectStackDrift: begins a detection.

    "You can only run a single drift detection operation on a given stack at the same time."
    https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/detect-drift-stack.html
    """
    stack, refused = _checkable(parameters)
    if stack is None:
        return refused or helpers._error("InternalFailure", "", 500)
    stack_id = stack["StackId"]
    if (message := _refusal(_OF_ONE_RESOURCE, stack_id)) is not None:
        return helpers._error("AccessDenied", message, 403)
    wanted = helpers._extract_string_members(parameters, "LogicalResourceIds")
    unknown = sorted(set(wanted) - set(stack["_resources"]))
    if unknown:
        return helpers._error(
            "ValidationError",
            f"Resources [{', '.join(unknown)}] do not exist in stack [{stack_id}]",
        )
    if any(running["StackId"] == stack_id for _, _, _, running, _ in _running):
        return helpers._error(
            "ValidationError", f"Drift detection is already in progress for stack [{stack_id}]"
        )
    detection = {
        "StackId": stack_id,
        "StackDriftDetectionId": new_uuid(),
        "DetectionStatus": "DETECTION_IN_PROGRESS",
        "Timestamp": now_iso(),
    }
    kept = stack.setdefault("_drift_detections", {})
    kept[detection["StackDriftDetectionId"]] = detection
    while len(kept) > _KEPT:
        kept.pop(next(iter(kept)))
    ends = clock.now() + LONGEST
    _running.append((ends, contextvars.copy_context(), stack, detection, wanted))
    result = f"<StackDriftDetectionId>{detection['StackDriftDetectionId']}</StackDriftDetectionId>"
    return helpers._xml(
        200,
        "DetectStackDriftResponse",
        f"<DetectStackDriftResult>{result}</DetectStackDriftResult>",
    )


def _finish_what_is_due(everything: bool = False) -> None:
    """Ends the detections whose time is over, each with the permissions of its caller."""
    for each in list(_running):
        ends, context, stack, detection, wanted = each
        if everything or ends <= clock.now():
            _running.remove(each)
            context.run(_finish, stack, detection, wanted)


def _finish(stack: Stack, detection: dict[str, Any], wanted: list[str]) -> None:
    """Looks at each resource that AWS can check."""
    now = now_iso()
    drifted, failures = 0, {}
    for logical_id, record in list(stack["_resources"].items()):
        if (wanted and logical_id not in wanted) or not actual.is_checked(record["ResourceType"]):
            continue
        found = of_resource(stack, logical_id, record, now)
        service.record_resource_drift(record, found)
        if found["StackResourceDriftStatus"] == "UNKNOWN":
            failures[logical_id] = found["DriftStatusReason"]
        elif found["StackResourceDriftStatus"] != "IN_SYNC":
            drifted += 1
    status = "DRIFTED" if drifted else "UNKNOWN" if failures else "IN_SYNC"
    detection["StackDriftStatus"] = status
    stack["DriftInformation"] = {"StackDriftStatus": status, "LastCheckTimestamp": now}
    if not failures:
        detection["DetectionStatus"] = "DETECTION_COMPLETE"
        detection["DriftedStackResourceCount"] = drifted
        return
    detection["DetectionStatus"] = "DETECTION_FAILED"
    summary = f"Failed to detect drift on resources [{','.join(failures)}]"
    each = [{"Resource": it, "FailureReason": reason} for it, reason in failures.items()]
    detection["DetectionStatusReason"] = json.dumps({"Summary": summary, "Failures": each})


def _describe_detection(parameters: Parameters) -> Answer:
    """DescribeStackDriftDetectionStatus: of a detection that is kept."""
    detection_id = helpers._p(parameters, "StackDriftDetectionId")
    detection = next(
        (
            stack["_drift_detections"][detection_id]
            for stack in cloudformation._stacks.values()
            if detection_id in stack.get("_drift_detections", {})
        ),
        None,
    )
    if detection is None:
        return helpers._error(
            "ValidationError",
            f"No drift detection operation found with StackDriftDetectionId [{detection_id}]",
        )
    fields = "".join(
        f"<{name}>{escape(str(value))}</{name}>" for name, value in detection.items()
    )
    return helpers._xml(
        200,
        "DescribeStackDriftDetectionStatusResponse",
        f"<DescribeStackDriftDetectionStatusResult>{fields}"
        "</DescribeStackDriftDetectionStatusResult>",
    )


def _detect_resource_drift(parameters: Parameters) -> Answer:
    """DetectStackResourceDrift: looks at one resource, at once."""
    stack, refused = _checkable(parameters)
    if stack is None:
        return refused or helpers._error("InternalFailure", "", 500)
    logical_id = helpers._p(parameters, "LogicalResourceId")
    record = stack["_resources"].get(logical_id)
    if record is None:
        message = f"Resource {logical_id} does not exist for stack {stack['StackName']}"
        return helpers._error("ValidationError", message)
    kind = record["ResourceType"]
    if not actual.is_checked(kind):
        # "Resources that don't currently support drift detection can't be checked."
        message = f"Drift detection is not supported for resource type [{kind}]"
        return helpers._error("ValidationError", message)
    found = of_resource(stack, logical_id, record, now_iso())
    service.record_resource_drift(record, found)
    information = stack.setdefault("DriftInformation", {"StackDriftStatus": "NOT_CHECKED"})
    information["LastCheckTimestamp"] = found["Timestamp"]
    return helpers._xml(
        200,
        "DetectStackResourceDriftResponse",
        "<DetectStackResourceDriftResult><StackResourceDrift>"
        f"{operations._stack_resource_drift_xml(found)}"
        "</StackResourceDrift></DetectStackResourceDriftResult>",
    )


def _refusal(action: str, arn: str) -> str | None:
    """Returns why the caller may not do something of CloudFormation's own; None if it may."""
    caller = handlers.calling()
    denied = authorization.refusal(caller, action, arn) if caller else None
    if denied is None:
        return None
    return iam_actions.identity_denial_message(
        action, denied.principal_arn, arn, denied.decision == "Deny"
    )


def of_resource(stack: Stack, logical_id: str, record: Record, now: str) -> dict[str, Any]:
    """Returns the StackResourceDrift of a resource of a type that AWS can check."""
    kind, physical_id = record["ResourceType"], record["PhysicalResourceId"]
    found: dict[str, Any] = {
        "StackId": stack["StackId"],
        "LogicalResourceId": logical_id,
        "PhysicalResourceId": physical_id,
        "ResourceType": kind,
        "Timestamp": now,
    }
    try:
        if message := _refusal(_TYPE_CONFIGURATIONS, "*"):
            raise PermissionError(message)
        there = read(stack, record)
    except Exception as error:
        # A detection ends around some other request, which must not fail with it.
        if not isinstance(error, PermissionError):
            log.exception("cannot read %s", logical_id)
        reason = str(error) if isinstance(error, PermissionError) else "Internal Failure"
        return {**found, "StackResourceDriftStatus": "UNKNOWN", "DriftStatusReason": reason}
    if there is None:
        return {**found, "StackResourceDriftStatus": "DELETED"}
    expected, held = compared(stack, record, there)
    differences = service._differences(expected, held, "")
    found["ExpectedProperties"] = json.dumps(expected, sort_keys=True)
    found["ActualProperties"] = json.dumps(held, sort_keys=True, default=str)
    found["StackResourceDriftStatus"] = "MODIFIED" if differences else "IN_SYNC"
    if differences:
        found["PropertyDifferences"] = differences
    return found


def read(stack: Stack, record: Record) -> dict[str, Any] | None:
    """Returns what a resource is now; None if it is gone.

    Raises PermissionError if the caller may not read it.
    """
    kind, physical_id = record["ResourceType"], record["PhysicalResourceId"]
    properties = record.get("Properties") or {}
    tags = imports.tags_of(kind, physical_id)
    denied = handlers.denied_to_read(
        kind, physical_id, {**properties, "Tags": tags} if tags else properties
    )
    tags_hidden = kind == "AWS::KMS::Key" and denied.pop("kms:ListResourceTags", None)
    for message in denied.values():
        raise PermissionError(message)
    there = actual.read(kind, physical_id, properties, stack)
    return {**there, "Tags": []} if there and tags_hidden else there


def compared(
    stack: Stack, record: Record, there: dict[str, Any]
) -> tuple[dict[str, Any], dict[str, Any]]:
    """Returns what is compared of a resource: what the template says, and what there is."""
    kind, properties = record["ResourceType"], record.get("Properties") or {}
    names = {name for name in properties if actual.comparable(kind, name)} | {"Tags"}
    expected = service._expected_properties(kind, properties, names, stack.get("Tags") or [])
    held: dict[str, Any] = {}
    for name, value in expected.items():
        if name not in there:
            continue
        found = copy.deepcopy(there[name])
        if name == provisioners._STACK_TAG_PROPERTY.get(kind, (None,))[0]:
            own = provisioners._tag_map(found)
            found = service._tags_in_shape(
                {key: text for key, text in own.items() if not key.startswith("aws:")}, value
            )
        held[name] = service._coerce_like(value, found)
    return expected, held
