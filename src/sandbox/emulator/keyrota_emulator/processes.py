"""The functions' processes: their environment, and that none is left behind.

ministack runs a function as a local process with the whole environment of the
server. Here such a process gets the variables that Lambda sets and AWS_ENDPOINT_URL, and nothing
else: https://docs.aws.amazon.com/lambda/latest/dg/configuration-envvars.html

It gets its events from the Runtime API, an HTTP server on its own port, which checks no
credentials. Therefore that server answers only this user's processes, and no web page: anyone
else could receive an event, or answer it in the function's place.
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
    """A function's process: the leader of its own group, which ends with the emulator."""

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
        """Signals the whole group, so that a function's child processes end with it."""
        if self.poll() is None:
            os.killpg(self.pid, sig)


class _Substitute(ModuleType):
    """A module with some names replaced."""

    def __init__(self, module: ModuleType, **names: Any) -> None:
        super().__init__(module.__name__)
        self._module = module
        self.__dict__.update(names)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._module, name)


def install(endpoint_url: str) -> None:
    """Makes ministack's two modules that start processes use this module's environment."""
    # The Runtime API writes an event's head and body separately. The kernel would hold the body
    # back until the head is acknowledged, 40 ms later, at each invocation.
    socketserver.StreamRequestHandler.disable_nagle_algorithm = True
    # No other server in this process uses these classes.
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
    """Refuses headers that only a browser sends, and host names other than the loopback's."""

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
    """Kills every function's process group, and prevents new ones."""
    global _ending
    with _lock:
        _ending = True
        for process in _alive:
            try:
                os.killpg(process.pid, signal.SIGKILL)
            except (ProcessLookupError, PermissionError):
                pass
