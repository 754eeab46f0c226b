"""CloudFormation: the resource types that keyrota uses, one by one."""

from __future__ import annotations

import json
import unittest
from typing import Any

from deploying import DeployingTest, resource
from local_aws import ACCOUNT, REGION, TRUST, eventually, zipped
from rotating import CODE


class Resources(DeployingTest):
    # The rotation schedule

    def test_a_schedule_rotates_at_once_unless_told_not_to(self) -> None:
        schedule = {"Schedule": self.schedule()}
        self.assertEqual(
            self.deploy(schedule, {"Ref": {"Ref": "Schedule"}}), "CREATE_COMPLETE"
        )
        self.assertEqual(self.outputs()["Ref"], self.arn)
        first = self.rotated()
        self.assertEqual(
            first["RotationRules"], {"ScheduleExpression": "rate(30 days)", "Duration": "3h"}
        )
        quiet = {
            "Schedule": self.schedule(
                RotationRules={"AutomaticallyAfterDays": "7"}, RotateImmediatelyOnUpdate="false"
            )
        }
        self.assertEqual(self.deploy(quiet, kind="UPDATE"), "UPDATE_COMPLETE")
        eventually(lambda: len(self.steps()) == 5)
        self.assertEqual(self.steps()[4], "testSecret")
        described = self.describe()
        self.assertEqual(described["RotationRules"], {"AutomaticallyAfterDays": 7})
        self.assertEqual(described["LastRotatedDate"], first["LastRotatedDate"])
        eventually(lambda: "AWSPENDING" not in self.stages())
        self.assertEqual(self.deploy(schedule, kind="UPDATE"), "UPDATE_COMPLETE")
        eventually(lambda: self.describe()["LastRotatedDate"] > first["LastRotatedDate"])
        self.delete()
        self.assertFalse(self.describe()["RotationEnabled"])

    def test_a_schedule_fails_without_function_or_permission(self) -> None:
        functions = self.client("lambda")
        closed = functions.create_function(
            FunctionName=self.stack,
            Runtime="python3.12",
            Handler="index.handler",
            Role=f"arn:aws:iam::{ACCOUNT}:role/rotate",
            Code={"ZipFile": zipped({"index.py": CODE})},
        )["FunctionArn"]
        for arn, words in (
            (f"{self.function}-gone", "Lambda does not exist"),
            (closed, "cannot invoke the specified Lambda function"),
        ):
            with self.subTest(arn):
                self.assertEqual(
                    self.deploy({"Schedule": self.schedule(RotationLambdaARN=arn)}),
                    "ROLLBACK_COMPLETE",
                )
                self.assertIn(words, self.failure("Schedule"))
                self.assertNotIn("RotationLambdaARN", self.describe())
                with self.refused("ValidationError", "is in ROLLBACK_COMPLETE state"):
                    self.change_set({"Schedule": self.schedule()}, kind="UPDATE")
                with self.refused("ValidationError", "cannot be created again"):
                    self.change_set({"Schedule": self.schedule()})
                self.delete()

    # Secrets

    def test_ref_of_a_secret_is_its_arn(self) -> None:
        name = f"{self.stack}-secret"
        resources = {
            "Secret": resource(
                "SecretsManager::Secret",
                {
                    "Name": name,
                    "SecretString": '{"username": "u"}',
                    "Tags": [{"Key": "keyrota:user", "Value": "u"}],
                },
            ),
            "User": resource("IAM::User", {"UserName": f"{self.stack}-user"}),
            "Policy": resource(
                "IAM::UserPolicy",
                {
                    "PolicyName": "read",
                    "UserName": {"Ref": "User"},
                    "PolicyDocument": {
                        "Version": "2012-10-17",
                        "Statement": {
                            "Effect": "Allow",
                            "Action": "secretsmanager:GetSecretValue",
                            "Resource": {"Ref": "Secret"},
                        },
                    },
                },
            ),
            "ResourcePolicy": resource(
                "SecretsManager::ResourcePolicy",
                {
                    "SecretId": {"Ref": "Secret"},
                    "ResourcePolicy": {
                        "Version": "2012-10-17",
                        "Statement": {
                            "Effect": "Deny",
                            "Principal": "*",
                            "Action": "secretsmanager:DeleteSecret",
                            "Resource": "*",
                        },
                    },
                },
            ),
        }
        outputs = {
            "Secret": {"Ref": "Secret"},
            "Sub": {"Fn::Sub": "${Secret}"},
            "Id": {"Fn::GetAtt": ["Secret", "Id"]},
            "Policy": {"Ref": "ResourcePolicy"},
        }
        status = self.deploy(resources, outputs, Tags=[{"Key": "team", "Value": "payments"}])
        self.assertEqual(status, "CREATE_COMPLETE")
        described = self.manager.describe_secret(SecretId=name)
        self.assertEqual(set(self.outputs().values()), {described["ARN"]})
        self.assertRegex(described["ARN"], rf"^arn:aws:secretsmanager:.*:secret:{name}-\w{{6}}$")
        tags = {tag["Key"]: tag["Value"] for tag in described["Tags"]}
        self.assertEqual(tags["keyrota:user"], "u")
        self.assertEqual(tags["team"], "payments")
        self.assertEqual(self.described()["Tags"], [{"Key": "team", "Value": "payments"}])
        user_tags = self.client("iam").get_user(UserName=f"{self.stack}-user")["User"]["Tags"]
        self.assertIn({"Key": "team", "Value": "payments"}, user_tags)
        policy = self.manager.get_resource_policy(SecretId=name)["ResourcePolicy"]
        self.assertIn("secretsmanager:DeleteSecret", policy)
        key = self.client("iam").create_access_key(UserName=f"{self.stack}-user")["AccessKey"]
        reader = self.client("secretsmanager", key)
        reader.get_secret_value(SecretId=described["ARN"])
        resources["Policy"]["Properties"]["PolicyDocument"]["Statement"]["Action"] = "kms:Decrypt"
        del resources["ResourcePolicy"], outputs["Policy"]
        self.assertEqual(self.deploy(resources, outputs, kind="UPDATE"), "UPDATE_COMPLETE")
        with self.refused("AccessDeniedException"):
            reader.get_secret_value(SecretId=described["ARN"])
        self.assertNotIn("ResourcePolicy", self.manager.get_resource_policy(SecretId=name))
        self.formation.delete_stack(StackName=self.stack)
        self.assertEqual(self.settled(), "DELETE_FAILED")
        self.assertIn("access keys", self.failure("User"))
        self.client("iam").delete_access_key(
            UserName=f"{self.stack}-user", AccessKeyId=key["AccessKeyId"]
        )
        self.delete()
        with self.refused("ResourceNotFoundException"):
            self.manager.describe_secret(SecretId=name)

    def test_a_secret_without_a_value_is_empty(self) -> None:
        self.deploy({"Secret": resource("SecretsManager::Secret", {"Name": self.stack})})
        self.assertNotIn(
            "VersionIdsToStages", self.manager.describe_secret(SecretId=self.stack)
        )

    def test_a_secret_in_use_fails_the_stack(self) -> None:
        self.manager.delete_secret(SecretId=self.secret)
        kept = self.manager.create_secret(Name=self.stack, SecretString="kept")["ARN"]
        for name, words in (
            (self.secret, "already scheduled for deletion"),
            (self.stack, "already exists"),
        ):
            with self.subTest(name):
                status = self.deploy(
                    {"Secret": resource("SecretsManager::Secret", {"Name": name})}
                )
                self.assertEqual(status, "ROLLBACK_COMPLETE")
                self.assertIn(words, self.failure("Secret"))
                self.delete()
        value = self.manager.get_secret_value(SecretId=kept)["SecretString"]
        self.assertEqual(value, "kept")

    def test_an_update_leaves_the_value_alone(self) -> None:
        properties = {"Name": self.stack, "SecretString": '{"username": "u"}'}
        secret = resource("SecretsManager::Secret", properties)
        self.deploy({"Secret": secret})
        self.manager.put_secret_value(SecretId=self.stack, SecretString="rotated")
        changed = resource(
            "SecretsManager::Secret",
            {**properties, "Description": "d", "Tags": [{"Key": "a", "Value": "b"}]},
        )
        self.assertEqual(self.deploy({"Secret": changed}, kind="UPDATE"), "UPDATE_COMPLETE")
        described = self.manager.describe_secret(SecretId=self.stack)
        self.assertEqual(described["Description"], "d")
        self.assertIn({"Key": "a", "Value": "b"}, described["Tags"])
        value = self.manager.get_secret_value(SecretId=self.stack)
        self.assertEqual(value["SecretString"], "rotated")
        reseeded = resource("SecretsManager::Secret", {**properties, "SecretString": "reset"})
        self.assertEqual(self.deploy({"Secret": reseeded}, kind="UPDATE"), "UPDATE_COMPLETE")
        value = self.manager.get_secret_value(SecretId=self.stack)
        self.assertEqual(value["SecretString"], "reset")

    def test_kept_secrets_are_kept(self) -> None:
        keep = {"DeletionPolicy": "Retain", "UpdateReplacePolicy": "Retain"}

        def secret(name: str) -> dict[str, Any]:
            return resource(
                "SecretsManager::Secret", {"Name": name, "SecretString": "v"}, **keep
            )

        names = [f"{self.stack}-{number}" for number in range(3)]
        status = self.deploy(
            {
                "Secret": secret(names[0]),
                "Broken": {**self.schedule(RotationLambdaARN="gone"), "DependsOn": "Secret"},
            }
        )
        self.assertEqual(status, "ROLLBACK_COMPLETE")
        self.manager.describe_secret(SecretId=names[0])
        self.delete()
        self.deploy({"Secret": secret(names[1])})
        change_set = self.change_set({"Secret": secret(names[2])}, kind="UPDATE")
        self.assertEqual(change_set["Changes"][0]["ResourceChange"]["Replacement"], "True")
        self.formation.execute_change_set(ChangeSetName=change_set["ChangeSetId"])
        self.assertEqual(self.settled(), "UPDATE_COMPLETE")
        self.delete()
        for name in names:
            value = self.manager.get_secret_value(SecretId=name)["SecretString"]
            self.assertEqual(value, "v")

    # IAM

    def test_inline_policies_need_their_user_and_role(self) -> None:
        document = {
            "Version": "2012-10-17",
            "Statement": [{"Effect": "Allow", "Action": "s3:*", "Resource": "*"}],
        }
        for kind, name, words in (
            ("User", {"UserName": "nobody"}, "user with name nobody cannot be found"),
            ("Role", {"RoleName": "nobody"}, "role with name nobody cannot be found"),
        ):
            policy = resource(
                f"IAM::{kind}Policy", {"PolicyName": "p", "PolicyDocument": document, **name}
            )
            with self.subTest(kind):
                self.assertEqual(self.deploy({"Policy": policy}), "ROLLBACK_COMPLETE")
                self.assertIn(words, self.failure("Policy"))
                self.delete()

    def test_a_role_policy_is_put_changed_and_removed(self) -> None:
        iam = self.client("iam")
        self.role(self.stack)

        def policy(name: str, action: str) -> dict[str, Any]:
            statement = {"Effect": "Allow", "Action": action, "Resource": "*"}
            return resource(
                "IAM::RolePolicy",
                {
                    "PolicyName": name,
                    "RoleName": self.stack,
                    "PolicyDocument": {"Version": "2012-10-17", "Statement": [statement]},
                },
            )

        self.deploy({"Policy": policy("one", "kms:Decrypt")})
        self.deploy({"Policy": policy("one", "kms:Encrypt")}, kind="UPDATE")
        got = iam.get_role_policy(RoleName=self.stack, PolicyName="one")["PolicyDocument"]
        self.assertEqual(got["Statement"][0]["Action"], "kms:Encrypt")
        self.deploy({"Policy": policy("two", "kms:Encrypt")}, kind="UPDATE")
        self.assertEqual(iam.list_role_policies(RoleName=self.stack)["PolicyNames"], ["two"])
        self.delete()
        self.assertEqual(iam.list_role_policies(RoleName=self.stack)["PolicyNames"], [])

    # The function

    def test_a_function_needs_its_code(self) -> None:
        storage = self.client("s3")
        storage.create_bucket(Bucket=self.stack)
        storage.put_object(Bucket=self.stack, Key="broken.zip", Body=b"no archive")
        for key, words in (("gone.zip", "NoSuchKey"), ("broken.zip", "Could not unzip")):
            function = resource(
                "Lambda::Function",
                {
                    "FunctionName": self.stack,
                    "Runtime": "provided.al2023",
                    "Handler": "bootstrap",
                    "Role": f"arn:aws:iam::{ACCOUNT}:role/rotate",
                    "Code": {"S3Bucket": self.stack, "S3Key": key},
                },
            )
            with self.subTest(key):
                self.assertEqual(self.deploy({"Function": function}), "ROLLBACK_COMPLETE")
                self.assertIn(words, self.failure("Function"))
                with self.refused("ResourceNotFoundException"):
                    self.client("lambda").get_function(FunctionName=self.stack)
                self.delete()

    def test_a_function_in_a_vpc_needs_a_role_that_may_make_its_interfaces(self) -> None:
        storage = self.client("s3")
        storage.create_bucket(Bucket=self.stack)
        storage.put_object(Bucket=self.stack, Key="f.zip", Body=zipped({"bootstrap": "#!/bin/sh\n"}))
        properties = {
            "Runtime": "provided.al2023",
            "Handler": "bootstrap",
            "Role": self.role(f"r-{self.stack}"),
            "Code": {"S3Bucket": self.stack, "S3Key": "f.zip"},
            "VpcConfig": {"SubnetIds": ["subnet-0a1b2c3d"], "SecurityGroupIds": ["sg-0a1b2c3d"]},
        }
        function = resource("Lambda::Function", properties)
        self.assertEqual(self.deploy({"Function": function}), "ROLLBACK_COMPLETE")
        self.assertIn("CreateNetworkInterface", self.failure("Function"))
        self.delete()
        # A statement that keeps the function's own code from it keeps nobody else from it.
        arn = "arn:aws:lambda:us-east-1:000000000000:function:f"
        properties["Role"] = self.role(
            f"v-{self.stack}",
            {"Effect": "Allow", "Action": "ec2:CreateNetworkInterface", "Resource": "*"},
            {
                "Effect": "Deny",
                "Action": "ec2:CreateNetworkInterface",
                "Resource": "*",
                "Condition": {"ArnEquals": {"lambda:SourceFunctionArn": arn}},
            },
        )
        self.assertEqual(self.deploy({"Function": function}), "CREATE_COMPLETE")

    def test_names_in_use_fail_the_stack(self) -> None:
        self.client("logs").create_log_group(logGroupName=self.stack)
        taken = {
            "Role": resource(
                "IAM::Role", {"RoleName": "rotate", "AssumeRolePolicyDocument": TRUST}
            ),
            "User": resource("IAM::User", {"UserName": self.stack}),
            "Group": resource("Logs::LogGroup", {"LogGroupName": self.stack}),
            "Function": resource(
                "Lambda::Function",
                {
                    "FunctionName": "rotate",
                    "Runtime": "python3.12",
                    "Handler": "index.handler",
                    "Role": f"arn:aws:iam::{ACCOUNT}:role/rotate",
                    "Code": {"ZipFile": "pass"},
                },
            ),
        }
        self.client("iam").create_user(UserName=self.stack)
        for logical_id, definition in taken.items():
            with self.subTest(logical_id):
                status = self.deploy({logical_id: definition})
                self.assertEqual(status, "ROLLBACK_COMPLETE")
                self.assertIn("already exists", self.failure(logical_id))
                self.delete()

    def test_a_permission_needs_its_function(self) -> None:
        permission = resource(
            "Lambda::Permission",
            {
                "FunctionName": "nothing",
                "Action": "lambda:InvokeFunction",
                "Principal": "secretsmanager.amazonaws.com",
                "SourceAccount": {"Ref": "AWS::AccountId"},
            },
        )
        self.assertEqual(self.deploy({"Permission": permission}), "ROLLBACK_COMPLETE")

    def test_a_rule_sends_a_function_its_constant_input(self) -> None:
        resources = {
            "Rule": resource(
                "Events::Rule",
                {
                    "ScheduleExpression": "rate(1 hour)",
                    "Targets": [
                        {
                            "Id": "Function",
                            "Arn": self.function,
                            "Input": {"Fn::Sub": '{"region": "${AWS::Region}", "of": ["${Own}"]}'},
                        }
                    ],
                    "Tags": [{"Key": "team", "Value": "payments"}],
                },
            ),
            "Own": resource(
                "SecretsManager::Secret", {"Name": f"rotated-{self.stack}", "SecretString": "{}"}
            ),
            "Permission": resource(
                "Lambda::Permission",
                {
                    "FunctionName": self.function,
                    "Action": "lambda:InvokeFunction",
                    "Principal": "events.amazonaws.com",
                    "SourceArn": {"Fn::GetAtt": ["Rule", "Arn"]},
                },
            ),
            "Alarm": resource(
                "CloudWatch::Alarm",
                {
                    "AlarmName": self.stack,
                    "Namespace": "keyrota",
                    "MetricName": "KeysHeldBack",
                    "Statistic": "Maximum",
                    "Period": 3600,
                    "EvaluationPeriods": 1,
                    "Threshold": 1,
                    "ComparisonOperator": "GreaterThanOrEqualToThreshold",
                },
            ),
        }
        outputs = {"Rule": {"Ref": "Rule"}, "Arn": {"Fn::GetAtt": ["Rule", "Arn"]}}
        self.assertEqual(
            self.deploy(resources, {**outputs, "Own": {"Ref": "Own"}}), "CREATE_COMPLETE"
        )
        told = self.outputs()
        events, functions = self.client("events"), self.client("lambda")
        rule = events.describe_rule(Name=told["Rule"])
        self.assertEqual((rule["ScheduleExpression"], rule["State"]), ("rate(1 hour)", "ENABLED"))
        tags = events.list_tags_for_resource(ResourceARN=told["Arn"])["Tags"]
        self.assertEqual(tags, [{"Key": "team", "Value": "payments"}])
        (target,) = events.list_targets_by_rule(Rule=told["Rule"])["Targets"]
        self.assertEqual(json.loads(target["Input"]), {"region": REGION, "of": [told["Own"]]})
        policy = functions.get_policy(FunctionName="rotate")["Policy"]
        principal = {"Service": "events.amazonaws.com"}
        conditions = [
            statement["Condition"]
            for statement in json.loads(policy)["Statement"]
            if statement["Principal"] == principal
        ]
        self.assertEqual(conditions, [{"ArnLike": {"AWS:SourceArn": told["Arn"]}}])
        alarms = self.client("cloudwatch")
        self.assertTrue(alarms.describe_alarms(AlarmNames=[self.stack])["MetricAlarms"])

        functions.invoke(FunctionName=self.function, Payload=target["Input"])
        self.assertEqual(self.events(), [json.loads(target["Input"])])

        self.delete()
        with self.refused("ResourceNotFoundException"):
            events.describe_rule(Name=told["Rule"])
        policy = functions.get_policy(FunctionName="rotate")["Policy"]
        self.assertNotIn("events.amazonaws.com", policy)
        self.assertFalse(alarms.describe_alarms(AlarmNames=[self.stack])["MetricAlarms"])


if __name__ == "__main__":
    unittest.main()
