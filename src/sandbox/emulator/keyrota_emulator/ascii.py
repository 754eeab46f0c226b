"""CloudFormation's answers that lose text: item ``ascii``.

GetTemplate and DescribeStacks return ``?`` for each character that is not ASCII. AWS does not
document this for templates; it says so where it is asked:
https://github.com/aws-cloudformation/cloudformation-coverage-roadmap/issues/1220
https://github.com/aws-cloudformation/cloudformation-coverage-roadmap/issues/814

It is certain for a template's text and for outputs, and likely for parameters, the description,
and tags, which are treated alike here. Resources are made with the text as it is.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from ministack.services import cloudformation

from . import strict

_OTHER = re.compile(r"[^\x00-\x7f]")

Answer = tuple[int, dict[str, str], bytes]
Operation = Callable[[dict[str, Any]], Answer]


def install() -> None:
    """Has the two operations lose text, where the item is on."""
    if strict.is_on("ascii"):
        actions = cloudformation._ACTION_HANDLERS
        for name in ("DescribeStacks", "GetTemplate"):
            actions[name] = _losing(actions[name])


def _losing(original: Operation) -> Operation:
    def operation(parameters: dict[str, Any]) -> Answer:
        status, headers, body = original(parameters)
        return status, headers, _OTHER.sub("?", body.decode()).encode()

    return operation
