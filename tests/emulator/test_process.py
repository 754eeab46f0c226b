"""The emulator as a process: what it listens on, what its functions see, how it ends."""

from __future__ import annotations

import json
import os
import pathlib
import signal
import socket
import subprocess
import sys
import tempfile
import time
import unittest
import urllib.request
from typing import Any

from botocore.config import Config
from local_aws import (
    ACCOUNT,
    REGION,
    ROOT,
    ROOT_LINE,
    SESSION,
    LocalAwsTest,
    command,
    environment,
    eventually,
    signed,
    tell_root_key,
    zipped,
)

BOOTSTRAP = f'''#!{sys.executable} -S
import json, os, subprocess, time, urllib.request
api = "http://" + os.environ["AWS_LAMBDA_RUNTIME_API"] + "/2018-06-01/runtime/invocation/"
child = subprocess.Popen(["sleep", "1000"])
while True:
    with urllib.request.urlopen(api + "next") as request:
        event, name = json.load(request), request.headers["Lambda-Runtime-Aws-Request-Id"]
    if event.get("hang"):
        open(event["hang"], "w").close()
        time.sleep(1000)
    answer = {{"environment": dict(os.environ), "processes": [os.getpid(), child.pid]}}
    body = json.dumps(answer).encode()
    urllib.request.urlopen(urllib.request.Request(api + name + "/response", data=body)).read()
'''
HANDLER = '''
import os
def handler(event, context):
    return {"environment": dict(os.environ), "processes": [os.getpid()]}
'''
RUNTIMES = {
    "provided.al2023": ("bootstrap", {"bootstrap": BOOTSTRAP}),
    "python3.12": ("index.handler", {"index.py": HANDLER}),
}
LAMBDA_VARIABLES = {
    "AWS_ACCESS_KEY_ID",
    "AWS_DEFAULT_REGION",
    "AWS_LAMBDA_FUNCTION_MEMORY_SIZE",
    "AWS_LAMBDA_FUNCTION_NAME",
    "AWS_LAMBDA_FUNCTION_VERSION",
    "AWS_LAMBDA_LOG_STREAM_NAME",
    "AWS_LAMBDA_RUNTIME_API",
    "AWS_REGION",
    "AWS_SECRET_ACCESS_KEY",
    "AWS_SESSION_TOKEN",
    "LAMBDA_TASK_ROOT",
    "LANG",
    "PATH",
    "TZ",
    "_HANDLER",
}
OF_MINISTACK = {
    # Set by ministack for its own workers.
    "AWS_DISABLE_HOST_PREFIX_INJECTION",
    "_LAMBDA_FUNCTION_ARN",
    "_LAMBDA_TIMEOUT",
    "_MINISTACK_INVOKE_DEPTH",
    # Set by the interpreter.
    "LC_CTYPE",
}


def alive(process: int) -> bool:
    """Says whether a process runs (a zombie does not)."""
    try:
        state = pathlib.Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0]
        return state not in "ZX"
    except OSError:
        return False


def listens(port: int) -> bool:
    """Says whether something accepts connections on a port of 127.0.0.1."""
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def client(service: str, port: int) -> Any:
    return SESSION.create_client(
        service,
        region_name=REGION,
        endpoint_url=f"http://127.0.0.1:{port}",
        aws_access_key_id=ROOT["AccessKeyId"],
        aws_secret_access_key=ROOT["SecretAccessKey"],
        config=Config(retries={"max_attempts": 0}, read_timeout=20),
    )


def create_function(port: int, runtime: str, variables: dict[str, str]) -> None:
    trust = {
        "Statement": {
            "Effect": "Allow",
            "Principal": {"Service": "lambda.amazonaws.com"},
            "Action": "sts:AssumeRole",
        }
    }
    name = runtime.partition(".")[0]
    client("iam", port).create_role(RoleName=name, AssumeRolePolicyDocument=json.dumps(trust))
    handler, files = RUNTIMES[runtime]
    client("lambda", port).create_function(
        FunctionName=name,
        Runtime=runtime,
        Handler=handler,
        Role=f"arn:aws:iam::{ACCOUNT}:role/{name}",
        Code={"ZipFile": zipped(files)},
        Environment={"Variables": variables},
        Timeout=30,
    )


