"""Who may send a request: foreign hosts, web pages, and callers without a key are refused."""

from __future__ import annotations

import hashlib
import http.client
import json
import socket
import sys
import threading
import unittest
from typing import Any

from botocore.config import Config
from local_aws import (
    ACCOUNT,
    PACKAGE_FOLDER,
    REGION,
    ROOT,
    SESSION,
    LocalAwsTest,
    eventually,
    signed,
    zipped,
)

sys.path.insert(0, str(PACKAGE_FOLDER))
from keyrota_emulator import loopback  # noqa: E402

LISTS_SECRETS = {"X-Amz-Target": "secretsmanager.ListSecrets"}
CONNECTIONS = """\
  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode
   0: 0100007F:1F90 00000000:0000 0A 00000000:00000000 00:00000000 00000000     7        0 1 1
   1: 0100007F:1F90 0100007F:C350 01 00000000:00000000 00:00000000 00000000     7        0 2 1
   2: 0100007F:C350 0100007F:1F90 01 00000000:00000000 00:00000000 00000000  1000        0 3 1
"""
WORKER = """#!/bin/sh
echo "$AWS_LAMBDA_RUNTIME_API" > {mark}.new && mv {mark}.new {mark}
exec sleep 1000
"""

class Requests(LocalAwsTest):
    def ask(
        self, method: str, path: str, headers: dict[str, str] | None = None, body: str = ""
    ) -> tuple[int, dict[str, str], bytes]:
        """Sends a request with just these headers, and a Host where they have none."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=20)
        self.addCleanup(connection.close)
        headers = {"Host": f"127.0.0.1:{self.port}", **(headers or {})}
        connection.putrequest(method, path, skip_host=True, skip_accept_encoding=True)
        for name, value in {**headers, "Content-Length": str(len(body))}.items():
            connection.putheader(name, value)
        connection.endheaders(body.encode())
        answer = connection.getresponse()
        return answer.status, {k.lower(): v for k, v in answer.getheaders()}, answer.read()

    def list_secrets(self, **headers: str) -> tuple[int, dict[str, str], bytes]:
        """Lists the secrets as root, with further headers that are not signed."""
        authorized = signed(self.port, "POST", "/", **LISTS_SECRETS)
        return self.ask("POST", "/", {**authorized, **headers})

    def test_root_has_the_key_that_was_chosen_alone(self) -> None:
        identity = self.client("sts").get_caller_identity()
        self.assertEqual(identity["Account"], ACCOUNT)
        self.assertEqual(identity["Arn"], f"arn:aws:iam::{ACCOUNT}:root")
        for key_id in ("test", ACCOUNT, "123456789012", "AKIAIOSFODNN7EXAMPLE"):
            for secret in ("test", ROOT["SecretAccessKey"]):
                key = {"AccessKeyId": key_id, "SecretAccessKey": secret}
                with self.subTest(key_id), self.refused("InvalidClientTokenId"):
                    self.client("sts", key).get_caller_identity()
                with self.subTest(key_id), self.refused("UnrecognizedClientException"):
                    self.client("secretsmanager", key).list_secrets()
                with self.subTest(key_id), self.refused("InvalidAccessKeyId"):
                    self.client("s3", key).list_buckets()

    def test_roots_signature_is_checked(self) -> None:
        forged = {**ROOT, "SecretAccessKey": "test"}
        with self.refused("SignatureDoesNotMatch"):
            self.client("sts", forged).get_caller_identity()
        with self.refused("InvalidSignatureException"):
            self.client("secretsmanager", forged).list_secrets()
        with self.refused("SignatureDoesNotMatch"):
            self.client("iam", forged).list_users()
        with self.refused("SignatureDoesNotMatch"):
            self.client("s3", forged).list_buckets()

    def test_unsigned_requests_are_refused(self) -> None:
        form = {"Content-Type": "application/x-www-form-urlencoded"}
        assume = (
            "Action=AssumeRoleWithWebIdentity&Version=2011-06-15&RoleSessionName=a"
            f"&RoleArn=arn:aws:iam::{ACCOUNT}:role/any&WebIdentityToken=any"
        )
        scope = f"{ROOT['AccessKeyId']}/20260101/{REGION}/s3/aws4_request"
        for method, path, headers, body in (
            ("POST", "/", LISTS_SECRETS, "{}"),
            ("POST", "/", {**LISTS_SECRETS, "Authorization": "Basic dGVzdDp0ZXN0"}, "{}"),
            ("POST", "/", {**LISTS_SECRETS, "Authorization": f"AWS {scope}:x"}, "{}"),
            ("POST", "/", form, assume),
            ("GET", "/2015-03-31/functions", {}, ""),
            ("GET", "/", {}, ""),
            ("GET", "/bucket/key", {}, ""),
            ("GET", f"/bucket/key?X-Amz-Credential={scope}", {}, ""),
            ("GET", f"/bucket/key?AWSAccessKeyId={ROOT['AccessKeyId']}&Signature=x", {}, ""),
            ("PUT", "/bucket", {}, ""),
            ("GET", "/v20180820/bucket/b", {}, ""),
            ("GET", "/iceberg/v1/config", {}, ""),
            ("GET", "/oauth2/authorize", {}, ""),
            ("GET", "/.well-known/openid-configuration", {}, ""),
        ):
            with self.subTest(path):
                status, _, answer = self.ask(method, path, headers, body)
                self.assertEqual(status, 403, answer)
        token = f"AWS4-HMAC-SHA256 Credential={scope}, SignedHeaders=host, Signature=0"
        for path in ("/", "/bucket", "/v20180820/bucket/b", "/iceberg/v1/config"):
            with self.subTest(path):
                status, _, answer = self.ask("GET", path, {"Authorization": token})
                self.assertIn(status, (400, 403, 404), answer)
                self.assertNotIn(b"<Buckets>", answer)

    def test_a_presigned_url_is_refused(self) -> None:
        storage = SESSION.create_client(
            "s3",
            region_name=REGION,
            endpoint_url=f"http://127.0.0.1:{self.port}",
            aws_access_key_id=ROOT["AccessKeyId"],
            aws_secret_access_key=ROOT["SecretAccessKey"],
            config=Config(signature_version="s3v4"),
        )
        storage.create_bucket(Bucket="presigned")
        storage.put_object(Bucket="presigned", Key="k", Body=b"x")
        url = storage.generate_presigned_url(
            "get_object", Params={"Bucket": "presigned", "Key": "k"}
        )
        status, _, _ = self.ask("GET", url.partition(str(self.port))[2])
        self.assertEqual(status, 403)

    def test_another_host_is_refused(self) -> None:
        port = self.port
        for host in ("127.0.0.1", f"localhost:{port}", f"LOCALHOST:{port}", f"[::1]:{port}"):
            with self.subTest(host):
                authorized = signed(port, "POST", "/", Host=host, **LISTS_SECRETS)
                status, _, answer = self.ask("POST", "/", {**authorized, "Host": host})
                self.assertEqual(status, 200, answer)
        for host in (
            "",
            "attacker.example",
            f"attacker.example:{port}",
            f"127.0.0.1.attacker.example:{port}",
            f"bucket.localhost:{port}",
            f"localhost:{port}.attacker.example",
            f"localhost:{port}@attacker.example",
            f"0.0.0.0:{port}",
            f"127.0.0.1:{port}, attacker.example",
        ):
            with self.subTest(host):
                authorized = signed(port, "POST", "/", Host=host, **LISTS_SECRETS)
                for path, headers in (
                    ("/", {**authorized, "Host": host}),
                    ("/_ministack/health", {"Host": host}),
                ):
                    status, _, _ = self.ask("POST" if path == "/" else "GET", path, headers)
                    self.assertIn(status, (400, 403))

    def test_a_web_page_is_refused(self) -> None:
        for name, value in (
            ("Origin", "https://attacker.example"),
            ("Origin", f"http://127.0.0.1:{self.port}"),
            ("Origin", "null"),
            ("Sec-Fetch-Site", "cross-site"),
        ):
            with self.subTest(name + value):
                status, headers, _ = self.list_secrets(**{name: value})
                self.assertEqual(status, 403)
                self.assert_no_cors(headers)
                status, _, _ = self.ask("GET", "/_ministack/health", {name: value})
                self.assertEqual(status, 403)

    def test_no_preflight_is_answered(self) -> None:
        asked = {
            "Access-Control-Request-Method": "POST",
            "Access-Control-Request-Headers": "x-amz-target",
        }
        for path in ("/", "/bucket", "/_ministack/health", "/_ministack/reset"):
            for origin in ({}, {"Origin": "https://attacker.example"}):
                with self.subTest(path):
                    status, headers, _ = self.ask("OPTIONS", path, {**asked, **origin})
                    self.assertEqual(status, 403)
                    self.assert_no_cors(headers)

    def test_no_answer_has_headers_of_cors(self) -> None:
        status, headers, _ = self.list_secrets()
        self.assertEqual(status, 200)
        self.assert_no_cors(headers)
        storage = self.client("s3")
        storage.create_bucket(Bucket="shared")
        rule = {"AllowedMethods": ["GET"], "AllowedOrigins": ["*"]}
        storage.put_bucket_cors(
            Bucket="shared", CORSConfiguration={"CORSRules": [rule]}
        )
        answer = storage.list_objects_v2(Bucket="shared")
        self.assert_no_cors(answer["ResponseMetadata"]["HTTPHeaders"])
        for path in ("/_ministack/health", "/nothing"):
            self.assert_no_cors(self.ask("GET", path)[1])

    def assert_no_cors(self, headers: dict[str, Any]) -> None:
        cors = [name for name in headers if name.lower().startswith("access-control-")]
        self.assertEqual(cors, [])

    def test_reset_is_roots(self) -> None:
        manager = self.client("secretsmanager")
        manager.create_secret(Name="kept", SecretString="x")
        somebody = self.user("somebody", {"Effect": "Allow", "Action": "*", "Resource": "*"})
        path = "/_ministack/reset"
        authorized = signed(self.port, "POST", path)
        for headers in (
            {},
            signed(self.port, "POST", path, somebody),
            signed(self.port, "POST", path, {**ROOT, "SecretAccessKey": "test"}),
            signed(self.port, "POST", path, {"AccessKeyId": "test", "SecretAccessKey": "test"}),
            signed(self.port, "POST", "/"),
            {**authorized, "Origin": "https://attacker.example"},
        ):
            status, _, _ = self.ask("POST", path, headers)
            self.assertEqual(status, 403)
        self.assertEqual(len(manager.list_secrets()["SecretList"]), 1)
        self.assertEqual(self.ask("POST", path, authorized)[0], 200)
        self.assertEqual(manager.list_secrets()["SecretList"], [])

    def test_ministacks_own_paths_are_closed(self) -> None:
        status, _, answer = self.ask("GET", "/_ministack/health")
        self.assertEqual((status, answer), (200, b"{}"))
        for method, path in (
            ("POST", "/_ministack/health"),
            ("POST", "/_ministack/config"),
            ("GET", "/_ministack/ready"),
            ("GET", "/_ministack/sqs/messages"),
            ("GET", "/_ministack/sns/sms-messages"),
            ("GET", f"/_ministack/lambda-code/{ACCOUNT}/{REGION}/any"),
            ("PUT", "/_ministack/cfn-response/any"),
            ("POST", "/_ministack/rds/iam-auth"),
            ("POST", "/_ministack/eks-auth/any"),
            ("GET", "/_localstack/health"),
            ("GET", "/_aws/lambda-url/any"),
            ("GET", "/health"),
        ):
            with self.subTest(path):
                self.assertEqual(self.ask(method, path)[0], 403)
                if path.startswith("/_"):
                    authorized = signed(self.port, method, path)
                    self.assertEqual(self.ask(method, path, authorized)[0], 403)

    def test_no_websocket_is_opened(self) -> None:
        status, _, _ = self.ask(
            "GET",
            "/_aws/execute-api/any/stage",
            {
                "Connection": "Upgrade",
                "Upgrade": "websocket",
                "Sec-WebSocket-Version": "13",
                "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ==",
            },
        )
        self.assertEqual(status, 403)


class Functions(LocalAwsTest):
    """The sessions and the Runtime API of functions."""

    def test_a_session_cannot_be_derived(self) -> None:
        role = self.role("guessed")
        self.client("lambda").create_function(
            FunctionName="guessed",
            Runtime="python3.12",
            Handler="index.handler",
            Role=role,
            Code={
                "ZipFile": zipped(
                    {"index.py": "import os\ndef handler(event, _): return dict(os.environ)\n"}
                )
            },
        )
        answer = self.client("lambda").invoke(FunctionName="guessed")
        own = json.load(answer["Payload"])
        session = {
            "aws_access_key_id": own["AWS_ACCESS_KEY_ID"],
            "aws_secret_access_key": own["AWS_SECRET_ACCESS_KEY"],
            "aws_session_token": own["AWS_SESSION_TOKEN"],
        }
        self.assertIn("assumed-role/guessed/", self.identity(session))
        # As ministack itself would make it.
        arn = f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:guessed"
        digest = hashlib.sha256(f"{arn}:{role}".encode()).hexdigest()
        guessed = {
            "aws_access_key_id": f"ASIA{digest[:16].upper()}",
            "aws_secret_access_key": hashlib.sha256(f"secret:{digest}".encode()).hexdigest(),
            "aws_session_token": hashlib.sha256(f"token:{digest}".encode()).hexdigest(),
        }
        with self.refused("InvalidClientTokenId"):
            self.identity(guessed)

    def identity(self, session: dict[str, str]) -> str:
        client = SESSION.create_client(
            "sts", region_name=REGION, endpoint_url=f"http://127.0.0.1:{self.port}", **session
        )
        return client.get_caller_identity()["Arn"]

    def test_the_runtime_api_answers_no_page(self) -> None:
        mark = self.directory / "runtime-api"
        self.client("lambda").create_function(
            FunctionName="waiting",
            Runtime="provided.al2023",
            Handler="bootstrap",
            Role=self.role("waiting"),
            Code={"ZipFile": zipped({"bootstrap": WORKER.format(mark=mark)})},
            Timeout=5,
        )
        invoking = threading.Thread(
            target=lambda: self.client("lambda").invoke(FunctionName="waiting")
        )
        invoking.start()
        self.addCleanup(invoking.join)
        eventually(mark.exists)
        host, _, port = mark.read_text().strip().partition(":")
        path = "/2018-06-01/runtime/invocation/next"
        for headers in (
            {"Origin": "https://attacker.example"},
            {"Sec-Fetch-Site": "cross-site"},
            {"Host": "attacker.example"},
        ):
            connection = http.client.HTTPConnection(host, int(port), timeout=10)
            connection.request("GET", path, headers=headers)
            self.assertEqual(connection.getresponse().status, 403)
            connection.close()
        connection = http.client.HTTPConnection(host, int(port), timeout=10)
        connection.request("GET", path)
        self.assertEqual(connection.getresponse().status, 200)
        connection.close()


class Owner(unittest.TestCase):
    def test_the_other_end_decides(self) -> None:
        self.assertEqual(loopback.owner(CONNECTIONS, 0xC350), 1000)
        self.assertIsNone(loopback.owner(CONNECTIONS, 0xC351))

    def test_a_connection_of_ones_own(self) -> None:
        with socket.create_server(("127.0.0.1", 0)) as listener:
            with socket.create_connection(listener.getsockname()) as client:
                self.assertTrue(loopback.is_own(client.getsockname()[1]))


if __name__ == "__main__":
    unittest.main()
