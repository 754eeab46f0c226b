"""What services other than IAM return as it was: items ``stack-lag`` and ``tag-lag``.

Right after a call, DescribeStacks may still show the status from before it. AWS does not
document that; the stack's own events are the truth, and they do not lag here.

"Tag and alias changes might take up to five minutes to affect KMS key authorization."
https://docs.aws.amazon.com/kms/latest/developerguide/tag-authorization.html

CloudFormation changes the tags of a secret by UntagResource, then TagResource, so that a request
can see the secret without them:
https://github.com/aws-cloudformation/cloudformation-coverage-roadmap/issues/1707
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator
from typing import Any

from ministack.services import cloudformation, kms, secretsmanager, tagging

from . import lag, strict
from .lag import Lagging
from .replaced import put

STACK_LONGEST = 5.0
"""Seconds until DescribeStacks shows a change. An assumption."""

SECRET_LONGEST = 5.0
"""Seconds until a secret's changed tags are seen. An assumption."""

KEY_LONGEST = 300.0
"""Seconds until a KMS key's changed tags count."""

_SHOWN = (
    "Description",
    "LastUpdatedTime",
    "Outputs",
    "Parameters",
    "StackStatus",
    "StackStatusReason",
    "Tags",
)
"""What of a stack lags."""

Tags = dict[str, str]
Answer = tuple[int, dict[str, str], bytes]
Operation = Callable[[dict[str, Any]], Answer]

_stacks: dict[str, Lagging[dict[str, Any]]] = {}
"""A stack's ID -> what of it is shown."""

_tags: dict[str, Lagging[Tags]] = {}
"""The ARN of a secret or a KMS key -> its tags."""


def install() -> None:
    """Has what lags be looked at around each request, where an item is on."""
    if strict.is_on("stack-lag"):
        lag.looks.append(_look_at_stacks)
        actions = cloudformation._ACTION_HANDLERS
        for name in ("DescribeStacks", "ListStacks"):
            actions[name] = _showing_the_past(actions[name])
    if strict.is_on("tag-lag"):
        lag.looks.append(look_at_tags)
        put(tagging, "resource_tags", _resource_tags(tagging.resource_tags))


def tags_of(secret: dict[str, Any]) -> list[dict[str, str]]:
    """Returns the tags of a secret as a request sees them."""
    seen = _tags.get(secret["ARN"])
    if seen is None:
        return list(secret.get("Tags") or [])
    return [{"Key": key, "Value": value} for key, value in seen.seen().items()]


def look_at_tags() -> None:
    """Notes the tags that there are now."""
    if not strict.is_on("tag-lag"):
        return
    for arn, longest, tags in _tagged():
        if arn not in _tags:
            # Its ARN is another one with each run.
            _tags[arn] = Lagging(f"tags {len(_tags)}", longest, {})
        _tags[arn].observe(tags)


def _tagged() -> Iterator[tuple[str, float, Tags]]:
    for secret in list(secretsmanager._secrets._data.values()):
        tags = {tag["Key"]: tag.get("Value", "") for tag in secret.get("Tags") or []}
        yield secret["ARN"], SECRET_LONGEST, tags
    for key in list(kms._keys._data.values()):
        tags = {tag["TagKey"]: tag["TagValue"] for tag in key.get("Tags") or []}
        yield key["Arn"], KEY_LONGEST, tags


def _resource_tags(original: Callable[[str], Any]) -> Callable[[str], Any]:
    """Decides by the tags that a request sees what a condition on them says."""

    def resource_tags(arn: str) -> Any:
        # CloudFormation uses within one request what it has created.
        if arn not in _tags:
            look_at_tags()
        seen = _tags.get(arn)
        return original(arn) if seen is None else seen.seen()

    return resource_tags


def _look_at_stacks() -> None:
    for stack in list(cloudformation._stacks._data.values()):
        shown = {name: stack.get(name) for name in _SHOWN}
        seen = _stacks.get(stack["StackId"])
        if seen is None:
            which = f"stack {stack['StackName']}"
            _stacks[stack["StackId"]] = Lagging(which, STACK_LONGEST, copy.deepcopy(shown))
        elif shown != seen.latest:
            seen.observe(copy.deepcopy(shown))


def _showing_the_past(original: Operation) -> Operation:
    """Runs an operation on the stacks as they were."""

    def operation(parameters: dict[str, Any]) -> Answer:
        stacks = cloudformation._stacks
        present = dict(stacks.items())
        try:
            for name, stack in present.items():
                if seen := _stacks.get(stack["StackId"]):
                    stacks[name] = {**stack, **seen.seen()}
            return original(parameters)
        finally:
            for name, stack in present.items():
                stacks[name] = stack

    return operation
