"""Starts the local AWS on 127.0.0.1 and ends it with its parent.

    python -m keyrota_emulator --port PORT [--verbose] [--like-aws | --strict ITEMS] [--seed N]
    python -m keyrota_emulator --check

The parent holds the other end of standard input. Its only line, ``ID SECRET``, is the access
key of the root of account 000000000000. It is in neither the command line nor the environment,
which the functions' processes could read. At the end of the input (however the parent ended)
and at SIGTERM or SIGINT, the emulator kills the functions' processes, removes its
temporary directory, and exits. Unless the emulator chooses the port (``--port 0``: then the
port is the only line on standard output), nothing is written to standard output. Warnings
go to standard error.

Health: GET /_ministack/health. Signed by root: POST /_ministack/reset, POST
/_ministack/age?key=ID&seconds=N, which makes an access key older, and, if time is virtual, POST
/_ministack/advance?seconds=N. All other access keys are those that this IAM has
created.

``--strict`` turns on AWS's delays, limits, and rates in virtual time: all of them, or some of
the items in ``strict.py``. ``--like-aws`` turns all of them on in real time.
"""

from __future__ import annotations

import argparse
import asyncio
import gc
import logging
import os
import random
import shutil
import signal
import socket
import sys
import tempfile
import threading
from typing import Any

from . import clock, strict
from .replaced import SERVICES, problems

_HOST = "127.0.0.1"
_LONGEST_LINE = 128
_KEPT_VARIABLES = ("LANG", "LC_ALL", "PATH", "TZ")


def main() -> int:
    """Runs the program; returns its exit code if it does not serve."""
    # What is imported stays. To look for garbage in it meanwhile takes a seventh of the start.
    gc.disable()
    parser = argparse.ArgumentParser(prog="keyrota_emulator", description="keyrota's local AWS")
    action = parser.add_mutually_exclusive_group(required=True)
    action.add_argument("--port", type=int, help="the port on 127.0.0.1; 0 for any free one")
    action.add_argument("--check", action="store_true", help="only verify the pinned ministack")
    parser.add_argument("--verbose", action="store_true", help="log what ministack logs")
    mode = parser.add_mutually_exclusive_group()
    mode.add_argument("--like-aws", action="store_true", help="--strict all, in real time")
    mode.add_argument("--strict", metavar="ITEMS", type=strict_items, help="items, or all")
    parser.add_argument("--seed", type=int, help="repeats the lags of an earlier run")
    parser.add_argument(
        "--tick", type=float, default=clock.TICK, help="virtual seconds that a request takes"
    )
    arguments = parser.parse_args()
    if arguments.like_aws:
        strict.turn_on(frozenset(strict.ITEMS))
    elif arguments.strict is not None:
        strict.turn_on(arguments.strict)
        clock.use_virtual(arguments.tick)
    seed = random.randrange(1 << 32) if arguments.seed is None else arguments.seed
    listener = key = None
    if not arguments.check:
        listener = socket.socket()
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind((_HOST, arguments.port))
        except (OSError, OverflowError) as error:
            print(f"cannot listen on {_HOST}:{arguments.port}: {error}", file=sys.stderr)
            return 1
        key = _first_line()
    directory = tempfile.mkdtemp(prefix="keyrota-emulator-")
    port = listener.getsockname()[1] if listener else 0
    _set_environment(directory, port, arguments.verbose)
    sys.addaudithook(_only_loopback)
    found = problems()
    for problem in found:
        print(problem, file=sys.stderr)
    if found or listener is None or key is None:
        shutil.rmtree(directory, ignore_errors=True)
        return 1 if found else 0
    return _serve(listener, directory, key, seed, announce=arguments.port == 0)


