"""CloudFormation: how a detection of drift goes, and with whose permissions it reads."""

from __future__ import annotations

import json
import unittest
from typing import Any

from drifting import DriftingTest
from local_aws import eventually

DETECTING = (
    "cloudformation:BatchDescribeTypeConfigurations",
    "cloudformation:Describe*",
    "cloudformation:DetectStack*",
)
READING = {
    "Secret": ("secretsmanager:DescribeSecret", "secretsmanager:GetSecretValue"),
    "Schedule": ("secretsmanager:DescribeSecret",),
    "User": (
        "iam:GetLoginProfile",
        "iam:GetUser",
        "iam:GetUserPolicy",
        "iam:ListAttachedUserPolicies",
        "iam:ListGroupsForUser",
        "iam:ListUserPolicies",
    ),
    "LogGroup": (
        "logs:DescribeIndexPolicies",
        "logs:DescribeLogGroups",
        "logs:DescribeResourcePolicies",
        "logs:GetDataProtectionPolicy",
        "logs:ListTagsForResource",
    ),
    "Key": (
        "kms:DescribeKey",
        "kms:GetKeyPolicy",
        "kms:GetKeyRotationStatus",
        "kms:ListResourceTags",
    ),
}


def allow(*actions: str, resource: str = "*") -> dict[str, Any]:
    return {"Effect": "Allow", "Action": list(actions), "Resource": resource}


