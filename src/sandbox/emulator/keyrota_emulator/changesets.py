"""Change sets: one operation on a stack at a time, and what fails before it begins.

* A stack that is busy takes no second operation; a deletion that goes on is not begun again.
* "When you execute a change set, CloudFormation deletes all other change sets associated with
  the stack because they aren't valid for the updated stack." Until the operation has ended they
  are there as OBSOLETE, which AWS documents as a status and not when it is set.
  https://docs.aws.amazon.com/AWSCloudFormation/latest/APIReference/API_ExecuteChangeSet.html
  https://docs.aws.amazon.com/AWSCloudFormation/latest/APIReference/API_DescribeChangeSet.html
* Item ``early-validation``: a change set that would create what exists fails, and its reason
  says only where the reasons are: in DescribeEvents, which takes the ARN of a change set and,
  against its reference, not its name.
  https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/validate-stack-deployments.html
  https://docs.aws.amazon.com/AWSCloudFormation/latest/APIReference/API_DescribeEvents.html
  https://github.com/aws-cloudformation/cloudformation-cli/issues/1116
"""

from __future__ import annotations

import re
import uuid
from collections.abc import Awaitable, Callable, Iterator
from typing import Any

from ministack.services import cloudformation, cloudwatch, iam, lambda_svc, sns
from ministack.services import cloudwatch_logs as logs
from ministack.services import secretsmanager as secrets
from ministack.services.cloudformation import changesets, handlers, helpers, stacks

from . import strict
from .replaced import put

_VALIDATION_FAILED = (
    "The following hook(s)/validation failed: [AWS::EarlyValidation::ResourceExistenceCheck]. "
    "To troubleshoot Early Validation errors, use the DescribeEvents API for detailed failure "
    "information."
)
_ID = re.compile(rb"<Id>([^<]+)</Id>")
_NAMES: dict[str, tuple[str, Any]] = {
    "AWS::CloudWatch::Alarm": ("AlarmName", cloudwatch._alarms),
    "AWS::IAM::Role": ("RoleName", iam._roles),
    "AWS::IAM::User": ("UserName", iam._users),
    "AWS::Lambda::Function": ("FunctionName", lambda_svc._functions),
    "AWS::Logs::LogGroup": ("LogGroupName", logs._log_groups),
    "AWS::SecretsManager::Secret": ("Name", secrets._secrets),
}
"""A resource type -> the property with its name, and what exists, by name."""

Parameters = dict[str, Any]
Answer = tuple[int, dict[str, str], bytes]
Operation = Callable[[Parameters], Answer]
Stack = dict[str, Any]


def install() -> None:
    """Puts this module's checks around ministack's operations."""
    actions = cloudformation._ACTION_HANDLERS
    actions["ExecuteChangeSet"] = _execute_change_set(actions["ExecuteChangeSet"])
    actions["UpdateStack"] = _update_stack(actions["UpdateStack"])
    actions["DeleteStack"] = _delete_stack(actions["DeleteStack"])
    put(changesets, "_drop_other_change_sets", _make_obsolete)
    put(
        changesets,
        "_track_change_set_execution",
        _track_execution(changesets._track_change_set_execution),
    )
    if strict.is_on("early-validation"):
        actions["CreateChangeSet"] = _create_change_set(actions["CreateChangeSet"])
        actions["DescribeEvents"] = _describe_events(actions["DescribeEvents"])


def _execute_change_set(original: Operation) -> Operation:
    """ExecuteChangeSet: not while the stack is busy. The stack has the template's description."""

    def execute_change_set(parameters: Parameters) -> Answer:
        change_set = named(parameters)
        stack = handlers._resolve_stack(change_set["StackName"]) if change_set else None
        if stack and _is_busy(stack):
            return helpers._error(
                "ValidationError",
                f"Stack:{stack['StackId']} is in {stack['StackStatus']} state and can not be "
                "updated.",
            )
        answer = original(parameters)
        if answer[0] == 200 and change_set and stack:
            stack["Description"] = change_set["_template"].get("Description", "")
        return answer

    return execute_change_set


def _update_stack(original: Operation) -> Operation:
    """UpdateStack: the change sets that the stack had before are obsolete."""

    def update_stack(parameters: Parameters) -> Answer:
        answer = original(parameters)
        stack = handlers._resolve_stack(helpers._p(parameters, "StackName"))
        if answer[0] == 200 and stack:
            _make_obsolete(stack["StackId"], "")
        return answer

    return update_stack


def _delete_stack(original: Operation) -> Operation:
    """DeleteStack: not in the middle of an update, and not a second time."""

    def delete_stack(parameters: Parameters) -> Answer:
        stack = handlers._resolve_stack(helpers._p(parameters, "StackName"))
        status = stack["StackStatus"] if stack else ""
        if stack and status.startswith("UPDATE_") and _is_busy(stack):
            return helpers._error(
                "ValidationError",
                f"Stack [{stack['StackId']}] cannot be deleted while in status {status}",
            )
        if status == "DELETE_IN_PROGRESS":
            return helpers._xml(200, "DeleteStackResponse", "")
        return original(parameters)

    return delete_stack


