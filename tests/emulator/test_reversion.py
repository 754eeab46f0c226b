"""CloudFormation: drift-aware change sets, their comparison and their execution."""

from __future__ import annotations

import json
import unittest
from typing import Any

from drifting import TAGS, DriftingTest, policy
from local_aws import TRUST, eventually


class RevertingTest(DriftingTest):
    """A test that reverts the drift of its stack."""

    def compare(self, template: dict[str, Any], **options: Any) -> dict[str, Any]:
        return self.change_set(template, kind="UPDATE", DeploymentMode="REVERT_DRIFT", **options)

    def changes(self, change_set: dict[str, Any]) -> dict[str, dict[str, Any]]:
        return {
            it["ResourceChange"]["LogicalResourceId"]: it["ResourceChange"]
            for it in change_set["Changes"]
        }

    def revert(self, template: dict[str, Any], **options: Any) -> str:
        change_set = self.compare(template, **options)
        self.assertEqual(change_set["Status"], "CREATE_COMPLETE", change_set)
        self.formation.execute_change_set(ChangeSetName=change_set["ChangeSetId"])
        return self.settled()

    def statuses(self) -> dict[str, str]:
        self.detect()
        return {it: drift["StackResourceDriftStatus"] for it, drift in self.drifts().items()}


class Comparison(RevertingTest):
    def test_nothing_has_drifted(self) -> None:
        template = self.deployed()
        change_set = self.compare(template)
        self.assertEqual(change_set["Status"], "FAILED")
        self.assertIn("didn't contain changes", change_set["StatusReason"])
        self.assertEqual(change_set["StackDriftStatus"], "IN_SYNC")
        self.assertEqual(change_set["DeploymentMode"], "REVERT_DRIFT")

    def test_drift_is_shown_with_what_was_and_what_is(self) -> None:
        template = self.deployed("LogGroup", "Secret", "Key", "User")
        name = self.names()
        self.logs.put_retention_policy(logGroupName=name["LogGroup"], retentionInDays=1)
        self.manager.update_secret(SecretId=name["Secret"], Description="changed")
        ordinary = self.change_set(template, kind="UPDATE")
        self.assertIn("didn't contain changes", ordinary["StatusReason"])
        self.assertNotIn("StackDriftStatus", ordinary)
        change_set = self.compare(template)
        self.assertEqual(change_set["StackDriftStatus"], "DRIFTED")
        self.assertEqual(change_set["ExecutionStatus"], "AVAILABLE")
        changes = self.changes(change_set)
        self.assertEqual(changes.keys(), {"LogGroup", "Secret"})
        group = changes["LogGroup"]
        self.assertEqual(group["Action"], "Modify")
        self.assertEqual(group["Replacement"], "False")
        self.assertEqual(group["ResourceDriftStatus"], "MODIFIED")
        self.assertEqual(group["PhysicalResourceId"], name["LogGroup"])
        (detail,) = group["Details"]
        target = detail["Target"]
        del target["Drift"]["DriftDetectionTimestamp"]
        self.assertEqual(
            target,
            {
                "Attribute": "Properties",
                "Name": "RetentionInDays",
                "Path": "/Properties/RetentionInDays",
                "RequiresRecreation": "Never",
                "BeforeValue": "1",
                "AfterValue": "30",
                "BeforeValueFrom": "ACTUAL_STATE",
                "AfterValueFrom": "TEMPLATE",
                "Drift": {"PreviousValue": "30", "ActualValue": "1"},
                "AttributeChangeType": "Modify",
            },
        )
        self.assertEqual(
            changes["Secret"]["ResourceDriftIgnoredAttributes"],
            [{"Path": "/Properties/SecretString", "Reason": "WRITE_ONLY_PROPERTY"}],
        )

    def test_tags_of_others_are_no_drift_here(self) -> None:
        template = self.deployed("User")
        name = self.names()["User"]
        self.iam.tag_user(UserName=name, Tags=[{"Key": "keyrota:keys", "Value": "A"}])
        self.assertEqual(self.statuses(), {"User": "MODIFIED"})
        change_set = self.compare(template)
        self.assertIn("didn't contain changes", change_set["StatusReason"])
        self.assertEqual(change_set["StackDriftStatus"], "IN_SYNC")

    def test_the_previous_template_will_do(self) -> None:
        self.deployed("LogGroup")
        self.logs.delete_log_group(logGroupName=self.names()["LogGroup"])
        created = self.formation.create_change_set(
            StackName=self.stack,
            ChangeSetName="previous",
            UsePreviousTemplate=True,
            DeploymentMode="REVERT_DRIFT",
        )
        change_set = self.formation.describe_change_set(ChangeSetName=created["Id"])
        (change,) = self.changes(change_set).values()
        self.assertEqual(change["Action"], "Add")
        self.assertEqual(change["ResourceDriftStatus"], "DELETED")
        self.assertNotIn("PhysicalResourceId", change)

    def test_what_refers_to_the_gone_is_changed_too(self) -> None:
        template = self.deployed()
        self.functions.delete_function(FunctionName=self.names()["Function"])
        changes = self.changes(self.compare(template))
        self.assertEqual(
            {it: change["Action"] for it, change in changes.items()},
            {"Alarm": "Modify", "Function": "Add", "Permission": "Add", "Rule": "Modify"},
        )
        self.assertEqual(changes["Rule"]["ResourceDriftStatus"], "IN_SYNC")
        (detail,) = changes["Rule"]["Details"]
        self.assertEqual(detail["ChangeSource"], "ResourceAttribute")
        self.assertEqual(detail["CausingEntity"], "Function.Arn")

    def test_a_gone_key_brings_the_secret_into_the_change_set(self) -> None:
        template = self.deployed("Secret", "Key", "Alias")
        self.keys.schedule_key_deletion(KeyId=self.names()["Key"], PendingWindowInDays=7)
        changes = self.changes(self.compare(template))
        self.assertEqual(changes["Key"]["Action"], "Add")
        self.assertEqual(changes["Secret"]["Action"], "Modify")
        self.assertEqual(changes["Alias"]["ResourceDriftStatus"], "UNSUPPORTED")

    def test_a_template_that_says_what_there_is_changes_nothing(self) -> None:
        template = self.deployed("LogGroup")
        self.logs.put_retention_policy(
            logGroupName=self.names()["LogGroup"], retentionInDays=7
        )
        template["LogGroup"]["Properties"]["RetentionInDays"] = 7
        (change,) = self.changes(self.compare(template)).values()
        self.assertEqual(change["Action"], "SyncWithActual")
        (detail,) = change["Details"]
        self.assertEqual(detail["ChangeSource"], "NoModification")
        self.assertEqual(detail["Target"]["AttributeChangeType"], "SyncWithActual")
        self.assertEqual(self.revert(template), "UPDATE_COMPLETE")
        self.assertEqual(self.statuses(), {"LogGroup": "IN_SYNC"})

    def test_a_changed_template_is_compared_with_what_there_is(self) -> None:
        template = self.deployed("LogGroup", "Secret", "Key")
        self.logs.put_retention_policy(
            logGroupName=self.names()["LogGroup"], retentionInDays=1
        )
        template["LogGroup"]["Properties"]["RetentionInDays"] = 7
        template["Secret"]["Properties"]["SecretString"] = '{"seed": 2}'
        changes = self.changes(self.compare(template))
        (detail,) = changes["LogGroup"]["Details"]
        self.assertEqual(detail["ChangeSource"], "DirectModification")
        self.assertEqual(detail["Target"]["BeforeValue"], "1")
        self.assertEqual(detail["Target"]["Drift"]["PreviousValue"], "30")
        (detail,) = changes["Secret"]["Details"]
        self.assertEqual(detail["Target"]["BeforeValueFrom"], "PREVIOUS_DEPLOYMENT_STATE")

    def test_other_modes_and_imports_are_refused(self) -> None:
        template = self.deployed("LogGroup")
        with self.refused("ValidationError", "deploymentMode"):
            self.change_set(template, kind="UPDATE", DeploymentMode="ANY")
        with self.refused("ValidationError", "import"):
            self.change_set(
                template,
                kind="IMPORT",
                DeploymentMode="REVERT_DRIFT",
                ResourcesToImport=[
                    {
                        "ResourceType": "AWS::KMS::Key",
                        "LogicalResourceId": "Key",
                        "ResourceIdentifier": {"KeyId": "1"},
                    }
                ],
            )

    def test_what_the_caller_may_not_read_is_unknown(self) -> None:
        template = self.deployed("LogGroup", "User")
        self.logs.delete_log_group(logGroupName=self.names()["LogGroup"])
        allowed = {"Effect": "Allow", "Action": ["cloudformation:*", "iam:*"], "Resource": "*"}
        self.formation = self.client("cloudformation", self.user(f"u-{self.stack}", allowed))
        change_set = self.compare(template)
        self.assertEqual(change_set["Status"], "FAILED")
        self.assertEqual(change_set["StackDriftStatus"], "UNKNOWN")
        template["LogGroup"]["Properties"]["RetentionInDays"] = 7
        (change,) = self.changes(self.compare(template)).values()
        self.assertEqual(change["ResourceDriftStatus"], "UNKNOWN")
        self.assertEqual(change["Action"], "Modify")


