"""Stacks and tags as requests see them: as they were, for a while."""

from __future__ import annotations

import unittest
from typing import Any

from botocore.exceptions import ClientError
from deploying import DeployingTest, resource
from local_aws import eventually

STILL = ("--port", "0", "--seed", "3", "--tick", "0", "--strict")


class Stacks(DeployingTest):
    arguments = (*STILL, "stack-lag")

    def finished(self) -> str:
        """Waits for the newest event that ends an operation; returns its status."""

        def ended() -> str | None:
            events = self.formation.describe_stack_events(StackName=self.stack)["StackEvents"]
            newest = events[0]
            status = newest["ResourceStatus"]
            of_stack = newest["ResourceType"] == "AWS::CloudFormation::Stack"
            return status if of_stack and status.endswith("_COMPLETE") else None

        return eventually(ended)

    def statuses(self) -> set[str]:
        return {self.described()["StackStatus"] for _ in range(20)}

    def test_the_status_before_an_operation_is_still_shown(self) -> None:
        topic = {"Topic": resource("SNS::Topic", {})}
        created = self.change_set(topic, {"It": "one"})
        self.formation.execute_change_set(ChangeSetName=created["ChangeSetId"])
        self.assertEqual(self.finished(), "CREATE_COMPLETE")
        self.assertEqual(self.statuses(), {"REVIEW_IN_PROGRESS"})
        self.advance(5)
        self.assertEqual(self.statuses(), {"CREATE_COMPLETE"})
        updated = self.change_set(
            {**topic, "Other": resource("SNS::Topic", {})}, {"It": "two"}, kind="UPDATE"
        )
        self.formation.execute_change_set(ChangeSetName=updated["ChangeSetId"])
        self.assertEqual(self.finished(), "UPDATE_COMPLETE")
        # The end of the operation before looks like the end of this one.
        self.assertEqual(self.statuses(), {"CREATE_COMPLETE"})
        self.assertEqual(self.outputs(), {"It": "one"})
        seen = set()
        for _ in range(5):
            self.advance(1)
            seen |= {frozenset(self.statuses())}
        self.assertTrue(any(len(it) > 1 for it in seen), seen)
        self.assertEqual(self.statuses(), {"UPDATE_COMPLETE"})
        self.assertEqual(self.outputs(), {"It": "two"})


class Tags(DeployingTest):
    arguments = (*STILL, "tag-lag")

    def deploy(self, *arguments: Any, **options: Any) -> str:
        status = super().deploy(*arguments, **options)
        self.assertIn(status, ("CREATE_COMPLETE", "UPDATE_COMPLETE"))
        return status

    def secret_of(self, value: str) -> dict[str, Any]:
        tags = [{"Key": "team", "Value": value}, {"Key": "kept", "Value": "yes"}]
        properties = {"Name": self.stack, "SecretString": "{}", "Tags": tags}
        return {"Secret": resource("SecretsManager::Secret", properties)}

    def tags(self) -> frozenset[tuple[str, str]]:
        held = self.manager.describe_secret(SecretId=self.stack)["Tags"]
        return frozenset(
            (it["Key"], it["Value"]) for it in held if not it["Key"].startswith("aws:")
        )

    def test_a_secrets_tags_are_seen_later_and_for_a_moment_not_at_all(self) -> None:
        self.deploy(self.secret_of("a"))
        self.assertEqual(self.tags(), frozenset())
        self.advance(5)
        first = frozenset({("team", "a"), ("kept", "yes")})
        self.assertEqual(self.tags(), first)
        self.deploy(self.secret_of("b"), kind="UPDATE")
        self.assertEqual(self.tags(), first)
        seen = set()
        for _ in range(50):
            self.advance(0.1)
            seen |= {self.tags() for _ in range(5)}
        last = frozenset({("team", "b"), ("kept", "yes")})
        self.assertEqual(seen, {first, frozenset({("kept", "yes")}), last})
        self.assertEqual({self.tags() for _ in range(20)}, {last})

    def test_a_keys_tags_count_up_to_five_minutes_later(self) -> None:
        kms = self.client("kms")
        key = kms.create_key()["KeyMetadata"]["KeyId"]
        allowed = {
            "Effect": "Allow",
            "Action": "kms:DescribeKey",
            "Resource": "*",
            "Condition": {"StringEquals": {"aws:ResourceTag/team": "payments"}},
        }
        reader = self.client("kms", self.user(f"u-{self.stack}", allowed))

        def may() -> bool:
            try:
                reader.describe_key(KeyId=key)
            except ClientError as error:
                self.assertEqual(error.response["Error"]["Code"], "AccessDeniedException")
                return False
            return True

        kms.tag_resource(KeyId=key, Tags=[{"TagKey": "team", "TagValue": "payments"}])
        self.assertEqual({may() for _ in range(10)}, {False})
        self.advance(300)
        self.assertEqual({may() for _ in range(10)}, {True})
        kms.untag_resource(KeyId=key, TagKeys=["team"])
        self.assertEqual({may() for _ in range(10)}, {True})
        self.advance(300)
        self.assertEqual({may() for _ in range(10)}, {False})


if __name__ == "__main__":
    unittest.main()
