"""The execution of drift-aware change sets, which ``reversion.py`` compares and shows.

* What has drifted is brought back to the template; what is gone is created again, under a new
  name unless the template gives it one.
* A secret in such a change set gets the template's value again: AWS does not say whether
  write-only properties are applied, and this is the worst that it can mean.
* "If the deployment fails, CloudFormation will roll back resources to their actual
  pre-deployment state and preserve out-of-band changes made since the last deployment."

https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/drift-aware-change-sets.html
"""

from __future__ import annotations

import contextvars
import dataclasses
import logging
from collections.abc import Awaitable, Callable
from typing import Any

from ministack.core.responses import new_uuid
from ministack.services import cloudformation
from ministack.services.cloudformation import changesets, provisioners, stacks
from ministack.services.cloudformation import drift as service
from ministack.services.cloudformation import handlers as operations

from . import actual, drift, reversion, schemas
from .changesets import Operation, Stack, named
from .replaced import put

_SECRET = "AWS::SecretsManager::Secret"

Parameters = dict[str, Any]
Properties = dict[str, Any]
Answer = tuple[int, dict[str, str], bytes]

log = logging.getLogger("keyrota.revert")


@dataclasses.dataclass
class _Execution:
    """A drift-aware change set that is being executed, and what it has done so far."""

    statuses: dict[str, str]
    undoing: list[Callable[[], Any]] = dataclasses.field(default_factory=list)
    recreated: set[tuple[str, str]] = dataclasses.field(default_factory=set)


_execution: contextvars.ContextVar[_Execution | None] = contextvars.ContextVar(
    "execution", default=None
)
"""What goes on; the work on a stack goes on in the context of its request."""


def install() -> None:
    """Makes the execution of a drift-aware change set revert drift."""
    actions = cloudformation._ACTION_HANDLERS
    actions["ExecuteChangeSet"] = _execute_change_set(actions["ExecuteChangeSet"])
    put(stacks, "_update_resource", _update(stacks._update_resource, stacks._delete_resource))
    put(stacks, "_delete_resource", _delete(stacks._delete_resource))
    put(
        changesets,
        "_track_change_set_execution",
        _track_execution(changesets._track_change_set_execution),
    )


def _execute_change_set(original: Operation) -> Operation:
    def execute_change_set(parameters: Parameters) -> Answer:
        change_set = named(parameters)
        if change_set is None or not reversion.is_one(change_set):
            return original(parameters)
        changes = [change["ResourceChange"] for change in change_set["Changes"]]
        token = _execution.set(
            _Execution(
                {
                    change["LogicalResourceId"]: change["ResourceDriftStatus"]
                    for change in changes
                    if "ResourceDriftStatus" in change
                }
            )
        )
        try:
            return original(parameters)
        finally:
            _execution.reset(token)

    return execute_change_set


def _update(original: Callable[..., Any], delete: Callable[..., Any]) -> Callable[..., Any]:
    def update(
        kind: str,
        physical_id: str,
        old: Properties,
        new: Properties,
        stack_name: str,
        logical_id: str | None = None,
        *rest: Any,
    ) -> Any:
        execution = _execution.get()
        stack = operations._resolve_stack(stack_name)
        status = execution.statuses.get(logical_id or "") if execution else None
        if not execution or not stack or status is None:
            return original(kind, physical_id, old, new, stack_name, logical_id, *rest)
        if stack["StackStatus"] != "UPDATE_IN_PROGRESS":
            # A rollback.
            return original(kind, physical_id, old, new, stack_name, logical_id, *rest)
        if status == "DELETED":
            # The engine keeps the seed of the new name with the resource.
            provisioners._NAME_SEED.set(new_uuid()[:8])
            created = stacks._provision_resource(kind, logical_id, new, stack_name)
            execution.recreated.add((kind, physical_id))
            if created[0] == physical_id:
                execution.undoing.append(
                    lambda: delete(kind, physical_id, new, stack_name, logical_id)
                )
            return created
        before = _before(kind, old, stack, stack["_resources"][logical_id])
        updated = original(kind, physical_id, before, new, stack_name, logical_id, *rest)
        if before != old and updated[0] == physical_id:
            execution.undoing.append(
                lambda: original(kind, physical_id, new, before, stack_name, logical_id)
            )
        return updated

    return update


def _before(
    kind: str, old: Properties, stack: Stack, record: dict[str, Any]
) -> Properties:
    """Returns what a resource is before it is updated: what drifted, as it is."""
    before = dict(old)
    if kind == _SECRET:
        before = {
            name: value
            for name, value in before.items()
            if name not in schemas.write_only(kind)
        }
    if not actual.is_checked(kind):
        return before
    there = actual.read(kind, record["PhysicalResourceId"], record["Properties"], stack)
    if there is None:
        return before
    expected, held = drift.compared(stack, record, there)
    drifted = {
        difference["PropertyPath"].split("/")[1]
        for difference in service._differences(expected, held, "")
        if reversion.revertible(kind, difference)
    }
    for name in drifted - {"Tags"}:
        if name in held:
            before[name] = held[name]
        else:
            before.pop(name, None)
    if "Tags" in drifted:
        own = provisioners._tag_map(held.get("Tags"))
        before["Tags"] = [
            {**tag, "Value": own.get(tag["Key"], tag["Value"])}
            for tag in old.get("Tags") or []
            if tag["Key"] in own or tag["Key"].startswith("aws:")
        ]
    return before


def _delete(original: Callable[..., Any]) -> Callable[..., Any]:
    """Deletes no predecessor of what was created again: it is gone."""

    def delete(kind: str, physical_id: str, *rest: Any) -> Any:
        execution = _execution.get()
        if execution and (kind, physical_id) in execution.recreated:
            return None
        return original(kind, physical_id, *rest)

    return delete


def _track_execution(original: Callable[..., Awaitable[None]]) -> Callable[..., Awaitable[None]]:
    """Brings what was reverted back to what it was, if the deployment has failed."""

    async def track_execution(change_set: dict[str, Any], stack: Stack, deploy: Any) -> None:
        try:
            await original(change_set, stack, deploy)
        finally:
            execution = _execution.get()
            if execution and stack["StackStatus"] == "UPDATE_ROLLBACK_COMPLETE":
                for undo in reversed(execution.undoing):
                    try:
                        undo()
                    except Exception as error:
                        log.warning("a rollback could not restore a resource: %s", error)
                        stack["StackStatus"] = "UPDATE_ROLLBACK_FAILED"

    return track_execution