class Execution(RevertingTest):
    def test_every_change_but_that_of_a_permission_is_reverted(self) -> None:
        template = self.deployed(Tags=[{"Key": "stack", "Value": "tag"}])
        name = self.names()
        eventually(lambda: "AWSPENDING" not in self.stages())
        self.manager.rotate_secret(
            SecretId=self.arn,
            RotationLambdaARN=self.function,
            RotationRules={"ScheduleExpression": "rate(10 days)"},
            RotateImmediately=False,
        )
        self.iam.update_assume_role_policy(
            RoleName=name["Role"],
            PolicyDocument=json.dumps({**TRUST, "Statement": TRUST["Statement"] * 2}),
        )
        self.iam.untag_role(RoleName=name["Role"], TagKeys=["team", "stack"])
        self.iam.tag_role(RoleName=name["Role"], Tags=[{"Key": "foreign", "Value": "1"}])
        self.put_role_policy(name["Role"], "Work", "logs:*")
        self.iam.detach_role_policy(RoleName=name["Role"], PolicyArn=name["ManagedPolicy"])
        self.iam.create_policy_version(
            PolicyArn=name["ManagedPolicy"],
            PolicyDocument=json.dumps(policy("kms:*", Resource="*")),
            SetAsDefault=True,
        )
        self.iam.tag_user(UserName=name["User"], Tags=[{"Key": "team", "Value": "other"}])
        self.iam.tag_user(UserName=name["User"], Tags=[{"Key": "keyrota:keys", "Value": "A"}])
        self.iam.put_user_policy(
            UserName=name["User"],
            PolicyName="Own",
            PolicyDocument=json.dumps(policy("iam:*", Resource="*")),
        )
        self.functions.update_function_configuration(
            FunctionName=name["Function"],
            Timeout=3,
            MemorySize=256,
            VpcConfig={"SubnetIds": ["subnet-2"], "SecurityGroupIds": ["sg-1"]},
        )
        self.functions.remove_permission(
            FunctionName=name["Function"], StatementId=name["Permission"]
        )
        self.functions.add_permission(
            FunctionName=name["Function"],
            StatementId=name["Permission"],
            Action="lambda:InvokeFunction",
            Principal="secretsmanager.amazonaws.com",
        )
        self.logs.put_retention_policy(logGroupName=name["LogGroup"], retentionInDays=1)
        self.logs.untag_resource(
            resourceArn=f"arn:aws:logs:us-east-1:000000000000:log-group:{name['LogGroup']}",
            tagKeys=["team"],
        )
        alarm = self.alarms.describe_alarms(AlarmNames=[name["Alarm"]])["MetricAlarms"][0]
        self.alarms.put_metric_alarm(
            AlarmName=name["Alarm"],
            Namespace="AWS/Lambda",
            MetricName="Throttles",
            Statistic="Sum",
            Period=60,
            EvaluationPeriods=2,
            Threshold=5,
            ComparisonOperator="LessThanThreshold",
        )
        self.alarms.tag_resource(
            ResourceARN=alarm["AlarmArn"], Tags=[{"Key": "foreign", "Value": "1"}]
        )
        self.rules.put_rule(Name=name["Rule"], ScheduleExpression="rate(1 day)")
        self.rules.remove_targets(Rule=name["Events"], Ids=["topic"])
        self.rules.put_targets(
            Rule=name["Rule"], Targets=[{"Id": "spy", "Arn": name["Topic"]}]
        )
        self.topics.set_topic_attributes(
            TopicArn=name["Topic"], AttributeName="DisplayName", AttributeValue="changed"
        )
        self.keys.disable_key_rotation(KeyId=name["Key"])
        self.keys.tag_resource(
            KeyId=name["Key"], Tags=[{"TagKey": "team", "TagValue": "other"}]
        )
        self.assertEqual(self.revert(template), "UPDATE_COMPLETE")
        self.assertEqual(self.names(), name)
        after = self.statuses()
        # All its properties are immutable, so it is not reverted. Tags of others are left alone.
        drifted = {it for it, status in after.items() if status != "IN_SYNC"}
        self.assertEqual(drifted, {"Permission", "User", "Role", "Alarm"})
        paths = self.paths()
        self.assertEqual(paths.pop("Permission"), {"REMOVE /SourceAccount"})
        self.assertTrue(all(path.startswith("ADD /Tags/") for it in paths.values() for path in it))
        again = self.compare(template)
        self.assertIn("didn't contain changes", again["StatusReason"])
        self.assertEqual(again["StackDriftStatus"], "DRIFTED")

    def test_the_value_of_a_secret_in_it_is_lost(self) -> None:
        template = self.deployed("Secret", "Key")
        secret = self.names()["Secret"]
        self.manager.put_secret_value(SecretId=secret, SecretString="rotated")
        self.manager.untag_resource(SecretId=secret, TagKeys=["team"])
        self.assertEqual(self.revert(template), "UPDATE_COMPLETE")
        self.assertEqual(self.statuses()["Secret"], "IN_SYNC")
        value = self.manager.get_secret_value(SecretId=secret)["SecretString"]
        self.assertEqual(value, '{"seed": true}')

    def test_the_value_of_a_secret_outside_of_it_stays(self) -> None:
        template = self.deployed("Secret", "Key", "LogGroup")
        secret = self.names()["Secret"]
        self.manager.put_secret_value(SecretId=secret, SecretString="rotated")
        self.logs.delete_log_group(logGroupName=self.names()["LogGroup"])
        self.assertEqual(self.revert(template), "UPDATE_COMPLETE")
        value = self.manager.get_secret_value(SecretId=secret)["SecretString"]
        self.assertEqual(value, "rotated")

    def test_an_ordinary_update_keeps_the_value_and_does_not_see_drift(self) -> None:
        template = self.deployed("Secret", "Key", "LogGroup")
        name = self.names()
        self.manager.put_secret_value(SecretId=name["Secret"], SecretString="rotated")
        self.logs.put_retention_policy(logGroupName=name["LogGroup"], retentionInDays=1)
        template["Secret"]["Properties"]["Description"] = "another"
        self.assertEqual(self.deploy(template, kind="UPDATE"), "UPDATE_COMPLETE")
        value = self.manager.get_secret_value(SecretId=name["Secret"])["SecretString"]
        self.assertEqual(value, "rotated")
        self.assertEqual(self.statuses()["LogGroup"], "MODIFIED")

    def test_everything_checked_that_is_gone_comes_back(self) -> None:
        template = self.deployed(Tags=[{"Key": "stack", "Value": "tag"}])
        before = self.names()
        self.manager.cancel_rotate_secret(SecretId=self.arn)
        self.manager.delete_secret(SecretId=before["Secret"], ForceDeleteWithoutRecovery=True)
        self.iam.delete_user_policy(UserName=before["User"], PolicyName="Own")
        self.iam.delete_user(UserName=before["User"])
        for each in ("Work", "Network"):
            self.iam.delete_role_policy(RoleName=before["Role"], PolicyName=each)
        self.iam.detach_role_policy(RoleName=before["Role"], PolicyArn=before["ManagedPolicy"])
        self.iam.delete_policy(PolicyArn=before["ManagedPolicy"])
        self.iam.delete_role(RoleName=before["Role"])
        self.functions.delete_function(FunctionName=before["Function"])
        self.logs.delete_log_group(logGroupName=before["LogGroup"])
        self.alarms.delete_alarms(AlarmNames=[before["Alarm"]])
        for rule, target in (("Rule", "sweep"), ("Events", "topic")):
            self.rules.remove_targets(Rule=before[rule], Ids=[target])
            self.rules.delete_rule(Name=before[rule])
        self.topics.delete_topic(TopicArn=before["Topic"])
        self.keys.schedule_key_deletion(KeyId=before["Key"], PendingWindowInDays=7)
        self.assertEqual(self.revert(template), "UPDATE_COMPLETE")
        self.assertEqual(set(self.statuses().values()), {"IN_SYNC"}, self.paths())
        after = self.names()
        named = {"User", "LogGroup", "UserPolicy", "Schedule", "Alias", "TopicPolicy"}
        # The policy of the new secret is of another secret, and so another resource.
        same = {it for it, name in after.items() if name == before[it]}
        self.assertEqual(same, named)
        topics = self.topics.list_subscriptions_by_topic(TopicArn=after["Topic"])
        self.assertEqual(len(topics["Subscriptions"]), 1)
        self.manager.get_resource_policy(SecretId=after["Secret"])["ResourcePolicy"]

    def test_a_type_that_is_not_checked_stays_gone(self) -> None:
        template = self.deployed("Key", "Alias")
        self.keys.delete_alias(AliasName=self.names()["Alias"])
        change_set = self.compare(template)
        self.assertIn("didn't contain changes", change_set["StatusReason"])
        self.assertEqual(change_set["StackDriftStatus"], "IN_SYNC")

    def test_a_failed_deployment_restores_what_there_was(self) -> None:
        template = self.deployed("LogGroup", "User", "Role")
        name = self.names()
        self.logs.put_retention_policy(logGroupName=name["LogGroup"], retentionInDays=1)
        self.iam.delete_user(UserName=name["User"])
        self.iam.untag_role(RoleName=name["Role"], TagKeys=["team"])
        template["Zebra"] = self.schedule(RotationLambdaARN=f"{self.function}-gone")
        template["Zebra"]["DependsOn"] = ["LogGroup", "User", "Role"]
        self.assertEqual(self.revert(template), "UPDATE_ROLLBACK_COMPLETE")
        groups = self.logs.describe_log_groups(logGroupNamePrefix=name["LogGroup"])["logGroups"]
        self.assertEqual(groups[0]["retentionInDays"], 1)
        self.assertNotIn("Tags", self.iam.get_role(RoleName=name["Role"])["Role"])
        self.assertEqual(
            self.statuses(), {"LogGroup": "MODIFIED", "User": "DELETED", "Role": "MODIFIED"}
        )

    def test_what_is_reverted_needs_permissions(self) -> None:
        template = self.deployed("LogGroup")
        self.logs.delete_log_group(logGroupName=self.names()["LogGroup"])
        statement = {
            "Effect": "Allow",
            "Action": ["cloudformation:*", "logs:Describe*", "logs:Get*", "logs:List*"],
            "Resource": "*",
        }
        self.formation = self.client("cloudformation", self.user(f"u-{self.stack}", statement))
        self.assertEqual(self.revert(template), "UPDATE_ROLLBACK_COMPLETE")
        self.assertIn("logs:CreateLogGroup", self.failure("LogGroup"))


