"""The processes that functions run in: what they see, and that none is left behind.

ministack runs a function as a local process and hands it the whole environment of the
server. Here such a process sees what Lambda gives it and AWS_ENDPOINT_URL, and nothing
else: https://docs.aws.amazon.com/lambda/latest/dg/configuration-envvars.html

It takes its events from the Runtime API, an HTTP server on a port of its own, which knows no
credentials. So that server answers this user's processes alone, and no web page: anybody
else could take an event away, or answer it in the function's place.
"""

from __future__ import annotations

import http.server
import os
import signal
import socketserver
import subprocess
import threading
from collections.abc import Callable
from types import ModuleType
from typing import Any

from ministack.core import lambda_runtime
from ministack.services import lambda_svc

from . import loopback
from .replaced import put

_lock = threading.Lock()
_alive: set[FunctionProcess] = set()
_ending = False


class FunctionProcess(subprocess.Popen[Any]):
    """A function's process: the leader of a group of its own, ended with the emulator."""

    def __init__(self, *arguments: Any, **options: Any) -> None:
        options.setdefault("stdin", subprocess.DEVNULL)
        options["start_new_session"] = True
        with _lock:
            if _ending:
                raise OSError("the emulator is ending")
            for process in [process for process in _alive if process.returncode is not None]:
                _alive.discard(process)
            super().__init__(*arguments, **options)
            _alive.add(self)

    def send_signal(self, sig: int) -> None:
        """Signals the whole group, so that what a function has started ends with it."""
        if self.poll() is None:
            os.killpg(self.pid, sig)


class _Substitute(ModuleType):
    """A module in which some names have another value."""

    def __init__(self, module: ModuleType, **names: Any) -> None:
        super().__init__(module.__name__)
        self._module = module
        self.__dict__.update(names)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._module, name)


def install(endpoint_url: str) -> None:
    """Makes ministack's two modules that start processes use this module's environment."""
    # The Runtime API writes an event's head and body apart. The kernel would hold the body
    # back until the head is acknowledged, 40 ms later, at each invocation.
    socketserver.StreamRequestHandler.disable_nagle_algorithm = True
    # No other server in this process is made of these classes.
    socketserver.BaseServer.verify_request = _verify_request
    http.server.BaseHTTPRequestHandler.parse_request = _parse_request(
        http.server.BaseHTTPRequestHandler.parse_request
    )
    environment = {
        "AWS_ENDPOINT_URL": endpoint_url,
        "LANG": "en_US.UTF-8",
        "PATH": os.environ.get("PATH", os.defpath),
        "TZ": ":UTC",
    }
    for module in (lambda_runtime, lambda_svc):
        put(module, "os", _Substitute(os, environ=environment))
        put(module, "subprocess", _Substitute(subprocess, Popen=FunctionProcess))


def _verify_request(
    _server: socketserver.BaseServer, _request: Any, client_address: tuple[str, int]
) -> bool:
    return loopback.is_own(client_address[1])


def _parse_request(original: Callable[[Any], bool]) -> Callable[[Any], bool]:
    """Refuses what only a browser sends, and another name for this machine than its loopback."""

    def parse_request(handler: http.server.BaseHTTPRequestHandler) -> bool:
        if not original(handler):
            return False
        headers = handler.headers
        of_page = any(name in headers for name in loopback.OF_BROWSERS)
        if of_page or not loopback.is_named(headers.get("Host", "")):
            handler.send_error(403)
            return False
        return True

    return parse_request


def end_all() -> None:
    """Kills every function's process group, and lets none start from now on."""
    global _ending
    with _lock:
        _ending = True
        for process in _alive:
            try:
                os.killpg(process.pid, signal.SIGKILL)
            except (ProcessLookupError, PermissionError):
                pass
