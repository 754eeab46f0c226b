"""CloudFormation: one operation on a stack at a time, and what fails before it begins."""

from __future__ import annotations

import json
import unittest
from typing import Any

from deploying import DeployingTest, resource
from local_aws import TRUST, eventually

TOPIC = {"Topic": resource("SNS::Topic", {})}


class ChangeSets(DeployingTest):
    def waiting(self) -> dict[str, Any]:
        """Returns a resource whose creation takes until the test's function lets it."""
        handle = {"Type": "AWS::CloudFormation::WaitConditionHandle"}
        properties = {"Handle": {"Ref": "Handle"}, "Timeout": "2", "Count": 1}
        return {
            "Handle": handle,
            "Wait": resource("CloudFormation::WaitCondition", properties),
        }

    def test_a_busy_stack_takes_no_second_operation(self) -> None:
        self.assertEqual(self.deploy(TOPIC), "CREATE_COMPLETE")
        update = {**TOPIC, **self.waiting()}
        sets = [self.change_set(update, kind="UPDATE") for _ in range(2)]
        first, second = (it["ChangeSetId"] for it in sets)
        self.formation.execute_change_set(ChangeSetName=first)
        eventually(lambda: self.described()["StackStatus"] == "UPDATE_IN_PROGRESS")
        told = self.formation.describe_change_set(ChangeSetName=second)
        self.assertEqual(told["ExecutionStatus"], "OBSOLETE")
        busy = "is in UPDATE_IN_PROGRESS state and can not be updated"
        with self.refused("ValidationError", busy):
            self.formation.execute_change_set(ChangeSetName=second)
        with self.refused("ValidationError", busy):
            self.change_set(update, kind="UPDATE")
        with self.refused("ValidationError", "deleted while in status UPDATE_IN_PROGRESS"):
            self.formation.delete_stack(StackName=self.stack)
        # Nothing signals the condition, so that it fails.
        self.assertEqual(self.settled(), "UPDATE_ROLLBACK_COMPLETE")
        with self.refused("ChangeSetNotFound"):
            self.formation.describe_change_set(ChangeSetName=second)

    def test_a_direct_update_makes_change_sets_obsolete(self) -> None:
        self.assertEqual(self.deploy(TOPIC), "CREATE_COMPLETE")
        other = {**TOPIC, "Other": resource("SNS::Topic", {})}
        waiting = self.change_set(other, kind="UPDATE")["ChangeSetId"]
        template = {"Resources": {**TOPIC, "Third": resource("SNS::Topic", {})}}
        self.formation.update_stack(StackName=self.stack, TemplateBody=json.dumps(template))
        self.assertEqual(self.settled(), "UPDATE_COMPLETE")
        with self.refused("InvalidChangeSetStatus", "OBSOLETE"):
            self.formation.execute_change_set(ChangeSetName=waiting)

    def test_a_deletion_is_not_begun_again(self) -> None:
        self.assertEqual(self.deploy(TOPIC), "CREATE_COMPLETE")
        stack_id = self.described()["StackId"]
        for _ in range(3):
            self.formation.delete_stack(StackName=stack_id)

        def gone() -> bool:
            stack = self.formation.describe_stacks(StackName=stack_id)["Stacks"][0]
            return stack["StackStatus"] == "DELETE_COMPLETE"

        eventually(gone)
        events = self.formation.describe_stack_events(StackName=stack_id)["StackEvents"]
        begun = [it for it in events if it["ResourceStatus"] == "DELETE_IN_PROGRESS"]
        self.assertEqual(len([it for it in begun if it["PhysicalResourceId"] == stack_id]), 1)

    def test_retain_except_on_create_leaves_nothing_of_a_failed_first_creation(self) -> None:
        iam = self.client("iam")
        failing = resource("Lambda::Permission", {"FunctionName": "no-such-function"})
        for policy, left in (("RetainExceptOnCreate", False), ("Retain", True)):
            with self.subTest(policy):
                name = f"{policy}-{self.stack}"
                user = resource("IAM::User", {"UserName": name}, DeletionPolicy=policy)
                template = {"User": user, "Failing": {**failing, "DependsOn": "User"}}
                self.assertEqual(self.deploy(template), "ROLLBACK_COMPLETE")
                if left:
                    iam.get_user(UserName=name)
                else:
                    with self.refused("NoSuchEntity"):
                        iam.get_user(UserName=name)
                self.delete()
        # Once it has been created, it is kept as with Retain.
        name = f"kept-{self.stack}"
        user = resource("IAM::User", {"UserName": name}, DeletionPolicy="RetainExceptOnCreate")
        self.assertEqual(self.deploy({"User": user}), "CREATE_COMPLETE")
        self.delete()
        iam.get_user(UserName=name)


class EarlyValidation(DeployingTest):
    arguments = ("--port", "0", "--strict", "early-validation")

    def test_a_conflict_is_only_in_the_events(self) -> None:
        iam = self.client("iam")
        iam.create_user(UserName=self.stack)
        user = resource("IAM::User", {"UserName": {"Ref": "AWS::StackName"}})
        role = resource("IAM::Role", {"RoleName": "rotate", "AssumeRolePolicyDocument": TRUST})
        failed = self.change_set({"User": user, "Role": role, **TOPIC})
        self.assertEqual((failed["Status"], failed["ExecutionStatus"]), ("FAILED", "UNAVAILABLE"))
        self.assertIn("use the DescribeEvents API for detailed failure", failed["StatusReason"])
        self.assertNotIn(self.stack, failed["StatusReason"])
        arn = failed["ChangeSetId"]
        events = self.formation.describe_events(
            ChangeSetName=arn, Filters={"FailedEvents": True}
        )["OperationEvents"]
        self.assertEqual(
            {it["LogicalResourceId"]: it["ValidationStatusReason"] for it in events},
            {
                logical_id: f"Resource of type 'AWS::IAM::{logical_id}' with identifier "
                f"'{name}' already exists."
                for logical_id, name in (("User", self.stack), ("Role", "rotate"))
            },
        )
        self.assertEqual({it["EventType"] for it in events}, {"VALIDATION_ERROR"})
        self.assertEqual({it["ValidationName"] for it in events}, {"NAME_CONFLICT_VALIDATION"})
        with self.refused("ValidationError", "must be specified"):
            self.formation.describe_events(ChangeSetName=failed["ChangeSetName"])
        with self.refused("InvalidChangeSetStatus"):
            self.formation.execute_change_set(ChangeSetName=arn)
        fine = self.change_set(TOPIC)
        self.assertEqual(fine["Status"], "CREATE_COMPLETE")
        of_it = self.formation.describe_events(ChangeSetName=fine["ChangeSetId"])
        self.assertEqual(of_it["OperationEvents"], [])

    def test_it_needs_a_permission(self) -> None:
        allowed = {
            "Effect": "Allow",
            "NotAction": "cloudformation:DescribeEvents",
            "Resource": "*",
        }
        arn = self.change_set(TOPIC)["ChangeSetId"]
        formation = self.client("cloudformation", self.user(f"u-{self.stack}", allowed))
        with self.refused("AccessDenied", "cloudformation:DescribeEvents"):
            formation.describe_events(ChangeSetName=arn)


if __name__ == "__main__":
    unittest.main()
