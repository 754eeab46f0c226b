"""What tests of drift share: a stack with each type that keyrota's stacks have."""

from __future__ import annotations

import json
from typing import Any

from deploying import DeployingTest, resource
from local_aws import ACCOUNT, TRUST, eventually, zipped

TAGS = [{"Key": "team", "Value": "payments"}]


def policy(*actions: str, **more: Any) -> dict[str, Any]:
    """Returns a policy that allows these actions."""
    statement = {"Sid": "One", "Effect": "Allow", "Action": list(actions), **more}
    return {"Version": "2012-10-17", "Statement": [statement]}


def ref(logical_id: str) -> dict[str, str]:
    return {"Ref": logical_id}


def arn_of(logical_id: str) -> dict[str, list[str]]:
    return {"Fn::GetAtt": [logical_id, "Arn"]}


class DriftingTest(DeployingTest):
    """A test with a stack that has one resource of each type, named after its type."""

    def setUp(self) -> None:
        super().setUp()
        self.iam = self.client("iam")
        self.functions = self.client("lambda")
        self.keys = self.client("kms")
        self.logs = self.client("logs")
        self.alarms = self.client("cloudwatch")
        self.rules = self.client("events")
        self.topics = self.client("sns")

    def everything(self) -> dict[str, Any]:
        """Returns a template with each type, which refer to each other as keyrota's do."""
        storage = self.client("s3")
        storage.create_bucket(Bucket=self.stack)
        storage.put_object(Bucket=self.stack, Key="f.zip", Body=zipped({"bootstrap": "#!/bin/sh"}))
        account = f"arn:aws:iam::{ACCOUNT}:root"
        return {
            "Secret": resource(
                "SecretsManager::Secret",
                {
                    "Name": f"{self.stack}-secret",
                    "Description": "as deployed",
                    "KmsKeyId": arn_of("Key"),
                    "SecretString": '{"seed": true}',
                    "Tags": TAGS,
                },
            ),
            "SecretPolicy": resource(
                "SecretsManager::ResourcePolicy",
                {
                    "SecretId": ref("Secret"),
                    "BlockPublicPolicy": True,
                    "ResourcePolicy": policy(
                        "secretsmanager:GetSecretValue", Principal={"AWS": account}, Resource="*"
                    ),
                },
            ),
            "Schedule": self.schedule(RotateImmediatelyOnUpdate=False),
            "Role": resource(
                "IAM::Role",
                {"Description": "as deployed", "AssumeRolePolicyDocument": TRUST, "Tags": TAGS},
            ),
            "RolePolicy": resource(
                "IAM::RolePolicy",
                {
                    "RoleName": ref("Role"),
                    "PolicyName": "Work",
                    "PolicyDocument": policy("logs:PutLogEvents", Resource=arn_of("LogGroup")),
                },
            ),
            "ManagedPolicy": resource(
                "IAM::ManagedPolicy",
                {
                    "Description": "as deployed",
                    "Roles": [ref("Role")],
                    "PolicyDocument": policy("kms:Decrypt", Resource=arn_of("Key")),
                },
            ),
            "User": resource("IAM::User", {"UserName": f"{self.stack}-user", "Tags": TAGS}),
            "UserPolicy": resource(
                "IAM::UserPolicy",
                {
                    "UserName": ref("User"),
                    "PolicyName": "Own",
                    "PolicyDocument": policy("iam:CreateAccessKey", Resource="*"),
                },
            ),
            "Function": resource(
                "Lambda::Function",
                {
                    "Description": "as deployed",
                    "Runtime": "provided.al2023",
                    "Handler": "bootstrap",
                    "Architectures": ["x86_64"],
                    "MemorySize": 128,
                    "Timeout": 30,
                    "Role": arn_of("Role"),
                    "Code": {"S3Bucket": self.stack, "S3Key": "f.zip"},
                    "LoggingConfig": {"LogGroup": ref("LogGroup"), "LogFormat": "JSON"},
                    "Environment": {"Variables": {"STACK": ref("AWS::StackName")}},
                    "KmsKeyArn": arn_of("Key"),
                    "VpcConfig": {"SubnetIds": ["subnet-1"], "SecurityGroupIds": ["sg-1"]},
                    "Tags": TAGS,
                },
                DependsOn="Network",
            ),
            "Network": resource(
                "IAM::RolePolicy",
                {
                    "RoleName": ref("Role"),
                    "PolicyName": "Network",
                    "PolicyDocument": policy("ec2:CreateNetworkInterface", Resource="*"),
                },
            ),
            "Permission": resource(
                "Lambda::Permission",
                {
                    "Action": "lambda:InvokeFunction",
                    "FunctionName": arn_of("Function"),
                    "Principal": "secretsmanager.amazonaws.com",
                    "SourceAccount": ref("AWS::AccountId"),
                },
            ),
            "LogGroup": resource(
                "Logs::LogGroup",
                {"LogGroupName": f"/keyrota/{self.stack}", "RetentionInDays": 30, "Tags": TAGS},
            ),
            "Alarm": resource(
                "CloudWatch::Alarm",
                {
                    "AlarmDescription": "as deployed",
                    "Namespace": "AWS/Lambda",
                    "MetricName": "Errors",
                    "Dimensions": [{"Name": "FunctionName", "Value": ref("Function")}],
                    "Statistic": "Sum",
                    "Period": 300,
                    "EvaluationPeriods": 1,
                    "Threshold": 1,
                    "ComparisonOperator": "GreaterThanOrEqualToThreshold",
                    "TreatMissingData": "notBreaching",
                    "AlarmActions": [ref("Topic")],
                    "Tags": TAGS,
                },
            ),
            "Rule": resource(
                "Events::Rule",
                {
                    "Description": "as deployed",
                    "ScheduleExpression": "rate(1 hour)",
                    "Targets": [{"Id": "sweep", "Arn": arn_of("Function"), "Input": "{}"}],
                    "Tags": TAGS,
                },
            ),
            "Events": resource(
                "Events::Rule",
                {
                    "EventPattern": {"source": ["aws.secretsmanager"], "detail": {"a": ["b"]}},
                    "Targets": [
                        {
                            "Id": "topic",
                            "Arn": ref("Topic"),
                            "InputTransformer": {
                                "InputPathsMap": {"time": "$.time"},
                                "InputTemplate": '"at <time>"',
                            },
                        }
                    ],
                },
            ),
            "Topic": resource(
                "SNS::Topic",
                {"DisplayName": "as deployed", "KmsMasterKeyId": arn_of("Key"), "Tags": TAGS},
            ),
            "TopicPolicy": resource(
                "SNS::TopicPolicy",
                {
                    "Topics": [ref("Topic")],
                    "PolicyDocument": policy(
                        "sns:Publish",
                        Principal={"Service": "events.amazonaws.com"},
                        Resource=ref("Topic"),
                    ),
                },
            ),
            "Subscription": resource(
                "SNS::Subscription",
                {"TopicArn": ref("Topic"), "Protocol": "email", "Endpoint": "a@example.com"},
            ),
            "Key": resource(
                "KMS::Key",
                {
                    "Description": "as deployed",
                    "EnableKeyRotation": True,
                    "PendingWindowInDays": 30,
                    "KeyPolicy": policy("kms:*", Principal={"AWS": account}, Resource="*"),
                    "Tags": TAGS,
                },
            ),
            "Alias": resource(
                "KMS::Alias",
                {"AliasName": f"alias/{self.stack}", "TargetKeyId": ref("Key")},
            ),
        }

    def deployed(self, *logical_ids: str, **options: Any) -> dict[str, Any]:
        """Deploys the template, or these resources of it; returns it."""
        template = self.everything()
        if logical_ids:
            template = {each: template[each] for each in logical_ids}
        self.assertEqual(self.deploy(template, **options), "CREATE_COMPLETE")
        return template

    def names(self) -> dict[str, str]:
        """Returns the physical ID of each resource."""
        found = self.formation.describe_stack_resources(StackName=self.stack)["StackResources"]
        return {it["LogicalResourceId"]: it["PhysicalResourceId"] for it in found}

    def detect(self, **options: Any) -> dict[str, Any]:
        """Detects drift and returns how that ended."""
        begun = self.formation.detect_stack_drift(StackName=self.stack, **options)
        detection = begun["StackDriftDetectionId"]

        def ended() -> dict[str, Any] | None:
            answer = self.formation.describe_stack_drift_detection_status(
                StackDriftDetectionId=detection
            )
            return None if answer["DetectionStatus"] == "DETECTION_IN_PROGRESS" else answer

        return eventually(ended)

    def drifts(self, **options: Any) -> dict[str, dict[str, Any]]:
        """Returns what the last detection has found, by logical ID."""
        answer = self.formation.describe_stack_resource_drifts(StackName=self.stack, **options)
        return {it["LogicalResourceId"]: it for it in answer["StackResourceDrifts"]}

    def paths(self) -> dict[str, set[str]]:
        """Returns the differing properties of each changed resource, with their kind."""
        return {
            logical_id: {
                f"{it['DifferenceType']} {it['PropertyPath']}" for it in drift["PropertyDifferences"]
            }
            for logical_id, drift in self.drifts().items()
            if drift["StackResourceDriftStatus"] == "MODIFIED"
        }

    def put_role_policy(self, role: str, name: str, *actions: str) -> None:
        self.iam.put_role_policy(
            RoleName=role,
            PolicyName=name,
            PolicyDocument=json.dumps(policy(*actions, Resource="*")),
        )
