"""Finds the owner of the other end of a loopback connection, as far as that is possible.

A port of 127.0.0.1 can be reached by every user of this machine, and by every page that a
browser on it shows.
"""

from __future__ import annotations

import os
import pathlib
import re

OF_BROWSERS = ("origin", "sec-fetch-site")
"""Headers in lower case that browsers send for pages, and programs do not."""

_HOST = re.compile(r"(?:127\.0\.0\.1|localhost|\[::1\])(?::[0-9]{1,5})?", re.IGNORECASE)
_CONNECTIONS = pathlib.Path("/proc/net/tcp")


def is_named(host: str) -> bool:
    """Returns whether a Host header names this machine's loopback, with or without a port."""
    return _HOST.fullmatch(host) is not None


def is_own(port: int) -> bool:
    """Returns whether a process of this user holds the other end, if Linux reports it."""
    try:
        table = _CONNECTIONS.read_text()
    except OSError:
        return True
    return owner(table, port) == os.getuid()


def owner(table: str, port: int) -> int | None:
    """Returns the user that holds the end of a connection at a port of 127.0.0.1.

    The table is that of ``/proc/net/tcp`` (proc_net_tcp in the Linux kernel's documentation),
    whose addresses are in the byte order of the machine.
    """
    ends = (f"0100007F:{port:04X}", f"7F000001:{port:04X}")
    for line in table.splitlines()[1:]:
        fields = line.split()
        if fields[1] in ends and fields[2] != "00000000:0000":
            return int(fields[7])
    return None
