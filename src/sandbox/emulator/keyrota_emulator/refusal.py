"""An AWS error that an operation raises and its service answers with."""

from __future__ import annotations


class Refused(Exception):
    """An error in an AWS response: a code, and a message for people."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code
