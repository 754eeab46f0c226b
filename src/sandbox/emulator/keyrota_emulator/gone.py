"""Updates of resources that were deleted behind CloudFormation's back.

ministack creates some of them again, and updates of others fail in ways of their own. On AWS,
"an update handler MUST return FAILED with a NotFound error code if the resource didn't exist
before the update request", and the update is rolled back. What the template replaces is created
anew, and a deletion succeeds for what is gone.

https://docs.aws.amazon.com/cloudformation-cli/latest/userguide/resource-type-test-contract.html
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ministack.services.cloudformation import handlers, stacks

from . import actual, schemas
from .replaced import put

Properties = dict[str, Any]


def install() -> None:
    """Fails each update of what is gone."""
    put(stacks, "_update_resource", _update(stacks._update_resource))


def _update(original: Callable[..., Any]) -> Callable[..., Any]:
    def update(
        kind: str,
        physical_id: str,
        old: Properties,
        new: Properties,
        stack_name: str,
        *rest: Any,
    ) -> Any:
        if (
            old != new
            and actual.is_known(kind)
            and all(old.get(name) == new.get(name) for name in schemas.create_only(kind))
            and actual.read(kind, physical_id, old, handlers._resolve_stack(stack_name) or {})
            is None
        ):
            raise LookupError(
                f"Resource handler returned message: \"Resource of type '{kind}' with "
                f"identifier '{physical_id}' was not found.\" (HandlerErrorCode: NotFound)"
            )
        return original(kind, physical_id, old, new, stack_name, *rest)

    return update
