"""Tests that a report identifies no account, and contains no secret."""

import json
import tempfile
import unittest
from pathlib import Path

from first_run import report
from first_run.redaction import Redactor, SecretInText

ACCOUNT = "111122223333"
KEY = "AKIAIOSFODNN7EXAMPLE"
SECRET = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"
USER = "ci-deployer"


class Redaction(unittest.TestCase):
    def setUp(self):
        self.redactor = Redactor()
        self.redactor.conceal_name(USER, "user")

    def test_it_removes_every_identifier(self):
        texts = {
            f"account {ACCOUNT}": "account <account 1>",
            f"key {KEY} of {USER}": "key <ID 1> of <user 1>",
            f"arn:aws:iam::{ACCOUNT}:user/team/{USER}, denied": "<iam ARN 1>, denied",
            f"'arn:aws-cn:sns:cn-north-1:{ACCOUNT}:x'": "'<sns ARN 2>'".replace("2", "1"),
            "mail ops@example.com": "mail <address 1>",
            f"value {SECRET}": "value <40 characters 1>",
            "role AROAIOSFODNN7EXAMPLE": "role <ID 2>",
        }
        for text, expected in texts.items():
            with self.subTest(text=text):
                self.assertEqual(self.redactor.redact(text), expected)

    def test_the_same_identifier_has_the_same_placeholder(self):
        text = self.redactor.redact("111122223333 444455556666 111122223333")
        self.assertEqual(text, "<account 1> <account 2> <account 1>")

    def test_a_name_within_a_word_is_no_name(self):
        self.redactor.conceal_name("run", "user")
        self.assertEqual(self.redactor.redact("runs run running"), "runs <user 1> running")

    def test_a_name_that_begins_with_another_is_replaced_whole(self):
        self.redactor.conceal_name(f"{USER}-2", "user")
        self.assertEqual(self.redactor.redact(f"{USER}-2"), "<user 1>")

    def test_words_and_figures_stay(self):
        text = "first after 12.5 s; codes: InvalidClientTokenId; DescribeEvents has 3 events"
        self.assertEqual(self.redactor.redact(text), text)

    def test_it_reaches_keys_and_nested_values(self):
        content = {ACCOUNT: [{"of": (USER, 3, None, True)}]}
        redacted = self.redactor.redact_all(content)
        self.assertEqual(redacted, {"<account 1>": [{"of": ["<user 1>", 3, None, True]}]})

    def test_a_secret_is_refused_and_not_named(self):
        self.redactor.forbid("s3cret-value")
        with self.assertRaises(SecretInText) as raised:
            self.redactor.redact_all({"seen": ["the value is s3cret-value"]})
        self.assertNotIn("s3cret-value", str(raised.exception))


class Written(unittest.TestCase):
    def test_a_report_with_a_secret_is_not_written(self):
        redactor = Redactor()
        redactor.forbid("s3cret-value")
        with tempfile.TemporaryDirectory() as folder:
            with self.assertRaises(SecretInText):
                report.write(Path(folder), {"assumptions": [{"seen": "s3cret-value"}]}, redactor)
            self.assertEqual(list(Path(folder).iterdir()), [])

    def test_both_forms_are_redacted(self):
        redactor = Redactor()
        heading = dict.fromkeys(
            ("account", "region", "keyrota", "botocore", "python", "started", "minutes", "end"), ""
        )
        line = {"command": "plan", "exit_code": 1, "seconds": 1.0, "summary": f"{ACCOUNT} | {KEY}"}
        content = {**heading, "commands": [line], "assumptions": [], "throttled": [], "left": []}
        with tempfile.TemporaryDirectory() as folder:
            json_file, page = report.write(Path(folder), content, redactor)
            texts = json_file.read_text(), page.read_text()
        for text in texts:
            self.assertNotIn(ACCOUNT, text)
            self.assertNotIn(KEY, text)
        self.assertEqual(json.loads(texts[0])["commands"][0]["summary"], "<account 1> | <ID 1>")
        self.assertIn("<account 1> \\| <ID 1>", texts[1])
