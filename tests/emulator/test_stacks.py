"""CloudFormation: a stack's life, and its change sets."""

from __future__ import annotations

import base64
import hashlib
import json
import unittest
import uuid
from typing import Any

from deploying import DeployingTest, resource
from local_aws import ACCOUNT, REGION, TRUST, eventually, zipped
from rotating import CODE

TOPIC_POLICY = {
    "Version": "2012-10-17",
    "Statement": [
        {
            "Effect": "Allow",
            "Principal": {"Service": ["events.amazonaws.com", "cloudwatch.amazonaws.com"]},
            "Action": "sns:Publish",
            "Resource": {"Ref": "Topic"},
        }
    ],
}


class Stacks(DeployingTest):
    # All of it

    def test_a_whole_stack_rotates_and_goes(self) -> None:
        storage = self.client("s3")
        storage.create_bucket(Bucket=self.stack)
        storage.put_object(Bucket=self.stack, Key="f.zip", Body=zipped({"index.py": CODE}))
        tags = [{"Key": "team", "Value": "payments"}]
        resources = {
            "Key": resource(
                "KMS::Key",
                {
                    "PendingWindowInDays": 7,
                    "Tags": tags,
                    "KeyPolicy": {
                        "Version": "2012-10-17",
                        "Statement": [
                            {
                                "Effect": "Allow",
                                "Principal": {
                                    "AWS": {"Fn::Sub": "arn:aws:iam::${AWS::AccountId}:root"}
                                },
                                "Action": "kms:*",
                                "Resource": "*",
                            }
                        ],
                    },
                },
            ),
            "Secret": resource(
                "SecretsManager::Secret",
                {
                    "Name": f"rotated-{self.stack}",
                    "SecretString": '{"n": 1}',
                    "KmsKeyId": {"Fn::GetAtt": ["Key", "Arn"]},
                    "Tags": tags,
                },
                DeletionPolicy="Retain",
                UpdateReplacePolicy="Retain",
            ),
            "Logs": resource(
                "Logs::LogGroup",
                {"LogGroupName": f"/keyrota/{self.stack}", "RetentionInDays": 30, "Tags": tags},
            ),
            "Role": resource(
                "IAM::Role",
                {"AssumeRolePolicyDocument": TRUST, "Tags": tags, "RoleName": self.stack},
            ),
            "RolePolicy": resource(
                "IAM::RolePolicy",
                {
                    "PolicyName": "secrets",
                    "RoleName": {"Ref": "Role"},
                    "PolicyDocument": {
                        "Version": "2012-10-17",
                        "Statement": [
                            {
                                "Effect": "Allow",
                                "Action": ["secretsmanager:*"],
                                "Resource": [{"Ref": "Secret"}],
                                "Condition": {
                                    "StringEquals": {
                                        "secretsmanager:resource/AllowRotationLambdaArn": {
                                            "Fn::Sub": (
                                                "arn:${AWS::Partition}:lambda:${AWS::Region}:"
                                                f"${{AWS::AccountId}}:function:{self.stack}"
                                            )
                                        }
                                    }
                                },
                            },
                            {
                                "Effect": "Allow",
                                "Action": ["kms:Decrypt", "kms:GenerateDataKey"],
                                "Resource": {"Fn::GetAtt": ["Key", "Arn"]},
                                "Condition": {
                                    "StringEquals": {
                                        "kms:EncryptionContext:SecretARN": {"Ref": "Secret"},
                                        "kms:ViaService": {
                                            "Fn::Sub": (
                                                "secretsmanager.${AWS::Region}.amazonaws.com"
                                            )
                                        },
                                    }
                                },
                            },
                        ],
                    },
                },
            ),
            "Function": resource(
                "Lambda::Function",
                {
                    "FunctionName": self.stack,
                    "Runtime": "python3.12",
                    "Handler": "index.handler",
                    "Role": {"Fn::GetAtt": ["Role", "Arn"]},
                    "Code": {"S3Bucket": self.stack, "S3Key": "f.zip"},
                    "Environment": {"Variables": {"RECORD": str(self.record)}},
                    "LoggingConfig": {"LogGroup": {"Ref": "Logs"}, "LogFormat": "JSON"},
                    "Timeout": 20,
                    "Tags": tags,
                },
            ),
            "Permission": resource(
                "Lambda::Permission",
                {
                    "FunctionName": {"Ref": "Function"},
                    "Action": "lambda:InvokeFunction",
                    "Principal": "secretsmanager.amazonaws.com",
                    "SourceAccount": {"Ref": "AWS::AccountId"},
                },
            ),
            "Schedule": resource(
                "SecretsManager::RotationSchedule",
                {
                    "SecretId": {"Ref": "Secret"},
                    "RotationLambdaARN": {"Fn::GetAtt": ["Function", "Arn"]},
                    "RotationRules": {"ScheduleExpression": "cron(0 8 1 * ? *)"},
                    "RotateImmediatelyOnUpdate": False,
                },
                DependsOn=["Permission", "RolePolicy"],
            ),
            "Topic": resource("SNS::Topic", {"TopicName": self.stack, "Tags": tags}),
            "TopicPolicy": resource(
                "SNS::TopicPolicy", {"Topics": [{"Ref": "Topic"}], "PolicyDocument": TOPIC_POLICY}
            ),
            "Subscription": resource(
                "SNS::Subscription",
                {"TopicArn": {"Ref": "Topic"}, "Protocol": "email", "Endpoint": "a@example.com"},
            ),
            "Failed": resource(
                "Events::Rule",
                {
                    "EventPattern": {
                        "source": ["aws.secretsmanager"],
                        "detail": {"eventName": ["RotationFailed"]},
                    },
                    "Targets": [{"Id": "topic", "Arn": {"Ref": "Topic"}}],
                },
            ),
            "Alarm": resource(
                "CloudWatch::Alarm",
                {
                    "Namespace": "AWS/Lambda",
                    "MetricName": "Errors",
                    "Dimensions": [{"Name": "FunctionName", "Value": {"Ref": "Function"}}],
                    "Statistic": "Sum",
                    "Period": 300,
                    "EvaluationPeriods": 1,
                    "Threshold": 1,
                    "ComparisonOperator": "GreaterThanOrEqualToThreshold",
                    "TreatMissingData": "notBreaching",
                    "AlarmActions": [{"Ref": "Topic"}],
                    "Tags": tags,
                },
            ),
        }
        status = self.deploy(resources, {"FunctionArn": {"Fn::GetAtt": ["Function", "Arn"]}})
        if status != "CREATE_COMPLETE":
            events = self.formation.describe_stack_events(StackName=self.stack)["StackEvents"]
            self.fail([it.get("ResourceStatusReason") for it in events])
        self.secret = f"rotated-{self.stack}"
        eventually(lambda: self.steps() == ["testSecret"])
        eventually(lambda: "AWSPENDING" not in self.stages())
        self.manager.rotate_secret(SecretId=self.secret)
        described = self.rotated()
        self.assertEqual(described["RotationRules"], {"ScheduleExpression": "cron(0 8 1 * ? *)"})
        key_arn = described["KmsKeyId"]
        kms = self.client("kms")
        self.assertEqual(
            kms.list_resource_tags(KeyId=key_arn)["Tags"][0],
            {"TagKey": "team", "TagValue": "payments"},
        )
        function = self.client("lambda").get_function(FunctionName=self.stack)
        self.assertEqual(function["Tags"]["team"], "payments")
        self.assertEqual(
            function["Configuration"]["LoggingConfig"]["LogGroup"], f"/keyrota/{self.stack}"
        )
        logs = self.client("logs")
        groups = logs.describe_log_groups(logGroupNamePrefix=f"/keyrota/{self.stack}")
        self.assertEqual(groups["logGroups"][0]["retentionInDays"], 30)
        written = logs.filter_log_events(logGroupName=f"/keyrota/{self.stack}")["events"]
        self.assertTrue(written)
        logs_tags = logs.list_tags_log_group(logGroupName=f"/keyrota/{self.stack}")["tags"]
        self.assertEqual(logs_tags["team"], "payments")
        role_tags = self.client("iam").get_role(RoleName=self.stack)["Role"]["Tags"]
        self.assertIn(tags[0], role_tags)
        alarm = self.client("cloudwatch").describe_alarms()["MetricAlarms"][0]
        self.assertEqual(alarm["AlarmActions"], [f"arn:aws:sns:{REGION}:{ACCOUNT}:{self.stack}"])
        topic = self.client("sns").list_subscriptions_by_topic(
            TopicArn=f"arn:aws:sns:{REGION}:{ACCOUNT}:{self.stack}"
        )
        self.assertEqual(topic["Subscriptions"][0]["Endpoint"], "a@example.com")
        rule = self.client("events").list_rules()["Rules"]
        self.assertTrue(any("RotationFailed" in it.get("EventPattern", "") for it in rule))
        self.delete()
        metadata = kms.describe_key(KeyId=key_arn)["KeyMetadata"]
        self.assertEqual(metadata["KeyState"], "PendingDeletion")
        self.assertFalse(self.describe()["RotationEnabled"])
        with self.refused("ResourceNotFoundException"):
            self.client("lambda").get_function(FunctionName=self.stack)
        with self.refused("NoSuchEntity"):
            self.client("iam").get_role(RoleName=self.stack)
        groups = logs.describe_log_groups(logGroupNamePrefix=f"/keyrota/{self.stack}")
        self.assertEqual(groups["logGroups"], [])

    # Change sets

    def test_the_life_of_a_change_set(self) -> None:
        topic = {"Topic": resource("SNS::Topic", {"TopicName": self.stack})}
        answer = self.change_set(topic)
        self.assertEqual(answer["ExecutionStatus"], "AVAILABLE")
        change = answer["Changes"][0]["ResourceChange"]
        self.assertEqual(
            (change["Action"], change["LogicalResourceId"], change["ResourceType"]),
            ("Add", "Topic", "AWS::SNS::Topic"),
        )
        before = self.described()
        self.assertEqual(before["StackStatus"], "REVIEW_IN_PROGRESS")
        # Another one is for the same stack.
        other = self.change_set({"Other": resource("SNS::Topic", {})})
        self.assertEqual(other["StackId"], before["StackId"])
        self.assertEqual(self.described()["StackId"], before["StackId"])
        self.assertEqual(self.deploy(topic), "CREATE_COMPLETE")
        self.assertEqual(self.described()["StackId"], before["StackId"])
        with self.refused("ValidationError"):
            self.formation.describe_stack_resource(
                StackName=self.stack, LogicalResourceId="Other"
            )
        self.delete()
        answer = self.change_set(topic)
        self.formation.delete_change_set(ChangeSetName=answer["ChangeSetId"])
        with self.refused("ChangeSetNotFound"):
            self.formation.describe_change_set(ChangeSetName=answer["ChangeSetId"])
        self.delete()
        self.assertEqual(self.deploy(topic), "CREATE_COMPLETE")
        answer = self.change_set(topic, kind="UPDATE")
        self.assertEqual(answer["Status"], "FAILED")
        self.assertIn("The submitted information didn't contain changes", answer["StatusReason"])
        self.assertEqual(answer["ExecutionStatus"], "UNAVAILABLE")
        self.formation.delete_change_set(ChangeSetName=answer["ChangeSetId"])
        events = self.formation.describe_stack_events(StackName=self.stack)["StackEvents"]
        self.assertEqual(events[0]["ResourceStatus"], "CREATE_COMPLETE")
        self.assertEqual(events[0]["ResourceType"], "AWS::CloudFormation::Stack")
        self.assertEqual(len({event["EventId"] for event in events}), len(events))

    def test_a_large_template_comes_from_s3(self) -> None:
        storage = self.client("s3")
        storage.create_bucket(Bucket=self.stack)
        template = {
            "Description": "d" * 1000,
            "Metadata": {"Padding": "x" * 60_000},
            "Resources": {"Topic": resource("SNS::Topic", {"TopicName": self.stack})},
        }
        with self.refused("ValidationError"):
            self.formation.create_change_set(
                StackName=self.stack,
                ChangeSetName="change",
                ChangeSetType="CREATE",
                TemplateBody=json.dumps(template),
            )
        storage.put_object(Bucket=self.stack, Key="t.json", Body=json.dumps(template).encode())
        for url in (
            f"https://{self.stack}.s3.{REGION}.amazonaws.com/t.json",
            f"https://s3.{REGION}.amazonaws.com/{self.stack}/t.json",
            f"http://127.0.0.1:{self.port}/{self.stack}/t.json",
        ):
            with self.subTest(url):
                self.assertEqual(self.deploy({}, TemplateURL=url), "CREATE_COMPLETE")
                self.delete()

    def test_a_change_set_is_made_from_the_version_that_is_named_and_tells_it(self) -> None:
        storage = self.client("s3")
        storage.create_bucket(Bucket=self.stack)
        storage.put_bucket_versioning(
            Bucket=self.stack, VersioningConfiguration={"Status": "Enabled"}
        )
        versions, bodies = [], []
        for topic in ("One", "Two"):
            template = {"Resources": {topic: resource("SNS::Topic", {})}}
            bodies.append("# A comment.\n" + json.dumps(template))
            stored = storage.put_object(Bucket=self.stack, Key="t", Body=bodies[-1].encode())
            versions.append(stored["VersionId"])
        url = f"https://{self.stack}.s3.{REGION}.amazonaws.com/t"
        pinned = f"{url}?versionId={versions[0]}"
        self.change_set({"Topic": resource("SNS::Topic", {})})
        for address, body in ((pinned, bodies[0]), (url, bodies[1])):
            with self.subTest(address):
                told = self.formation.get_template(
                    StackName=self.stack,
                    ChangeSetName=self.change_set({}, TemplateURL=address)["ChangeSetId"],
                    TemplateStage="Original",
                )
                self.assertEqual(told["TemplateBody"], body)
        with self.refused("ValidationError"):
            self.change_set({}, TemplateURL=f"{url}?versionId={uuid.uuid4()}")

        # A version is read with a permission of its own.
        def allowed(action: str) -> dict[str, Any]:
            return {"Effect": "Allow", "Action": action, "Resource": "*"}

        for number, (action, other) in enumerate(((pinned, url), (url, pinned))):
            permission = ("s3:GetObjectVersion", "s3:GetObject")[number]
            key = self.user(
                f"reader-{number}-{self.stack}", allowed("cloudformation:*"), allowed(permission)
            )
            self.formation = self.client("cloudformation", key)
            self.change_set({}, TemplateURL=action)
            with self.refused("ValidationError", "Access Denied"):
                self.change_set({}, TemplateURL=other)

    def test_a_function_runs_the_version_that_is_named(self) -> None:
        storage = self.client("s3")
        storage.create_bucket(Bucket=self.stack)
        storage.put_bucket_versioning(
            Bucket=self.stack, VersioningConfiguration={"Status": "Enabled"}
        )
        versions, digests = [], []
        for text in ("one", "two"):
            body = zipped({"bootstrap": text})
            stored = storage.put_object(Bucket=self.stack, Key="f.zip", Body=body)
            versions.append(stored["VersionId"])
            digests.append(base64.b64encode(hashlib.sha256(body).digest()).decode())
        role = self.role(f"r-{self.stack}")

        def function(version: str) -> dict[str, Any]:
            code = {"S3Bucket": self.stack, "S3Key": "f.zip"}
            properties = {
                "FunctionName": self.stack,
                "Runtime": "provided.al2023",
                "Handler": "bootstrap",
                "Role": role,
                "Code": code | ({"S3ObjectVersion": version} if version else {}),
            }
            return {"Function": resource("Lambda::Function", properties)}

        def runs() -> str:
            function = self.client("lambda").get_function(FunctionName=self.stack)
            return function["Configuration"]["CodeSha256"]

        self.assertEqual(self.deploy(function(versions[0])), "CREATE_COMPLETE")
        self.assertEqual(runs(), digests[0])
        for version, digest in ((versions[1], digests[1]), (versions[0], digests[0])):
            deployed = self.deploy(function(version), kind="UPDATE")
            self.assertEqual(deployed, "UPDATE_COMPLETE")
            self.assertEqual(runs(), digest)
        gone = self.deploy(function(str(uuid.uuid4())), kind="UPDATE")
        self.assertEqual(gone, "UPDATE_ROLLBACK_COMPLETE")
        self.assertEqual(runs(), digests[0])
        # With the newest version, no permission on versions is needed.
        actions = ["cloudformation:*", "iam:*", "lambda:*", "s3:GetObject"]
        allowed = {"Effect": "Allow", "Action": actions, "Resource": "*"}
        self.formation = self.client("cloudformation", self.user(f"u-{self.stack}", allowed))
        self.assertEqual(
            self.deploy(function(versions[1]), kind="UPDATE"), "UPDATE_ROLLBACK_COMPLETE"
        )
        self.assertIn("s3:GetObjectVersion", self.failure("Function"))


if __name__ == "__main__":
    unittest.main()