def strict_items(text: str) -> frozenset[str]:
    """Reads the value of ``--strict``."""
    try:
        return strict.parse(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from error


def _first_line() -> str:
    """Returns the first line of standard input without reading further."""
    line = b""
    while len(line) < _LONGEST_LINE and (byte := os.read(0, 1)) not in (b"", b"\n"):
        line += byte
    return line.decode("latin-1")


def _set_environment(directory: str, port: int, verbose: bool) -> None:
    """Reduces the environment to what ministack may read, much of it at import."""
    kept = {name: os.environ[name] for name in _KEPT_VARIABLES if name in os.environ}
    os.environ.clear()
    os.environ.update(
        kept,
        AUTH="true",
        AWS_ENDPOINT_URL=f"http://{_HOST}:{port}",
        BIND_HOST=_HOST,
        GATEWAY_PORT=str(port),
        HOME=directory,
        IOT_MTLS_ENABLED="0",
        LAMBDA_EXECUTOR="local",
        LOG_LEVEL="INFO" if verbose else "WARNING",
        S3_DATA_DIR=os.path.join(directory, "s3"),
        SERVICES=",".join(SERVICES),
        SFTP_ENABLED="0",
        STATE_DIR=os.path.join(directory, "state"),
        TMPDIR=directory,
    )
    tempfile.tempdir = directory
    # It warns at every start that signing needs a package, but keyrota's keys only encrypt.
    logging.getLogger("kms").setLevel(logging.ERROR)


def _only_loopback(event: str, arguments: tuple[Any, ...]) -> None:
    """Refuses any listener of this process that is not on 127.0.0.1 (an audit hook)."""
    if event == "socket.bind":
        address = arguments[1]
        if isinstance(address, tuple) and address[0] != _HOST:
            raise PermissionError(f"the emulator binds {_HOST} only, not {address[0]}")


def _serve(
    listener: socket.socket, directory: str, key_line: str, seed: int, announce: bool
) -> int:
    """Installs the additions and serves ministack until the process ends.

    Returns an exit code if root's key is invalid.

    ministack's own ``main`` would bind the port itself, write a PID file, and print to
    standard output. The application is the same.
    """
    from hypercorn.asyncio import serve
    from hypercorn.config import Config
    from ministack.app import app

    from . import (
        ascii,
        authorization,
        changesets,
        delivery,
        drift,
        gateway,
        gone,
        handlers,
        imports,
        keys,
        lag,
        logs,
        principals,
        processes,
        propagation,
        protocols,
        quarantine,
        replicas,
        report,
        resources,
        reversion,
        revert,
        root,
        rotation,
        secrets,
        service_keys,
        simulation,
        stacks,
        stale,
        storage,
        tags,
        throttle,
    )

    key = root.parse(key_line)
    if key is None:
        shutil.rmtree(directory, ignore_errors=True)
        print("the first line of standard input is not root's key, ID SECRET", file=sys.stderr)
        return 1
    once = threading.Lock()

    def end(*_: object) -> None:
        if once.acquire(blocking=False):
            processes.end_all()
            shutil.rmtree(directory, ignore_errors=True)
            os._exit(0)

    def watch_parent() -> None:
        try:
            while os.read(0, 4096):
                pass
        except OSError:
            pass
        end()

    async def run() -> None:
        rotation.use_loop(asyncio.get_running_loop())
        await serve(gateway.guarded(app), config, shutdown_trigger=asyncio.Event().wait)

    signal.signal(signal.SIGTERM, end)
    signal.signal(signal.SIGINT, end)
    threading.Thread(target=watch_parent, name="parent", daemon=True).start()

    port = listener.getsockname()[1]
    listener.listen()
    lag.use_seed(seed)
    root.install(key)
    gateway.install()
    protocols.install()
    secrets.install()
    replicas.install()
    rotation.install()
    keys.install()
    report.install()
    quarantine.install()
    authorization.install()
    simulation.install()
    resources.install()
    service_keys.install()
    principals.install()
    stacks.install()
    changesets.install()
    delivery.install()
    logs.install()
    storage.install()
    gone.install()
    handlers.install()
    imports.install()
    tags.install()
    drift.install()
    reversion.install()
    revert.install()
    propagation.install()
    stale.install()
    ascii.install()
    throttle.install()
    processes.install(f"http://{_HOST}:{port}")
    # What is loaded now stays: the collector need not look at it each time.
    gc.freeze()
    gc.enable()

    config = Config()
    config.bind = [f"fd://{listener.detach()}"]
    config.keep_alive_timeout = 75
    config.loglevel = os.environ["LOG_LEVEL"]
    if announce:
        print(port, flush=True)
    asyncio.run(run())
    return 0


if __name__ == "__main__":
    sys.exit(main())
