"""Drift-aware change sets: what ``DeploymentMode: REVERT_DRIFT`` compares and shows.

Such a change set compares the template, the last deployment, and what there is now, which it
reads with the caller's permissions. ``revert.py`` executes it.

* A resource that was changed is in it, although the template has not changed. So is one that is
  gone: it is created again. What refers to it is changed with it.
* A type that AWS cannot check is compared as in any other change set. So is a resource that the
  caller may not read; its status is UNKNOWN.
* It leaves tags alone whose keys the template does not have, and properties that cannot be
  changed without replacing the resource.
* What no service returns, like the value of a secret, is compared with the last deployment.

https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/drift-aware-change-sets.html
https://docs.aws.amazon.com/AWSCloudFormation/latest/APIReference/API_ResourceTargetDefinition.html
https://aws.amazon.com/blogs/devops/safely-handle-configuration-drift-with-cloudformation-drift-aware-change-sets/
"""

from __future__ import annotations

import dataclasses
import json
import re
from typing import Any
from xml.sax.saxutils import escape

from ministack.core.responses import now_iso
from ministack.services import cloudformation
from ministack.services.cloudformation import changesets, helpers, stacks
from ministack.services.cloudformation import drift as service
from ministack.services.cloudformation import handlers as operations

from . import actual, drift, schemas
from .changesets import Operation, Stack

MODE = "REVERT_DRIFT"

_ID = re.compile(rb"<Id>([^<]+)</Id>")
_CHANGES = re.compile(r"<Changes>.*</Changes>", re.DOTALL)
_TURNED = {"ADD": "Remove", "REMOVE": "Add", "NOT_EQUAL": "Modify"}
"""What reverting does to a property, by how it differs."""

Parameters = dict[str, Any]
Answer = tuple[int, dict[str, str], bytes]
Change = dict[str, Any]
Detail = dict[str, Any]


@dataclasses.dataclass(frozen=True)
class _State:
    """How a resource differs from its last deployment."""

    status: str
    differences: tuple[dict[str, str], ...] = ()
    held: dict[str, Any] | None = None


def install() -> None:
    """Adds the deployment mode to the operations on change sets."""
    actions = cloudformation._ACTION_HANDLERS
    actions["CreateChangeSet"] = _create_change_set(actions["CreateChangeSet"])
    actions["DescribeChangeSet"] = _describe_change_set(actions["DescribeChangeSet"])


def is_one(change_set: dict[str, Any] | None) -> bool:
    """Returns whether a change set is drift-aware."""
    return bool(change_set) and change_set.get("_deployment_mode") == MODE


def revertible(kind: str, difference: dict[str, str]) -> bool:
    """Returns whether a drift-aware change set reverts a difference."""
    return _name(difference) not in schemas.create_only(kind)


def _name(difference: dict[str, str]) -> str:
    return difference["PropertyPath"].split("/")[1]


def _create_change_set(original: Operation) -> Operation:
    """CreateChangeSet: also with a deployment mode."""

    def create_change_set(parameters: Parameters) -> Answer:
        mode = helpers._p(parameters, "DeploymentMode")
        if not mode:
            return original(parameters)
        if mode != MODE:
            return helpers._error(
                "ValidationError",
                f"1 validation error detected: Value '{mode}' at 'deploymentMode' failed to "
                f"satisfy constraint: Member must satisfy enum value set: [{MODE}]",
            )
        if helpers._p(parameters, "ChangeSetType") == "IMPORT":
            return helpers._error(
                "ValidationError", f"DeploymentMode {mode} cannot be used to import resources"
            )
        answer = original(parameters)
        match = _ID.search(answer[2])
        if answer[0] != 200 or match is None:
            return answer
        change_set = cloudformation._change_sets[match[1].decode()]
        change_set["_deployment_mode"] = mode
        stack = operations._resolve_stack(change_set["StackName"])
        if stack and change_set["ChangeSetType"] == "UPDATE":
            _compare(stack, change_set)
        return answer

    return create_change_set


