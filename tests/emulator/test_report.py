"""Credential reports, keys that are made older, and the event history."""

from __future__ import annotations

import csv
import datetime
import json
import unittest

from local_aws import ACCOUNT, REGION, LocalAwsTest

DAY = 86_400


class Reports(LocalAwsTest):
    arguments = ("--port", "0", "--tick", "0", "--strict", "ascii")

    def setUp(self) -> None:
        self.ask_emulator("/_ministack/reset")
        self.iam = self.client("iam")

    def report(self) -> dict[str, dict[str, str]]:
        while self.iam.generate_credential_report()["State"] != "COMPLETE":
            pass
        content = self.iam.get_credential_report()["Content"].decode()
        return {row["user"]: row for row in csv.DictReader(content.splitlines())}

    def test_a_report_is_generated_and_kept(self) -> None:
        with self.refused("ReportNotPresent"):
            self.iam.get_credential_report()
        self.assertEqual(self.iam.generate_credential_report()["State"], "STARTED")
        with self.refused("ReportInProgress"):
            self.iam.get_credential_report()
        self.assertEqual(set(self.report()), {"<root_account>"})
        self.iam.create_user(UserName="later")
        self.assertEqual(set(self.report()), {"<root_account>"})
        self.advance(4 * 3600)
        with self.refused("ReportExpired"):
            self.iam.get_credential_report()
        self.assertEqual(set(self.report()), {"<root_account>", "later"})

    def test_it_has_keys_their_use_and_passwords(self) -> None:
        key = self.user("ada")
        self.iam.create_access_key(UserName="ada")
        self.iam.create_login_profile(UserName="ada", Password="x")
        self.client("sts", key).get_caller_identity()
        self.iam.update_access_key(
            UserName="ada", AccessKeyId=key["AccessKeyId"], Status="Inactive"
        )
        self.iam.create_user(UserName="bob", Path="/ci/")
        rows = self.report()
        ada, bob = rows["ada"], rows["bob"]
        numbers = sorted(("1", "2"), key=lambda it: ada[f"access_key_{it}_active"])
        self.assertEqual(
            [ada[f"access_key_{it}_active"] for it in numbers], ["false", "true"]
        )
        used, unused = (f"access_key_{it}_last_used" for it in numbers)
        self.assertEqual((ada[f"{used}_service"], ada[f"{used}_region"]), ("sts", REGION))
        self.assertEqual(ada[f"{unused}_date"], "N/A")
        self.assertEqual((ada["password_enabled"], bob["password_enabled"]), ("true", "false"))
        self.assertEqual(bob["arn"], f"arn:aws:iam::{ACCOUNT}:user/ci/bob")
        self.assertEqual(bob["access_key_1_last_rotated"], "N/A")

    def test_a_key_is_made_older_by_root_alone(self) -> None:
        key = self.user("ada")
        self.client("sts", key).get_caller_identity()
        path = f"/_ministack/age?key={key['AccessKeyId']}&seconds={100 * DAY}"
        self.assertEqual(self.ask_emulator(path, key)[0], 403)
        self.assertEqual(self.ask_emulator(path)[0], 200)
        self.assertEqual(self.ask_emulator("/_ministack/age?key=AKIA&seconds=1")[0], 400)
        self.assertEqual(self.ask_emulator(path.replace("seconds=", "seconds=-"))[0], 400)
        now = datetime.datetime.now(datetime.timezone.utc)
        (listed,) = self.iam.list_access_keys(UserName="ada")["AccessKeyMetadata"]
        self.assertEqual((now - listed["CreateDate"]).days, 100)
        used = self.iam.get_access_key_last_used(AccessKeyId=key["AccessKeyId"])
        self.assertEqual((now - used["AccessKeyLastUsed"]["LastUsedDate"]).days, 100)
        self.client("sts", key).get_caller_identity()
        used = self.iam.get_access_key_last_used(AccessKeyId=key["AccessKeyId"])
        self.assertGreater(used["AccessKeyLastUsed"]["LastUsedDate"], now - datetime.timedelta(days=1))

    def test_the_event_history_has_a_keys_requests(self) -> None:
        key = self.user("ada")
        self.client("sts", key).get_caller_identity()
        attribute = {"AttributeKey": "AccessKeyId", "AttributeValue": key["AccessKeyId"]}
        trail = self.client("cloudtrail")
        (event,) = trail.lookup_events(LookupAttributes=[attribute])["Events"]
        self.assertEqual(event["EventName"], "GetCallerIdentity")
        record = json.loads(event["CloudTrailEvent"])
        self.assertEqual(record["userIdentity"]["accessKeyId"], key["AccessKeyId"])
        self.assertIn("Botocore", record["userAgent"])
        elsewhere = self.client("cloudtrail", region="eu-west-1")
        found = elsewhere.lookup_events(LookupAttributes=[attribute])["Events"]
        self.assertEqual(found, [])


if __name__ == "__main__":
    unittest.main()
