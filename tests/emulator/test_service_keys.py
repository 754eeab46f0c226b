"""The keys with which AWS services encrypt log groups, topics, queues, and functions."""

from __future__ import annotations

import json
import unittest
from typing import Any

from deploying import DeployingTest, resource
from local_aws import ACCOUNT, REGION
from test_delivery import CONDITIONS, DeliveryTest, statement


def key_policy(*statements: dict[str, Any]) -> dict[str, Any]:
    """Returns a key policy that the account administers, with more statements."""
    root = {
        "Effect": "Allow",
        "Principal": {"AWS": f"arn:aws:iam::{ACCOUNT}:root"},
        "Action": "kms:*",
    }
    return {
        "Version": "2012-10-17",
        "Statement": [{**it, "Resource": "*"} for it in (root, *statements)],
    }


def logs_may_use(group: str) -> dict[str, Any]:
    arn = f"arn:aws:logs:{REGION}:{ACCOUNT}:log-group:{group}"
    return {
        "Effect": "Allow",
        "Principal": {"Service": f"logs.{REGION}.amazonaws.com"},
        "Action": ["kms:Decrypt*", "kms:Encrypt*", "kms:GenerateDataKey*"],
        "Condition": {"ArnLike": {"kms:EncryptionContext:aws:logs:arn": arn}},
    }


class ServiceKeys(DeployingTest):
    def resources(self, *statements: dict[str, Any], **group: Any) -> dict[str, Any]:
        return {
            "Key": resource("KMS::Key", {"KeyPolicy": key_policy(*statements)}),
            "Group": resource("Logs::LogGroup", {"LogGroupName": self.stack, **group}),
        }

    def key_of_group(self) -> str | None:
        groups = self.client("logs").describe_log_groups(logGroupNamePrefix=self.stack)
        return groups["logGroups"][0].get("kmsKeyId")

    def test_a_log_group_needs_a_key_that_its_service_may_use(self) -> None:
        key = {"KmsKeyId": {"Fn::GetAtt": ["Key", "Arn"]}}
        other = logs_may_use("another")
        self.assertEqual(self.deploy(self.resources(other, **key)), "ROLLBACK_COMPLETE")
        self.delete()
        mine = logs_may_use(self.stack)
        self.assertEqual(self.deploy(self.resources(mine)), "CREATE_COMPLETE")
        self.assertIsNone(self.key_of_group())
        updated = self.deploy(self.resources(mine, **key), kind="UPDATE")
        self.assertEqual(updated, "UPDATE_COMPLETE")
        self.assertIn(":key/", self.key_of_group() or "")
        self.assertEqual(self.deploy(self.resources(mine), kind="UPDATE"), "UPDATE_COMPLETE")
        self.assertIsNone(self.key_of_group())

    def test_the_key_of_a_log_group_can_be_changed(self) -> None:
        self.deploy(self.resources(logs_may_use(self.stack)))
        resource = {"StackName": self.stack, "LogicalResourceId": "Key"}
        detail = self.client("cloudformation").describe_stack_resource(**resource)
        key = detail["StackResourceDetail"]["PhysicalResourceId"]
        arn = self.client("kms").describe_key(KeyId=key)["KeyMetadata"]["Arn"]
        logs = self.client("logs")
        logs.associate_kms_key(logGroupName=self.stack, kmsKeyId=arn)
        self.assertEqual(self.key_of_group(), arn)
        logs.disassociate_kms_key(logGroupName=self.stack)
        self.assertIsNone(self.key_of_group())
        logs.create_log_group(logGroupName="another")
        for group, error in (
            ("another", logs.exceptions.InvalidParameterException),
            ("gone", logs.exceptions.ResourceNotFoundException),
        ):
            with self.assertRaises(error):
                logs.associate_kms_key(logGroupName=group, kmsKeyId=arn)

    def test_a_topic_has_its_key(self) -> None:
        def topic(**key: Any) -> dict[str, Any]:
            return {
                "Key": resource("KMS::Key", {"KeyPolicy": key_policy()}),
                "Topic": resource("SNS::Topic", {"TopicName": self.stack, **key}),
            }

        arn = f"arn:aws:sns:{REGION}:{ACCOUNT}:{self.stack}"
        for kind, key in (("CREATE", True), ("UPDATE", False), ("UPDATE", True)):
            named = {"KmsMasterKeyId": {"Fn::GetAtt": ["Key", "Arn"]}} if key else {}
            self.assertEqual(self.deploy(topic(**named), kind=kind), f"{kind}_COMPLETE")
            held = self.client("sns").get_topic_attributes(TopicArn=arn)["Attributes"]
            self.assertEqual("KmsMasterKeyId" in held, key)


class EncryptedTarget(DeliveryTest):
    def test_eventbridge_needs_the_key_of_a_topic(self) -> None:
        kms = self.client("kms")
        uses = {"Action": ["kms:Decrypt", "kms:GenerateDataKey*"]}
        for more, delivered in (
            ((), False),
            ((statement(**uses),), True),
            ((statement(**uses, Condition=CONDITIONS),), False),
            ((statement(Action="kms:Decrypt"),), False),
        ):
            with self.subTest(more=more):
                policy = json.dumps(key_policy(*more))
                key = kms.create_key(Policy=policy)["KeyMetadata"]["Arn"]
                self.name = f"t-{key[-8:]}"
                self.topics.create_topic(
                    Name=self.name, Attributes={"KmsMasterKeyId": key}
                )
                self.assertEqual(self.deliver(statement()), delivered)

    def test_eventbridge_needs_the_key_of_a_queue(self) -> None:
        kms = self.client("kms")
        uses = statement(Action=["kms:Decrypt", "kms:GenerateDataKey*"])
        for more, delivered in (((), False), ((uses,), True)):
            with self.subTest(more=more):
                key = kms.create_key(Policy=json.dumps(key_policy(*more)))["KeyMetadata"]["Arn"]
                self.name = f"t-{key[-8:]}"
                url, queue = self.queue()
                self.queues.set_queue_attributes(
                    QueueUrl=url, Attributes={"KmsMasterKeyId": key}
                )
                self.send_to(queue)
                self.assertEqual(bool(self.received(url)), delivered)


if __name__ == "__main__":
    unittest.main()
