"""Eventual consistency: what requests see after a change, by virtual time and a seed."""

from __future__ import annotations

import json
import subprocess
import unittest
from typing import Any

from botocore.exceptions import ClientError
from local_aws import LocalAwsTest, command, environment

STILL = ("--port", "0", "--seed", "7", "--tick", "0", "--strict")
"""An emulator in which no time passes by itself."""

POLICY = {
    "Version": "2012-10-17",
    "Statement": [{"Effect": "Allow", "Action": "secretsmanager:ListSecrets", "Resource": "*"}],
}


class Clock(LocalAwsTest):
    arguments = (*STILL, "iam-lag")

    def test_root_alone_advances_it(self) -> None:
        path = "/_ministack/advance?seconds=1"
        self.assertEqual(self.ask_emulator(path)[0], 200)
        key = self.user("nobody")
        self.advance(100)
        self.assertEqual(self.ask_emulator(path, key), (403, "Only root may ask for this."))
        for seconds in ("-1", "nan", "inf", "soon", ""):
            status, _ = self.ask_emulator(f"/_ministack/advance?seconds={seconds}")
            self.assertEqual(status, 400, seconds)

    def test_an_unknown_item_is_named(self) -> None:
        result = subprocess.run(
            command("--port", "0", "--strict", "iam-lag,lags"),
            capture_output=True,
            text=True,
            env=environment(str(self.directory)),
        )
        self.assertEqual((result.returncode, result.stdout), (2, ""))
        self.assertIn("unknown: lags. There are: all, ascii,", result.stderr)


class RealClock(LocalAwsTest):
    arguments = ("--port", "0")

    def test_it_cannot_be_advanced(self) -> None:
        status, text = self.ask_emulator("/_ministack/advance?seconds=1")
        self.assertEqual(status, 400)
        self.assertIn("Time is real here.", text)


class Iam(LocalAwsTest):
    arguments = (*STILL, "iam-lag")

    def identity(self, key: dict[str, str]) -> str:
        """Returns the error of a call with a key, or nothing."""
        try:
            self.client("sts", key).get_caller_identity()
        except ClientError as error:
            return error.response["Error"]["Code"]
        return ""

    def identities(self, key: dict[str, str]) -> set[str]:
        return {self.identity(key) for _ in range(30)}

    def test_a_new_key_works_later_and_not_everywhere_at_once(self) -> None:
        key = self.user("new-key")
        self.assertEqual(self.identities(key), {"InvalidClientTokenId"})
        seen = set()
        for _ in range(15):
            self.advance(1)
            seen.add(frozenset(self.identities(key)))
        # Meanwhile one endpoint knows it, and another does not.
        self.assertIn(frozenset({"", "InvalidClientTokenId"}), seen)
        self.assertEqual(self.identities(key), {""})

    def test_a_deleted_and_an_inactive_key_still_work_for_a_while(self) -> None:
        iam = self.client("iam")
        for name, change in (("deleted", iam.delete_access_key), ("off", iam.update_access_key)):
            with self.subTest(name):
                key = self.user(name)
                self.advance(15)
                more = {"Status": "Inactive"} if name == "off" else {}
                change(UserName=name, AccessKeyId=key["AccessKeyId"], **more)
                self.assertEqual(self.identities(key), {""})
                self.advance(15)
                self.assertEqual(self.identities(key), {"InvalidClientTokenId"})

    def test_a_policy_and_its_end_count_later(self) -> None:
        key, iam = self.user("policy"), self.client("iam")
        self.advance(15)
        secrets = self.client("secretsmanager", key)
        policy = {"UserName": "policy", "PolicyName": "p"}
        iam.put_user_policy(**policy, PolicyDocument=json.dumps(POLICY))
        with self.refused("AccessDeniedException"):
            secrets.list_secrets()
        self.advance(15)
        secrets.list_secrets()
        iam.delete_user_policy(**policy)
        secrets.list_secrets()
        self.advance(15)
        with self.refused("AccessDeniedException"):
            secrets.list_secrets()

    def test_what_is_read_is_what_was(self) -> None:
        iam = self.client("iam")
        iam.create_user(UserName="read")
        with self.refused("NoSuchEntity"):
            iam.get_user(UserName="read")
        with self.refused("NoSuchEntity"):
            iam.list_access_keys(UserName="read")
        self.advance(15)
        iam.create_access_key(UserName="read")
        iam.tag_user(UserName="read", Tags=[{"Key": "team", "Value": "payments"}])
        self.assertEqual(iam.list_access_keys(UserName="read")["AccessKeyMetadata"], [])
        self.assertNotIn("Tags", iam.get_user(UserName="read")["User"])
        self.advance(15)
        self.assertEqual(len(iam.list_access_keys(UserName="read")["AccessKeyMetadata"]), 1)
        self.assertIn("Tags", iam.get_user(UserName="read")["User"])

    def test_a_reset_leaves_nothing_of_what_was(self) -> None:
        key = self.user("reset")
        self.advance(15)
        self.assertEqual(self.ask_emulator("/_ministack/reset")[0], 200)
        self.assertEqual(self.identities(key), {"InvalidClientTokenId"})
        with self.refused("NoSuchEntity"):
            self.client("iam").get_user(UserName="reset")

    def test_the_seed_repeats_it(self) -> None:
        def run(seed: str) -> list[str]:
            class Again(Iam):
                arguments = ("--port", "0", "--seed", seed, "--tick", "0.5", "--strict", "iam-lag")

            Again.setUpClass()
            try:
                test = Again("test_the_seed_repeats_it")
                key = test.user("again")
                return [test.identity(key) for _ in range(40)]
            finally:
                Again.doClassCleanups()

        first = run("1")
        self.assertEqual(first, run("1"))
        self.assertNotEqual(first, run("2"))
        # A request takes half a second, so that counting them is enough to see it settle.
        self.assertEqual(first[-10:], [""] * 10)


class LastUsed(LocalAwsTest):
    arguments = (*STILL, "last-used")

    def used(self, key: dict[str, str]) -> dict[str, Any]:
        answer = self.client("iam").get_access_key_last_used(AccessKeyId=key["AccessKeyId"])
        return answer["AccessKeyLastUsed"]

    def test_one_use_in_15_minutes_is_recorded_and_reported_later(self) -> None:
        key = self.user("used")
        self.client("sts", key).get_caller_identity()
        self.assertEqual(self.used(key), {"ServiceName": "N/A", "Region": "N/A"})
        self.advance(300)
        first = self.used(key)
        self.assertEqual(first["ServiceName"], "sts")
        with self.refused("AccessDeniedException"):
            self.client("secretsmanager", key).list_secrets()
        self.advance(599)
        self.assertEqual(self.used(key), first)
        with self.refused("AccessDeniedException"):
            self.client("secretsmanager", key).list_secrets()
        self.advance(300)
        self.assertEqual(self.used(key), first)
        # The 15 minutes since the recorded use are over.
        with self.refused("AccessDeniedException"):
            self.client("secretsmanager", key).list_secrets()
        self.advance(300)
        self.assertEqual(self.used(key)["ServiceName"], "secretsmanager")


if __name__ == "__main__":
    unittest.main()
