"""The time by which lags end and rates are counted.

Real, it is the time of the machine. Virtual, it stands still but for two things: each request
takes ``--tick`` seconds, and root advances it by ``POST /_ministack/advance?seconds=N``. So a
test waits for nothing, and the same calls see the same AWS again.

The dates that services return are always of the machine's clock, as are those of the
program that reads them.
"""

from __future__ import annotations

import time

TICK = 0.1
"""How long a request takes by default, in seconds: about what AWS needs to answer one."""

_virtual: float | None = None
_tick = TICK


def use_virtual(tick: float) -> None:
    """Makes the time virtual; each request then takes ``tick`` seconds."""
    global _virtual, _tick
    _virtual, _tick = 0.0, tick


def now() -> float:
    """Returns the time in seconds since some moment."""
    return time.monotonic() if _virtual is None else _virtual


def advance(seconds: float) -> bool:
    """Lets virtual time pass; returns whether time is virtual."""
    global _virtual
    if _virtual is None:
        return False
    _virtual += seconds
    return True


def request() -> None:
    """Lets the time pass that a request takes."""
    advance(_tick)
