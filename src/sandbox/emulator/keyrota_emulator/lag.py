"""Values that are eventually consistent: a change reaches each replica at a time of its own.

A service's answer comes from one of its replicas, and another request's from another. So
what has been seen once can be gone with the next request, until every replica has it.

The seed decides which replica answers a request, and when a change reaches it. The same
requests in the same order see the same again.
"""

from __future__ import annotations

import contextvars
import itertools
import random
import weakref
from collections.abc import Callable
from typing import Any, Generic, TypeVar

from . import clock, strict

REPLICAS = 3

SHORTEST = 0.1
"""The shortest lag, as a part of the longest: no change is seen everywhere at once."""

Value = TypeVar("Value")

looks: list[Callable[[], None]] = []
"""What notices that something lagging has been changed, called around each request."""

settles: list[Callable[[], None]] = []
"""What carries out at once what else would happen later."""

_all: weakref.WeakSet[Lagging[Any]] = weakref.WeakSet()
_seed = 0
_requests = itertools.count()
_replica: contextvars.ContextVar[int] = contextvars.ContextVar("replica", default=0)


class Lagging(Generic[Value]):
    """A value whose changes reach the replicas later, and each of them in their order."""

    def __init__(self, subject: str, longest: float, first: Value) -> None:
        """Starts with a value that every replica has. ``longest`` is in seconds."""
        self._subject = subject
        self._longest = longest
        self._forgotten = 0
        self._changes = [(float("-inf"), first)]
        _all.add(self)

    @property
    def latest(self) -> Value:
        """What every replica will have in the end."""
        return self._changes[-1][1]

    def observe(self, value: Value) -> None:
        """Notes what the value is now. The caller does not change it afterwards."""
        if value == self.latest:
            return
        self._changes.append((clock.now(), value))
        known = min(self._newest(replica) for replica in range(REPLICAS))
        del self._changes[:known]
        self._forgotten += known

    def settle(self) -> None:
        """Gives every replica the latest value."""
        self._forgotten += len(self._changes) - 1
        self._changes = [(float("-inf"), self.latest)]

    def seen(self) -> Value:
        """Returns what this request's replica has."""
        return self._changes[self._newest(_replica.get())][1]

    def _newest(self, replica: int) -> int:
        """Returns the place of the newest change that has reached a replica."""
        newest = 0
        for place, (changed, _) in enumerate(self._changes):
            which = f"{_seed} {self._subject} {place + self._forgotten} {replica}"
            delay = self._longest * random.Random(which).uniform(SHORTEST, 1)
            if changed + delay <= clock.now():
                newest = place
        return newest


def use_seed(seed: int) -> None:
    """Decides all lags from now on."""
    global _seed
    _seed = seed


def longest(item: str, seconds: float) -> float:
    """Returns how long a change can take: nothing where the item is off."""
    return seconds if strict.is_on(item) else 0.0


def look() -> None:
    """Notices what has been changed."""
    for each in looks:
        each()


def settle() -> None:
    """Lets everything that has been changed be seen everywhere."""
    look()
    for finish in settles:
        finish()
    for each in _all:
        each.settle()


def begin_request() -> None:
    """Lets the time of a request pass, and chooses the replica that answers it."""
    look()
    clock.request()
    _replica.set(random.Random(f"{_seed} {next(_requests)}").randrange(REPLICAS))
