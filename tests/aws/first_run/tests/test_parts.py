"""Tests of the record, the clean-up, the table of assumptions, and the pins."""

import json
import re
import tempfile
import unittest
from pathlib import Path
from types import SimpleNamespace

import first_run.looks  # noqa: F401  registers the assumptions
from botocore.exceptions import ClientError
from first_run import cleanup, lifecycle
from first_run.assumption import ASSUMPTIONS, FAILED, NOT_LOOKED_AT, NotLookedAt
from first_run.ledger import Ledger
from first_run.main import look
from first_run.redaction import Redactor
from first_run.run import Run

ROOT = Path(__file__).resolve().parents[4]
FOLDER = ROOT / "tests" / "aws" / "first_run"


def refused(code):
    """Returns an error of AWS."""
    return ClientError({"Error": {"Code": code}}, "DeleteUser")


class WithLedger(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.path = Path(folder.name) / "ledger.json"
        self.ledger = Ledger(self.path, "probe-1", "000000000000", "us-east-1")

    def stored(self):
        return [item["name"] for item in Ledger.load(self.path).items]


class Recording(WithLedger):
    def run_with(self):
        return Run("probe-1", None, "0" * 12, self.ledger, Redactor(), self.path.parent, False, False)

    def test_an_item_is_stored_before_it_is_created(self):
        with self.run_with().creating("user", "probe-1-a"):
            self.assertEqual(self.stored(), ["probe-1-a"])

    def test_what_aws_refused_to_create_is_forgotten(self):
        with self.assertRaises(ClientError):
            with self.run_with().creating("user", "probe-1-a"):
                raise refused("LimitExceeded")
        self.assertEqual(self.stored(), [])

    def test_what_may_exist_is_kept(self):
        failed = refused("ServiceFailure")
        failed.response["ResponseMetadata"] = {"HTTPStatusCode": 500}
        for error in (failed, refused("EntityAlreadyExists")):
            with self.assertRaises(ClientError):
                with self.run_with().creating("user", "probe-1-a"):
                    raise error
            self.assertEqual(self.stored(), ["probe-1-a"])
            self.ledger.items.clear()

    def test_what_was_interrupted_is_kept(self):
        with self.assertRaises(KeyboardInterrupt):
            with self.run_with().creating("user", "probe-1-a"):
                raise KeyboardInterrupt
        self.assertEqual(self.stored(), ["probe-1-a"])

    def test_a_name_without_the_prefix_is_refused(self):
        with self.assertRaises(ValueError):
            self.ledger.add("user", "someone-else")


class CleaningUp(WithLedger):
    def clean_up(self, errors=None):
        """Cleans up with deletions that record the names. `errors` are raised instead, by name."""
        deleted = []

        def delete(_, item):
            if item["name"] in (errors or {}):
                raise errors[item["name"]]
            deleted.append(item["name"])

        original, cleanup.DELETIONS = cleanup.DELETIONS, dict.fromkeys(cleanup.DELETIONS, delete)
        try:
            return deleted, cleanup.clean_up(None, self.ledger, None)
        finally:
            cleanup.DELETIONS = original

    def test_it_deletes_the_newest_first_and_forgets_it(self):
        self.ledger.add("user", "probe-1-a")
        self.ledger.add("topic", "probe-1-b")
        deleted, left = self.clean_up()
        self.assertEqual((deleted, left, self.stored()), (["probe-1-b", "probe-1-a"], [], []))

    def test_what_cannot_be_deleted_is_left_and_the_rest_is_deleted(self):
        self.ledger.add("user", "probe-1-a")
        self.ledger.add("user", "probe-1-b")
        deleted, left = self.clean_up({"probe-1-b": refused("DeleteConflict")})
        self.assertEqual(deleted, ["probe-1-a"])
        self.assertEqual([(item["name"], why) for item, why in left], [("probe-1-b", "DeleteConflict")])
        self.assertEqual(self.stored(), ["probe-1-b"])

    def test_what_does_not_exist_counts_as_deleted(self):
        self.ledger.add("user", "probe-1-a")
        _, left = self.clean_up({"probe-1-a": refused("NoSuchEntity")})
        self.assertEqual((left, self.stored()), ([], []))

    def test_it_never_deletes_a_foreign_name(self):
        self.ledger.items.append({"kind": "user", "name": "someone-else"})
        deleted, left = self.clean_up()
        self.assertEqual(deleted, [])
        self.assertEqual(left[0][0]["name"], "someone-else")

    def test_each_kind_can_be_deleted_and_explained(self):
        self.assertEqual({*cleanup.DELETIONS, "keyrota stack"}, set(cleanup.MANUALLY))


class Looking(unittest.TestCase):
    def verdict(self, error):
        def raising(_):
            raise error

        return look(None, SimpleNamespace(look=raising)).verdict

    def test_an_error_is_a_result(self):
        self.assertEqual(self.verdict(NotLookedAt("why")), NOT_LOOKED_AT)
        self.assertEqual(self.verdict(refused("AccessDenied")), NOT_LOOKED_AT)
        self.assertEqual(self.verdict(refused("InternalFailure")), FAILED)
        self.assertEqual(self.verdict(KeyError("absent")), FAILED)


class Table(unittest.TestCase):
    def test_each_row_is_in_truth_md(self):
        page = (ROOT / "docs" / "truth.md").read_text(encoding="utf-8")
        rows = set(re.findall(r"^\| (.*?) \|", page, re.MULTILINE))
        self.assertEqual([each.row for each in ASSUMPTIONS if each.row not in rows], [])

    def test_each_assumption_has_a_name_of_its_own(self):
        names = [each.name for each in ASSUMPTIONS]
        self.assertEqual(len(names), len(set(names)))
        self.assertGreater(len(names), 20)


class Summaries(unittest.TestCase):
    def test_a_result_is_counts_and_states(self):
        secrets = [{"name": "x", "verified": True}, {"name": "y", "verified": False}]
        text = lifecycle.summary("bootstrap", 0, json.dumps({"changes": 3, "secrets": secrets}))
        self.assertEqual(text, "3 changes, 1 of 2 verified")
        text = lifecycle.summary("status", 0, json.dumps({"secrets": [{"state": "ok"}]}))
        self.assertEqual(text, "states ok")
        text = lifecycle.summary("doctor", 5, json.dumps({"findings": [{"id": "no-key"}]}))
        self.assertEqual(text, "1 findings: no-key")


class Pins(unittest.TestCase):
    def test_they_are_those_of_the_local_aws(self):
        emulator = (ROOT / "src/sandbox/emulator/requirements.txt").read_text(encoding="utf-8")
        for line in (FOLDER / "requirements.txt").read_text(encoding="utf-8").splitlines():
            if not line.startswith("#"):
                self.assertIn(line.rstrip(" \\"), emulator)