def _compare(stack: Stack, change_set: dict[str, Any]) -> None:
    """Adds to a change set what has drifted."""
    now = now_iso()
    states = {
        logical_id: _state(stack, record) for logical_id, record in stack["_resources"].items()
    }
    found = {state.status for state in states.values()}
    change_set["_stack_drift_status"] = (
        "DRIFTED"
        if found & {"DELETED", "MODIFIED"}
        else "UNKNOWN"
        if "UNKNOWN" in found
        else "IN_SYNC"
    )
    template = change_set["_template"].get("Resources", {})
    changes = {
        change["ResourceChange"]["LogicalResourceId"]: change["ResourceChange"]
        for change in _changes(stack, change_set, states)
    }
    for logical_id, state in states.items():
        record = stack["_resources"][logical_id]
        change = changes.get(logical_id)
        if state.status == "DELETED" and logical_id in template:
            kind = record["ResourceType"]
            change = changes[logical_id] = {
                "Action": "Add",
                "LogicalResourceId": logical_id,
                "ResourceType": kind,
            }
        elif state.differences and logical_id in template:
            change = _with_drift(record, logical_id, state, change, now)
            if change is not None:
                changes[logical_id] = change
        if change is not None:
            wanted = (template.get(logical_id) or {}).get("Properties") or {}
            _explain(change, record, state, wanted)
    change_set["Changes"] = [{"ResourceChange": changes[each]} for each in sorted(changes)]
    if changes and "didn't contain changes" in change_set["StatusReason"]:
        change_set["Status"], change_set["ExecutionStatus"] = "CREATE_COMPLETE", "AVAILABLE"
        change_set["StatusReason"] = ""


def _state(stack: Stack, record: dict[str, Any]) -> _State:
    kind = record["ResourceType"]
    if not actual.is_checked(kind):
        return _State("UNSUPPORTED")
    try:
        there = drift.read(stack, record)
    except PermissionError:
        return _State("UNKNOWN")
    if there is None:
        return _State("DELETED")
    expected, held = drift.compared(stack, record, there)
    differences = [
        each
        for each in service._differences(expected, held, "")
        if not (_name(each) == "Tags" and each["DifferenceType"] == "ADD")
    ]
    return _State("MODIFIED" if differences else "IN_SYNC", tuple(differences), held)


def _changes(
    stack: Stack, change_set: dict[str, Any], states: dict[str, _State]
) -> list[dict[str, Any]]:
    """Returns the changes of the template, and of what refers to a resource that is gone."""
    name, stack_id = stack["StackName"], stack["StackId"]
    parameters, before = change_set["_resolved_params"], stack["_resolved_params"]
    with stacks._stack_region_context(stack, stack_id):
        old = changesets._resolve_props_for_diff(stack["_template"], before, name, stack_id)
        new = changesets._resolve_props_for_diff(
            change_set["_template"], parameters, name, stack_id
        )
    for logical_id, state in states.items():
        if state.status == "DELETED" and logical_id in old["Resources"]:
            # Compared as another resource, it makes the references to it change.
            old["Resources"][logical_id]["Type"] = "gone"
    changed = {
        key
        for key, value in parameters.items()
        if before.get(key, {}).get("Value") != value.get("Value")
    }
    retagged = stacks._stack_tags_changed(stack, change_set["Tags"], change_set["_tags_given"])
    found: list[dict[str, Any]] = stacks._diff_resources(
        old,
        new,
        stack["_resources"],
        change_set["_template"],
        changed,
        stack["_resources"] if retagged else (),
    )
    return found