def _is_busy(stack: Stack) -> bool:
    status = str(stack["StackStatus"])
    return status.endswith("_IN_PROGRESS") and status != "REVIEW_IN_PROGRESS"


def named(parameters: Parameters) -> dict[str, Any] | None:
    """Returns the change set that a request names."""
    stack = handlers._resolve_stack(helpers._p(parameters, "StackName"))
    name = stack["StackName"] if stack else helpers._p(parameters, "StackName")
    found = changesets._find_change_set(helpers._p(parameters, "ChangeSetName"), name)
    change_set: dict[str, Any] | None = found[1]
    return change_set


def _others(stack_id: str, executed: str) -> Iterator[str]:
    """Yields the IDs of the change sets of a stack but for one."""
    for change_set_id, change_set in list(cloudformation._change_sets.items()):
        if change_set["StackId"] == stack_id and change_set_id != executed:
            yield change_set_id


def _make_obsolete(stack_id: str, executed: str) -> None:
    for change_set_id in _others(stack_id, executed):
        change_set = cloudformation._change_sets[change_set_id]
        if change_set["ExecutionStatus"] == "AVAILABLE":
            change_set["ExecutionStatus"] = "OBSOLETE"


def _track_execution(original: Callable[..., Awaitable[None]]) -> Callable[..., Awaitable[None]]:
    """Deletes the other change sets when one has been executed."""

    async def track_execution(change_set: dict[str, Any], stack: Stack, deploy: Any) -> None:
        others = list(_others(stack["StackId"], change_set["ChangeSetId"]))
        try:
            await original(change_set, stack, deploy)
        finally:
            for change_set_id in others:
                cloudformation._change_sets.pop(change_set_id, None)

    return track_execution


def _create_change_set(original: Operation) -> Operation:
    """CreateChangeSet: fails where it would create what exists."""

    def create_change_set(parameters: Parameters) -> Answer:
        answer = original(parameters)
        match = _ID.search(answer[2])
        if answer[0] != 200 or match is None:
            return answer
        change_set = cloudformation._change_sets[match[1].decode()]
        conflicts = list(_conflicts(change_set))
        if conflicts:
            _fail(change_set, conflicts)
        return answer

    return create_change_set


def _conflicts(change_set: dict[str, Any]) -> Iterator[tuple[str, str, str]]:
    """Yields the logical ID, type, and name of each resource that exists already."""
    template = changesets._resolve_props_for_diff(
        change_set["_template"],
        change_set["_resolved_params"],
        change_set["StackName"],
        change_set["StackId"],
    )
    for change in change_set["Changes"]:
        added = change["ResourceChange"]
        if added["Action"] != "Add" or added["ResourceType"] not in _NAMES:
            continue
        name_property, existing = _NAMES[added["ResourceType"]]
        logical_id = added["LogicalResourceId"]
        name = template["Resources"][logical_id].get("Properties", {}).get(name_property)
        if isinstance(name, str) and name in existing:
            yield logical_id, added["ResourceType"], name


def _fail(change_set: dict[str, Any], conflicts: list[tuple[str, str, str]]) -> None:
    change_set["Status"], change_set["ExecutionStatus"] = "FAILED", "UNAVAILABLE"
    change_set["StatusReason"] = _VALIDATION_FAILED
    change_set["_operation_id"] = operation_id = str(uuid.uuid4())
    stack = handlers._resolve_stack(change_set["StackName"])
    events = stack.setdefault("_operation_events", []) if stack else []
    for logical_id, kind, name in conflicts:
        event = stacks._operation_event(
            change_set["StackId"],
            operation_id,
            "VALIDATION_ERROR",
            "CREATE_CHANGESET",
            LogicalResourceId=logical_id,
            ResourceType=kind,
            ValidationFailureMode="FAIL",
            ValidationName="NAME_CONFLICT_VALIDATION",
            ValidationStatus="FAILED",
            ValidationStatusReason=(
                f"Resource of type '{kind}' with identifier '{name}' already exists."
            ),
            ValidationPath=f"/Resources/{logical_id}",
        )
        events.append(event)


def _describe_events(original: Operation) -> Operation:
    """DescribeEvents: also those of a change set, by its ARN."""

    def describe_events(parameters: Parameters) -> Answer:
        name = helpers._p(parameters, "ChangeSetName")
        if not name.startswith("arn:"):
            named = (name for name in ("StackName", "OperationId") if name in parameters)
            if not any(named):
                return helpers._error(
                    "ValidationError",
                    "One of ChangeSetName, OperationId or StackName must be specified",
                )
            return original(parameters)
        change_set = cloudformation._change_sets.get(name)
        if change_set is None:
            return helpers._error("ChangeSetNotFound", f"ChangeSet [{name}] does not exist", 404)
        # One without an operation of its own has had no failure.
        operation = change_set.get("_operation_id", "none")
        more = {"StackName": [change_set["StackId"]], "OperationId": [operation]}
        return original({**parameters, **more})

    return describe_events