class Course(DriftingTest):
    """What a program sees while a detection goes on."""

    def test_one_detection_at_a_time(self) -> None:
        self.deployed("LogGroup")
        begun = self.formation.detect_stack_drift(StackName=self.stack)["StackDriftDetectionId"]
        stack_id = self.described()["StackId"]
        seen = self.formation.describe_stack_drift_detection_status(StackDriftDetectionId=begun)
        self.assertEqual(seen["DetectionStatus"], "DETECTION_IN_PROGRESS")
        self.assertEqual(seen["StackId"], stack_id)
        self.assertNotIn("DriftedStackResourceCount", seen)
        with self.refused(
            "ValidationError", f"Drift detection is already in progress for stack [{stack_id}]"
        ):
            self.formation.detect_stack_drift(StackName=self.stack)

        def over() -> bool:
            information = self.described()["DriftInformation"]
            return information["StackDriftStatus"] == "IN_SYNC"

        # It ends although nobody asks for it.
        eventually(over)
        self.assertEqual(self.detect()["DetectionStatus"], "DETECTION_COMPLETE")

    def test_a_stack_shows_what_was_found(self) -> None:
        self.deployed("LogGroup", "Secret", "Key", "Alias")
        untouched = self.described()["DriftInformation"]
        self.assertEqual(untouched, {"StackDriftStatus": "NOT_CHECKED"})
        self.logs.delete_log_group(logGroupName=self.names()["LogGroup"])
        self.detect()
        self.assertEqual(self.described()["DriftInformation"]["StackDriftStatus"], "DRIFTED")
        self.assertIn("LastCheckTimestamp", self.described()["DriftInformation"])
        expected = {
            "Alias": "NOT_CHECKED",
            "Key": "IN_SYNC",
            "LogGroup": "DELETED",
            "Secret": "IN_SYNC",
        }
        for list_of, answer in (
            ("StackResources", self.formation.describe_stack_resources(StackName=self.stack)),
            (
                "StackResourceSummaries",
                self.formation.list_stack_resources(StackName=self.stack),
            ),
        ):
            found = {
                it["LogicalResourceId"]: it["DriftInformation"]["StackResourceDriftStatus"]
                for it in answer[list_of]
            }
            self.assertEqual(found, expected, list_of)

    def test_results_are_filtered_and_paged(self) -> None:
        self.deployed("LogGroup", "User", "Key", "Alias")
        self.logs.put_retention_policy(
            logGroupName=self.names()["LogGroup"], retentionInDays=1
        )
        self.iam.delete_user(UserName=self.names()["User"])
        self.detect()
        for status, logical_id in (
            ("MODIFIED", "LogGroup"),
            ("DELETED", "User"),
            ("IN_SYNC", "Key"),
        ):
            found = self.drifts(StackResourceDriftStatusFilters=[status])
            self.assertEqual(found.keys(), {logical_id})
        with self.refused("ValidationError", "stackResourceDriftStatusFilters"):
            self.drifts(StackResourceDriftStatusFilters=["DRIFTED"])
        pages, token = [], {}
        while True:
            page = self.formation.describe_stack_resource_drifts(
                StackName=self.stack, MaxResults=2, **token
            )
            pages.append(len(page["StackResourceDrifts"]))
            if "NextToken" not in page:
                break
            token = {"NextToken": page["NextToken"]}
        self.assertEqual(pages, [2, 1])

    def test_some_resources_only(self) -> None:
        self.deployed("LogGroup", "User")
        self.iam.delete_user(UserName=self.names()["User"])
        result = self.detect(LogicalResourceIds=["LogGroup"])
        self.assertEqual(result["StackDriftStatus"], "IN_SYNC")
        self.assertEqual(self.drifts().keys(), {"LogGroup"})
        with self.refused("ValidationError", "Nothing"):
            self.detect(LogicalResourceIds=["Nothing"])

    def test_one_resource_at_once(self) -> None:
        self.deployed("User", "Key", "Alias")
        self.iam.tag_user(
            UserName=self.names()["User"], Tags=[{"Key": "team", "Value": "other"}]
        )
        found = self.formation.detect_stack_resource_drift(
            StackName=self.stack, LogicalResourceId="User"
        )["StackResourceDrift"]
        self.assertEqual(found["StackResourceDriftStatus"], "MODIFIED")
        self.assertEqual(
            found["PropertyDifferences"],
            [
                {
                    "PropertyPath": "/Tags/0/Value",
                    "ExpectedValue": "payments",
                    "ActualValue": "other",
                    "DifferenceType": "NOT_EQUAL",
                }
            ],
        )
        for logical_id, words in (("Alias", "AWS::KMS::Alias"), ("Nothing", "does not exist")):
            with self.refused("ValidationError", words):
                self.formation.detect_stack_resource_drift(
                    StackName=self.stack, LogicalResourceId=logical_id
                )

    def test_only_a_stack_that_stands_still_is_looked_at(self) -> None:
        with self.refused("ValidationError", "does not exist"):
            self.detect()
        template = {"LogGroup": self.everything()["LogGroup"]}
        self.change_set(template)
        with self.refused("ValidationError", "does not exist"):
            self.detect()
        template["LogGroup"]["Properties"]["KmsKeyId"] = "arn:aws:kms:us-east-1:000000000000:key/no"
        self.assertEqual(self.deploy(template), "ROLLBACK_COMPLETE")
        with self.refused("ValidationError", "ROLLBACK_COMPLETE"):
            self.detect()
        with self.refused("ValidationError"):
            self.formation.describe_stack_drift_detection_status(StackDriftDetectionId="none")