def invoke(port: int, runtime: str, event: dict[str, str] | None = None) -> dict[str, Any]:
    answer = client("lambda", port).invoke(
        FunctionName=runtime.partition(".")[0], Payload=json.dumps(event or {})
    )
    payload = json.load(answer["Payload"])
    assert "environment" in payload, payload
    return payload


class Serving(LocalAwsTest):
    def test_functions_see_lambdas_environment_only(self) -> None:
        own = {"LOG_LEVEL": "WARNING", "GREETING": "hello"}
        for runtime in RUNTIMES:
            with self.subTest(runtime):
                self.reset()
                create_function(self.port, runtime, own)
                seen = invoke(self.port, runtime)["environment"]
                self.assertEqual(seen["AWS_ENDPOINT_URL"], f"http://127.0.0.1:{self.port}")
                self.assertEqual({name: seen[name] for name in own}, own)
                expected = {*LAMBDA_VARIABLES, *OF_MINISTACK, *own, "AWS_ENDPOINT_URL"}
                self.assertEqual(set(seen) - expected, set())
                self.assertNotIn(str(self.directory), seen["PATH"])
                for secret in ROOT.values():
                    self.assertNotIn(secret, str(seen))

    @unittest.skipUnless(os.path.exists("/proc/net/tcp"), "needs Linux's /proc")
    def test_it_listens_on_the_loopback_only(self) -> None:
        self.reset()
        create_function(self.port, "provided.al2023", {"A": "b"})
        invoke(self.port, "provided.al2023")
        descriptors = pathlib.Path(f"/proc/{self.emulator.pid}/fd")
        own = {os.readlink(path) for path in descriptors.iterdir() if path.is_symlink()}
        listening = []
        for table in ("tcp", "tcp6", "udp", "udp6"):
            for line in pathlib.Path(f"/proc/net/{table}").read_text().splitlines()[1:]:
                fields = line.split()
                state = "0A" if table.startswith("tcp") else "07"
                if f"socket:[{fields[9]}]" in own and fields[3] == state:
                    listening.append((table, fields[1].partition(":")[0]))
        self.assertGreaterEqual(len(listening), 2, "the gateway and the function's runtime API")
        self.assertEqual(set(listening), {("tcp", "0100007F")})

    def reset(self) -> None:
        url = f"http://127.0.0.1:{self.port}/_ministack/reset"
        headers = signed(self.port, "POST", "/_ministack/reset")
        request = urllib.request.Request(url, method="POST", headers=headers)
        urllib.request.urlopen(request).read()

    def test_health_and_reset(self) -> None:
        url = f"http://127.0.0.1:{self.port}/_ministack/health"
        with urllib.request.urlopen(url) as answer:
            self.assertEqual(answer.status, 200)
        manager = client("secretsmanager", self.port)
        manager.create_secret(Name="gone", SecretString="x")
        self.reset()
        self.assertEqual(manager.list_secrets()["SecretList"], [])

    def test_a_port_in_use_is_one_sentence(self) -> None:
        result = subprocess.run(
            command("--port", str(self.port)),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            env=environment(str(self.directory)),
        )
        self.assertEqual(result.returncode, 1)
        self.assertEqual(len(result.stderr.splitlines()), 1)
        self.assertIn(f"cannot listen on 127.0.0.1:{self.port}", result.stderr)

    def test_it_needs_roots_key(self) -> None:
        for said in ("", "test test\n", "\n", ROOT_LINE.lower() + "\n", "x" * 1000):
            with self.subTest(said):
                result = subprocess.run(
                    command("--port", "0"),
                    input=said,
                    capture_output=True,
                    text=True,
                    env=environment(str(self.directory)),
                )
                self.assertEqual(result.returncode, 1)
                self.assertEqual(result.stdout, "")
                self.assertIn("standard input is not root's key", result.stderr)
                self.assertEqual(len(result.stderr.splitlines()), 1)

    def test_nothing_else_can_be_bound(self) -> None:
        program = (
            "import socket, sys\nfrom keyrota_emulator.__main__ import _only_loopback\n"
            "sys.addaudithook(_only_loopback)\n"
            "socket.socket().bind(('127.0.0.1', 0))\n"
            "for family, address in ((socket.AF_INET, ('0.0.0.0', 0)), (socket.AF_INET, ('', 0)),"
            " (socket.AF_INET6, ('::', 0))):\n"
            "    try:\n        socket.socket(family).bind(address)\n"
            "    except PermissionError:\n        print('refused')\n"
        )
        result = subprocess.run(
            [sys.executable, "-c", program],
            capture_output=True,
            text=True,
            env=environment(str(self.directory)),
        )
        self.assertEqual(result.stdout.split(), ["refused"] * 3, result.stderr)


