"""Tags: which AWS alone writes, and what a policy can say of those that a caller writes."""

from __future__ import annotations

import json
import unittest
from typing import Any

from deploying import DeployingTest, resource
from local_aws import ACCOUNT, REGION, TRUST

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
    def test_cloudformation_tells_whose_a_secret_is_and_not_whose_a_key_is(self) -> None:
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
                "aws:cloudformation:logical-id": "Secret",
            }
            secret = self.manager.describe_secret(SecretId=name)["Tags"]
            self.assertEqual({it["Key"]: it["Value"] for it in secret}, expected)
            self.assertEqual(self.client("kms").list_resource_tags(KeyId=key)["Tags"], [])

        check()
        self.delete()
        check()
        # For 90 days after the stack is deleted, its list says whose the key was.
        listed = self.client("cloudformation").list_stack_resources(StackName=stack_id)
        listed = {
            it["LogicalResourceId"]: it["PhysicalResourceId"]
            for it in listed["StackResourceSummaries"]
        }
        self.assertEqual(listed["Key"], key)

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

    def test_tags_have_a_form(self) -> None:
        iam, kms = self.client("iam"), self.client("kms")
        user = f"u-{self.stack}"
        iam.create_user(UserName=user)
        key = kms.create_key()["KeyMetadata"]["KeyId"]

        def of_user(tags: list[dict[str, str]]) -> None:
            iam.tag_user(UserName=user, Tags=tags)

        def of_secret(tags: list[dict[str, str]]) -> None:
            self.manager.tag_resource(SecretId=self.arn, Tags=tags)

        def of_key(tags: list[dict[str, str]]) -> None:
            pairs = [{"TagKey": it["Key"], "TagValue": it["Value"]} for it in tags]
            kms.tag_resource(KeyId=key, Tags=pairs)

        def of_stack(tags: list[dict[str, str]]) -> None:
            self.change_set({"Topic": resource("SNS::Topic", {})}, Tags=tags)

        calls = {
            "ValidationError": (of_user, of_stack),
            "InvalidParameterException": (of_secret,),
            "TagException": (of_key,),
        }
        many = [{"Key": f"k{number}", "Value": "v"} for number in range(51)]
        for tags, words in (
            ([{"Key": "k" * 129, "Value": "v"}], "less than or equal to 128"),
            ([{"Key": "k", "Value": "v" * 257}], "less than or equal to 256"),
            ([{"Key": "k", "Value": "a;b"}], "pattern"),
            ([{"Key": "k#", "Value": "v"}], "pattern"),
            (many, "50 tags"),
        ):
            for code, operations in calls.items():
                for call in operations:
                    # ministack says these of a stack in other words.
                    other = call is of_stack and ("equal" in words or "50" in words)
                    known = "" if other else words
                    with self.subTest(call=call, words=words), self.refused(code, known):
                        call(tags)
        for call in (of_user, of_secret, of_key, of_stack):
            call([{"Key": "Größe des Teams", "Value": "열쇠 a+b=c-d_e.f:g/h@i"}])

    def test_only_a_stack_takes_no_empty_value(self) -> None:
        empty = [{"Key": "k", "Value": ""}]
        self.client("iam").create_user(UserName=f"e-{self.stack}", Tags=empty)
        self.manager.tag_resource(SecretId=self.arn, Tags=empty)
        topic = {"Topic": resource("SNS::Topic", {})}
        with self.refused("ValidationError", "Member must have length greater than or equal to 1"):
            self.change_set(topic, Tags=empty)
        alarm = {
            "Namespace": "n",
            "MetricName": "m",
            "Statistic": "Sum",
            "Period": 60,
            "EvaluationPeriods": 1,
            "Threshold": 1,
            "ComparisonOperator": "GreaterThanThreshold",
            "Tags": empty,
        }
        self.assertEqual(
            self.deploy({"Alarm": resource("CloudWatch::Alarm", alarm)}), "ROLLBACK_COMPLETE"
        )
        self.assertIn("tags.1.member.value", self.failure("Alarm"))

    def test_keys_that_differ_in_case_are_the_same_for_iam_alone(self) -> None:
        tags = [{"Key": "team", "Value": "a"}, {"Key": "Team", "Value": "b"}]
        user, secret = f"c-{self.stack}", f"c-{self.stack}"
        with self.refused("InvalidInput", "case insensitive"):
            self.client("iam").create_user(UserName=user, Tags=tags)
        self.manager.create_secret(Name=secret, SecretString="{}", Tags=tags)
        self.assertEqual(len(self.manager.describe_secret(SecretId=secret)["Tags"]), 2)
        for kind, properties in (
            ("IAM::User", {"UserName": user, "Tags": tags}),
            ("IAM::Role", {"AssumeRolePolicyDocument": TRUST, "Tags": tags}),
        ):
            with self.subTest(kind):
                made = self.deploy({"It": resource(kind, properties)})
                self.assertEqual(made, "ROLLBACK_COMPLETE")
                self.assertIn("case insensitive", self.failure("It"))
                self.delete()
        # A stack's tags reach its resources.
        made = self.deploy({"It": resource("IAM::User", {"UserName": user})}, Tags=tags)
        self.assertEqual(made, "ROLLBACK_COMPLETE")
        self.delete()
        made = self.deploy({"It": resource("SNS::Topic", {})}, Tags=tags)
        self.assertEqual(made, "CREATE_COMPLETE")

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
