"""Which of the ways that make AWS harder to use than a local AWS are on.

Each is a fact about AWS that a program has to live with, and that is off unless the command
line names it: ``--strict all``, or ``--strict iam-lag,throttle``. ``README.md`` has a row with
the page of AWS for each.
"""

from __future__ import annotations

ITEMS = {
    "ascii": "GetTemplate and DescribeStacks return ? for what is not ASCII",
    "early-validation": "a change set that conflicts with what exists fails, and only "
    "DescribeEvents says why",
    "iam-lag": "changes of IAM reach each request later, and not all at once",
    "last-used": "the last use of a key is recorded once in 15 minutes, and reported later",
    "networks": "subnets and security groups that do not exist are refused",
    "principals": "principals in policies on resources that do not exist are refused",
    "replica-lag": "a replica of a secret gets a change later, and is InProgress until then",
    "sns-conditions": "EventBridge does not publish to a topic by a statement with a Condition",
    "stack-lag": "DescribeStacks returns the status before an operation for a while",
    "tag-lag": "changed tags of secrets are seen later, and those of KMS keys count later",
    "throttle": "calls are refused above the rates of AWS",
}
"""Each item with what it does."""

ALL = "all"

_on: frozenset[str] = frozenset()


def parse(text: str) -> frozenset[str]:
    """Returns the items of a list that is separated by commas.

    Raises ValueError, which names what is no item.
    """
    names = frozenset(name for name in text.split(",") if name)
    if ALL in names:
        return frozenset(ITEMS)
    if unknown := sorted(names - ITEMS.keys()):
        known = ", ".join([ALL, *ITEMS])
        raise ValueError(f"unknown: {', '.join(unknown)}. There are: {known}")
    return names


def turn_on(items: frozenset[str]) -> None:
    """Turns these items on, and no others."""
    global _on
    _on = items


def is_on(item: str) -> bool:
    """Says whether an item is on; raises KeyError for one that does not exist."""
    ITEMS[item]
    return item in _on