@unittest.skipUnless(os.path.exists("/proc/self/stat"), "needs Linux's /proc")
class Ending(unittest.TestCase):
    """However its parent goes, nothing of the emulator is left."""

    def setUp(self) -> None:
        directory = tempfile.TemporaryDirectory()
        self.addCleanup(directory.cleanup)
        self.directory = pathlib.Path(directory.name)

    def with_function(self, port: int) -> list[int]:
        """Starts a function and the process that it starts; one more hangs in an invocation."""
        create_function(port, "provided.al2023", {"A": "b"})
        processes = invoke(port, "provided.al2023")["processes"]
        mark = self.directory / "hanging"
        hanging = subprocess.Popen(
            [
                sys.executable,
                "-c",
                f"import sys\nsys.path.insert(0, {os.path.dirname(__file__)!r})\n"
                "from test_process import invoke\n"
                f"invoke({port}, 'provided.al2023', {{'hang': {str(mark)!r}}})",
            ],
            stderr=subprocess.DEVNULL,
        )
        self.addCleanup(hanging.wait)
        self.addCleanup(hanging.kill)
        eventually(mark.exists)
        mark.unlink()
        return processes

    def assert_gone(self, processes: list[int], port: int) -> None:
        begun = time.monotonic()
        eventually(lambda: not any(alive(process) for process in processes), seconds=2)
        eventually(lambda: not listens(port), seconds=2)
        # Some hundredths of a second, but for a machine that is busy with other things.
        self.assertLess(time.monotonic() - begun, 2)
        self.assertEqual(list(self.directory.iterdir()), [])

    def start(self) -> tuple[subprocess.Popen[str], int]:
        emulator = subprocess.Popen(
            command("--port", "0"),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
            env=environment(str(self.directory)),
        )
        self.addCleanup(emulator.wait)
        self.addCleanup(emulator.kill)
        self.addCleanup(emulator.stdout.close)
        tell_root_key(emulator)
        return emulator, int(emulator.stdout.readline())

    def test_at_the_end_of_its_input(self) -> None:
        emulator, port = self.start()
        processes = self.with_function(port)
        self.assertTrue(all(alive(process) for process in processes))
        emulator.stdin.close()
        self.assert_gone([emulator.pid, *processes], port)
        self.assertEqual(emulator.wait(), 0)

    def test_at_signals(self) -> None:
        for number in (signal.SIGTERM, signal.SIGINT):
            with self.subTest(number):
                emulator, port = self.start()
                processes = self.with_function(port)
                emulator.send_signal(number)
                self.assert_gone([emulator.pid, *processes], port)
                emulator.stdin.close()

    def test_when_its_parent_is_killed(self) -> None:
        program = (
            "import subprocess, sys, time\n"
            f"emulator = subprocess.Popen({command('--port', '0')!r}, stdin=subprocess.PIPE,"
            " stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)\n"
            f"emulator.stdin.write({ROOT_LINE + chr(10)!r})\n"
            "emulator.stdin.flush()\n"
            "print(emulator.pid, emulator.stdout.readline().strip(), flush=True)\n"
            "time.sleep(1000)\n"
        )
        parent = subprocess.Popen(
            [sys.executable, "-c", program],
            stdout=subprocess.PIPE,
            text=True,
            env=environment(str(self.directory)),
        )
        self.addCleanup(parent.stdout.close)
        self.addCleanup(parent.wait)
        self.addCleanup(parent.kill)
        emulator, port = (int(word) for word in parent.stdout.readline().split())
        processes = self.with_function(port)
        parent.kill()
        parent.wait()
        self.assert_gone([emulator, *processes], port)


if __name__ == "__main__":
    unittest.main()
