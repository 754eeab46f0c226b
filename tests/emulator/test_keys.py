"""IAM access keys, who may use them, and for what."""

from __future__ import annotations

import datetime
import json
import unittest

from botocore.exceptions import ClientError
from local_aws import ACCOUNT, REGION, LocalAwsTest

OWN_KEYS = {
    "Sid": "ManageOwnAccessKeys",
    "Effect": "Allow",
    "Action": [
        "iam:CreateAccessKey",
        "iam:DeleteAccessKey",
        "iam:GetAccessKeyLastUsed",
        "iam:GetUser",
        "iam:ListAccessKeys",
        "iam:UpdateAccessKey",
        "iam:TagUser",
    ],
    "Resource": "arn:aws:iam::*:user/${aws:username}",
}


class Keys(LocalAwsTest):
    def setUp(self) -> None:
        self.iam = self.client("iam")
        self.name = self.id().rsplit(".", 1)[-1].replace("_", "-")[:60]

    def last_used(self, key: dict[str, str]) -> dict[str, object]:
        return self.iam.get_access_key_last_used(AccessKeyId=key["AccessKeyId"])[
            "AccessKeyLastUsed"
        ]

    def test_a_third_key_is_refused(self) -> None:
        first = self.user(self.name)
        self.iam.create_access_key(UserName=self.name)
        self.iam.update_access_key(
            UserName=self.name, AccessKeyId=first["AccessKeyId"], Status="Inactive"
        )
        message = "Cannot exceed quota for AccessKeysPerUser: 2"
        with self.refused("LimitExceeded", message) as caught:
            self.iam.create_access_key(UserName=self.name)
        status = caught.exception.response["ResponseMetadata"]["HTTPStatusCode"]
        self.assertEqual(status, 409)
        self.iam.delete_access_key(UserName=self.name, AccessKeyId=first["AccessKeyId"])
        self.iam.create_access_key(UserName=self.name)

    def test_keys_are_listed_in_pages(self) -> None:
        keys = {self.user(self.name)["AccessKeyId"]}
        keys.add(self.iam.create_access_key(UserName=self.name)["AccessKey"]["AccessKeyId"])
        whole = self.iam.list_access_keys(UserName=self.name)
        self.assertFalse(whole["IsTruncated"])
        first = self.iam.list_access_keys(UserName=self.name, MaxItems=1)
        self.assertTrue(first["IsTruncated"])
        second = self.iam.list_access_keys(
            UserName=self.name, MaxItems=1, Marker=first["Marker"]
        )
        self.assertFalse(second["IsTruncated"])
        pages = [first["AccessKeyMetadata"], second["AccessKeyMetadata"]]
        self.assertEqual([len(page) for page in pages], [1, 1])
        self.assertEqual({page[0]["AccessKeyId"] for page in pages}, keys)
        self.assertCountEqual(whole["AccessKeyMetadata"], sum(pages, []))

    def test_the_last_use_is_recorded(self) -> None:
        key = self.user(self.name)
        never = self.last_used(key)
        self.assertEqual((never["ServiceName"], never["Region"]), ("N/A", "N/A"))
        self.assertNotIn("LastUsedDate", never)
        self.client("sts", key).get_caller_identity()
        used = self.last_used(key)
        self.assertEqual((used["ServiceName"], used["Region"]), ("sts", REGION))
        age = datetime.datetime.now(datetime.timezone.utc) - used["LastUsedDate"]
        self.assertLess(abs(age.total_seconds()), 30)
        with self.refused("AccessDeniedException"):
            self.client("secretsmanager", key).describe_secret(SecretId="any")
        self.assertEqual(self.last_used(key)["ServiceName"], "secretsmanager")

    def test_a_refused_signature_is_no_use(self) -> None:
        key = self.user(self.name)
        with self.refused("SignatureDoesNotMatch"):
            self.client("sts", {**key, "SecretAccessKey": "wrong"}).get_caller_identity()
        self.assertEqual(self.last_used(key)["ServiceName"], "N/A")

    def test_only_an_active_key_works(self) -> None:
        key = self.user(self.name)
        sts = self.client("sts", key)
        self.assertEqual(
            sts.get_caller_identity()["Arn"], f"arn:aws:iam::{ACCOUNT}:user/{self.name}"
        )
        self.iam.update_access_key(AccessKeyId=key["AccessKeyId"], Status="Inactive")
        with self.refused("InvalidClientTokenId"):
            sts.get_caller_identity()
        with self.refused("InvalidClientTokenId"):
            self.client("iam", key).list_access_keys(UserName=self.name)
        with self.refused("UnrecognizedClientException"):
            self.client("secretsmanager", key).list_secrets()
        self.iam.update_access_key(AccessKeyId=key["AccessKeyId"], Status="Active")
        sts.get_caller_identity()
        self.iam.delete_access_key(UserName=self.name, AccessKeyId=key["AccessKeyId"])
        with self.refused("InvalidClientTokenId"):
            sts.get_caller_identity()

    def test_a_user_manages_its_own_keys_only(self) -> None:
        other = self.user(f"{self.name}-other")
        key = self.user(self.name, OWN_KEYS)
        iam = self.client("iam", key)
        new = iam.create_access_key(UserName=self.name)["AccessKey"]
        self.assertEqual(len(iam.list_access_keys(UserName=self.name)["AccessKeyMetadata"]), 2)
        iam.get_user(UserName=self.name)
        iam.get_access_key_last_used(AccessKeyId=new["AccessKeyId"])
        iam.update_access_key(
            UserName=self.name, AccessKeyId=new["AccessKeyId"], Status="Inactive"
        )
        iam.delete_access_key(UserName=self.name, AccessKeyId=new["AccessKeyId"])
        theirs = {"UserName": f"{self.name}-other", "AccessKeyId": other["AccessKeyId"]}
        with self.refused("AccessDenied"):
            iam.create_access_key(UserName=f"{self.name}-other")
        with self.refused("AccessDenied"):
            iam.get_access_key_last_used(AccessKeyId=other["AccessKeyId"])
        with self.refused("AccessDenied"):
            iam.delete_access_key(**theirs)
        with self.refused("NoSuchEntity"):
            iam.delete_access_key(**{**theirs, "UserName": self.name})
        with self.refused("NoSuchEntity"):
            iam.update_access_key(**{**theirs, "UserName": self.name}, Status="Inactive")
        self.client("sts", other).get_caller_identity()

    def test_the_path_is_part_of_the_arn_that_is_authorized(self) -> None:
        arn = f"arn:aws:iam::{ACCOUNT}:user"
        actions = ["iam:CreateAccessKey", "iam:CreateUser", "iam:GetUser"]
        for name, resource, allowed in (
            ("flat", f"{arn}/{self.name}", False),
            ("other", f"{arn}/cd/{self.name}", False),
            ("whole", f"{arn}/ci/{self.name}", True),
            ("below", f"{arn}/ci/*", True),
        ):
            policy = {"Effect": "Allow", "Action": actions, "Resource": resource}
            caller = self.client("iam", self.user(f"{self.name[:50]}-{name}", policy))
            with self.subTest(name):
                if allowed:
                    caller.create_user(UserName=self.name, Path="/ci/")
                    caller.get_user(UserName=self.name)
                    key = caller.create_access_key(UserName=self.name)["AccessKey"]
                    key_id = key["AccessKeyId"]
                    self.iam.delete_access_key(UserName=self.name, AccessKeyId=key_id)
                    self.iam.delete_user(UserName=self.name)
                    continue
                with self.refused("AccessDenied"):
                    caller.create_user(UserName=self.name, Path="/ci/")
                self.iam.create_user(UserName=self.name, Path="/ci/")
                with self.refused("AccessDenied"):
                    caller.get_user(UserName=self.name)
                with self.refused("AccessDenied"):
                    caller.create_access_key(UserName=self.name)
                self.iam.delete_user(UserName=self.name)

    def test_a_user_below_a_path_manages_its_own_keys(self) -> None:
        self.iam.create_user(UserName=self.name, Path="/ci/")
        key = self.iam.create_access_key(UserName=self.name)["AccessKey"]
        iam = self.client("iam", key)
        for path, allowed in (("", False), ("ci/", True)):
            statement = {**OWN_KEYS, "Resource": f"arn:aws:iam::*:user/{path}${{aws:username}}"}
            document = {"Version": "2012-10-17", "Statement": [statement]}
            self.iam.put_user_policy(
                UserName=self.name, PolicyName="own", PolicyDocument=json.dumps(document)
            )
            with self.subTest(path):
                for call in (
                    lambda: iam.list_access_keys(UserName=self.name),
                    lambda: iam.get_access_key_last_used(AccessKeyId=key["AccessKeyId"]),
                ):
                    if allowed:
                        call()
                    else:
                        with self.refused("AccessDenied"):
                            call()
        identity = self.client("sts", key).get_caller_identity()
        self.assertEqual(identity["Arn"], f"arn:aws:iam::{ACCOUNT}:user/ci/{self.name}")

    def test_a_user_in_use_cannot_be_deleted(self) -> None:
        key = self.user(self.name, OWN_KEYS)
        with self.refused("DeleteConflict"):
            self.iam.delete_user(UserName=self.name)
        self.iam.delete_access_key(UserName=self.name, AccessKeyId=key["AccessKeyId"])
        with self.refused("DeleteConflict", "must delete policies first"):
            self.iam.delete_user(UserName=self.name)
        self.iam.delete_user_policy(UserName=self.name, PolicyName="test")
        self.iam.delete_user(UserName=self.name)
        with self.refused("NoSuchEntity"):
            self.iam.list_access_keys(UserName=self.name)

    def test_a_policy_is_held_to_its_secrets(self) -> None:
        manager = self.client("secretsmanager")
        mine = manager.create_secret(Name=f"{self.name}-mine", SecretString="x")["ARN"]
        manager.create_secret(Name=f"{self.name}-yours", SecretString="x")
        read = {"Effect": "Allow", "Action": "secretsmanager:GetSecretValue", "Resource": mine}
        reader = self.client("secretsmanager", self.user(self.name, read))
        reader.get_secret_value(SecretId=mine)
        reader.get_secret_value(SecretId=f"{self.name}-mine")
        for refused in (
            lambda: reader.get_secret_value(SecretId=f"{self.name}-yours"),
            lambda: reader.put_secret_value(SecretId=mine, SecretString="y"),
            lambda: reader.cancel_rotate_secret(SecretId=mine),
        ):
            with self.refused("AccessDeniedException"):
                refused()

    def test_the_secrets_own_condition_keys_count(self) -> None:
        manager = self.client("secretsmanager")
        arn = manager.create_secret(
            Name=self.name, SecretString="x", Tags=[{"Key": "team", "Value": "a"}]
        )["ARN"]
        for team in ("a", "b"):
            condition = {"StringEquals": {"secretsmanager:ResourceTag/team": team}}
            statement = {
                "Effect": "Allow",
                "Action": "secretsmanager:GetSecretValue",
                "Resource": "*",
                "Condition": condition,
            }
            reader = self.client("secretsmanager", self.user(f"{self.name}-{team}", statement))
            try:
                reader.get_secret_value(SecretId=arn)
                allowed = True
            except ClientError:
                allowed = False
            self.assertEqual(allowed, team == "a")


if __name__ == "__main__":
    unittest.main()
