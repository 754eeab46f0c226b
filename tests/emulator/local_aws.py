"""The local AWS as the tests start and call it."""

from __future__ import annotations

import contextlib
import http.client
import io
import json
import os
import pathlib
import secrets
import string
import subprocess
import sys
import tempfile
import time
import unittest
import zipfile
from collections.abc import Callable
from typing import Any, TypeVar

import botocore.session
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.config import Config
from botocore.credentials import Credentials
from botocore.exceptions import ClientError

PACKAGE_FOLDER = pathlib.Path(__file__).parents[2] / "src" / "sandbox" / "emulator"
REGION = "us-east-1"
ACCOUNT = "000000000000"
ROOT_LINE = os.environ.setdefault(
    "KEYROTA_TEST_ROOT",
    "AKIA{} {}".format(
        "".join(secrets.choice(string.ascii_uppercase) for _ in range(16)),
        "".join(secrets.choice(string.ascii_letters) for _ in range(40)),
    ),
)
"""Root's key as every emulator of these tests is told it; a test's own processes inherit it."""

ROOT = dict(zip(("AccessKeyId", "SecretAccessKey"), ROOT_LINE.split()))
TRUST = {
    "Version": "2012-10-17",
    "Statement": [
        {
            "Effect": "Allow",
            "Principal": {"Service": "lambda.amazonaws.com"},
            "Action": "sts:AssumeRole",
        }
    ],
}

SESSION = botocore.session.Session()
"""One for all clients: it remembers the services' models, which are slow to read."""

Result = TypeVar("Result")


def environment(directory: str) -> dict[str, str]:
    """Returns the scrubbed environment that the emulator is started with."""
    return {
        "PATH": os.environ["PATH"],
        "HOME": directory,
        "TMPDIR": directory,
        "PYTHONPATH": str(PACKAGE_FOLDER),
    }


def command(*arguments: str) -> list[str]:
    """Returns the emulator's command line."""
    return [sys.executable, "-m", "keyrota_emulator", *arguments]


def tell_root_key(emulator: subprocess.Popen[str]) -> None:
    """Writes the line that an emulator begins with."""
    emulator.stdin.write(ROOT_LINE + "\n")
    emulator.stdin.flush()


def signed(
    port: int, method: str, path: str, credentials: dict[str, str] = ROOT, **headers: str
) -> dict[str, str]:
    """Returns the headers of a request without a body, its signature among them."""
    url = f"http://127.0.0.1:{port}{path}"
    request = AWSRequest(method, url, headers=headers, data=b"")
    key = Credentials(credentials["AccessKeyId"], credentials["SecretAccessKey"])
    SigV4Auth(key, "keyrota", REGION).add_auth(request)
    return dict(request.headers)


def eventually(what: Callable[[], Result], seconds: float = 10.0) -> Result:
    """Returns the first true result, polling; fails after the time is up."""
    deadline = time.monotonic() + seconds
    while not (result := what()):
        if time.monotonic() > deadline:
            raise AssertionError("it did not happen in time")
        time.sleep(0.02)
    return result


def zipped(files: dict[str, str]) -> bytes:
    """Returns a deployment package with executable files."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, text in files.items():
            entry = zipfile.ZipInfo(name)
            entry.external_attr = 0o755 << 16
            archive.writestr(entry, text)
    return buffer.getvalue()


class LocalAwsTest(unittest.TestCase):
    """A test class with an emulator of its own, on a free port."""

    arguments: tuple[str, ...] = ("--port", "0")
    port: int

    @classmethod
    def setUpClass(cls) -> None:
        directory = tempfile.TemporaryDirectory()
        cls.addClassCleanup(directory.cleanup)
        cls.directory = pathlib.Path(directory.name)
        cls.log = (cls.directory / "log").open("a+")
        cls.addClassCleanup(cls.log.close)
        cls.emulator = subprocess.Popen(
            command(*cls.arguments),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=cls.log,
            text=True,
            env=environment(directory.name),
        )
        cls.addClassCleanup(cls._stop)
        tell_root_key(cls.emulator)
        cls.port = int(cls.emulator.stdout.readline())

    @classmethod
    def _stop(cls) -> None:
        with cls.emulator:
            cls.emulator.stdin.close()
            cls.emulator.wait(timeout=5)

    def run(self, result: unittest.TestResult | None = None) -> unittest.TestResult | None:
        """Runs a test, and shows the emulator's log where it fails."""
        before = len(result.failures) + len(result.errors) if result else 0
        begins = self.log.seek(0, io.SEEK_END)
        super().run(result)
        if result and len(result.failures) + len(result.errors) > before:
            self.log.seek(begins)
            sys.stderr.write(self.log.read())
        return result

    @classmethod
    def client(
        cls, service: str, credentials: dict[str, str] = ROOT, region: str = REGION, **options: Any
    ) -> Any:
        """Returns a client of one service with the given key, without retries."""
        return SESSION.create_client(
            service,
            region_name=region,
            endpoint_url=f"http://127.0.0.1:{cls.port}",
            aws_access_key_id=credentials["AccessKeyId"],
            aws_secret_access_key=credentials["SecretAccessKey"],
            config=Config(retries={"max_attempts": 0}, parameter_validation=False),
            **options,
        )

    def user(self, name: str, *statements: dict[str, Any]) -> dict[str, str]:
        """Creates a user with a policy and returns a key of it."""
        iam = self.client("iam")
        iam.create_user(UserName=name)
        if statements:
            iam.put_user_policy(
                UserName=name,
                PolicyName="test",
                PolicyDocument=json.dumps(
                    {"Version": "2012-10-17", "Statement": list(statements)}
                ),
            )
        return iam.create_access_key(UserName=name)["AccessKey"]

    def role(self, name: str, *statements: dict[str, Any]) -> str:
        """Creates a role for functions and returns its ARN."""
        iam = self.client("iam")
        created = iam.create_role(RoleName=name, AssumeRolePolicyDocument=json.dumps(TRUST))
        if statements:
            iam.put_role_policy(
                RoleName=name,
                PolicyName="test",
                PolicyDocument=json.dumps(
                    {"Version": "2012-10-17", "Statement": list(statements)}
                ),
            )
        return created["Role"]["Arn"]

    @classmethod
    def ask_emulator(cls, path: str, credentials: dict[str, str] = ROOT) -> tuple[int, str]:
        """Asks something of the emulator itself; returns the status and the text."""
        connection = http.client.HTTPConnection("127.0.0.1", cls.port)
        with contextlib.closing(connection):
            connection.request("POST", path, headers=signed(cls.port, "POST", path, credentials))
            answer = connection.getresponse()
            return answer.status, answer.read().decode()

    @classmethod
    def advance(cls, seconds: float) -> None:
        """Lets virtual time pass."""
        status, text = cls.ask_emulator(f"/_ministack/advance?seconds={seconds}")
        assert status == 200, text

    @contextlib.contextmanager
    def refused(self, code: str, words: str = "") -> Any:
        """Expects an error of AWS with this code and these words in its message."""
        with self.assertRaises(ClientError) as caught:
            yield caught
        error = caught.exception.response["Error"]
        self.assertEqual(error["Code"], code, error)
        self.assertIn(words, error["Message"])
