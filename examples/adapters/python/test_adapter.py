"""Tests what the answers of the service mean."""

import http.client
import io
import json
import ssl
import unittest
import urllib.error
from unittest import mock

import adapter

REQUEST = {
    "version": 1,
    "username": "billing",
    "password": "old",
    "settings": {"url": "https://portal.example.com"},
}


def ask(request, status, body=None, **more):
    with mock.patch.object(adapter, "send", return_value=(status, body)) as send:
        answer = adapter.handler({**REQUEST, "request": request, **more}, None)
    return answer["outcome"], send


class Answers(unittest.TestCase):
    def test_authenticate(self):
        for status, body, outcome in [
            (200, {}, "success"),
            # A page of something in front of the service.
            (200, None, "unclear"),
            (401, None, "refused"),
            (503, None, "unreachable"),
            (500, {}, "unclear"),
            (307, None, "unclear"),
            (None, None, "unclear"),
            ("not sent", None, "unreachable"),
        ]:
            self.assertEqual(ask("authenticate", status, body)[0], outcome, (status, body))

    def test_change(self):
        outcome, send = ask("change", 200, {}, new_password="new")
        self.assertEqual(outcome, "success")
        url, body = send.call_args.args
        self.assertEqual(url, "https://portal.example.com/password")
        self.assertEqual(body, {"user": "billing", "password": "old", "new_password": "new"})
        self.assertEqual(ask("change", 422, {}, new_password="new")[0], "password_rejected")
        self.assertEqual(ask("change", 401, {}, new_password="new")[0], "refused")

    def test_other_versions(self):
        answer = adapter.handler({"version": 2, "request": "authenticate"}, None)
        self.assertEqual(answer["outcome"], "unclear")

    def test_no_password_without_tls(self):
        self.assertEqual(adapter.send("http://portal.example.com/login", {}), ("not sent", None))

    def test_what_the_connection_does(self):
        url = "https://portal.example.com/login"

        def status(code, body):
            return urllib.error.HTTPError(url, code, "", {}, body)

        unfinished = io.BytesIO()
        unfinished.read = mock.Mock(side_effect=http.client.IncompleteRead(b"old"))
        slow = io.BytesIO()
        slow.read = mock.Mock(side_effect=TimeoutError)
        for error, expected in [
            (urllib.error.URLError(ConnectionRefusedError()), ("not sent", None)),
            (urllib.error.URLError(ssl.SSLCertVerificationError()), ("not sent", None)),
            (urllib.error.URLError(ConnectionResetError()), (None, None)),
            (TimeoutError(), (None, None)),
            # The text of both repeats what the service sent.
            (http.client.BadStatusLine("old"), (None, None)),
            (http.client.IncompleteRead(b"old"), (None, None)),
            (status(401, io.BytesIO(b"{}")), (401, {})),
            (status(401, io.BytesIO(b"[" * 10_000)), (401, None)),
            (status(401, unfinished), (None, None)),
            (status(401, slow), (None, None)),
        ]:
            with mock.patch.object(adapter.OPENER, "open", side_effect=error):
                self.assertEqual(adapter.send(url, {}), expected, error)

    def test_no_secret_in_an_answer(self):
        answer = ask("authenticate", 401, {"error": "old"})[0]
        self.assertNotIn("old", json.dumps(answer))


if __name__ == "__main__":
    unittest.main()
