"""The programs in `examples/notify`, with stand-ins for the AWS SDK and the Secrets Manager Agent."""

import contextlib
import http.server
import importlib.util
import io
import json
import os
import sys
import tempfile
import threading
import types
import unittest
import urllib.parse
from pathlib import Path
from unittest import mock

EXAMPLES = Path(__file__).resolve().parents[2] / "examples" / "notify"
ARN = "arn:aws:secretsmanager:eu-west-1:111122223333:secret:prod/ci-a1b2c3"
EVENT = {
    "source": "aws.secretsmanager",
    "resources": [ARN],
    "detail": {"name": "prod/ci", "labelUpdated": "AWSCURRENT", "versionId": "v2"},
}


class NotifyTest(unittest.TestCase):
    def load(self, name, client, **environment):
        """Returns a program as a module, which gets `client` from boto3."""
        boto3 = types.ModuleType("boto3")
        boto3.client = lambda service: client
        for values, more in ((sys.modules, {"boto3": boto3}), (os.environ, environment)):
            patch = mock.patch.dict(values, more)
            patch.start()
            self.addCleanup(patch.stop)
        spec = importlib.util.spec_from_file_location(name, EXAMPLES / f"{name}.py")
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        return module


class RestartEcs(NotifyTest):
    def test_an_event_forces_a_deployment(self):
        ecs = mock.Mock()
        program = self.load("restart_ecs", ecs, CLUSTER="main", SERVICE="api")
        self.assertEqual(program.handler(EVENT, None), {"secret": "prod/ci", "version": "v2"})
        ecs.update_service.assert_called_once_with(
            cluster="main", service="api", forceNewDeployment=True
        )


class Cached(NotifyTest):
    def setUp(self):
        self.manager = mock.Mock()
        self.manager.get_secret_value.return_value = {"SecretString": '{"username": "ada"}'}
        self.program = self.load("cached", self.manager, SECRET="prod/ci")

    def reads(self):
        """Uses the secret, and returns how often it was read."""
        self.assertEqual(self.program.handler({}, None), {"user": "ada"})
        return self.manager.get_secret_value.call_count

    def test_an_event_clears_the_cache(self):
        self.assertEqual([self.reads(), self.reads()], [1, 1])
        self.assertEqual(self.program.handler(EVENT, None), {"forgotten": "v2"})
        self.assertEqual(self.reads(), 2)

    def test_an_old_value_is_read_again(self):
        now = self.program.time.monotonic()
        for seconds, reads in ((0, 1), (self.program.MOST - 1, 1), (self.program.MOST + 1, 2)):
            with mock.patch.object(self.program.time, "monotonic", return_value=now + seconds):
                self.assertEqual(self.reads(), reads, seconds)


class RefreshAgent(NotifyTest):
    def setUp(self):
        self.asked, self.status = [], 200
        test = self

        class Agent(http.server.BaseHTTPRequestHandler):
            def do_GET(self):
                url = urllib.parse.urlsplit(self.path)
                query = dict(urllib.parse.parse_qsl(url.query))
                token = self.headers["X-Aws-Parameters-Secrets-Token"]
                test.asked.append((url.path, query["secretId"], query["refreshNow"], token))
                self.send_response(test.status)
                self.end_headers()

            def log_message(self, *arguments):
                pass

        self.agent = http.server.HTTPServer(("127.0.0.1", 0), Agent)
        self.addCleanup(self.agent.server_close)
        thread = threading.Thread(target=self.agent.serve_forever)
        thread.start()
        self.addCleanup(thread.join)
        self.addCleanup(self.agent.shutdown)
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.token = Path(folder.name, "token")
        self.token.write_text("a-token\n")
        self.sqs = mock.Mock()
        self.program = self.load(
            "refresh_agent",
            self.sqs,
            AWS_SECRETS_MANAGER_AGENT_URL=f"http://127.0.0.1:{self.agent.server_port}",
            TOKEN_FILE=str(self.token),
        )

    def receive(self, *bodies):
        """Handles messages. Returns the numbers of those it deletes, and what it prints."""
        messages = [
            {"MessageId": f"message-{number}", "ReceiptHandle": str(number), "Body": body}
            for number, body in enumerate(bodies)
        ]
        self.sqs.receive_message.return_value = {"Messages": messages}
        self.sqs.delete_message.reset_mock()
        with contextlib.redirect_stderr(io.StringIO()) as printed:
            self.program.receive(self.sqs, "queue")
        calls = self.sqs.delete_message.call_args_list
        return [int(call.kwargs["ReceiptHandle"]) for call in calls], printed.getvalue()

    def test_an_event_refreshes_the_name_and_the_arn(self):
        self.assertEqual(self.receive(json.dumps(EVENT)), ([0], ""))
        get = "/secretsmanager/get"
        expected = [(get, "prod/ci", "true", "a-token"), (get, ARN, "true", "a-token")]
        self.assertEqual(self.asked, expected)

    def test_a_bad_message_does_not_stop_the_others(self):
        bad = ["no JSON", "[]", "{}", json.dumps({**EVENT, "resources": []})]
        deleted, printed = self.receive(*bad, json.dumps(EVENT))
        self.assertEqual(deleted, [len(bad)])
        for number in range(len(bad)):
            self.assertIn(f"cannot handle message-{number}: ", printed)

    def test_a_message_stays_until_the_agent_answers(self):
        self.status = 500
        self.assertEqual(self.receive(json.dumps(EVENT))[0], [])
        self.status = 200
        self.token.rename(self.token.with_name("moved"))
        self.assertEqual(self.receive(json.dumps(EVENT))[0], [])
        self.token.with_name("moved").rename(self.token)
        self.assertEqual(self.receive(json.dumps(EVENT))[0], [0])

    def test_an_agent_that_does_not_run_does_not_end_the_program(self):
        with mock.patch.object(self.program, "AGENT", "http://127.0.0.1:1"):
            self.assertEqual(self.receive(json.dumps(EVENT))[0], [])

    def test_the_program_goes_on_after_an_empty_answer(self):
        stop = KeyboardInterrupt()
        self.sqs.receive_message.side_effect = [{}, {"Messages": []}, stop]
        with self.assertRaises(KeyboardInterrupt):
            self.program.main("queue")
        self.assertEqual(self.sqs.receive_message.call_count, 3)


if __name__ == "__main__":
    unittest.main()
