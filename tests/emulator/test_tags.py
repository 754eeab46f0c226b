"""Tags: which AWS alone writes, and what a policy can say of those that a caller writes."""

from __future__ import annotations

import json
import unittest
from typing import Any

from deploying import DeployingTest, resource
from local_aws import ACCOUNT, REGION

KEY_POLICY = {
    "Version": "2012-10-17",
    "Statement": [
        {
            "Effect": "Allow",
            "Principal": {"AWS": f"arn:aws:iam::{ACCOUNT}:root"},
            "Action": "kms:*",
            "Resource": "*",
        }
    ],
}
RESERVED = {"Key": "aws:cloudformation:stack-id", "Value": "arn:aws:cloudformation:a-stack"}


def statement(action: str, **condition: Any) -> dict[str, Any]:
    """Returns a statement that allows an action under a condition."""
    return {"Effect": "Allow", "Action": action, "Resource": "*", "Condition": condition}


class Tags(DeployingTest):
    def test_cloudformation_tells_whose_a_secret_and_a_key_are(self) -> None:
        name = f"tagged-{self.stack}"
        resources = {
            "Key": resource("KMS::Key", {"KeyPolicy": KEY_POLICY}, DeletionPolicy="Retain"),
            "Secret": resource(
                "SecretsManager::Secret",
                {"Name": name, "SecretString": "{}"},
                DeletionPolicy="Retain",
            ),
        }
        outputs = {"Key": {"Ref": "Key"}}
        self.assertEqual(self.deploy(resources, outputs), "CREATE_COMPLETE")
        stack_id, key = self.described()["StackId"], self.outputs()["Key"]

        def check() -> None:
            expected = {
                "aws:cloudformation:stack-id": stack_id,
                "aws:cloudformation:stack-name": self.stack,
            }
            secret = self.manager.describe_secret(SecretId=name)["Tags"]
            held = self.client("kms").list_resource_tags(KeyId=key)["Tags"]
            for tags, logical_id in (
                ({it["Key"]: it["Value"] for it in secret}, "Secret"),
                ({it["TagKey"]: it["TagValue"] for it in held}, "Key"),
            ):
                expected["aws:cloudformation:logical-id"] = logical_id
                self.assertEqual(tags, expected)

        check()
        self.delete()
        check()

    def test_nobody_else_writes_tags_of_aws(self) -> None:
        iam, kms, tagging = (
            self.client(service) for service in ("iam", "kms", "resourcegroupstaggingapi")
        )
        user = f"u-{self.stack}"
        iam.create_user(UserName=user)
        key = kms.create_key()["KeyMetadata"]["KeyId"]
        of_kms = {"TagKey": RESERVED["Key"], "TagValue": RESERVED["Value"]}
        for code, call, arguments in (
            (
                "InvalidParameterException",
                self.manager.create_secret,
                {"Name": f"new-{self.stack}", "SecretString": "{}", "Tags": [RESERVED]},
            ),
            (
                "InvalidParameterException",
                self.manager.tag_resource,
                {"SecretId": self.arn, "Tags": [RESERVED]},
            ),
            (
                "InvalidParameterException",
                self.manager.untag_resource,
                {"SecretId": self.arn, "TagKeys": [RESERVED["Key"]]},
            ),
            (
                "InvalidParameterException",
                tagging.tag_resources,
                {
                    "ResourceARNList": [self.arn],
                    "Tags": {RESERVED["Key"]: RESERVED["Value"]},
                },
            ),
            ("TagException", kms.create_key, {"Tags": [of_kms]}),
            ("TagException", kms.tag_resource, {"KeyId": key, "Tags": [of_kms]}),
            (
                "TagException",
                kms.untag_resource,
                {"KeyId": key, "TagKeys": [of_kms["TagKey"]]},
            ),
            ("InvalidInput", iam.tag_user, {"UserName": user, "Tags": [RESERVED]}),
            ("InvalidInput", iam.untag_user, {"UserName": user, "TagKeys": [RESERVED["Key"]]}),
        ):
            with self.subTest(call=call), self.refused(code):
                call(**arguments)
        held = self.manager.describe_secret(SecretId=self.arn).get("Tags", [])
        self.assertNotIn(RESERVED["Key"], [it["Key"] for it in held])

    def test_a_policy_confines_the_tags_of_a_secret(self) -> None:
        written = statement(
            "secretsmanager:TagResource",
            **{
                "ForAllValues:StringEquals": {"aws:TagKeys": ["team"]},
                "Null": {"aws:TagKeys": "false"},
                "StringEquals": {"aws:RequestTag/team": "payments"},
            },
        )
        removed = statement(
            "secretsmanager:UntagResource",
            **{"ForAllValues:StringEquals": {"aws:TagKeys": ["team"]}},
        )
        caller = self.user(f"c-{self.stack}", written, removed)
        secrets = self.client("secretsmanager", caller)

        def tag(**tags: str) -> None:
            pairs = [{"Key": key, "Value": value} for key, value in tags.items()]
            secrets.tag_resource(SecretId=self.arn, Tags=pairs)

        tag(team="payments")
        for tags in ({"team": "other"}, {"owner": "payments"}, {"team": "payments", "o": "p"}):
            with self.subTest(tags=tags), self.refused("AccessDeniedException"):
                tag(**tags)
        with self.refused("AccessDeniedException"):
            secrets.untag_resource(SecretId=self.arn, TagKeys=["owner"])
        with self.refused("AccessDeniedException"):
            secrets.untag_resource(SecretId=self.arn, TagKeys=["owner", "team"])
        secrets.untag_resource(SecretId=self.arn, TagKeys=["team"])

    def test_a_policy_confines_the_tags_of_a_user(self) -> None:
        keys = {"aws:TagKeys": ["keyrota:making"]}
        confined = {
            "ForAllValues:StringEquals": keys,
            "Null": {"aws:TagKeys": "false"},
        }
        caller = self.user(
            f"c-{self.stack}",
            statement("iam:TagUser", **confined),
            statement("iam:UntagUser", **confined),
            statement("iam:ListUserTags"),
            statement("iam:GetUser"),
        )
        name = f"u-{self.stack}"
        self.client("iam").create_user(UserName=name)
        iam = self.client("iam", caller)
        making = {"Key": "keyrota:making", "Value": "1795854000 1795854060"}
        iam.tag_user(UserName=name, Tags=[making])
        self.assertEqual(iam.list_user_tags(UserName=name)["Tags"], [making])
        # "GetUser … Tags": the list of all users has them not (API_ListUsers).
        self.assertEqual(iam.get_user(UserName=name)["User"]["Tags"], [making])
        with self.refused("AccessDenied"):
            iam.tag_user(UserName=name, Tags=[making, {"Key": "other", "Value": "x"}])
        with self.refused("AccessDenied"):
            iam.untag_user(UserName=name, TagKeys=["other"])
        iam.untag_user(UserName=name, TagKeys=["keyrota:making"])
        self.assertEqual(iam.list_user_tags(UserName=name)["Tags"], [])


if __name__ == "__main__":
    unittest.main()
