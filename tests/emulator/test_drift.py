"""CloudFormation: drift detection, type by type, each change made by the service's own API."""

from __future__ import annotations

import json
import unittest
from typing import Any

from drifting import TAGS, DriftingTest, policy
from local_aws import ACCOUNT, TRUST, eventually

UNCHECKED = {"Alias", "SecretPolicy", "Subscription", "TopicPolicy"}
"""The resources whose types AWS does not check."""


class EachType(DriftingTest):
    def test_what_was_deployed_is_in_sync(self) -> None:
        template = self.deployed(Tags=[{"Key": "stack", "Value": "tag"}])
        result = self.detect()
        self.assertEqual(result["DetectionStatus"], "DETECTION_COMPLETE", result)
        self.assertEqual(result["StackDriftStatus"], "IN_SYNC", self.paths())
        self.assertEqual(result["DriftedStackResourceCount"], 0)
        self.assertEqual(self.drifts().keys(), template.keys() - UNCHECKED)
        expected = json.loads(self.drifts()["Secret"]["ExpectedProperties"])
        self.assertEqual(expected.keys(), {"Name", "Description", "Tags"})
        self.assertEqual(len(expected["Tags"]), 2)
        function = json.loads(self.drifts()["Function"]["ActualProperties"])
        self.assertNotIn("Code", function)
        self.assertEqual(function["VpcConfig"], {"SubnetIds": ["subnet-1"], "SecurityGroupIds": ["sg-1"]})

    def test_each_change_is_seen(self) -> None:
        self.deployed()
        name = self.names()
        self.manager.update_secret(SecretId=name["Secret"], Description="changed")
        self.manager.tag_resource(SecretId=name["Secret"], Tags=[{"Key": "own", "Value": "1"}])
        self.manager.put_secret_value(SecretId=name["Secret"], SecretString="another value")
        eventually(lambda: "AWSPENDING" not in self.stages())
        self.manager.rotate_secret(
            SecretId=self.arn,
            RotationLambdaARN=self.function,
            RotationRules={"ScheduleExpression": "rate(10 days)"},
            RotateImmediately=False,
        )
        self.iam.update_assume_role_policy(
            RoleName=name["Role"],
            PolicyDocument=json.dumps(
                {**TRUST, "Statement": [{**TRUST["Statement"][0], "Condition": {"Bool": {}}}]}
            ),
        )
        self.iam.untag_role(RoleName=name["Role"], TagKeys=["team"])
        self.put_role_policy(name["Role"], "Work", "logs:*")
        self.iam.create_policy_version(
            PolicyArn=name["ManagedPolicy"],
            PolicyDocument=json.dumps(policy("kms:*", Resource="*")),
            SetAsDefault=True,
        )
        self.iam.detach_role_policy(RoleName=name["Role"], PolicyArn=name["ManagedPolicy"])
        self.iam.tag_user(UserName=name["User"], Tags=[{"Key": "team", "Value": "other"}])
        self.iam.put_user_policy(
            UserName=name["User"],
            PolicyName="Own",
            PolicyDocument=json.dumps(policy("iam:CreateAccessKey", Resource="none")),
        )
        self.functions.update_function_configuration(FunctionName=name["Function"], Timeout=3)
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
        alarm = self.alarms.describe_alarms(AlarmNames=[name["Alarm"]])["MetricAlarms"][0]
        self.alarms.put_metric_alarm(
            **{
                field: alarm[field]
                for field in ("AlarmName", "AlarmDescription", "Namespace", "MetricName")
                + ("Dimensions", "Statistic", "Period", "EvaluationPeriods", "ComparisonOperator")
                + ("TreatMissingData",)
            },
            Threshold=5,
        )
        self.rules.put_rule(
            Name=name["Rule"], Description="as deployed", ScheduleExpression="rate(1 day)"
        )
        self.rules.remove_targets(Rule=name["Events"], Ids=["topic"])
        self.topics.set_topic_attributes(
            TopicArn=name["Topic"], AttributeName="DisplayName", AttributeValue="changed"
        )
        self.keys.disable_key_rotation(KeyId=name["Key"])
        self.keys.put_key_policy(
            KeyId=name["Key"],
            PolicyName="default",
            Policy=json.dumps(policy("kms:Get*", Principal={"AWS": ACCOUNT}, Resource="*")),
        )
        result = self.detect()
        self.assertEqual(result["StackDriftStatus"], "DRIFTED")
        self.assertEqual(result["DetectionStatus"], "DETECTION_COMPLETE")
        found = self.paths()
        expected = {
            "Secret": {"NOT_EQUAL /Description", "ADD /Tags/1"},
            "Schedule": {
                "NOT_EQUAL /RotationRules/ScheduleExpression",
                "REMOVE /RotationRules/Duration",
            },
            "Role": {
                "ADD /AssumeRolePolicyDocument/Statement/0/Condition",
                "REMOVE /Tags/0",
            },
            "RolePolicy": {
                "NOT_EQUAL /PolicyDocument/Statement/0/Action/0",
                "NOT_EQUAL /PolicyDocument/Statement/0/Resource",
            },
            "ManagedPolicy": {
                "NOT_EQUAL /PolicyDocument/Statement/0/Action/0",
                "NOT_EQUAL /PolicyDocument/Statement/0/Resource",
                "REMOVE /Roles/0",
            },
            "User": {"NOT_EQUAL /Tags/0/Value"},
            "UserPolicy": {"NOT_EQUAL /PolicyDocument/Statement/0/Resource"},
            "Function": {"NOT_EQUAL /Timeout"},
            "Permission": {"REMOVE /SourceAccount"},
            "LogGroup": {"NOT_EQUAL /RetentionInDays"},
            "Alarm": {"NOT_EQUAL /Threshold", "REMOVE /AlarmActions/0"},
            "Rule": {"NOT_EQUAL /ScheduleExpression"},
            "Events": {"REMOVE /Targets/0"},
            "Topic": {"NOT_EQUAL /DisplayName"},
            "Key": {
                "NOT_EQUAL /EnableKeyRotation",
                "NOT_EQUAL /KeyPolicy/Statement/0/Action/0",
                "NOT_EQUAL /KeyPolicy/Statement/0/Principal/AWS",
            },
        }
        for logical_id, paths in expected.items():
            with self.subTest(logical_id):
                self.assertEqual(found.get(logical_id), paths)
        self.assertEqual(found.keys(), expected.keys())
        self.assertEqual(result["DriftedStackResourceCount"], len(expected))
        (rules,) = (
            it
            for it in self.drifts()["Schedule"]["PropertyDifferences"]
            if it["PropertyPath"].endswith("ScheduleExpression")
        )
        self.assertEqual(rules["ExpectedValue"], "rate(30 days)")
        self.assertEqual(rules["ActualValue"], "rate(10 days)")

    def test_each_resource_that_is_gone_is_seen(self) -> None:
        template = self.deployed()
        self.remove_everything()
        result = self.detect()
        self.assertEqual(result["DetectionStatus"], "DETECTION_COMPLETE", result)
        found = self.drifts()
        for logical_id in sorted(template.keys() - UNCHECKED):
            with self.subTest(logical_id):
                self.assertEqual(found[logical_id]["StackResourceDriftStatus"], "DELETED")
                self.assertNotIn("ActualProperties", found[logical_id])
        self.assertEqual(result["DriftedStackResourceCount"], len(template.keys() - UNCHECKED))
        # A deletion succeeds for what is gone.
        self.delete()

    def remove_everything(self) -> None:
        name = self.names()
        self.manager.cancel_rotate_secret(SecretId=self.arn)
        self.manager.delete_resource_policy(SecretId=name["Secret"])
        self.manager.delete_secret(SecretId=name["Secret"], RecoveryWindowInDays=7)
        self.iam.delete_user_policy(UserName=name["User"], PolicyName="Own")
        self.iam.delete_user(UserName=name["User"])
        self.iam.delete_role_policy(RoleName=name["Role"], PolicyName="Work")
        self.iam.delete_role_policy(RoleName=name["Role"], PolicyName="Network")
        self.iam.detach_role_policy(RoleName=name["Role"], PolicyArn=name["ManagedPolicy"])
        self.iam.delete_policy(PolicyArn=name["ManagedPolicy"])
        self.iam.delete_role(RoleName=name["Role"])
        self.functions.remove_permission(
            FunctionName=name["Function"], StatementId=name["Permission"]
        )
        self.functions.delete_function(FunctionName=name["Function"])
        self.logs.delete_log_group(logGroupName=name["LogGroup"])
        self.alarms.delete_alarms(AlarmNames=[name["Alarm"]])
        self.rules.remove_targets(Rule=name["Rule"], Ids=["sweep"])
        self.rules.delete_rule(Name=name["Rule"])
        self.rules.remove_targets(Rule=name["Events"], Ids=["topic"])
        self.rules.delete_rule(Name=name["Events"])
        self.topics.unsubscribe(SubscriptionArn=name["Subscription"])
        self.topics.delete_topic(TopicArn=name["Topic"])
        self.keys.delete_alias(AliasName=name["Alias"])
        self.keys.schedule_key_deletion(KeyId=name["Key"], PendingWindowInDays=7)

    def test_what_the_template_does_not_set_is_not_seen(self) -> None:
        self.deployed()
        name = self.names()
        self.manager.put_secret_value(SecretId=name["Secret"], SecretString="another")
        self.rules.disable_rule(Name=name["Rule"])
        self.alarms.disable_alarm_actions(AlarmNames=[name["Alarm"]])
        self.keys.disable_key(KeyId=name["Key"])
        self.functions.put_function_concurrency(
            FunctionName=name["Function"], ReservedConcurrentExecutions=0
        )
        self.iam.put_user_policy(
            UserName=name["User"],
            PolicyName="More",
            PolicyDocument=json.dumps(policy("*", Resource="*")),
        )
        self.put_role_policy(name["Role"], "More", "*")
        self.topics.set_topic_attributes(
            TopicArn=name["Topic"], AttributeName="Policy", AttributeValue=json.dumps(policy("*"))
        )
        self.assertEqual(self.detect()["StackDriftStatus"], "IN_SYNC", self.paths())

    def test_a_secret_of_the_same_name_is_another_one(self) -> None:
        self.deployed("Key", "Secret")
        name = self.names()["Secret"]
        self.manager.delete_secret(SecretId=name, ForceDeleteWithoutRecovery=True)
        self.manager.create_secret(
            Name=f"{self.stack}-secret", Description="as deployed", Tags=TAGS
        )
        self.detect()
        self.assertEqual(self.drifts()["Secret"]["StackResourceDriftStatus"], "DELETED")

    def test_a_policy_of_the_template_is_not_an_addition(self) -> None:
        template = self.everything()
        wanted = {each: template[each] for each in ("User", "UserPolicy", "Role", "Key")}
        wanted["User"]["Properties"]["Policies"] = []
        wanted["Role"]["Properties"]["Policies"] = []
        self.assertEqual(self.deploy(wanted), "CREATE_COMPLETE")
        self.assertEqual(self.detect()["StackDriftStatus"], "IN_SYNC", self.paths())
        self.put_role_policy(self.names()["Role"], "Foreign", "s3:*")
        self.detect()
        self.assertEqual(self.paths(), {"Role": {"ADD /Policies/0"}})


class Types(unittest.TestCase):
    def test_each_type_of_the_templates_is_known(self) -> None:
        from keyrota_emulator import actual
        from test_handlers import published

        schemas = published()
        readable = {kind for kind, schema in schemas.items() if "read" in schema["handlers"]}
        self.assertEqual(actual._READERS.keys(), readable)
        self.assertLess(actual.CHECKED, readable)


if __name__ == "__main__":
    unittest.main()