class OrdinaryUpdate(DriftingTest):
    """An update that knows nothing of drift, of a resource that is gone."""

    def test_it_fails_and_is_rolled_back(self) -> None:
        template = self.deployed()
        name = self.names()
        self.logs.delete_log_group(logGroupName=name["LogGroup"])
        self.alarms.delete_alarms(AlarmNames=[name["Alarm"]])
        self.iam.delete_user_policy(UserName=name["User"], PolicyName="Own")
        self.manager.cancel_rotate_secret(SecretId=self.arn)
        self.manager.delete_resource_policy(SecretId=name["Secret"])
        self.keys.delete_alias(AliasName=name["Alias"])
        self.rules.remove_targets(Rule=name["Rule"], Ids=["sweep"])
        self.rules.delete_rule(Name=name["Rule"])
        document = policy("s3:*", Resource="*")
        for logical_id, changed in (
            ("LogGroup", {"RetentionInDays": 7}),
            ("Alarm", {"Threshold": 2}),
            ("UserPolicy", {"PolicyDocument": document}),
            ("Schedule", {"RotationRules": {"ScheduleExpression": "rate(9 days)"}}),
            ("SecretPolicy", {"ResourcePolicy": document}),
            ("Alias", {"TargetKeyId": "another"}),
            ("Rule", {"Description": "another"}),
        ):
            with self.subTest(logical_id):
                old = template[logical_id]
                template[logical_id] = {**old, "Properties": {**old["Properties"], **changed}}
                self.assertEqual(
                    self.deploy(template, kind="UPDATE"), "UPDATE_ROLLBACK_COMPLETE"
                )
                template[logical_id] = old
                self.assertIn("was not found", self.failure(logical_id))
                self.assertIn("HandlerErrorCode: NotFound", self.failure(logical_id))
        self.assertEqual(TAGS[0]["Key"], "team")

    def test_what_it_replaces_is_created(self) -> None:
        template = self.deployed("User", "UserPolicy")
        self.iam.delete_user_policy(UserName=self.names()["User"], PolicyName="Own")
        template["UserPolicy"]["Properties"]["PolicyName"] = "Another"
        self.assertEqual(self.deploy(template, kind="UPDATE"), "UPDATE_COMPLETE")
        policies = self.iam.list_user_policies(UserName=self.names()["User"])
        self.assertEqual(policies["PolicyNames"], ["Another"])

    def test_it_ignores_what_it_does_not_change(self) -> None:
        template = self.deployed("User", "LogGroup")
        self.logs.delete_log_group(logGroupName=self.names()["LogGroup"])
        template["User"]["Properties"]["Tags"] = [{"Key": "team", "Value": "another"}]
        self.assertEqual(self.deploy(template, kind="UPDATE"), "UPDATE_COMPLETE")


if __name__ == "__main__":
    unittest.main()
