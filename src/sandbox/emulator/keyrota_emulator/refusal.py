"""An error of AWS, on its way from where it is found to where it is answered."""

from __future__ import annotations


class Refused(Exception):
    """An error as AWS answers it: a code, and a message for people."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code
