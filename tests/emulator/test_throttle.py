"""Rates: how many calls are taken at once, and when the next one is."""

from __future__ import annotations

import importlib
import sys
import unittest
from collections.abc import Callable
from typing import Any

from botocore.exceptions import ClientError
from local_aws import PACKAGE_FOLDER, LocalAwsTest

sys.path.insert(0, str(PACKAGE_FOLDER))

throttle = importlib.import_module("keyrota_emulator.throttle")


def taken(call: Callable[[], Any], tries: int = 100) -> tuple[int, str]:
    """Calls until it is refused; returns how often it was taken, and the error."""
    for count in range(tries):
        try:
            call()
        except ClientError as error:
            return count, error.response["Error"]["Code"]
    return tries, ""


class Rates(LocalAwsTest):
    arguments = ("--port", "0", "--tick", "0", "--strict", "throttle")

    def test_a_burst_is_taken_and_then_the_rate(self) -> None:
        logs, iam = self.client("logs"), self.client("iam")
        functions, formation = self.client("lambda"), self.client("cloudformation")
        logs.create_log_group(logGroupName="g")
        for call, burst, code in (
            (lambda: logs.filter_log_events(logGroupName="g"), 5, "ThrottlingException"),
            (iam.list_users, 40, "Throttling"),
            (lambda: iam.create_user(UserName="u") and iam.delete_user(UserName="u"), 7, ""),
            (formation.describe_stacks, 20, "Throttling"),
            (functions.list_functions, 15, "TooManyRequestsException"),
        ):
            with self.subTest(code=code, burst=burst):
                count, error = taken(call)
                self.assertEqual((count, error), (burst, code or "Throttling"))
        self.advance(1)
        count, _ = taken(lambda: logs.filter_log_events(logGroupName="g"))
        self.assertEqual(count, 5)
        self.advance(0.25)
        count, _ = taken(lambda: logs.filter_log_events(logGroupName="g"))
        self.assertEqual(count, 1)

    def test_some_actions_share_a_rate(self) -> None:
        manager = self.client("secretsmanager")
        arn = manager.create_secret(Name="shared", SecretString="{}")["ARN"]

        def both() -> None:
            manager.tag_resource(SecretId=arn, Tags=[{"Key": "a", "Value": "b"}])
            manager.untag_resource(SecretId=arn, TagKeys=["a"])

        self.assertEqual(taken(both), (25, "ThrottlingException"))

    def test_an_accounts_rate_is_one_of_a_region(self) -> None:
        for region in ("us-east-1", "eu-west-1"):
            logs = self.client("logs", region=region)
            logs.create_log_group(logGroupName="regional")
            # What another test has used is back.
            self.advance(1)
            count, _ = taken(lambda: logs.filter_log_events(logGroupName="regional"))
            self.assertEqual(count, 5)


class Documented(unittest.TestCase):
    def test_the_readme_has_every_rate(self) -> None:
        text = (PACKAGE_FOLDER / "README.md").read_text()
        for rate in throttle.RATES:
            actions = ", ".join(f"`{name}`" for name in rate.actions)
            known = "documented" if rate.documented else "assumed"
            row = f"| {rate.service} | {actions} | {rate.per_second} | {rate.burst} | {known} |"
            self.assertIn(row, text)


if __name__ == "__main__":
    unittest.main()
