"""What an assumption is, and what can be seen of it."""

from dataclasses import dataclass
from typing import Callable

EXPECTED = "expected"
DIFFERENT = "different"
NOT_LOOKED_AT = "not looked at"
FAILED = "failed"


class NotLookedAt(Exception):
    """The assumption cannot be checked here, and why."""


@dataclass(frozen=True)
class Seen:
    """What a look has seen. `seconds` is how long AWS took, if that is what the look is about."""

    verdict: str
    text: str
    seconds: float | None = None


def seen(holds, text, seconds=None):
    """Returns what was seen: expected if it holds, and different otherwise."""
    return Seen(EXPECTED if holds else DIFFERENT, text, seconds)


@dataclass(frozen=True)
class Assumption:
    """An assumption about AWS. `row` is the first cell of its row in docs/truth.md."""

    name: str
    row: str
    expectation: str
    look: Callable
    phase: str


ASSUMPTIONS = []

PHASES = ("alone", "deployed", "torn down")
"""When a look happens: without keyrota, with a deployed stack, or after the teardown."""


def assumption(row, expectation, phase="alone"):
    """Registers a function as the look at an assumption, in the order of the source."""
    if phase not in PHASES:
        raise ValueError(phase)

    def register(look):
        name = look.__name__.replace("_", "-")
        ASSUMPTIONS.append(Assumption(name, row, expectation, look, phase))
        return look

    return register