class Reader(DriftingTest):
    """A caller whom policies hold."""

    def reading(self, *statements: dict[str, Any]) -> dict[str, Any]:
        """Detects drift as a user who may do so much; returns how that ended."""
        name = f"u{len(self.iam.list_users()['Users'])}-{self.stack}"
        root, self.formation = self.formation, self.client("cloudformation", self.user(name, *statements))
        try:
            return self.detect()
        finally:
            self.formation = root

    def failures(self, result: dict[str, Any]) -> dict[str, str]:
        self.assertEqual(result["DetectionStatus"], "DETECTION_FAILED")
        self.assertNotIn("DriftedStackResourceCount", result)
        reason = json.loads(result["DetectionStatusReason"])
        failed = {it["Resource"]: it["FailureReason"] for it in reason["Failures"]}
        self.assertEqual(
            reason["Summary"], f"Failed to detect drift on resources [{','.join(failed)}]"
        )
        return failed

    def test_each_permission_to_read_counts(self) -> None:
        self.deployed("Secret", "Key", "User", "LogGroup", "Schedule")
        every = {action for actions in READING.values() for action in actions}
        result = self.reading(allow(*DETECTING, *every))
        self.assertEqual(result["DetectionStatus"], "DETECTION_COMPLETE", result)
        self.assertEqual(result["StackDriftStatus"], "IN_SYNC")
        for action in sorted(every - {"kms:ListResourceTags"}):
            with self.subTest(action):
                result = self.reading(allow(*DETECTING, *(every - {action})))
                needing = {it for it, actions in READING.items() if action in actions}
                failed = self.failures(result)
                self.assertEqual(failed.keys(), needing)
                self.assertEqual(result["StackDriftStatus"], "UNKNOWN")
                for logical_id, reason in failed.items():
                    self.assertIn(f"is not authorized to perform: {action}", reason)
                    drift = self.drifts()[logical_id]
                    self.assertEqual(drift["StackResourceDriftStatus"], "UNKNOWN")
                    self.assertEqual(drift["DriftStatusReason"], reason)
                unknown = self.drifts(StackResourceDriftStatusFilters=["UNKNOWN"])
                self.assertEqual(unknown.keys(), needing)

    def test_tags_of_a_key_that_may_not_be_listed_look_gone(self) -> None:
        self.deployed("Key")
        every = set(READING["Key"]) - {"kms:ListResourceTags"}
        result = self.reading(allow(*DETECTING, *every))
        self.assertEqual(result["DetectionStatus"], "DETECTION_COMPLETE")
        self.assertEqual(self.paths(), {"Key": {"REMOVE /Tags/0"}})

    def test_what_else_was_found_is_kept(self) -> None:
        self.deployed("LogGroup", "User")
        self.iam.delete_user(UserName=self.names()["User"])
        result = self.reading(allow(*DETECTING, *READING["User"]))
        self.assertEqual(self.failures(result).keys(), {"LogGroup"})
        self.assertEqual(result["StackDriftStatus"], "DRIFTED")
        self.assertEqual(self.drifts()["User"]["StackResourceDriftStatus"], "DELETED")

    def test_cloudformations_own_permissions_count(self) -> None:
        self.deployed("LogGroup")
        reading = allow(*READING["LogGroup"])
        detect, of_one = (f"cloudformation:DetectStack{it}Drift" for it in ("", "Resource"))
        describe, types = "cloudformation:Describe*", DETECTING[0]
        for actions in ((describe, of_one, types), (describe, detect, types)):
            with self.refused("AccessDenied"):
                self.reading(reading, allow(*actions))
        result = self.reading(reading, allow(describe, detect, of_one))
        self.assertIn(types, self.failures(result)["LogGroup"])
        # The request for a detection's status names no stack.
        stack = "arn:aws:cloudformation:*:*:stack/*"
        with self.refused("AccessDenied"):
            self.reading(reading, allow(describe, detect, of_one, resource=stack))


class VirtualTime(DriftingTest):
    """A detection where time is virtual: requests let it pass."""

    arguments = ("--port", "0", "--strict", "ascii")

    def test_a_detection_ends_after_some_requests(self) -> None:
        self.deployed("LogGroup")
        begun = self.formation.detect_stack_drift(StackName=self.stack)["StackDriftDetectionId"]
        self.advance(60)
        ended = self.formation.describe_stack_drift_detection_status(StackDriftDetectionId=begun)
        self.assertEqual(ended["DetectionStatus"], "DETECTION_COMPLETE")
        self.assertEqual(self.detect()["StackDriftStatus"], "IN_SYNC")


if __name__ == "__main__":
    unittest.main()