def _with_drift(
    record: dict[str, Any], logical_id: str, state: _State, change: Change | None, now: str
) -> Change | None:
    """Returns a resource's change together with what it reverts; None if that is nothing."""
    kind = record["ResourceType"]
    details: list[Detail] = (change or {}).get("Details", [])
    in_template = {it["Target"].get("Name"): it for it in details}
    added = []
    for difference in state.differences:
        if not revertible(kind, difference):
            continue
        drifted = {
            "PreviousValue": difference["ExpectedValue"],
            "ActualValue": difference["ActualValue"],
            "DriftDetectionTimestamp": now,
        }
        detail = in_template.get(_name(difference))
        if detail is not None:
            detail["Target"]["Drift"] = drifted
            continue
        added.append(
            {
                "Target": {
                    "Attribute": "Properties",
                    "Name": _name(difference),
                    "RequiresRecreation": "Never",
                    "Path": f"/Properties{difference['PropertyPath']}",
                    "BeforeValue": difference["ActualValue"],
                    "AfterValue": difference["ExpectedValue"],
                    "BeforeValueFrom": "ACTUAL_STATE",
                    "AfterValueFrom": "TEMPLATE",
                    "Drift": drifted,
                    "AttributeChangeType": _TURNED[difference["DifferenceType"]],
                },
                "Evaluation": "Static",
            }
        )
    if change is None and not added:
        return None
    change = change or {
        "Action": "Modify",
        "LogicalResourceId": logical_id,
        "PhysicalResourceId": record["PhysicalResourceId"],
        "ResourceType": kind,
        "Replacement": "False",
        "Scope": [],
        "Details": [],
    }
    change["Details"] = [*details, *added]
    if added and "Properties" not in change["Scope"]:
        change["Scope"] = [*change["Scope"], "Properties"]
    return change


def _explain(
    change: Change, record: dict[str, Any], state: _State, wanted: dict[str, Any]
) -> None:
    """Says of a change where its values come from, and what it does not look at.

    A template that now says what there is changes nothing.
    """
    kind, properties = record["ResourceType"], record.get("Properties") or {}
    change["ResourceDriftStatus"] = state.status
    if state.held is None:
        return
    for detail in change.get("Details", []):
        target = detail["Target"]
        name = target.get("Name")
        if target["Attribute"] != "Properties" or "BeforeValueFrom" in target:
            continue
        readable = actual.comparable(kind, name)
        value = state.held.get(name) if readable else properties.get(name)
        target["BeforeValueFrom"] = "ACTUAL_STATE" if readable else "PREVIOUS_DEPLOYMENT_STATE"
        target["AfterValueFrom"] = "TEMPLATE"
        if value is not None:
            target["BeforeValue"] = value if isinstance(value, str) else json.dumps(value)
        if "Drift" in target and not service._differences({name: wanted.get(name)}, {name: value}, ""):
            detail["ChangeSource"] = "NoModification"
            target["AttributeChangeType"] = "SyncWithActual"
    details = change.get("Details", [])
    if details and all(
        it["Target"].get("AttributeChangeType") == "SyncWithActual" for it in details
    ):
        change["Action"] = "SyncWithActual"
        del change["Replacement"]
    ignored = [name for name in schemas.write_only(kind) if name in properties]
    if ignored:
        change["ResourceDriftIgnoredAttributes"] = [
            {"Path": f"/Properties/{name}", "Reason": "WRITE_ONLY_PROPERTY"} for name in ignored
        ]


def _describe_change_set(original: Operation) -> Operation:
    """DescribeChangeSet: shows what ministack's does not know."""

    def describe_change_set(parameters: Parameters) -> Answer:
        status, headers, body = original(parameters)
        stack = helpers._p(parameters, "StackName")
        resolved = operations._resolve_stack(stack) if stack else None
        _, change_set = changesets._find_change_set(
            helpers._p(parameters, "ChangeSetName"), resolved["StackName"] if resolved else stack
        )
        if status != 200 or not is_one(change_set):
            return status, headers, body
        shown = [{"Type": "Resource", **change} for change in change_set["Changes"]]
        more = {
            "DeploymentMode": MODE,
            "StackDriftStatus": change_set.get("_stack_drift_status", "NOT_CHECKED"),
            "Changes": shown,
        }
        text = _CHANGES.sub(lambda _: _xml(more), body.decode())
        return status, headers, text.encode()

    return describe_change_set


def _xml(value: Any) -> str:
    if isinstance(value, dict):
        return "".join(f"<{name}>{_xml(each)}</{name}>" for name, each in value.items())
    if isinstance(value, list):
        return "".join(f"<member>{_xml(each)}</member>" for each in value)
    return escape(str(value))
